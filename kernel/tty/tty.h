/*
 * Terminals. struct tty is one terminal line: its line discipline, its output ring, the session that owns it. The serial port, a virtio console
 * port and the slave side of a pseudo-terminal are ttys; the master side of a pseudo-terminal (pty.c) is a file that works on its slave's tty.
 *
 * Nothing here runs in interrupt context but tty_rx_irq(): drivers hand input bytes to it, and the kernel thread "ttyd" feeds them to the line
 * discipline, because a signal key takes tasklist_lock.
 */
#ifndef PANDO_TTY_TTY_H
#define PANDO_TTY_TTY_H

#include <asm/termios.h>

#include "proc/proc.h"
#include "sched/mutex.h"
#include "sched/wait.h"
#include "tty/ldisc.h"
#include "vfs/file.h"
#include "vfs/poll.h"

struct tty;
struct pty;
struct tty_ops {
	/* Bytes are in the output ring, or output was restarted: move them on (tty_out_take). => no spinlocks held. May run concurrently. */
	void (*start)(struct tty *tty);
};

#define TTY_OUT_SIZE 8192u    /* output ring; power of two */
#define TTY_FLIP_SIZE 32768u  /* input that the line discipline has no room for; power of two */
#define TTY_RX_SIZE 2048u     /* bytes between the interrupt handler and ttyd; power of two */

struct tty {
	atomic_t refs;
	char name[16];              /* constant: "ttyS0", "pts/3" */
	u64 rdev;                   /* constant */
	const struct tty_ops *ops;  /* constant */
	void *driver;               /* constant: the driver's */
	struct pty *pty;            /* constant: owned; not NULL for the slave side of a pty */
	struct ktermios initial;    /* constant */

	struct spinlock lock;       /* RANK_LDISC; never taken by interrupt handlers */
	struct ldisc ld;            /* lock */
	struct termios locked;      /* lock: bits and characters that keep their value (TIOCSLCKTRMIOS) */
	u8 *out;                    /* constant: ring of TTY_OUT_SIZE bytes */
	u32 out_head, out_tail;     /* lock; grow only */
	u32 out_reserved;           /* lock: room that a writer has been promised */
	u8 *flip;                   /* lock: ring of TTY_FLIP_SIZE bytes, made when first needed */
	u32 flip_head, flip_tail;   /* lock */
	u32 signals;                /* lock: bit per enum ldisc_signal, to be sent when the lock is dropped */
	struct winsize ws;          /* lock */
	u32 opens;                  /* lock: open files */
	bool exclusive;             /* lock: TIOCEXCL */
	bool out_held;              /* lock: TCOOFF */
	u32 hangups;                /* lock to write: a file with an older count is dead */

	struct spinlock ctrl;       /* RANK_TTY_CTRL */
	struct pid *session, *pgrp; /* ctrl: references */

	struct mutex read_lock, write_lock; /* RANK_TTY: one reader, one writer at a time */
	struct wait_queue read_wait, write_wait;

	u8 *rx;                     /* constant: ring filled by interrupts, or NULL */
	u32 rx_head, rx_tail;       /* a: one producer, one consumer */
	bool tx_ready;              /* a: tty_tx_irq was called */
};

/* An open file of a tty: file->private. */
struct tty_file {
	struct tty *tty;
	u32 hangups;    /* tty->hangups when it was opened */
	bool console;   /* opened as /dev/console: no job control on input, never a controlling terminal by open, outlives hangups */
};

/* The tty was hung up since tf was opened. A hangup passes /dev/console by: process 1 goes on talking there when a session on it has ended. */
static inline bool tty_file_dead(const struct tty_file *tf) { return !tf->console && tf->hangups != READ_ONCE(tf->tty->hangups); }

/* A terminal with one reference; rx: it has an interrupt-driven receiver. 0 or -ENOMEM. */
int tty_create(const char *name, u64 rdev, const struct tty_ops *ops, bool rx, struct tty **out);
/* Names a tty that is not in use yet. */
void tty_name(struct tty *tty, const char *name, u64 rdev);
static inline void tty_get(struct tty *tty) { atomic_inc(&tty->refs); }
/* Any context without locks above RANK_SLAB. */
void tty_put(struct tty *tty);
/* Opens tty as f (takes a reference). ctty: may become the controlling terminal. 0, -ENOMEM, -EBUSY (TIOCEXCL). */
int tty_open_file(struct tty *tty, struct file *f, bool console);
extern const struct file_ops tty_file_ops;

