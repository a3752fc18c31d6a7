/*
 * What the firmware says of CPUs, interrupt controllers and power: ACPI (MADT, FADT, the \_S5 package) or else Intel's MP table. Entry
 * points: platform_find(). Everything here is untrusted in the sense that lengths are checked before use.
 */
#include "arch/x86_64/internal.h"

struct platform platform;

struct acpi_header {
	char sig[4];
	u32 length;
	u8 revision, checksum;
	char oem[6], oem_table[8];
	u32 oem_revision, creator, creator_revision;
} __packed;

/* A window on firmware memory, which may or may not be RAM. */
static const void *fw_map(paddr_t p, size_t n)
{
	return memmap_is_ram(p, p + n) ? phys_to_virt(p) : arch_map_mmio(p, n);
}

static u16 get16(const u8 *p) { return (u16)(p[0] | p[1] << 8); }
static u32 get32(const u8 *p) { return get16(p) | (u32)get16(p + 2) << 16; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

static void add_cpu(u32 apic_id)
{
	for (u32 i = 0; i < platform.nr_apic_ids; i++)
		if (platform.apic_ids[i] == apic_id)
			return;
	if (platform.nr_apic_ids < NR_CPUS && apic_id < 255)
		platform.apic_ids[platform.nr_apic_ids++] = apic_id;
}

static void add_ioapic(paddr_t base, u32 gsi_base)
{
	if (platform.nr_ioapics < ARRAY_SIZE(platform.ioapic))
		platform.ioapic[platform.nr_ioapics++] = (struct ioapic_desc){ base, gsi_base };
}

/* flags: MPS INTI flags, polarity in bits 0-1, trigger in bits 2-3; 0 = as the ISA bus has it. */
static void add_isa_route(u32 irq, u32 gsi, u32 flags)
{
	if (irq < 16)
		platform.isa[irq] = (struct irq_route){ gsi, (flags >> 2 & 3) == 3, (flags & 3) == 3 };
}

/* --- ACPI --------------------------------------------------------------------------------------------------------------------------------- */

/* The whole table, or NULL when its header is not believable. */
static const u8 *map_table(paddr_t p, u32 *length)
{
	const struct acpi_header *h = fw_map(p, sizeof(*h));
	*length = h->length;
	if (*length < sizeof(*h) || *length > 1 << 20)
		return NULL;
	return fw_map(p, *length);
}

static void parse_madt(const u8 *t, u32 length)
{
	platform.lapic_base = get32(t + 36);
	for (u32 at = 44; at + 2 <= length && t[at + 1] >= 2 && at + t[at + 1] <= length; at += t[at + 1]) {
		const u8 *e = t + at;
		if (e[0] == 0 && e[1] >= 8 && (get32(e + 4) & 1))
			add_cpu(e[3]);
		else if (e[0] == 1 && e[1] >= 12)
			add_ioapic(get32(e + 4), get32(e + 8));
		else if (e[0] == 2 && e[1] >= 10)
			add_isa_route(e[3], get32(e + 4), get16(e + 8));
		else if (e[0] == 5 && e[1] >= 12)
			platform.lapic_base = get64(e + 4);
		else if (e[0] == 9 && e[1] >= 16 && (get32(e + 8) & 1))
			add_cpu(get32(e + 4));
	}
}

/* Finds Name(_S5_, Package() { SLP_TYPa, ... }) in the AML. */
static bool find_s5(const u8 *t, u32 length, u8 *slp_typ)
{
	for (u32 i = sizeof(struct acpi_header); i + 12 < length; i++) {
		if (t[i] != '_' || t[i + 1] != 'S' || t[i + 2] != '5' || t[i + 3] != '_' || t[i + 4] != 0x12)
			continue;
		const u8 *p = t + i + 5;
		p += 1 + (p[0] >> 6); /* package length */
		p++;                  /* number of elements */
		*slp_typ = *p == 0x0a ? p[1] : *p <= 1 ? *p : 0;
		return true;
	}
	return false;
}

/* A generic address as a port, or mapped. 0 = none. */
static u64 map_gas(const u8 *g, bool *is_io)
{
	u64 addr = get64(g + 4);
	*is_io = g[0] == 1;
	if (!addr || g[0] > 1)
		return 0;
	return *is_io ? addr : (u64)arch_map_mmio(addr, 1);
}

static void parse_fadt(const u8 *t, u32 length)
{
	if (length < 116)
		return;
	u32 flags = get32(t + 112), dsdt_length = 0;
	paddr_t dsdt = length >= 148 && get64(t + 140) ? get64(t + 140) : get32(t + 40);
	const u8 *aml = dsdt ? map_table(dsdt, &dsdt_length) : NULL;
	bool s5 = aml && find_s5(aml, dsdt_length, &platform.slp_typ);
	if (length >= 129 && (flags & BIT(10))) {
		platform.reset_reg = map_gas(t + 116, &platform.reset_is_io);
		platform.reset_value = t[128];
		platform.have_reset = platform.reset_reg != 0;
	}
	if (flags & BIT(20)) {
		if (length >= 256)
			platform.sleep_reg = map_gas(t + 244, &platform.sleep_is_io);
		platform.slp_typ = s5 ? platform.slp_typ : 5;
	} else if (s5) {
		platform.pm1a_cnt = (u16)get32(t + 64);
		platform.pm1b_cnt = (u16)get32(t + 68);
	}
}

static bool parse_rsdp(const u8 *r)
{
	bool xsdt = r[15] >= 2 && get64(r + 24);
	u32 length, width = xsdt ? 8 : 4;
	const u8 *root = map_table(xsdt ? get64(r + 24) : get32(r + 16), &length);
	if (!root)
		return false;
	for (u32 at = sizeof(struct acpi_header); at + width <= length; at += width) {
		u32 n;
		const u8 *t = map_table(xsdt ? get64(root + at) : get32(root + at), &n);
		if (t && !memcmp(t, "APIC", 4) && n >= 44)
			parse_madt(t, n);
		else if (t && !memcmp(t, "FACP", 4))
			parse_fadt(t, n);
	}
	return platform.nr_apic_ids > 0;
}

/* --- Intel MP table ----------------------------------------------------------------------------------------------------------------------- */

static const u8 entry_size[5] = { 20, 8, 8, 8, 8 };

static void parse_mp_entries(const u8 *t, u32 length)
{
	u8 isa_bus = 0xff;
	for (u32 at = 44; at < length && t[at] <= 4 && at + entry_size[t[at]] <= length; at += entry_size[t[at]]) {
		const u8 *e = t + at;
		if (e[0] == 0 && (e[3] & 1))
			add_cpu(e[1]);
		else if (e[0] == 1 && !memcmp(e + 2, "ISA", 3))
			isa_bus = e[1];
		else if (e[0] == 2 && (e[3] & 1))
			add_ioapic(get32(e + 4), 0);
		else if (e[0] == 3 && e[1] == 0 && e[4] == isa_bus)
			add_isa_route(e[5], e[7], get16(e + 2));
	}
}

static bool parse_mp(const u8 *floating)
{
	paddr_t p = get32(floating + 4);
	if (!p)
		return false;
	const u8 *t = fw_map(p, 44);
	u32 length = get16(t + 4);
	if (memcmp(t, "PCMP", 4) || length < 44)
		return false;
	t = fw_map(p, length);
	platform.lapic_base = get32(t + 36);
	parse_mp_entries(t, length);
	return platform.nr_apic_ids > 0;
}

/* Looks for both signatures on 16-byte borders. */
static void scan(paddr_t from, u32 size, const u8 **rsdp, const u8 **mp)
{
	const u8 *p = fw_map(from, size);
	for (u32 i = 0; i < size; i += 16) {
		u32 w = *(const u32 *)(const void *)(p + i);
		if (w == 0x20445352 && !*rsdp && !memcmp(p + i, "RSD PTR ", 8))
			*rsdp = p + i;
		else if (w == 0x5f504d5f && !*mp)
			*mp = p + i;
	}
}

void platform_find(paddr_t rsdp)
{
	const u8 *r = NULL, *mp = NULL;
	platform.lapic_base = 0xfee00000;
	for (u32 i = 0; i < 16; i++)
		platform.isa[i] = (struct irq_route){ i, false, false };
	add_cpu(cpuid(1, 0).b >> 24); /* the boot CPU is always first */
	u32 alone = platform.nr_apic_ids;
	if (rsdp)
		r = fw_map(rsdp, 36);
	if (!r) {
		scan(0x9fc00, 0x400, &r, &mp);
		scan(0xe0000, 0x20000, &r, &mp);
	}
	if (r)
		parse_rsdp(r);
	if (mp && platform.nr_apic_ids == alone && !platform.nr_ioapics)
		parse_mp(mp);
	if (!platform.nr_ioapics)
		add_ioapic(0xfec00000, 0);
}
