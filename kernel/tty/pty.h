/* The pty pair, private to the tty room. */
#ifndef PANDO_TTY_PTY_H
#define PANDO_TTY_PTY_H

#include "tty/tty.h"

struct pty {
	u32 index;          /* constant */
	struct tty *slave;  /* constant; the master's file holds the reference */
	bool locked;        /* a: TIOCSPTLCK: the slave cannot be opened yet */
	bool packet;        /* a */
	bool master_gone;   /* a */
	bool slave_closed;  /* a: the slave's last file went, and none came since */
	u32 packet_bits;    /* a: TIOCPKT_* to be reported */
	struct wait_queue master_wait;
	struct mutex master_write; /* RANK_TTY */
};
/* Gives index and memory back: the slave's tty is freed. */
void pty_free(struct pty *pty);

#endif
