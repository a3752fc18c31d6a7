/*
 * The machine seam: what the rest of the kernel may ask of the CPU, beside the inline helpers of cpu.h and pgtable.h.
 * At most 40 functions; if more are wanted, ask why.
 */
#ifndef PANDO_ARCH_ARCH_H
#define PANDO_ARCH_ARCH_H

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/pgtable.h"
#include "arch/x86_64/regs.h"
#include "arch/x86_64/thread.h"

struct siginfo_frame;

/* --- threads ------------------------------------------------------------------------------------------------------------------------- */
/* Switches stacks, FS/GS base, FPU, kernel_sp and this_cpu()->current. Returns in `prev`'s context when somebody switches back to it; the
 * value is the thread that ran just before. => interrupts off. The address space is not its business (hook_switch_mm). */
struct thread *arch_switch(struct thread *prev, struct thread *next);
/* Prepares a fresh kernel stack so that the first arch_switch to t calls hook_ret_from_fork(prev, NULL), turns interrupts on and
 * runs fn(arg); fn must not return. If t has an FPU area (a future user process) it is reset. */
void arch_thread_init_kernel(struct thread *t, void (*fn)(void *), void *arg);
/* clone: copies `regs` to the top of t's kernel stack with ax = 0 (and sp when stack != 0), FS base from the parent or tls; copies the live
 * FPU state; the first arch_switch runs hook_ret_from_fork() and returns to user mode. */
void arch_copy_regs(struct thread *t, const struct regs *regs, u64 stack, bool set_tls, u64 tls);
/* The user registers of a thread (top of its kernel stack). For others than current: only while they are stopped or newborn. */
static inline struct regs *arch_user_regs(struct arch_thread *a) { return (struct regs *)((char *)a->kstack + KSTACK_SIZE) - 1; }
/* exec: the user registers of current as the ABI wants them at a program's entry: ip and sp, user selectors, IF, all others 0; FPU and FS/GS base reset. */
void arch_start_thread(struct regs *regs, u64 ip, u64 sp);
/* exec of the first user process by a kernel thread: enters user mode with arch_user_regs(current). Never returns. */
void arch_enter_user(void) __noreturn;
/* arch_prctl(2) codes for FS/GS base; returns 0 or -errno. */
long arch_prctl_base(int code, u64 addr);

/* Turns SPECIAL_SYSCALL_TRACE of t on or off. t is off its CPU, or current; another running thread takes it over at its next switch or
 * arch_reload_syscall_entry(). => calls for one thread exclude each other */
void arch_trace_syscalls(struct thread *t, bool on);
/* The CPU's way into system calls is that of its current thread again. */
void arch_reload_syscall_entry(void);
/* With the trap flag set t traps when it has branched, not at each instruction: once, then the CPU forgets it. A CPU without BTF in its DEBUGCTL (QEMU's
 * emulated ones) ignores it. t as above. */
void arch_block_step(struct thread *t, bool on);
/* t->debug was changed: takes note of whether anything is enabled in it. t as above. */
void arch_debug_changed(struct thread *t);

/* --- FPU ------------------------------------------------------------------------------------------------------------------------------ */
/* Bytes of an XSAVE area for the enabled features (x87, SSE, AVX ...). */
size_t arch_fpu_size(void);
/* Reset state (FCW 0x37f, MXCSR 0x1f80) into the area. */
void arch_fpu_init(struct fpu_state *f);
/* Saves the live registers of current into current's area. */
void arch_fpu_save(void);
/* Signal frames: the live registers to a 64-byte aligned user area of arch_fpu_size() bytes, x87 and SSE marked as in use. 0 or -EFAULT; may sleep. */
long arch_fpu_save_user(uaddr_t at);
/* Loads them from such an area: the parts named by `features`, the others become fresh; only_fx: 512 bytes without a header. 0, or -EFAULT when the bytes
 * cannot be read or the CPU refuses them: then any part may have been loaded. May sleep. The caller has checked the range. */
long arch_fpu_restore_user(uaddr_t at, u64 features, bool only_fx);
/* Fresh registers. */
void arch_fpu_reset(void);
/* The MXCSR bits that exist. */
u32 arch_mxcsr_mask(void);
/* Features in XCR0, for the frame's xstate_bv and magic words. */
u64 arch_fpu_features(void);
/* Where component nr (2 and above) lies in the area; flags: as CPUID tells them. false: it is not in use. */
bool arch_fpu_component(u32 nr, u32 *size, u32 *offset, u32 *flags);

