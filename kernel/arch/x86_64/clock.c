/*
 * Time from the TSC. Its frequency comes from CPUID, from KVM's clock page, or is measured against the local APIC's timer, which counts at
 * 1 GHz in every VMM that emulates it (QEMU, KVM). No PIT, no HPET, no ACPI timer: a microVM need not have them. Entry points:
 * clock_calibrate(), arch_clock_ns(), arch_clock_params(), arch_rtc_seconds(), delay_ns().
 */
#include "arch/x86_64/internal.h"

static struct arch_clock clock; /* constant after clock_calibrate */
u32 tsc_khz;

u64 arch_clock_ns(void)
{
	u64 delta = rdtsc() - clock.base_tsc;
	/* Two CPUs' counters may differ by a few ticks around the start. */
	if (unlikely((s64)delta < 0))
		delta = 0;
	return clock.base_ns + (u64)((unsigned __int128)delta * clock.mult >> clock.shift);
}

u32 arch_tsc_khz(void) { return tsc_khz; }
const struct arch_clock *arch_clock_params(void) { return &clock; }

/* a * b / c with a 128-bit product; the quotient must fit. */
static u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 q, hi;
	__asm__("mulq %3; divq %4" : "=&a"(q), "=&d"(hi) : "0"(a), "r"(b), "r"(c) : "cc");
	return q;
}

void delay_ns(u64 ns)
{
	u64 end = rdtsc() + mul_div(ns, tsc_khz ? tsc_khz : 1000000, 1000000);
	while (rdtsc() < end)
		cpu_relax();
}

static u32 hypervisor_max_leaf(void) { return cpuid(1, 0).c >> 31 & 1 ? cpuid(0x40000000, 0).a : 0; }

static u64 khz_from_cpuid(void)
{
	if (cpuid(0, 0).a >= 0x15) {
		struct cpuid l = cpuid(0x15, 0);
		if (l.a && l.b && l.c)
			return (u64)l.c * l.b / l.a / 1000;
	}
	u32 hv = hypervisor_max_leaf();
	return hv >= 0x40000010 && hv < 0x40010000 ? cpuid(0x40000010, 0).a : 0;
}

/* KVM tells the TSC's scale in its clock page, which it fills when the MSR is written; the page is given back at once. */
static u64 khz_from_kvm(void)
{
	static volatile struct { u32 version, pad; u64 tsc, system_time; u32 mul; s8 shift; u8 flags, pad2[2]; } page __aligned(64);
	struct cpuid id = cpuid(0x40000000, 0);
	if (hypervisor_max_leaf() < 0x40000001 || id.b != 0x4b4d564b || !(cpuid(0x40000001, 0).a & 8))
		return 0;
	wrmsr(0x4b564d01, image_phys((const void *)&page) | 1);
	u64 mul = page.mul;
	s8 shift = page.shift;
	wrmsr(0x4b564d01, 0);
	if (!mul)
		return 0;
	u64 khz = (1000000UL << 32) / mul;
	return shift < 0 ? khz << -shift : khz >> shift;
}

struct sample { u64 tsc, lapic; };
/* Both clocks at one moment: the tightest of a few tries, since the host may take the CPU away between two reads. */
static struct sample take_sample(void)
{
	struct sample best = { 0 };
	u64 width = ~0UL;
	for (int i = 0; i < 4; i++) {
		u64 a = rdtsc();
		u32 left = lapic_timer_left();
		u64 b = rdtsc();
		if (b - a < width) {
			width = b - a;
			best = (struct sample){ a + (b - a) / 2, 0xffffffffu - left };
		}
	}
	return best;
}

/* Lets the APIC timer run for `ticks`; the second sample. Bounded even if it does not count. */
static struct sample sample_after(struct sample from, u32 ticks)
{
	for (u32 i = 0; i < 10000000 && 0xffffffffu - lapic_timer_left() < from.lapic + ticks; i++)
		;
	return take_sample();
}

static u64 khz_from_lapic(void)
{
	struct sample a = take_sample(), b = sample_after(a, 40000);
	u64 t = b.tsc - a.tsc, l = b.lapic - a.lapic;
	if (!l)
		return 1000000;
	/* Under QEMU's instruction counting both run at exactly 1 GHz: no need to wait longer. */
	if (t * 1000 > l * 999 && t * 1000 < l * 1001)
		return 1000000;
	b = sample_after(a, 2000000);
	return (b.tsc - a.tsc) * 1000000 / (b.lapic - a.lapic);
}

/* With a known TSC: how fast the APIC timer counts. */
static void measure_lapic(void)
{
	struct sample a = take_sample();
	delay_ns(100000);
	struct sample b = take_sample();
	u64 ns = (b.tsc - a.tsc) * 1000000 / tsc_khz, l = b.lapic - a.lapic;
	if (l && (l * 100 < ns * 99 || l * 100 > ns * 101))
		lapic_ticks_per_ns = mul_div(l, 1UL << 32, ns);
}

void clock_calibrate(void)
{
	u64 khz = khz_from_cpuid();
	clock.base_tsc = rdtsc();
	lapic_timer_start_masked(0xffffffff);
	if (!khz)
		khz = khz_from_kvm();
	tsc_khz = (u32)khz;
	if (khz)
		measure_lapic();
	else
		tsc_khz = (u32)khz_from_lapic();
	lapic_timer_start_masked(0);
	if (!tsc_khz)
		tsc_khz = 1000000;
	/* The largest shift whose factor fits 32 bits. */
	u32 shift = 32;
	while (mul_div(1000000, 1UL << shift, tsc_khz) > 0xffffffff)
		shift--;
	clock.shift = shift;
	clock.mult = (u32)mul_div(1000000, 1UL << shift, tsc_khz);
}

static u8 cmos(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

struct rtc { u8 s, m, h, d, mo, y; };
static struct rtc rtc_read(void)
{
	for (int i = 0; i < 1000 && (cmos(10) & 0x80); i++)
		cpu_relax();
	return (struct rtc){ cmos(0), cmos(2), cmos(4), cmos(7), cmos(8), cmos(9) };
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static u64 days_from_civil(u64 y, u64 m, u64 d)
{
	y -= m <= 2;
	u64 era = y / 400, yoe = y % 400, doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static u8 from_bcd(u8 v) { return (u8)((v >> 4) * 10 + (v & 15)); }

u64 arch_rtc_seconds(void)
{
	struct rtc r = rtc_read(), again = rtc_read();
	for (int i = 0; i < 5 && memcmp(&r, &again, sizeof(r)); i++) {
		r = again;
		again = rtc_read();
	}
	u8 status = cmos(11);
	if (status == 0xff && r.mo == 0xff)
		return 0;
	bool pm = r.h & 0x80;
	r.h &= 0x7f;
	if (!(status & 4))
		r = (struct rtc){ from_bcd(r.s), from_bcd(r.m), from_bcd(r.h), from_bcd(r.d), from_bcd(r.mo), from_bcd(r.y) };
	if (!(status & 2))
		r.h = (u8)(r.h % 12 + (pm ? 12 : 0));
	if (r.mo < 1 || r.mo > 12 || r.d < 1 || r.d > 31 || r.h > 23 || r.m > 59 || r.s > 60)
		return 0;
	return days_from_civil(2000UL + r.y, r.mo, r.d) * 86400 + r.h * 3600UL + r.m * 60UL + r.s;
}
