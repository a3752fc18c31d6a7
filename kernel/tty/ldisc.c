/*
 * N_TTY input: ldisc_receive (line -> buffer, signals, flow control, editing), ldisc_read (buffer -> reader), ldisc_set_termios.
 * Echo and erasing are in ldisc_echo.c. The behaviour is that of Linux's n_tty, seen from outside; termios(3) describes the flags.
 */
#include "tty/ldisc.h"

#include "lib/string.h"

/* A disabled control character; it also marks, in the buffer, an end of line that is not to be read (VEOF). */
#define DISABLED 0

#define CTRL(c) ((c)&0x1f)
const struct ktermios ldisc_default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {
		[VINTR] = CTRL('C'), [VQUIT] = 28, [VERASE] = 127, [VKILL] = CTRL('U'), [VEOF] = CTRL('D'), [VTIME] = 0, [VMIN] = 1, [VSWTC] = 0,
		[VSTART] = CTRL('Q'), [VSTOP] = CTRL('S'), [VSUSP] = CTRL('Z'), [VEOL] = 0, [VREPRINT] = CTRL('R'), [VDISCARD] = CTRL('O'),
		[VWERASE] = CTRL('W'), [VLNEXT] = CTRL('V'), [VEOL2] = 0,
	},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

static u32 slot(u32 i) { return i & (LDISC_SIZE - 1); }
static bool is_cc(const struct ldisc *ld, int which, u8 c) { return c != DISABLED && ld->t.c_cc[which] == c; }
static bool canonical(const struct ldisc *ld) { return ld->t.c_lflag & ICANON; }

void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops)
{
	memset(ld, 0, sizeof(*ld));
	ld->ops = ops;
	ld->t = ldisc_default_termios;
}

void ldisc_flush_input(struct ldisc *ld)
{
	ld->tail = ld->canon_head = ld->head;
	memset(ld->eol, 0, sizeof(ld->eol));
	ld->erasing = ld->lnext = false;
}

void ldisc_set_termios(struct ldisc *ld, const struct ktermios *t)
{
	u32 changed = ld->t.c_lflag ^ t->c_lflag;
	bool ixon_off = (ld->t.c_iflag & IXON) && !(t->c_iflag & IXON);

	ld->t = *t;
	if (changed & ICANON) {
		memset(ld->eol, 0, sizeof(ld->eol));
		ld->canon_head = ld->tail;
		if (canonical(ld) && ld->head != ld->tail) {
			bit_set(ld->eol, slot(ld->head - 1));
			ld->canon_head = ld->head;
		}
		ld->erasing = ld->lnext = false;
	}
	if (ixon_off && ld->stopped) {
		ld->stopped = false;
		ld->ops->flow(ld, false);
	}
}

static void store(struct ldisc *ld, u8 c)
{
	u32 used = ld->head - ld->tail;
	/* A line that grew to the limit: further bytes are lost, but its end still fits. */
	if (used >= LDISC_SIZE - 1)
		ld->head--;
	ld->buf[slot(ld->head)] = c;
	ld->head++;
}

static void end_line(struct ldisc *ld, u8 c)
{
	if (ld->head - ld->tail >= LDISC_SIZE)
		ld->head--;
	ld->buf[slot(ld->head)] = c;
	bit_set(ld->eol, slot(ld->head));
	ld->head++;
	ld->canon_head = ld->head;
}

static void set_flow(struct ldisc *ld, bool stop)
{
	if (ld->stopped == stop)
		return;
	ld->stopped = stop;
	ld->ops->flow(ld, stop);
}

static void signal_key(struct ldisc *ld, enum ldisc_signal sig, u8 c)
{
	bool flush = !ldisc_has(ld, NOFLSH);
	if (flush)
		ldisc_flush_input(ld);
	ld->ops->signal(ld, sig, flush);
	if (ld->t.c_iflag & IXON)
		set_flow(ld, false);
	if (ldisc_has(ld, ECHO))
		ldisc_echo_char(ld, c);
}

/* ^S, ^Q and the signal keys; true when c was one of them. */
static bool receive_control(struct ldisc *ld, u8 c)
{
	if (ld->t.c_iflag & IXON) {
		if (is_cc(ld, VSTART, c)) {
			set_flow(ld, false);
			return true;
		}
		if (is_cc(ld, VSTOP, c)) {
			set_flow(ld, true);
			return true;
		}
	}
	if (ldisc_has(ld, ISIG)) {
		static const u8 keys[] = { [LDISC_INT] = VINTR, [LDISC_QUIT] = VQUIT, [LDISC_SUSP] = VSUSP };
		for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
			if (is_cc(ld, keys[i], c)) {
				signal_key(ld, (enum ldisc_signal)i, c);
				return true;
			}
		}
	}
	return false;
}

