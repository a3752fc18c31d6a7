/* N_TTY output processing and echo: ldisc_opost, the echo of input bytes, and what erasing shows on the screen. Pure. */
#include "tty/ldisc.h"

static u32 slot(u32 i) { return i & (LDISC_SIZE - 1); }
static bool is_control(u8 c) { return c < 32 || c == 127; }
/* Continuation bytes of UTF-8 take no column and are erased with the byte before them. */
static bool is_continuation(const struct ldisc *ld, u8 c) { return (ld->t.c_iflag & IUTF8) && (c & 0xc0) == 0x80; }
static bool is_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == 0xaa || c == 0xb5 || c == 0xba ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static u32 opost_newline(struct ldisc *ld, u8 *out)
{
	u32 oflag = ld->t.c_oflag;
	if (oflag & ONLRET)
		ld->column = 0;
	if (oflag & ONLCR) {
		ld->column = ld->canon_column = 0;
		out[0] = '\r';
		out[1] = '\n';
		return 2;
	}
	ld->canon_column = ld->column;
	out[0] = '\n';
	return 1;
}

static u32 opost_return(struct ldisc *ld, u8 *out)
{
	u32 oflag = ld->t.c_oflag;
	if ((oflag & ONOCR) && ld->column == 0)
		return 0;
	out[0] = (oflag & OCRNL) ? '\n' : '\r';
	if (!(oflag & OCRNL) || (oflag & ONLRET))
		ld->column = ld->canon_column = 0;
	return 1;
}

static u32 opost_tab(struct ldisc *ld, u8 *out)
{
	u32 spaces = 8 - (ld->column & 7);
	ld->column += spaces;
	if ((ld->t.c_oflag & TABDLY) != XTABS) {
		out[0] = '\t';
		return 1;
	}
	for (u32 i = 0; i < spaces; i++)
		out[i] = ' ';
	return spaces;
}

u32 ldisc_opost(struct ldisc *ld, u8 c, u8 out[LDISC_OPOST_MAX])
{
	u32 oflag = ld->t.c_oflag;

	if (oflag & OPOST) {
		switch (c) {
		case '\n':
			return opost_newline(ld, out);
		case '\r':
			return opost_return(ld, out);
		case '\t':
			return opost_tab(ld, out);
		case '\b':
			if (ld->column)
				ld->column--;
			break;
		default:
			if (is_control(c))
				break;
			if ((oflag & OLCUC) && c >= 'a' && c <= 'z')
				c -= 'a' - 'A';
			if (!is_continuation(ld, c))
				ld->column++;
		}
	}
	out[0] = c;
	return 1;
}

void ldisc_echo_raw(struct ldisc *ld, u8 c)
{
	u8 out[LDISC_OPOST_MAX];
	u32 n = ldisc_opost(ld, c, out);
	if (n)
		ld->ops->put(ld, out, n);
}

void ldisc_echo_char(struct ldisc *ld, u8 c)
{
	if (!ldisc_has(ld, ECHOCTL) || !is_control(c) || c == '\t') {
		ldisc_echo_raw(ld, c);
		return;
	}
	u8 out[2] = { '^', c ^ 0100 };
	ld->column += 2;
	ld->ops->put(ld, out, 2);
}

void ldisc_echo_input(struct ldisc *ld, u8 c)
{
	if (ld->canon_head == ld->head)
		ld->canon_column = ld->column;
	ldisc_echo_char(ld, c);
}

void ldisc_finish_erasing(struct ldisc *ld)
{
	if (!ld->erasing)
		return;
	ldisc_echo_raw(ld, '/');
	ld->erasing = false;
}

static void rub_out(struct ldisc *ld)
{
	ldisc_echo_raw(ld, '\b');
	ldisc_echo_raw(ld, ' ');
	ldisc_echo_raw(ld, '\b');
}

/* Moves the cursor back over a tab: its width follows from what stands before it on the line. */
static void rub_out_tab(struct ldisc *ld)
{
	u32 width = 0;
	bool after_tab = false;

	for (u32 i = ld->head; i != ld->canon_head;) {
		u8 c = ld->buf[slot(--i)];
		if (c == '\t') {
			after_tab = true;
			break;
		}
		if (is_control(c))
			width += ldisc_has(ld, ECHOCTL) ? 2 : 0;
		else if (!is_continuation(ld, c))
			width++;
	}
	if (!after_tab)
		width += ld->canon_column;
	for (u32 n = 8 - (width & 7); n; n--) {
		ld->ops->put(ld, (const u8 *)"\b", 1);
		if (ld->column)
			ld->column--;
	}
}

/* Shows that the character at ld->head (cnt bytes, first byte c) has been taken away. */
static void show_erased(struct ldisc *ld, u8 c, u32 cnt, bool one_char)
{
	if (ldisc_has(ld, ECHOPRT)) {
		if (!ld->erasing) {
			ldisc_echo_raw(ld, '\\');
			ld->erasing = true;
		}
		ldisc_echo_char(ld, c);
		for (u32 i = 1; i < cnt; i++)
			ldisc_echo_raw(ld, ld->buf[slot(ld->head + i)]);
	} else if (one_char && !ldisc_has(ld, ECHOE)) {
		ldisc_echo_char(ld, ld->t.c_cc[VERASE]);
	} else if (c == '\t') {
		rub_out_tab(ld);
	} else {
		if (is_control(c) && ldisc_has(ld, ECHOCTL))
			rub_out(ld);
		if (!is_control(c) || ldisc_has(ld, ECHOCTL))
			rub_out(ld);
	}
}

/* VKILL where the terminal cannot rub out. True when done. */
static bool kill_plain(struct ldisc *ld, u8 c)
{
	if (ldisc_has(ld, ECHO) && ldisc_has(ld, ECHOK) && ldisc_has(ld, ECHOKE) && ldisc_has(ld, ECHOE))
		return false;
	ld->head = ld->canon_head;
	if (ldisc_has(ld, ECHO)) {
		ldisc_finish_erasing(ld);
		ldisc_echo_char(ld, c);
		if (ldisc_has(ld, ECHOK))
			ldisc_echo_raw(ld, '\n');
	}
	return true;
}

void ldisc_erase(struct ldisc *ld, u8 key)
{
	bool one = key == ld->t.c_cc[VERASE];
	bool word = !one && key == ld->t.c_cc[VWERASE] && ldisc_has(ld, IEXTEN);
	bool seen_word = false;

	if (ld->head == ld->canon_head || (!one && !word && kill_plain(ld, key)))
		return;
	while (ld->head != ld->canon_head) {
		u32 h = ld->head;
		u8 c;
		do
			c = ld->buf[slot(--h)];
		while (is_continuation(ld, c) && h != ld->canon_head);
		if (is_continuation(ld, c))
			break; /* a broken sequence: never erase half of it */
		if (word) {
			if (is_word(c))
				seen_word = true;
			else if (seen_word)
				break;
		}
		u32 cnt = ld->head - h;
		ld->head = h;
		if (ldisc_has(ld, ECHO))
			show_erased(ld, c, cnt, one);
		if (one)
			break;
	}
	if (ld->head == ld->canon_head && ldisc_has(ld, ECHO))
		ldisc_finish_erasing(ld);
}

void ldisc_reprint(struct ldisc *ld, u8 key)
{
	ldisc_finish_erasing(ld);
	ldisc_echo_char(ld, key);
	ldisc_echo_raw(ld, '\n');
	for (u32 i = ld->canon_head; i != ld->head; i++)
		ldisc_echo_char(ld, ld->buf[slot(i)]);
}
