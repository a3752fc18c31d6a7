/* The two clocks. Entry points: clock_mono(), clock_real(), clock_set_real(), clock_real_offset(), clock_init(). */
#include "arch/x86_64/arch.h"
#include "lib/atomic.h"
#include "sched/timer.h"

static u64 real_offset; /* a  single word, read freely */

u64 clock_mono(void) { return arch_clock_ns(); }
u64 clock_real_offset(void) { return __atomic_load_n(&real_offset, __ATOMIC_RELAXED); }
u64 clock_real(void) { return arch_clock_ns() + clock_real_offset(); }
void clock_set_real(u64 ns) { smp_store_release(&real_offset, ns - arch_clock_ns()); }
void clock_init(void) { clock_set_real(arch_rtc_seconds() * NSEC_PER_SEC); }
