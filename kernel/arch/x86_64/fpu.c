/*
 * x87, SSE and AVX state: eager, saved and loaded at each switch between user threads. XSAVE in the standard format where the CPU has it,
 * else FXSAVE. Entry points: arch_fpu_*(), fpu_save_to(), fpu_restore_from(), fpu_init_cpu().
 */
#include "arch/x86_64/extable.h"
#include "arch/x86_64/internal.h"
#include "arch/x86_64/user_access.h"
#include "lib/errno.h"

#define XFEATURES_WANTED 0xe7UL /* x87 SSE AVX, AVX-512's three */
#define XFEATURES_AVX512 0xe0UL
#define XSAVE_HEADER 512        /* xstate_bv, xcomp_bv, 48 reserved bytes */
#define FCW_INIT 0x37f
#define MXCSR_INIT 0x1f80

static u64 xcr0;        /* constant after boot; 0 without XSAVE */
static u32 area_size = 512;
static u32 mxcsr_mask = 0xffbf;

void fpu_init_cpu(void)
{
	__asm__ __volatile__("fninit");
	if (!features.xsave)
		return;
	struct cpuid l = cpuid(0xd, 0);
	u64 want = ((u64)l.d << 32 | l.a) & XFEATURES_WANTED;
	if ((want & XFEATURES_AVX512) != XFEATURES_AVX512)
		want &= ~XFEATURES_AVX512;
	__asm__ __volatile__("xsetbv" ::"a"((u32)want), "d"((u32)(want >> 32)), "c"(0));
	xcr0 = want;
}

/* After fpu_init_cpu() of the boot CPU: how big an area is and which MXCSR bits exist. */
void fpu_init_boot(void)
{
	static u8 area[512] __aligned(16);
	if (features.xsave)
		area_size = cpuid(0xd, 0).b;
	__asm__ __volatile__("fxsave %0" : "=m"(area));
	u32 mask;
	memcpy(&mask, area + 28, 4);
	if (mask)
		mxcsr_mask = mask;
}

size_t arch_fpu_size(void) { return area_size; }
u32 arch_mxcsr_mask(void) { return mxcsr_mask; }
u64 arch_fpu_features(void) { return xcr0 ? xcr0 : 3; }

bool arch_fpu_component(u32 nr, u32 *size, u32 *offset, u32 *flags)
{
	if (nr < 2 || nr > 62 || !(xcr0 & BIT(nr)))
		return false;
	struct cpuid l = cpuid(0xd, nr);
	*size = l.a;
	*offset = l.b;
	*flags = l.c;
	return true;
}

void arch_fpu_init(struct fpu_state *f)
{
	u8 *b = (u8 *)f;
	u32 mxcsr = MXCSR_INIT;
	u16 fcw = FCW_INIT;
	memset(b, 0, area_size);
	memcpy(b, &fcw, 2);
	memcpy(b + 24, &mxcsr, 4);
	memcpy(b + 28, &mxcsr_mask, 4);
}

void fpu_save_fresh(struct fpu_state *f)
{
	/* XSAVE leaves xcomp_bv and the reserved bytes alone, and XRSTOR wants zeros there. */
	if (xcr0)
		memset((u8 *)f + XSAVE_HEADER, 0, 64);
	fpu_save_to(f);
}

void fpu_save_to(struct fpu_state *f)
{
	if (xcr0) {
		__asm__ __volatile__("xsave64 (%0)" ::"r"(f), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32)) : "memory");
	} else {
		__asm__ __volatile__("fxsave64 (%0)" ::"r"(f) : "memory");
	}
}

/* One attempt; false when the CPU refused the bytes. */
static bool try_restore(struct fpu_state *f)
{
	int ok = 1;
	if (xcr0)
		__asm__ __volatile__("1: xrstor64 (%1)\n2:\n"
				     ".pushsection .text.fixup, \"ax\"\n3: xorl %0, %0\n jmp 2b\n.popsection\n" EX_TABLE("1b", "3b")
				     : "+r"(ok)
				     : "r"(f), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32))
				     : "memory");
	else
		__asm__ __volatile__("1: fxrstor64 (%1)\n2:\n"
				     ".pushsection .text.fixup, \"ax\"\n3: xorl %0, %0\n jmp 2b\n.popsection\n" EX_TABLE("1b", "3b")
				     : "+r"(ok)
				     : "r"(f)
				     : "memory");
	return ok;
}

/* Nothing in use: XRSTOR loads every part's initial state, and MXCSR from the image. */
static u8 fresh[512 + 64] __aligned(64) = {
	[0] = FCW_INIT & 0xff, [1] = FCW_INIT >> 8, [24] = MXCSR_INIT & 0xff, [25] = MXCSR_INIT >> 8,
};

void fpu_restore_init(void) { try_restore((struct fpu_state *)fresh); }
void arch_fpu_reset(void) { fpu_restore_init(); }

void fpu_restore_from(struct fpu_state *f)
{
	if (unlikely(!try_restore(f))) {
		WARN_ON(true);
		arch_fpu_init(f);
		try_restore(f);
	}
}

void arch_fpu_save(void)
{
	struct fpu_state *f = arch_of(current_thread())->fpu;
	u64 flags = irq_save();
	if (f)
		fpu_save_to(f);
	irq_restore(flags);
}

/* --- signal frames ------------------------------------------------------------------------------------------------------------------------ */

long arch_fpu_save_user(uaddr_t at)
{
	user_access_begin();
	if (xcr0) {
		/* XSAVE writes the parts in use and their bits; the rest of the header must be zero. */
		user_store(0UL, at + XSAVE_HEADER, fault);
		user_store(0UL, at + XSAVE_HEADER + 8, fault);
		user_store(0UL, at + XSAVE_HEADER + 16, fault);
		user_store(0UL, at + XSAVE_HEADER + 24, fault);
		user_store(0UL, at + XSAVE_HEADER + 32, fault);
		user_store(0UL, at + XSAVE_HEADER + 40, fault);
		user_store(0UL, at + XSAVE_HEADER + 48, fault);
		user_store(0UL, at + XSAVE_HEADER + 56, fault);
		__asm__ goto("1: xsave64 (%0)\n2: orb $3, 512(%0)\n" EX_TABLE("1b", "%l[fault]") EX_TABLE("2b", "%l[fault]")
			     :
			     : "r"(at), "a"((u32)xcr0), "d"((u32)(xcr0 >> 32))
			     : "memory"
			     : fault);
	} else {
		__asm__ goto("1: fxsave64 (%0)\n" EX_TABLE("1b", "%l[fault]")::"r"(at) : "memory" : fault);
	}
	user_access_end();
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}

static void xrstor_fresh(u64 features)
{
	__asm__ __volatile__("xrstor64 (%0)" ::"r"(fresh), "a"((u32)features), "d"((u32)(features >> 32)) : "memory");
}

long arch_fpu_restore_user(uaddr_t at, u64 features, bool only_fx)
{
	features &= xcr0;
	user_access_begin();
	if (xcr0 && !only_fx)
		__asm__ goto("1: xrstor64 (%0)\n" EX_TABLE("1b", "%l[fault]")::"r"(at), "a"((u32)features), "d"((u32)(features >> 32)) : "memory" : fault);
	else
		__asm__ goto("1: fxrstor64 (%0)\n" EX_TABLE("1b", "%l[fault]")::"r"(at) : "memory" : fault);
	user_access_end();
	if (unlikely(xcr0 & ~features))
		xrstor_fresh(xcr0 & ~features);
	return 0;
fault:
	user_access_end();
	return -EFAULT;
}
