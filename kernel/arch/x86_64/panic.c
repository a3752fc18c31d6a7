/*
 * The end of the machine, and warnings. Entry points: panic(), arch_die(), warn_at(), arch_backtrace(), arch_symbol(). Everything is
 * printed at level 0, which reaches the consoles even with "quiet"; other CPUs are stopped by NMI after that, then panic_timeout decides.
 */
#include "arch/x86_64/internal.h"
#include "lib/format.h"

int panic_timeout;
void (*panic_describe)(char *buf, size_t size);
static u32 panicking; /* a  0, or number + 1 of the CPU that panics */
static u64 warnings; /* a */

/* The symbol table, made from the first link by scripts/gen-ksyms; absent in that first link. Low 32 bits of ascending addresses; names end with NUL. */
extern const u32 ksyms_count __attribute__((weak));
extern const u32 ksyms_addr[] __attribute__((weak));
extern const char ksyms_names[] __attribute__((weak));

bool panic_stopping(void) { return READ_ONCE(panicking) != 0; }

static bool in_text(u64 a) { return a >= (u64)kernel_text_start && a < (u64)kernel_text_end; }

const char *arch_symbol(u64 addr, char *buf, size_t size)
{
	if (!in_text(addr) || !&ksyms_count || !ksyms_count || (u32)addr < ksyms_addr[0]) {
		format_str(buf, size, "%#llx", (unsigned long long)addr);
		return buf;
	}
	u32 lo = 0, hi = ksyms_count;
	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;
		if (ksyms_addr[mid] <= (u32)addr)
			lo = mid;
		else
			hi = mid;
	}
	u32 next = lo + 1 < ksyms_count ? ksyms_addr[lo + 1] : (u32)(u64)kernel_text_end;
	const char *name = ksyms_names;
	for (u32 i = 0; i < lo; i++)
		name += strlen(name) + 1;
	format_str(buf, size, "%s+%#x/%#x", name, (u32)addr - ksyms_addr[lo], next - ksyms_addr[lo]);
	return buf;
}

bool arch_symbol_next(u32 i, u64 *addr, const char **name)
{
	if (!&ksyms_count || i >= ksyms_count)
		return false;
	*name = *name ? *name + strlen(*name) + 1 : ksyms_names;
	*addr = 0xffffffff00000000UL | ksyms_addr[i];
	return true;
}

/* Walks the frame pointers while they climb within one stack. */
static void trace_frames(int level, u64 ip, u64 bp)
{
	char name[96];
	log_printf(level, "Call Trace:");
	if (ip)
		log_printf(level, " %s", arch_symbol(ip, name, sizeof(name)));
	u64 limit = ALIGN_UP(bp + 1, KSTACK_SIZE);
	for (int i = 0; i < 32 && bp && !(bp & 7) && bp + 16 <= limit && bp >= DIRECT_BASE; i++) {
		u64 next = ((u64 *)bp)[0], ret = ((u64 *)bp)[1];
		if (!in_text(ret))
			break;
		log_printf(level, " %s", arch_symbol(ret - 1, name, sizeof(name)));
		if (next <= bp)
			break;
		bp = next;
	}
}

void arch_backtrace(const struct regs *regs)
{
	if (regs && regs_user_mode(regs))
		return;
	if (regs)
		trace_frames(0, regs->ip, regs->bp);
	else
		trace_frames(0, 0, (u64)__builtin_frame_address(0));
}

static void describe(char *buf, size_t size)
{
	buf[0] = 0;
	if (panic_describe && current_thread())
		panic_describe(buf, size);
}

static void stop_others(void)
{
	for (u32 i = 0; i < NR_CPUS; i++)
		if (cpus[i].online && i != cpu_id())
			arch_send_ipi(i, IPI_STOP);
}

static void __noreturn halt_forever(void)
{
	for (;;)
		__asm__ __volatile__("cli; hlt" ::: "memory");
}

static void __noreturn finish(void)
{
	stop_others();
	if (panic_timeout > 0) {
		pr_emerg("Rebooting in %d seconds..", panic_timeout);
		for (int i = 0; i < panic_timeout; i++)
			delay_ns(1000000000);
	}
	if (panic_timeout != 0)
		arch_reboot();
	halt_forever();
}

