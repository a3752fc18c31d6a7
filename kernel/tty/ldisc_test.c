/* Unit tests of the line discipline, on the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tty/ldisc.h"

static char echoed[65536];
static u32 echoed_len;
static int signals[3], flushed, stops, starts;

static void put(struct ldisc *ld, const u8 *p, u32 n)
{
	memcpy(echoed + echoed_len, p, n);
	echoed_len += n;
	echoed[echoed_len] = 0;
}
static void on_signal(struct ldisc *ld, enum ldisc_signal sig, bool flush)
{
	signals[sig]++;
	flushed += flush;
}
static void on_flow(struct ldisc *ld, bool stop) { *(stop ? &stops : &starts) += 1; }
static const struct ldisc_ops ops = { put, on_signal, on_flow };
static struct ldisc ld;

static void fresh(void)
{
	ldisc_init(&ld, &ops);
	echoed_len = 0;
	echoed[0] = 0;
	signals[0] = signals[1] = signals[2] = flushed = stops = starts = 0;
}
static u32 type(const char *s) { return ldisc_receive(&ld, (const u8 *)s, (u32)strlen(s)); }
/* What one read gives, as a string; "" also when nothing is there. */
static const char *take(u32 n)
{
	static char buf[8192];
	bool eol;
	u32 got = ldisc_read(&ld, (u8 *)buf, n, &eol);
	buf[got] = 0;
	return buf;
}
static void flags(u32 clear, u32 set)
{
	struct ktermios t = ld.t;
	t.c_lflag = (t.c_lflag & ~clear) | set;
	ldisc_set_termios(&ld, &t);
}
static void iflags(u32 clear, u32 set)
{
	struct ktermios t = ld.t;
	t.c_iflag = (t.c_iflag & ~clear) | set;
	ldisc_set_termios(&ld, &t);
}

static void lines(void **s)
{
	fresh();
	type("hello");
	assert_false(ldisc_readable(&ld, false));
	type(" world\nnext\r");
	assert_true(ldisc_readable(&ld, false));
	assert_int_equal(ldisc_inq(&ld), 17);
	assert_string_equal(take(5), "hello");
	assert_string_equal(take(100), " world\n");
	assert_string_equal(take(100), "next\n");
	assert_string_equal(echoed, "hello world\r\nnext\r\n");
}

static void end_of_file(void **s)
{
	bool eol;
	u8 b[10];
	fresh();
	type("\x04");
	assert_true(ldisc_readable(&ld, false));
	assert_int_equal(ldisc_read(&ld, b, 10, &eol), 0);
	assert_true(eol);
	type("abc\x04");
	assert_int_equal(ldisc_inq(&ld), 3);
	assert_string_equal(take(10), "abc");
	assert_false(ldisc_readable(&ld, false));
	/* A read of exactly the bytes before it takes the mark too. */
	type("abc\x04");
	assert_string_equal(take(3), "abc");
	assert_false(ldisc_readable(&ld, false));
}

static void editing(void **s)
{
	fresh();
	type("abd\x7f" "c\n");
	assert_string_equal(take(100), "abc\n");
	assert_string_equal(echoed, "abd\b \bc\r\n");
	fresh();
	type("one two  \x17" "x\n");
	assert_string_equal(take(100), "one x\n");
	fresh();
	type("garbage\x15ok\n");
	assert_string_equal(take(100), "ok\n");
	fresh();
	type("a\x01\x7f\n");
	assert_string_equal(take(100), "a\n");
	assert_string_equal(echoed, "a^A\b \b\b \b\r\n");
	fresh();
	type("\x7f\x7f\n"); /* nothing to erase */
	assert_string_equal(take(100), "\n");
	assert_string_equal(echoed, "\r\n");
}

static void erase_tab(void **s)
{
	fresh();
	type("ab\t\x7f" "c\n");
	assert_string_equal(take(100), "abc\n");
	assert_string_equal(echoed, "ab\t\b\b\b\b\b\bc\r\n");
}

static void erase_utf8(void **s)
{
	fresh();
	iflags(0, IUTF8);
	type("a\xc3\xa4\x7f" "b\n");
	assert_string_equal(take(100), "ab\n");
	assert_string_equal(echoed, "a\xc3\xa4\b \bb\r\n");
}

static void literal_and_reprint(void **s)
{
	fresh();
	type("\x16\x03" "\x16\x7f\n");
	assert_string_equal(take(100), "\x03\x7f\n");
	assert_int_equal(signals[LDISC_INT], 0);
	assert_string_equal(echoed, "^\b^C^\b^?\r\n");
	fresh();
	type("ab\x12\n");
	assert_string_equal(take(100), "ab\n");
	assert_string_equal(echoed, "ab^R\r\nab\r\n");
}

