/* Tests of what hears the guest: the log (a panic cut by reads, floods) and the control channel (frames cut anywhere, nonsense). */
#define _GNU_SOURCE
#include "ctl_link.h"
#include "guest_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct guest_log logbook;

static void log_clear(void)
{
	logbook.len = 0;
	logbook.panic = logbook.complete = logbook.echo = false;
}

static void panic_is_found(void **state)
{
	static const char text[] = "[1.0] fine\r\n[1.1] Kernel panic - not syncing: why\r\n[1.2] ---[ end Kernel panic - not syncing: why ]---\r\n";
	size_t step, at;

	(void)state;
	for (step = 1; step < sizeof(text); step++) {
		log_clear();
		for (at = 0; at + 1 < sizeof(text); at += step)
			log_feed(&logbook, text + at, at + step < sizeof(text) ? step : sizeof(text) - 1 - at);
		assert_true(logbook.panic);
		assert_true(logbook.complete);
	}
}

static void floods_are_cut(void **state)
{
	static char flood[400000];
	size_t i;

	(void)state;
	log_clear();
	memset(flood, 'f', sizeof(flood));
	for (i = 1; i < 300000; i = i * 3 + 1) {
		log_feed(&logbook, flood, i);
		assert_true(logbook.len <= sizeof(logbook.text));
	}
	log_feed(&logbook, flood, sizeof(flood));
	assert_false(logbook.panic);
	log_feed(&logbook, "Kernel panic - not syncing", 26);
	assert_true(logbook.panic);
	assert_false(logbook.complete);
}

static void step(struct ctl_link *c)
{
	struct pollfd p;

	ctl_want(c, &p);
	if (poll(&p, 1, 0) > 0)
		ctl_step(c, &p);
}

static void link_open(struct ctl_link *c, int *peer)
{
	int pair[2];

	memset(c, 0, sizeof(*c));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	c->fd = pair[0];
	*peer = pair[1];
}

static void status_in_pieces(void **state)
{
	struct ctl_status st = { CTL_SIGNALED, 9, 1ull << 40, 7 };
	struct ctl_frame head = { CTL_STATUS, sizeof(st) };
	char bytes[sizeof(head) + sizeof(st)];
	struct ctl_link c;
	size_t i;
	int peer;

	(void)state;
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), &st, sizeof(st));
	link_open(&c, &peer);
	for (i = 0; i < sizeof(bytes); i++) {
		assert_false(c.have_status);
		assert_int_equal(write(peer, bytes + i, 1), 1);
		step(&c);
	}
	assert_true(c.have_status);
	assert_memory_equal(&c.status, &st, sizeof(st));
	close(peer);
	step(&c);
	assert_int_equal(c.fd, -1);
	ctl_free(&c);
}

static void nonsense_is_noticed(void **state)
{
	struct ctl_frame head = { 7, 0xffffffffu };
	struct ctl_link c;
	int peer;

	(void)state;
	link_open(&c, &peer);
	assert_int_equal(write(peer, &head, sizeof(head)), sizeof(head));
	step(&c);
	assert_true(c.failure[0]);
	assert_false(c.have_status);
	close(peer);
	ctl_free(&c);
}

/* More than the socket takes at once goes out piece by piece, in order. */
static void frames_go_out(void **state)
{
	static char text[700000], got[700100];
	struct ctl_link c;
	size_t len = 0;
	ssize_t n;
	int peer, i;

	(void)state;
	memset(text, 't', sizeof(text) - 1);
	link_open(&c, &peer);
	assert_int_equal(ctl_put_text(&c, CTL_ARG, text), 0);
	assert_int_equal(ctl_put(&c, CTL_BYE, NULL, 0), 0);
	for (i = 0; i < 10000 && len < sizeof(text) - 1 + 16; i++) {
		step(&c);
		while ((n = read(peer, got + len, sizeof(got) - len)) > 0)
			len += (size_t)n;
	}
	assert_int_equal(len, sizeof(text) - 1 + 16);
	assert_memory_equal(got + 8, text, sizeof(text) - 1);
	close(peer);
	ctl_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(panic_is_found),      cmocka_unit_test(floods_are_cut), cmocka_unit_test(status_in_pieces),
		cmocka_unit_test(nonsense_is_noticed), cmocka_unit_test(frames_go_out),
	};

	return cmocka_run_group_tests_name("host/link", tests, NULL, NULL);
}
