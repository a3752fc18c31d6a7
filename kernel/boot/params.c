/*
 * The kernel's parameters, with Linux's meaning and Linux's rule for what it does not know: key=value goes to process 1's environment, a
 * bare word to its arguments, everything behind "--" to its arguments too, and names with a dot (a module's) nowhere. Pure. Entry point:
 * boot_parse_params().
 */
#include "boot/boot.h"

#include "gen/trace_events.h"
#include "lib/string.h"

/* Parameters that Linux knows and that say nothing to this kernel: taken, so that they do not end up in process 1's environment. */
static const char *const ignored[] = {
	"ro", "rw", "root", "rootfstype", "rootflags", "rootwait", "rootdelay", "resume", "noresume", "noinitrd", "nokaslr", "kaslr", "acpi", "noapic",
	"nolapic", "apic", "pci", "reboot", "tsc", "tsc_early_khz", "clocksource", "lpj", "no_timer_check", "nomodeset", "selinux", "apparmor",
	"security", "lsm", "mitigations", "noxsave", "nosmap", "nosmep", "earlyprintk", "earlycon", "keep_bootcon", "printk_time", "random_trust_cpu",
	"oops", "panic_on_oops", "softlockup_panic", "nmi_watchdog", "nowatchdog", "cgroup_disable", "cgroup_enable", "cgroup_no_v1", "idle", "nohz",
	"isolcpus", "rcupdate", "audit", "hugepages", "hugepagesz", "transparent_hugepage", "vsyscall", "vdso", "iommu", "i8042", "8250", "swiotlb",
	"initcall_debug", "ignore_rlimit_data", "memmap", "numa", "pti", "nopti", "spectre_v2", "retbleed", "raid", "noinitramfs", "retain_initrd",
};

/* Linux compares names with '-' and '_' alike. */
static bool name_is(const char *a, const char *b)
{
	for (; *a || *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return true;
}

/* Decimal with an optional minus sign; stops at the first other character. */
static s64 to_int(const char *s)
{
	bool neg = *s == '-';
	s64 v = 0;
	for (s += neg; *s >= '0' && *s <= '9' && v < 1000000000; s++)
		v = v * 10 + (*s - '0');
	return neg ? -v : v;
}

/* "512M": Linux's memparse. */
static u64 to_size(const char *s)
{
	char digits[24];
	size_t n = 0;
	u64 v = 0;
	while (n + 1 < sizeof(digits) && ((s[n] >= '0' && s[n] <= '9') || s[n] == 'x' || (n > 1 && digits[1] == 'x' && strchr("abcdefABCDEF", s[n]) && s[n]))) {
		digits[n] = s[n];
		n++;
	}
	digits[n] = 0;
	if (str_to_u64(digits, 0, &v))
		return 0;
	switch (s[n] | 0x20) {
	case 'k': return v << 10;
	case 'm': return v << 20;
	case 'g': return v << 30;
	case 't': return v << 40;
	default: return v;
	}
}

static void add_arg(struct boot_params *p, const char *text)
{
	u32 i = 1;
	while (p->argv[i])
		i++;
	if (i < INIT_ARGS_MAX)
		p->argv[i] = text;
	else if (!p->too_many)
		p->too_many = text;
}

/* `text` = "key=value"; a later one replaces an earlier one. */
static void add_env(struct boot_params *p, const char *text, size_t key_len)
{
	u32 i = 0;
	while (p->envp[i] && strncmp(p->envp[i], text, key_len + 1))
		i++;
	if (i < INIT_ARGS_MAX)
		p->envp[i] = text;
	else if (!p->too_many)
		p->too_many = text;
}

/* init= and rdinit= throw away the arguments seen so far, as in Linux: LILO put them first. */
static void drop_args(struct boot_params *p)
{
	memset(&p->argv[1], 0, sizeof(p->argv) - sizeof(p->argv[0]));
}

static void add_console(struct boot_params *p, const char *value)
{
	if (p->nr_consoles == 0)
		p->serial_console = false;
	if (str_starts(value, "ttyS") || str_starts(value, "uart"))
		p->serial_console = true;
	if (p->nr_consoles < ARRAY_SIZE(p->consoles))
		p->consoles[p->nr_consoles++] = value;
	else
		p->consoles[ARRAY_SIZE(p->consoles) - 1] = value; /* the last one counts */
}

/* "fork,exec,sched,lossy": classes of events and how to keep them. Unknown words are left out. */
static void trace_param(struct boot_params *p, const char *value)
{
	static const struct { const char *name; u32 events; } classes[] = {
		{ "fork", TRACE_CLASS_fork }, { "exec", TRACE_CLASS_exec }, { "exit", TRACE_CLASS_exit },
		{ "cow", TRACE_CLASS_cow }, { "sched", TRACE_CLASS_sched },
	};
	p->trace_events = TRACE_CLASS_meta;
	while (*value) {
		size_t n = 0;
		while (value[n] && value[n] != ',')
			n++;
		for (u32 i = 0; i < ARRAY_SIZE(classes); i++)
			if (strlen(classes[i].name) == n && !strncmp(value, classes[i].name, n))
				p->trace_events |= classes[i].events;
		if (n == 5 && !strncmp(value, "lossy", n))
			p->trace_lossy = true;
		value += n + (value[n] == ',');
	}
}

/* One that this kernel acts on: true when it was. */
static bool known_with_value(struct boot_params *p, const char *name, const char *value)
{
	if (name_is(name, "console")) {
		add_console(p, value);
	} else if (name_is(name, "init")) {
		p->init = value;
		drop_args(p);
	} else if (name_is(name, "rdinit")) {
		p->rdinit = value;
		p->rdinit_given = true;
		drop_args(p);
	} else if (name_is(name, "panic")) {
		p->panic_timeout = (int)to_int(value);
	} else if (name_is(name, "loglevel")) {
		p->loglevel = (int)to_int(value);
	} else if (name_is(name, "mem")) {
		p->mem_limit = to_size(value);
	} else if (name_is(name, "maxcpus") || name_is(name, "nr_cpus")) {
		s64 n = to_int(value);
		p->max_cpus = min(p->max_cpus, (u32)max(n, (s64)1));
	} else if (name_is(name, "pando.trace")) {
		trace_param(p, value);
	} else {
		return false;
	}
	return true;
}

static bool known_word(struct boot_params *p, const char *name)
{
	if (name_is(name, "quiet"))
		p->loglevel = 4;
	else if (name_is(name, "debug"))
		p->loglevel = 10;
	else if (name_is(name, "ignore_loglevel"))
		p->loglevel = 15;
	else if (name_is(name, "nosmp"))
		p->max_cpus = 1;
	else if (name_is(name, "norandmaps"))
		p->fixed_addresses = true;
	else
		return false;
	return true;
}

static bool is_ignored(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(ignored); i++)
		if (name_is(name, ignored[i]))
			return true;
	return false;
}

