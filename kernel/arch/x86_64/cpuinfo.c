/* What programs are told of the CPU: /proc/cpuinfo, AT_HWCAP. Entry points: arch_cpuinfo(), arch_hwcap(), arch_hwcap2(). */
#include "arch/x86_64/internal.h"
#include "lib/format.h"

/* Linux's names of feature bits, in Linux's order of words; NULL = a bit that is not shown. */
static const char *const leaf1_edx[32] = {
	"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca", "cmov",
	"pat", "pse36", "pn", "clflush", NULL, "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
};
static const char *const ext_edx[32] = {
	[11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm", [30] = "3dnowext",
	[31] = "3dnow",
};
static const char *const leaf1_ecx[32] = {
	"pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm",
	NULL, "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave", NULL, "avx", "f16c", "rdrand",
	"hypervisor",
};
static const char *const ext_ecx[32] = {
	"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt",
	[15] = "lwp", [16] = "fma4", [17] = "tce", [19] = "nodeid_msr", [21] = "tbm", [22] = "topoext",
};
static const char *const leaf7_ebx[32] = {
	"fsgsbase", "tsc_adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm", "cqm", NULL, "mpx", "rdt_a",
	"avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", NULL, "clflushopt", "clwb", "intel_pt", "avx512pf", "avx512er", "avx512cd",
	"sha_ni", "avx512bw", "avx512vl",
};
static const char *const leaf7_ecx[32] = {
	[1] = "avx512vbmi", [2] = "umip", [6] = "avx512_vbmi2", [8] = "gfni", [9] = "vaes", [10] = "vpclmulqdq", [11] = "avx512_vnni",
	[12] = "avx512_bitalg", [14] = "avx512_vpopcntdq", [22] = "rdpid", [27] = "movdiri", [28] = "movdir64b",
};
static const char *const leaf7_edx[32] = { [4] = "fsrm", [14] = "serialize" };

u32 arch_hwcap(void) { return cpuid(1, 0).d; }
u32 arch_hwcap2(void) { return features.fsgsbase ? 2 : 0; }

struct out { char *buf; size_t size; size_t len; };

static void put(struct out *o, const char *fmt, ...) __printf(2, 3);
static void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = format_va(o->len < o->size ? o->buf + o->len : NULL, o->len < o->size ? o->size - o->len : 0, fmt, ap);
	va_end(ap);
	o->len += (size_t)n;
}

static void put_bits(struct out *o, u32 word, const char *const *names)
{
	for (int i = 0; i < 32; i++)
		if ((word >> i & 1) && names[i])
			put(o, " %s", names[i]);
}

/* Without AVX state in XCR0 programs must not believe in AVX; CPUID itself says so by OSXSAVE, so only the names need care. */
static void put_flags(struct out *o)
{
	struct cpuid l1 = cpuid(1, 0), l7 = { 0 }, ext = cpuid(0x80000001, 0);
	if (cpuid(0, 0).a >= 7)
		l7 = cpuid(7, 0);
	put(o, "flags\t\t:");
	put_bits(o, l1.d, leaf1_edx);
	put_bits(o, ext.d, ext_edx);
	put(o, " constant_tsc rep_good nopl nonstop_tsc cpuid tsc_known_freq");
	put_bits(o, l1.c, leaf1_ecx);
	put_bits(o, ext.c, ext_ecx);
	put_bits(o, l7.b, leaf7_ebx);
	put_bits(o, l7.c, leaf7_ecx);
	put_bits(o, l7.d, leaf7_edx);
	put(o, "\n");
}

static void put_model_name(struct out *o)
{
	char name[49] = "unknown";
	if (cpuid(0x80000000, 0).a >= 0x80000004)
		for (u32 i = 0; i < 3; i++) {
			struct cpuid l = cpuid(0x80000002 + i, 0);
			memcpy(name + 16 * i, &l, 16);
		}
	const char *p = name;
	while (*p == ' ')
		p++;
	put(o, "model name\t: %s\n", p);
}