/* Input bytes in interrupt context, interrupts off, one caller at a time: queued for ttyd; what does not fit is lost. */
void tty_rx_irq(struct tty *tty, const u8 *p, u32 n);
/* The driver has room for output again; interrupt context. ttyd goes on with it. */
void tty_tx_irq(struct tty *tty);
/* Input bytes in thread context: through the line discipline; sends signals, echoes, wakes readers. Returns how many were taken. */
u32 tty_feed(struct tty *tty, const u8 *p, u32 n);
/* How many bytes tty_feed takes for certain. */
u32 tty_feed_room(struct tty *tty);
/* Takes up to n output bytes from the ring (0 while output is stopped, unless force) / puts as many as fit. Wakes writers. */
u32 tty_out_take(struct tty *tty, u8 *p, u32 n, bool force);
u32 tty_out_pending(struct tty *tty);
/* Wakes those who wait for input or for room. */
void tty_wake_readers(struct tty *tty);
/* After a change of flow state or ring: start output again. */
void tty_restart(struct tty *tty);
/* TCFLSH. */
void tty_flush_input(struct tty *tty);
void tty_flush_output(struct tty *tty);
/* Pushes waiting input into the line discipline after a read. */
void tty_unthrottle(struct tty *tty);

/* --- job control: tty_job.c ------------------------------------------------------------------------------------------------------------- */
/* May the caller, if tty is its controlling terminal and it is in the background, go on? sig: SIGTTIN or SIGTTOU. 0, -EIO, -ERESTARTSYS. */
int tty_check_background(struct tty *tty, int sig);
/* open(2) by a session leader without a terminal takes it. */
void tty_take_on_open(struct tty *tty, struct file *f);
/* TIOCSCTTY, TIOCNOTTY, TIOCSPGRP, TIOCGPGRP, TIOCGSID; master: asked through the master side. */
long tty_set_controlling(struct tty *tty, struct file *f, bool steal);
long tty_give_up(struct tty *tty);
long tty_set_pgrp(struct tty *tty, uaddr_t arg);
long tty_get_pgrp(struct tty *tty, uaddr_t arg, bool master);
long tty_get_sid(struct tty *tty, uaddr_t arg, bool master);
/* A signal to the foreground group. */
void tty_signal_foreground(struct tty *tty, int sig);
/* Makes every open file of tty dead, except those of /dev/console; SIGHUP and SIGCONT to the session leader; the session loses the terminal. session_exit: its leader is exiting. */
void tty_hangup(struct tty *tty, bool session_exit);
/* The caller's controlling terminal with a reference, or NULL. */
struct tty *tty_current(void);

/* --- ioctl: tty_ioctl.c ----------------------------------------------------------------------------------------------------------------- */
/* The calls that a tty and its master have in common; -ENOIOCTLCMD_TTY when it is none of them. f: the file asked; master: it is the master side. */
#define ENOIOCTLCMD_TTY 515
long tty_ioctl_common(struct tty *tty, struct file *f, u32 cmd, uaddr_t arg, bool master);
long tty_ioctl(struct file *f, u32 cmd, u64 arg);

/* --- pty.c ------------------------------------------------------------------------------------------------------------------------------ */
void pty_init(void);
/* Packet mode: something happened at the slave (TIOCPKT_*). */
void pty_packet_event(struct pty *pty, u8 bits);
/* The slave's last file was closed / a slave was opened / there is output. */
void pty_slave_closed(struct pty *pty);
void pty_slave_opened(struct pty *pty);
bool pty_master_gone(struct pty *pty);

/* --- console.c -------------------------------------------------------------------------------------------------------------------------- */
/* The room's init: terminals, device numbers, nodes, ttyd; registers devpts and sysfs. Process 1's context (kernel_init), kthreadd runs, devtmpfs exists. */
void tty_init(void);
/* One console= parameter; the last one is /dev/console. Before tty_init. */
void console_param(const char *value);
/* A virtio console port that is a console: gives /dev/hvc0. 0, -EBUSY (there is one), -ENOMEM. start as in tty_ops. */
int tty_register_hvc(const struct tty_ops *ops, void *driver, struct tty **out);
/* A terminal that the user sees grew or shrank: sets it, SIGWINCH. */
void tty_resize(struct tty *tty, const struct winsize *ws);

#endif