static void signal_keys(void **s)
{
	fresh();
	type("junk\x03" "a\x1c" "b\x1a" "c\n");
	assert_int_equal(signals[LDISC_INT], 1);
	assert_int_equal(signals[LDISC_QUIT], 1);
	assert_int_equal(signals[LDISC_SUSP], 1);
	assert_int_equal(flushed, 3);
	assert_string_equal(take(100), "c\n");
	fresh();
	flags(0, NOFLSH);
	type("keep\x03\n");
	assert_int_equal(flushed, 0);
	assert_string_equal(take(100), "keep\n");
	fresh();
	flags(ISIG, 0);
	type("\x03\n");
	assert_string_equal(take(100), "\x03\n");
}

static void flow_control(void **s)
{
	fresh();
	type("\x13");
	assert_true(ld.stopped);
	type("\x11");
	assert_false(ld.stopped);
	assert_int_equal(stops, 1);
	assert_int_equal(starts, 1);
	type("\x13");
	iflags(IXON, 0);
	assert_false(ld.stopped);
	iflags(0, IXON | IXANY);
	type("\x13z");
	assert_false(ld.stopped);
}

static void raw(void **s)
{
	fresh();
	flags(ICANON | ECHO | ISIG, 0);
	type("x");
	assert_true(ldisc_readable(&ld, false));
	struct ktermios t = ld.t;
	t.c_cc[VMIN] = 3;
	ldisc_set_termios(&ld, &t);
	assert_false(ldisc_readable(&ld, true));
	type("\x03\r");
	assert_true(ldisc_readable(&ld, true));
	assert_string_equal(take(100), "x\x03\n");
	assert_string_equal(echoed, "");
}

static void mode_change(void **s)
{
	fresh();
	type("partial");
	flags(ICANON, 0);
	assert_string_equal(take(4), "part");
	flags(0, ICANON); /* what is left becomes a line */
	assert_true(ldisc_readable(&ld, false));
	assert_string_equal(take(100), "ial");
}

static void long_line(void **s)
{
	char big[5001];
	fresh();
	memset(big, 'x', 5000);
	big[5000] = 0;
	assert_int_equal(type(big), 5000); /* swallowed */
	type("\n");
	assert_int_equal(ldisc_inq(&ld), 4096);
	assert_int_equal(strlen(take(8000)), 4096);
	/* Whole lines and raw bytes are not lost: they wait. */
	fresh();
	type("line\n");
	assert_true(type(big) < 5000);
	fresh();
	flags(ICANON | ECHO, 0);
	assert_int_equal(type(big), 4095);
	take(4000);
	assert_int_equal(type(big), 4000);
}

static void wrap_around(void **s)
{
	fresh();
	flags(ECHO, 0);
	for (int i = 0; i < 3000; i++) {
		char line[16];
		for (int k = 0; k < 10; k++)
			line[k] = (char)('a' + (i + k) % 26);
		line[10] = '\n';
		line[11] = 0;
		type(line);
		assert_string_equal(take(100), line);
	}
}

static void output(void **s)
{
	u8 o[LDISC_OPOST_MAX];
	fresh();
	assert_int_equal(ldisc_opost(&ld, '\n', o), 2);
	assert_memory_equal(o, "\r\n", 2);
	ldisc_opost(&ld, 'a', o);
	struct ktermios t = ld.t;
	t.c_oflag |= XTABS | ONOCR | OLCUC;
	ldisc_set_termios(&ld, &t);
	assert_int_equal(ldisc_opost(&ld, '\t', o), 7);
	assert_int_equal(ldisc_opost(&ld, '\r', o), 1);
	assert_int_equal(ldisc_opost(&ld, '\r', o), 0);
	assert_int_equal(ldisc_opost(&ld, 'q', o), 1);
	assert_int_equal(o[0], 'Q');
	t.c_oflag = OPOST | OCRNL;
	ldisc_set_termios(&ld, &t);
	assert_int_equal(ldisc_opost(&ld, '\r', o), 1);
	assert_int_equal(o[0], '\n');
	t.c_oflag = 0;
	ldisc_set_termios(&ld, &t);
	assert_int_equal(ldisc_opost(&ld, '\n', o), 1);
}

static void input_mapping(void **s)
{
	fresh();
	iflags(ICRNL, IGNCR);
	type("a\rb\n");
	assert_string_equal(take(100), "ab\n");
	fresh();
	iflags(ICRNL, INLCR | ISTRIP);
	type("\xe1\n\r");
	flags(ICANON, 0);
	assert_string_equal(take(100), "a\r\r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines), cmocka_unit_test(end_of_file), cmocka_unit_test(editing), cmocka_unit_test(erase_tab), cmocka_unit_test(erase_utf8),
		cmocka_unit_test(literal_and_reprint), cmocka_unit_test(signal_keys), cmocka_unit_test(flow_control), cmocka_unit_test(raw),
		cmocka_unit_test(mode_change), cmocka_unit_test(long_line), cmocka_unit_test(wrap_around), cmocka_unit_test(output),
		cmocka_unit_test(input_mapping),
	};
	return cmocka_run_group_tests_name("ldisc", tests, NULL, NULL);
}