int arch_cpuinfo(u32 cpu, char *buf, size_t size)
{
	struct out o = { buf, size, 0 };
	struct cpuid l0 = cpuid(0, 0), l1 = cpuid(1, 0);
	u32 vendor[4] = { l0.b, l0.d, l0.c, 0 };
	u32 family = l1.a >> 8 & 15, model = l1.a >> 4 & 15;
	if (family == 15)
		family += l1.a >> 20 & 0xff;
	if (family >= 6)
		model |= l1.a >> 12 & 0xf0;
	u32 ext_max = cpuid(0x80000000, 0).a, sizes = ext_max >= 0x80000008 ? cpuid(0x80000008, 0).a : 0x3024;
	put(&o, "processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n", cpu, (const char *)vendor, family, model);
	put_model_name(&o);
	put(&o, "stepping\t: %u\ncpu MHz\t\t: %u.%03u\n", l1.a & 15, tsc_khz / 1000, tsc_khz % 1000);
	if (ext_max >= 0x80000006)
		put(&o, "cache size\t: %u KB\n", cpuid(0x80000006, 0).c >> 16);
	put(&o, "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n", nr_cpus, cpu, nr_cpus,
	    cpus[cpu].apic_id, cpus[cpu].apic_id);
	put(&o, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", l0.a);
	put_flags(&o);
	u32 bogo = tsc_khz * 2;
	put(&o, "bugs\t\t:\nbogomips\t: %u.%02u\nclflush size\t: %u\ncache_alignment\t: %u\n", bogo / 1000, bogo / 10 % 100, (l1.b >> 8 & 0xff) * 8,
	    (l1.b >> 8 & 0xff) * 8);
	put(&o, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n", sizes & 0xff, sizes >> 8 & 0xff);
	return (int)o.len;
}

/* Leaves 0x80000005 and 6 of AMD's older CPUs: L1 data, L1 instructions, L2, L3. */
static bool old_amd_cache(u32 index, struct arch_cache *out)
{
	static const u8 ways[16] = { 0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, 0 };
	if (index > 3 || cpuid(0, 0).b != 0x68747541 || cpuid(0x80000000, 0).a < 0x80000006)
		return false;
	struct cpuid l1 = cpuid(0x80000005, 0), l2 = cpuid(0x80000006, 0);
	u32 word = index == 0 ? l1.c : index == 1 ? l1.d : index == 2 ? l2.c : l2.d, bytes;
	*out = (struct arch_cache){ .level = index < 2 ? 1 : index, .type = index < 2 ? index + 1 : 3, .partitions = 1, .line = word & 0xff };
	out->shared_by = index == 3 ? nr_cpus : 1;
	if (index < 2) {
		out->ways = word >> 16 & 0xff;
		bytes = (word >> 24) << 10;
	} else {
		out->ways = ways[word >> 12 & 15];
		bytes = index == 2 ? (word >> 16) << 10 : (word >> 18) << 19;
	}
	if (!bytes || !out->line || !out->ways)
		return false;
	out->sets = bytes / out->line / out->ways;
	return true;
}

/* Leaf 4 of Intel's CPUs, 0x8000001d of AMD's: the same fields. */
bool arch_cache(u32 index, struct arch_cache *out)
{
	u32 leaf = cpuid(0x80000000, 0).a >= 0x8000001d && cpuid(0x80000001, 0).c >> 22 & 1 ? 0x8000001d : cpuid(0, 0).a >= 4 ? 4 : 0;
	struct cpuid c = leaf ? cpuid(leaf, index) : (struct cpuid){ 0 };
	if (!(c.a & 31))
		return old_amd_cache(index, out);
	*out = (struct arch_cache){ .type = c.a & 31,
		.level = c.a >> 5 & 7,
		.shared_by = (c.a >> 14 & 0xfff) + 1,
		.line = (c.b & 0xfff) + 1,
		.partitions = (c.b >> 12 & 0x3ff) + 1,
		.ways = (c.b >> 22) + 1,
		.sets = c.c + 1 };
	return true;
}
