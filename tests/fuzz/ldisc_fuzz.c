/* Fuzzes the line discipline: random settings, input, reads and output in any order. */
#include "fuzz.h"

#include "lib/string.h"
#include "tty/ldisc.h"

static struct ldisc *ld;
static u64 echoed;

static void put(struct ldisc *l, const u8 *p, u32 n)
{
	CHECK(l == ld && n);
	for (u32 i = 0; i < n; i++)
		echoed += p[i];
}
static void on_signal(struct ldisc *l, enum ldisc_signal sig, bool flush) { CHECK(l == ld && sig <= LDISC_SUSP), (void)flush; }
static void on_flow(struct ldisc *l, bool stop) { CHECK(l == ld), (void)stop; }
static const struct ldisc_ops ops = { put, on_signal, on_flow };

static void settings(void)
{
	struct ktermios t = ld->t;
	if (one_in(3))
		t = ldisc_default_termios;
	for (unsigned n = below(4); n; n--)
		switch (below(6)) {
		case 0: t.c_lflag ^= 1u << below(17); break;
		case 1: t.c_iflag ^= 1u << below(16); break;
		case 2: t.c_oflag ^= 1u << below(16); break;
		case 3: t.c_cc[below(NCCS)] = (cc_t)rnd(); break;
		case 4: t.c_lflag ^= ICANON; break;
		default: t.c_lflag = (tcflag_t)rnd(), t.c_iflag = (tcflag_t)rnd(), t.c_oflag = (tcflag_t)rnd();
		}
	ldisc_set_termios(ld, &t);
}

static void invariants(void)
{
	CHECK(ld->head - ld->tail <= LDISC_SIZE);
	CHECK(ld->canon_head - ld->tail <= ld->head - ld->tail);
	CHECK(ldisc_inq(ld) <= LDISC_SIZE);
	CHECK(ldisc_room(ld) < LDISC_SIZE);
}

static void fuzz_one(void)
{
	ld = malloc(sizeof(*ld));
	memset(ld, 0xa5, sizeof(*ld));
	ldisc_init(ld, &ops);
	/* far into the life of a terminal, where the counters wrap */
	if (one_in(3)) {
		u32 start = 0u - below(10000);
		ld->head = ld->tail = ld->canon_head = start;
	}
	for (unsigned steps = below(60); steps; steps--) {
		switch (below(6)) {
		case 0:
			settings();
			break;
		case 1: case 2: {
			u32 n = one_in(4) ? below(9000) : below(40);
			u8 *p = malloc(n ? n : 1);
			for (u32 i = 0; i < n; i++)
				p[i] = (u8)(one_in(6) ? ld->t.c_cc[below(NCCS)] : one_in(8) ? rnd() : one_in(10) ? '\n' : 'a' + below(26));
			CHECK(ldisc_receive(ld, p, n) <= n);
			free(p);
			break;
		}
		case 3: case 4: {
			u32 n = one_in(3) ? below(5000) : below(20);
			u8 *p = malloc(n ? n : 1);
			bool eol = false, readable = ldisc_readable(ld, false);
			u32 inq = ldisc_inq(ld), got = ldisc_read(ld, p, n, &eol);
			CHECK(got <= n && (got <= inq || !ldisc_has(ld, ICANON)));
			CHECK(readable || got == 0 || !ldisc_has(ld, ICANON));
			free(p);
			break;
		}
		default: {
			u8 out[LDISC_OPOST_MAX];
			for (unsigned n = below(50); n; n--)
				CHECK(ldisc_opost(ld, one_in(3) ? (u8) "\t\n\r\b"[below(4)] : (u8)rnd(), out) <= LDISC_OPOST_MAX);
			if (one_in(20))
				ldisc_flush_input(ld);
			ldisc_readable(ld, true);
		}
		}
		invariants();
	}
	/* What is readable can be read to its end. */
	for (unsigned n = 0; ldisc_readable(ld, false); n++) {
		u8 b[64];
		bool eol;
		ldisc_read(ld, b, sizeof(b), &eol);
		CHECK(n < 3 * LDISC_SIZE);
	}
	free(ld);
}
