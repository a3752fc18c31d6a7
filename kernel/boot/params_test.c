/* Unit tests of the kernel parameters: what is taken, and what process 1 gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot.h"
#include "gen/trace_events.h"

static char text[CMDLINE_MAX];
static struct boot_params p;

static void parse(const char *s)
{
	strncpy(text, s, sizeof(text) - 1);
	boot_parse_params(text, &p);
}

static void defaults(void **state)
{
	parse("");
	assert_string_equal(p.rdinit, "/init");
	assert_false(p.rdinit_given);
	assert_null(p.init);
	assert_int_equal(p.loglevel, 7);
	assert_false(p.fixed_addresses);
	assert_int_equal(p.panic_timeout, 0);
	assert_true(p.serial_console);
	assert_string_equal(p.envp[0], "HOME=/");
	assert_string_equal(p.envp[1], "TERM=linux");
	assert_null(p.envp[2]);
	assert_null(p.argv[1]);
	(void)state;
}

static void kernel_parameters(void **state)
{
	parse("console=ttyS0 quiet panic=-1 mem=64M maxcpus=2 nosmp norandmaps root=/dev/vda ro virtio_mmio.device=512@0xfeb00e00:12 rdinit=/sbin/x loglevel=3");
	assert_int_equal(p.nr_consoles, 1);
	assert_string_equal(p.consoles[0], "ttyS0");
	assert_true(p.serial_console);
	assert_int_equal(p.panic_timeout, -1);
	assert_int_equal(p.mem_limit, 64 << 20);
	assert_int_equal(p.max_cpus, 1);
	assert_int_equal(p.loglevel, 3);
	assert_true(p.fixed_addresses);
	assert_string_equal(p.rdinit, "/sbin/x");
	assert_null(p.argv[1]);
	assert_null(p.envp[2]);
	(void)state;
}

static void the_rest_is_inits(void **state)
{
	parse("single FOO=bar  TERM=vt100 init=/bin/sh after A=\"b c\" a.b=c -- -x \"two words\" k=v quiet");
	assert_string_equal(p.init, "/bin/sh");
	assert_string_equal(p.argv[1], "after"); /* init= dropped "single" */
	assert_string_equal(p.argv[2], "-x");
	assert_string_equal(p.argv[3], "two words");
	assert_string_equal(p.argv[4], "k=v");
	assert_string_equal(p.argv[5], "quiet");
	assert_null(p.argv[6]);
	assert_string_equal(p.envp[1], "TERM=vt100");
	assert_string_equal(p.envp[2], "FOO=bar");
	assert_string_equal(p.envp[3], "A=b c");
	assert_null(p.envp[4]);
	assert_int_equal(p.loglevel, 7);
	(void)state;
}

static void other_consoles(void **state)
{
	parse("console=hvc0");
	assert_false(p.serial_console);
	parse("console=hvc0 console=ttyS0,115200");
	assert_true(p.serial_console);
	assert_int_equal(p.nr_consoles, 2);
	(void)state;
}

static void too_many(void **state)
{
	text[0] = 0;
	for (int i = 0; i < 40; i++)
		strcat(text, "w ");
	boot_parse_params(text, &p);
	assert_non_null(p.too_many);
	assert_null(p.argv[INIT_ARGS_MAX]);
	(void)state;
}

static void trace_parameter(void **state)
{
	parse("pando.trace=fork,exec,nonsense,lossy x=1");
	assert_int_equal(p.trace_events, TRACE_CLASS_meta | TRACE_CLASS_fork | TRACE_CLASS_exec);
	assert_true(p.trace_lossy);
	parse("pando.trace=");
	assert_int_equal(p.trace_events, TRACE_CLASS_meta);
	parse("quiet");
	assert_int_equal(p.trace_events, 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),      cmocka_unit_test(kernel_parameters), cmocka_unit_test(trace_parameter), cmocka_unit_test(the_rest_is_inits),
		cmocka_unit_test(other_consoles), cmocka_unit_test(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