/* Editing keys and line ends of canonical mode; true when c was one of them. */
static bool receive_canonical(struct ldisc *ld, u8 c)
{
	bool ext = ldisc_has(ld, IEXTEN);

	if (is_cc(ld, VERASE, c) || is_cc(ld, VKILL, c) || (ext && is_cc(ld, VWERASE, c))) {
		ldisc_erase(ld, c);
	} else if (ext && is_cc(ld, VLNEXT, c)) {
		ld->lnext = true;
		if (ldisc_has(ld, ECHO)) {
			ldisc_finish_erasing(ld);
			if (ldisc_has(ld, ECHOCTL))
				ld->ops->put(ld, (const u8 *)"^\b", 2);
		}
	} else if (ext && ldisc_has(ld, ECHO) && is_cc(ld, VREPRINT, c)) {
		ldisc_reprint(ld, c);
	} else if (c == '\n') {
		if (ldisc_has(ld, ECHO | ECHONL))
			ldisc_echo_raw(ld, '\n');
		end_line(ld, c);
	} else if (is_cc(ld, VEOF, c)) {
		end_line(ld, DISABLED);
	} else if (is_cc(ld, VEOL, c) || (ext && is_cc(ld, VEOL2, c))) {
		if (ldisc_has(ld, ECHO))
			ldisc_echo_input(ld, c);
		end_line(ld, c);
	} else {
		return false;
	}
	return true;
}

static void receive_plain(struct ldisc *ld, u8 c)
{
	if (ldisc_has(ld, ECHO)) {
		ldisc_finish_erasing(ld);
		if (c == '\n')
			ldisc_echo_raw(ld, c);
		else
			ldisc_echo_input(ld, c);
	}
	if ((ld->t.c_iflag & PARMRK) && c == 0xff)
		store(ld, c);
	store(ld, c);
}

static void receive_one(struct ldisc *ld, u8 c)
{
	u32 iflag = ld->t.c_iflag;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if ((iflag & IUCLC) && ldisc_has(ld, IEXTEN) && c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (ld->lnext) {
		ld->lnext = false;
		receive_plain(ld, c);
		return;
	}
	if (receive_control(ld, c))
		return;
	if (ld->stopped && (iflag & IXON) && (iflag & IXANY))
		set_flow(ld, false);
	if (c == '\r') {
		if (iflag & IGNCR)
			return;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && (iflag & INLCR)) {
		c = '\r';
	}
	if (canonical(ld) && receive_canonical(ld, c))
		return;
	receive_plain(ld, c);
}

u32 ldisc_receive(struct ldisc *ld, const u8 *p, u32 n)
{
	u32 i;
	for (i = 0; i < n; i++) {
		bool full = ld->head - ld->tail >= LDISC_SIZE - 1;
		/* An unfinished line takes bytes for ever and loses them; whole lines and raw bytes wait for the reader. */
		if (full && !(canonical(ld) && ld->canon_head == ld->tail)) {
			/* Signal and flow keys must get through even then. */
			if (!receive_control(ld, p[i]))
				break;
			continue;
		}
		receive_one(ld, p[i]);
	}
	return i;
}

bool ldisc_readable(const struct ldisc *ld, bool for_poll)
{
	u32 need = 1;
	if (canonical(ld))
		return ld->canon_head != ld->tail;
	if (for_poll && !ld->t.c_cc[VTIME] && ld->t.c_cc[VMIN])
		need = ld->t.c_cc[VMIN];
	return ld->head - ld->tail >= need;
}

static bool at_hidden_eof(const struct ldisc *ld)
{
	return ld->tail != ld->canon_head && bit_test(ld->eol, slot(ld->tail)) && ld->buf[slot(ld->tail)] == DISABLED;
}

static void take_eol(struct ldisc *ld)
{
	bit_clear(ld->eol, slot(ld->tail));
	ld->tail++;
}

u32 ldisc_read(struct ldisc *ld, u8 *out, u32 n, bool *eol)
{
	u32 done = 0;

	*eol = false;
	if (!canonical(ld)) {
		while (done < n && ld->tail != ld->head)
			out[done++] = ld->buf[slot(ld->tail++)];
		ld->canon_head = ld->tail;
		return done;
	}
	while (ld->tail != ld->canon_head) {
		if (at_hidden_eof(ld)) {
			/* Also right behind a read that took exactly the bytes before it. */
			take_eol(ld);
			*eol = true;
			break;
		}
		if (done == n)
			break;
		out[done++] = ld->buf[slot(ld->tail)];
		if (bit_test(ld->eol, slot(ld->tail))) {
			take_eol(ld);
			*eol = true;
			break;
		}
		ld->tail++;
	}
	return done;
}

u32 ldisc_inq(const struct ldisc *ld)
{
	u32 n = 0;
	if (!canonical(ld))
		return ld->head - ld->tail;
	for (u32 i = ld->tail; i != ld->canon_head; i++)
		n += !(bit_test(ld->eol, slot(i)) && ld->buf[slot(i)] == DISABLED);
	return n;
}