/* text = "name" or "name=value" with the quotes taken out; eq = its '=' or NULL. */
static void one_param(struct boot_params *p, char *text, char *eq)
{
	if (eq)
		*eq = 0;
	bool taken = eq ? known_with_value(p, text, eq + 1) : known_word(p, text);
	bool module = strchr(text, '.') != NULL;
	if (!taken && !module && !is_ignored(text)) {
		if (!eq) {
			add_arg(p, text);
		} else {
			*eq = '=';
			add_env(p, text, (size_t)(eq - text));
		}
	}
}

/*
 * Cuts the next parameter off *s: NUL-terminated, quotes removed ("a b" or key="a b"), *eq = its first '='. NULL at the end.
 */
static char *next_param(char **s, char **eq)
{
	char *in = *s, *out, *start;
	bool quoted = false;
	while (*in == ' ' || *in == '\t' || *in == '\n')
		in++;
	if (!*in)
		return NULL;
	start = out = in;
	*eq = NULL;
	for (; *in && (quoted || (*in != ' ' && *in != '\t' && *in != '\n')); in++) {
		if (*in == '"') {
			quoted = !quoted;
			continue;
		}
		if (*in == '=' && !*eq)
			*eq = out;
		*out++ = *in;
	}
	*s = *in ? in + 1 : in;
	*out = 0;
	return start;
}

void boot_parse_params(char *cmdline, struct boot_params *p)
{
	char *text, *eq;
	bool for_init = false;
	*p = (struct boot_params){ .rdinit = "/init", .loglevel = 7, .max_cpus = ~0u, .serial_console = true };
	p->envp[0] = "HOME=/";
	p->envp[1] = "TERM=linux";
	while ((text = next_param(&cmdline, &eq))) {
		if (for_init)
			add_arg(p, text);
		else if (!strcmp(text, "--"))
			for_init = true;
		else
			one_param(p, text, eq);
	}
}