/* One CPU panics. A second one waits to be stopped; a panic within the panic ends without more words. */
static void enter(void)
{
	u32 me;
	irq_disable();
	me = cpu_id() + 1;
	u32 who = cmpxchg(&panicking, 0, me);
	if (who == 0)
		return;
	if (who != me)
		halt_forever();
	static const char text[] = "\r\nrecursive panic\r\n";
	arch_serial_write(text, sizeof(text) - 1);
	finish();
}

/* Becomes the one that panics, and says why and who it is. The text stays. */
static const char *announce(const char *prefix, const char *fmt, va_list ap)
{
	static char text[512], who[64]; /* panicking's */
	enter();
	format_va(text, sizeof(text), fmt, ap);
	describe(who, sizeof(who));
	pr_emerg("%s%s", prefix, text);
	pr_emerg("CPU: %u %s Not tainted Pando " PANDO_VERSION, cpu_id(), who);
	return text;
}

void panic(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *text = announce("Kernel panic - not syncing: ", fmt, ap);
	va_end(ap);
	arch_backtrace(NULL);
	pr_emerg("---[ end Kernel panic - not syncing: %s ]---", text);
	finish();
}

static void show_registers(const struct regs *r)
{
	char name[96];
	u64 cr0, cr3;
	__asm__ __volatile__("movq %%cr0, %0; movq %%cr3, %1" : "=r"(cr0), "=r"(cr3));
	pr_emerg("RIP: %04llx:%s", (unsigned long long)r->cs, arch_symbol(r->ip, name, sizeof(name)));
	pr_emerg("RSP: %04llx:%016llx EFLAGS: %08llx", (unsigned long long)r->ss, (unsigned long long)r->sp, (unsigned long long)r->flags);
#define ROW(a, x, b, y, c, z) \
	pr_emerg(a ": %016llx " b ": %016llx " c ": %016llx", (unsigned long long)r->x, (unsigned long long)r->y, (unsigned long long)r->z)
	ROW("RAX", ax, "RBX", bx, "RCX", cx);
	ROW("RDX", dx, "RSI", si, "RDI", di);
	ROW("RBP", bp, "R08", r8, "R09", r9);
	ROW("R10", r10, "R11", r11, "R12", r12);
	ROW("R13", r13, "R14", r14, "R15", r15);
#undef ROW
	pr_emerg("CR0: %016llx CR2: %016llx CR3: %016llx CR4: %016llx", (unsigned long long)cr0, (unsigned long long)read_cr2(), (unsigned long long)cr3,
		(unsigned long long)read_cr4());
}

void arch_die(const struct regs *regs, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)announce("", fmt, ap);
	va_end(ap);
	show_registers(regs);
	arch_backtrace(regs);
	pr_emerg("Kernel panic - not syncing: Fatal exception");
	pr_emerg("---[ end Kernel panic - not syncing: Fatal exception ]---");
	finish();
}

/* True the first time for this site. Sites beyond the table's end are all reported. */
static bool first_time(const char *file, int line)
{
	static struct {
		const char *file;
		int line;
	} seen[64]; /* a  claimed by count; a race only prints twice */
	static u32 count;
	u32 n = min(__atomic_load_n(&count, __ATOMIC_ACQUIRE), (u32)ARRAY_SIZE(seen));
	for (u32 i = 0; i < n; i++)
		if (seen[i].line == line && seen[i].file == file)
			return false;
	n = __atomic_fetch_add(&count, 1, __ATOMIC_SEQ_CST);
	if (n < ARRAY_SIZE(seen)) {
		seen[n].file = file;
		seen[n].line = line;
	}
	return true;
}

void warn_at(const char *expr, const char *file, int line)
{
	char who[64];
	__atomic_fetch_add(&warnings, 1, __ATOMIC_SEQ_CST);
	if (!first_time(file, line))
		return;
	describe(who, sizeof(who));
	pr_warn("WARNING: CPU: %u %s at %s:%d: %s", cpu_id(), who, file, line, expr);
	trace_frames(4, 0, (u64)__builtin_frame_address(0));
}

u64 warn_count(void) { return __atomic_load_n(&warnings, __ATOMIC_RELAXED); }
