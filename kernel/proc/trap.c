/* From CPU exceptions to signals. Entry points: hook_user_trap() (arch), hook_fault_signal() (mm). */
#include "arch/x86_64/hooks.h"
#include "lib/log.h"
#include "lib/string.h"
#include "proc/signal.h"

enum { TRAP_DE = 0, TRAP_DB = 1, TRAP_BP = 3, TRAP_UD = 6, TRAP_MF = 16, TRAP_AC = 17, TRAP_XM = 19, TRAP_CP = 21 };
#define DR6_SINGLE_STEP 0x4000UL
#define DR6_BREAKPOINTS 15UL
#define SEGV_CONTROL_PROTECTION 10
#define FLAG_RF 0x10000UL

/* Traps that need no thought. code 0: SI_KERNEL without an address. */
struct trap_row {
	u8 sig, code;
	bool addr; /* si_addr = ip */
};
static const struct trap_row rows[32] = {
	[TRAP_DE] = { SIGFPE, FPE_INTDIV, true },
	[TRAP_BP] = { SIGTRAP, 0, false },
	[4 /* OF */] = { SIGSEGV, 0, false },
	[5 /* BR */] = { SIGSEGV, 0, false },
	[TRAP_UD] = { SIGILL, ILL_ILLOPN, true },
	[7 /* NM */] = { SIGSEGV, 0, false },
	[9 /* coprocessor overrun */] = { SIGFPE, 0, false },
	[10 /* TS */] = { SIGSEGV, 0, false },
	[11 /* NP */] = { SIGBUS, 0, false },
	[12 /* SS */] = { SIGBUS, 0, false },
	[13 /* GP */] = { SIGSEGV, 0, false },
	[TRAP_AC] = { SIGBUS, BUS_ADRALN, false },
	[TRAP_CP] = { SIGSEGV, SEGV_CONTROL_PROTECTION, false },
};

/* The pending unmasked exception of x87 (MF) or SSE (XM), as an si_code; 0 = none is left, try the instruction again. */
static int fpu_code(int nr)
{
	const u8 *f = (const u8 *)current->arch.fpu;
	u16 cw, sw;
	u32 mxcsr, err;
	arch_fpu_save();
	memcpy(&cw, f, sizeof(cw));
	memcpy(&sw, f + 2, sizeof(sw));
	memcpy(&mxcsr, f + 24, sizeof(mxcsr));
	err = nr == TRAP_MF ? sw & ~(u32)cw : mxcsr & ~(mxcsr >> 7);
	if (err & 0x01)
		return FPE_FLTINV;
	if (err & 0x04)
		return FPE_FLTDIV;
	if (err & 0x08)
		return FPE_FLTOVF;
	if (err & 0x12)
		return FPE_FLTUND;
	return err & 0x20 ? FPE_FLTRES : 0;
}

/* Was it a breakpoint on the instruction itself? That comes before the instruction, which is to run when the program goes on. */
static bool hit_instruction(u64 dr6)
{
	const struct debug_regs *d = current->arch.debug;
	for (u32 n = 0; d && n < 4; n++)
		if ((dr6 >> n & 1) && !(d->dr7 >> (16 + n * 4) & 3))
			return true;
	return false;
}

void hook_user_trap(struct regs *regs, int nr, u64 err)
{
	if (nr == TRAP_DB) {
		/* err: DR6 */
		if (hit_instruction(err))
			regs->flags |= FLAG_RF;
		force_signal(SIGTRAP, err & DR6_SINGLE_STEP ? TRAP_TRACE : err & DR6_BREAKPOINTS ? TRAP_HWBKPT : TRAP_BRKPT, regs->ip);
		return;
	}
	if (nr == TRAP_MF || nr == TRAP_XM) {
		int code = fpu_code(nr);
		if (code)
			force_signal(SIGFPE, code, regs->ip);
		return;
	}
	struct trap_row r = nr >= 0 && nr < 32 ? rows[nr] : (struct trap_row){ 0 };
	if (!r.sig)
		r = (struct trap_row){ SIGSEGV, 0, false };
	force_signal(r.sig, r.code ? r.code : SI_KERNEL, r.addr ? regs->ip : 0);
}

void hook_fault_signal(struct regs *regs, int sig, int code, uaddr_t addr)
{
	(void)regs;
	current->arch.fault_addr = addr;
	current->arch.trap_nr = 14;
	force_signal(sig, code, addr);
}
