/*
 * Off and reboot. Entry points: arch_power_off(), arch_reboot(). A machine without ACPI cannot be switched off, only reset, which ends a VM
 * started with -no-reboot.
 */
#include "arch/x86_64/internal.h"

static void reg_write8(u64 reg, bool is_io, u8 v)
{
	if (is_io)
		outb((u16)reg, v);
	else
		*(volatile u8 *)reg = v;
}

static void __noreturn triple_fault(void)
{
	struct { u16 limit; u64 base; } __packed none = { 0, 0 };
	__asm__ __volatile__("lidt %0; int3" ::"m"(none));
	for (;;)
		__asm__ __volatile__("cli; hlt");
}

void arch_reboot(void)
{
	irq_disable();
	if (platform.have_reset) {
		reg_write8(platform.reset_reg, platform.reset_is_io, platform.reset_value);
		delay_ns(1000000);
	}
	triple_fault();
}

void arch_power_off(void)
{
	irq_disable();
	if (platform.sleep_reg)
		reg_write8(platform.sleep_reg, platform.sleep_is_io, (u8)(platform.slp_typ << 2 | 0x20));
	if (platform.pm1a_cnt)
		outw(platform.pm1a_cnt, (u16)(platform.slp_typ << 10 | 0x2000));
	if (platform.pm1b_cnt)
		outw(platform.pm1b_cnt, (u16)(platform.slp_typ << 10 | 0x2000));
	if (platform.sleep_reg || platform.pm1a_cnt)
		delay_ns(10000000); /* the VMM may take a moment to stop us */
	arch_reboot();
}