/* --- user memory (mm/uaccess.h wraps these) ------------------------------------------------------------------------------------------- */
/* Return the bytes NOT copied (0 = all). May fault and sleep. They do not check the range. */
size_t arch_copy_user(void *dst, const void *src, size_t n);
size_t arch_clear_user(void *dst, size_t n);
/* Copies up to n bytes until and including NUL; returns the length without NUL, n when no NUL came, -EFAULT on a fault. */
long arch_strncpy_user(char *dst, const char *src, size_t n);
/* Atomic compare-exchange on a user word; *found = what was there. 0 or -EFAULT. */
int arch_cmpxchg_user32(u32 *uaddr, u32 old, u32 new, u32 *found);
/* The landing address for a kernel fault at `ip`, or 0 when there is none (then the fault is a bug). */
u64 arch_fixup(u64 ip);

/* --- CPUs and interrupts -------------------------------------------------------------------------------------------------------------- */
enum ipi { IPI_RESCHED, IPI_TLB, IPI_STOP };
void arch_send_ipi(u32 cpu, enum ipi kind);
/* Enables interrupts and halts until one arrives, atomically. */
void arch_halt(void);
/* Installs `fn` for device interrupt line (ISA IRQ / GSI) `irq`; edge or level as the firmware says. Runs with interrupts off.
 * name: for /proc/interrupts, kept. 0 or -EINVAL. */
int arch_request_irq(u32 irq, const char *name, void (*fn)(void *), void *arg);
/* Nanoseconds since boot, monotonic on all CPUs. */
u64 arch_clock_ns(void);
/* TSC parameters for the vDSO: ns = base_ns + ((tsc - base_tsc) * mult >> shift); the product has 96 bits (mul, shrd). */
struct arch_clock {
	u64 base_tsc, base_ns;
	u32 mult, shift;
};
const struct arch_clock *arch_clock_params(void);
/* Seconds since 1970 from the RTC at boot (0 when there is none). */
u64 arch_rtc_seconds(void);
/* This CPU's one-shot timer: hook_timer() runs at or soon after `ns` (arch_clock_ns scale). ~0 = off. */
void arch_timer_set(u64 ns);
/* 16 bytes or less of hardware randomness (RDSEED/RDRAND, else TSC jitter). */
u64 arch_random(void);

/* --- machine -------------------------------------------------------------------------------------------------------------------------- */
void arch_power_off(void) __noreturn;
void arch_reboot(void) __noreturn;
/* Starts the other CPUs (at most maxcpus in all); each ends in start_secondary(). Sets nr_cpus. */
void arch_smp_start(u32 maxcpus);
/* CPUID(1).EDX for AT_HWCAP; HWCAP2 bits (fsgsbase). */
u32 arch_hwcap(void);
u32 arch_hwcap2(void);
/* Fills /proc/cpuinfo for one CPU as Linux does; returns the length as format_str. */
int arch_cpuinfo(u32 cpu, char *buf, size_t size);
/* The index-th cache of a CPU as its maker tells it. type: 1 data, 2 instructions, 3 both; shared_by: so many CPUs. false: there is none. */
struct arch_cache {
	u32 level, type, line, partitions, ways, sets, shared_by;
};
bool arch_cache(u32 index, struct arch_cache *out);
/* Where t, which does not run, fell asleep: the code behind what schedules; 0 = unknown. A guess when t wakes up meanwhile; never a fault. => t's record is kept */
u64 arch_sleep_site(struct thread *t);
/* The addresses of up to n calls that t, current or not running, is in, without the scheduler's, innermost first; how many. As careful as arch_sleep_site(). */
u32 arch_stack_trace(struct thread *t, u64 *out, u32 n);
/* Interrupts since the start: of one CPU by kind; of device lines. false: nobody uses the line. */
enum arch_irq { ARCH_IRQ_TIMER, ARCH_IRQ_RESCHED, ARCH_IRQ_TLB, ARCH_IRQ_KINDS };
u64 arch_irq_count(u32 cpu, enum arch_irq kind);
#define ARCH_IRQ_LINES 64
bool arch_irq_line(u32 line, const char **name, u64 *count);
/* "name+0xoff/0xsize" for a kernel address; returns buf. */
const char *arch_symbol(u64 addr, char *buf, size_t size);
/* The i-th of the kernel's functions in order of address; *name is that of the one before (NULL: i is 0) and becomes its own. False: there is none. */
bool arch_symbol_next(u32 i, u64 *addr, const char **name);
void arch_backtrace(const struct regs *regs);
/* A fault in the kernel itself: prints the message, registers and backtrace, then panics. */
void arch_die(const struct regs *regs, const char *fmt, ...) __printf(2, 3) __noreturn;
/* ISA debug console: the serial port's raw output, used by log and ttyS0's write. Any context. */
void arch_serial_write(const char *s, size_t n);
/* Calls fn(byte) in interrupt context for every byte received on COM1. */
void arch_serial_on_input(void (*fn)(u8 byte));

#endif
