/* Fuzzes the kernel's command line. */
#include "fuzz.h"

#include "boot/boot.h"
#include "lib/string.h"

static bool inside(const char *text, const char *s) { return s >= text && s < text + CMDLINE_MAX; }

static void fuzz_one(void)
{
	static const char *const words[] = { "console=", "ttyS0", "rdinit=", "init=", "panic=", "-1", "quiet", "mem=", "64M", "0x40000000", "99999999999999999999", "maxcpus=", "nosmp",
		"--", " ", "  ", "\"", "=", "a", "a=b", "loglevel=", "7", "root=/dev/vda", "ro", "mod.param=1", "x-y_z", "\t", "\n", "-", "pando.trace=", "fork,exec", ",", "lossy", "\xff" };
	static struct boot_params p;
	char *text = calloc(1, CMDLINE_MAX), *copy = calloc(1, CMDLINE_MAX);
	size_t len = 0, limit = one_in(4) ? CMDLINE_MAX - 1 : below(200);
	while (len < limit) {
		const char *w = words[below(sizeof(words) / sizeof(words[0]))];
		size_t n = strlen(w);
		if (one_in(20))
			text[len++] = (char)(1 + below(255));
		else if (len + n < limit)
			memcpy(text + len, w, n), len += n;
		else
			break;
		if (one_in(3) && len < limit)
			text[len++] = ' ';
	}
	memcpy(copy, text, CMDLINE_MAX);
	memset(&p, 0xa5, sizeof(p));
	boot_parse_params(text, &p);
	CHECK(p.rdinit && p.max_cpus >= 1 && p.nr_consoles <= 4);
	CHECK(!p.rdinit_given || inside(text, p.rdinit));
	CHECK(!p.init || inside(text, p.init));
	CHECK(!p.too_many || inside(text, p.too_many));
	u32 i;
	for (i = 1; p.argv[i]; i++)
		CHECK(i < INIT_ARGS_MAX && inside(text, p.argv[i]));
	for (i = 0; p.envp[i]; i++)
		CHECK(i < INIT_ARGS_MAX && strchr(p.envp[i], '='));
	for (i = 0; i < p.nr_consoles; i++)
		CHECK(inside(text, p.consoles[i]));
	for (i = 0; i < CMDLINE_MAX; i++)
		CHECK(text[i] == 0 || strchr(copy, text[i])); /* nothing is made up */
	free(text);
	free(copy);
}
