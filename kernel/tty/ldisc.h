/*
 * The terminal line discipline (N_TTY): what lies between the bytes of a line and the bytes that read(2) and write(2) see. Pure: no locks, no
 * sleeping, no tasks; the tty that embeds it serialises the calls (tty->lock) and acts on its events. Builds on the host for ldisc_test.c.
 */
#ifndef PANDO_TTY_LDISC_H
#define PANDO_TTY_LDISC_H

#include <asm/termbits.h>

#include "lib/bitmap.h"
#include "lib/types.h"

#define LDISC_SIZE 4096u /* power of two; a canonical line is at most this long, its newline included */

enum ldisc_signal { LDISC_INT, LDISC_QUIT, LDISC_SUSP };

struct ldisc;
/* What the line discipline asks of its tty. Called from inside ldisc_receive and ldisc_set_termios, under the tty's lock. */
struct ldisc_ops {
	/* Output bytes (echo), already processed. What does not fit is dropped. */
	void (*put)(struct ldisc *ld, const u8 *p, u32 n);
	/* A signal key. The tty remembers it and sends it when its lock is dropped. flush: drop queued output too. */
	void (*signal)(struct ldisc *ld, enum ldisc_signal sig, bool flush);
	/* ^S / ^Q. */
	void (*flow)(struct ldisc *ld, bool stop);
};

/* Every field: the tty's lock. head, canon_head and tail only grow; the slot is the value modulo LDISC_SIZE. */
struct ldisc {
	struct ktermios t;
	const struct ldisc_ops *ops; /* constant */
	u32 head;       /* where the next input byte goes */
	u32 canon_head; /* end of the last complete line (ICANON) */
	u32 tail;       /* the next byte to read */
	u32 column;     /* of the output cursor */
	u32 canon_column; /* column where the current input line began */
	bool lnext;     /* the next byte is literal */
	bool erasing;   /* inside \.../ of ECHOPRT */
	bool stopped;   /* by ^S */
	u64 eol[BITMAP_WORDS(LDISC_SIZE)]; /* slots that end a line */
	u8 buf[LDISC_SIZE];
};

/* Empty buffers, the termios that Linux gives a fresh tty (ICRNL IXON, OPOST ONLCR, 38400, ISIG ICANON ECHO...). */
void ldisc_init(struct ldisc *ld, const struct ldisc_ops *ops);
extern const struct ktermios ldisc_default_termios;
/* Installs new settings; a change of ICANON turns the buffer into one complete line or into raw bytes as Linux does. */
void ldisc_set_termios(struct ldisc *ld, const struct ktermios *t);
/* Feeds input bytes; returns how many were taken: fewer than n only when the buffer is full of unread data. */
u32 ldisc_receive(struct ldisc *ld, const u8 *p, u32 n);
/* Is there something for read(2)? for_poll: VMIN counts. */
bool ldisc_readable(const struct ldisc *ld, bool for_poll);
/* Takes up to n bytes: at most one line in canonical mode. *eof: a line ended here (also by VEOF, possibly without any bytes). */
u32 ldisc_read(struct ldisc *ld, u8 *out, u32 n, bool *eol);
/* FIONREAD. */
u32 ldisc_inq(const struct ldisc *ld);
/* Drops all unread input. */
void ldisc_flush_input(struct ldisc *ld);
/* OPOST for one byte: writes at most 8 bytes to out, returns how many; 0 = swallowed. Tracks the column. */
#define LDISC_OPOST_MAX 8
u32 ldisc_opost(struct ldisc *ld, u8 c, u8 out[LDISC_OPOST_MAX]);
static inline bool ldisc_has(const struct ldisc *ld, u32 lflag) { return ld->t.c_lflag & lflag; }

/* --- ldisc_echo.c, for ldisc.c alone ---------------------------------------------------------------------------------------------------- */
void ldisc_echo_raw(struct ldisc *ld, u8 c);  /* c through OPOST */
void ldisc_echo_char(struct ldisc *ld, u8 c); /* control characters as ^X with ECHOCTL */
void ldisc_echo_input(struct ldisc *ld, u8 c);/* an input byte: remembers where its line began */
void ldisc_finish_erasing(struct ldisc *ld);
void ldisc_erase(struct ldisc *ld, u8 c);     /* VERASE, VWERASE, VKILL */
void ldisc_reprint(struct ldisc *ld, u8 c);

#endif
