/* Pipes and FIFOs: a ring of pages between writers and readers. vfs/pipe.c */
#ifndef PANDO_VFS_PIPE_H
#define PANDO_VFS_PIPE_H

#include "sched/mutex.h"
#include "vfs/file.h"

#define PIPE_DEFAULT_SLOTS 16u
#define PIPE_MAX_SIZE (1u << 20) /* without CAP_SYS_RESOURCE */

struct pipe_slot {
	struct page *page;
	u32 offset, len;
	bool packet; /* O_DIRECT: one read takes at most this one, and takes it whole */
};
struct pipe {
	struct mutex lock;            /* RANK_PIPE */
	struct wait_queue rd_wait, wr_wait;
	u32 head, tail;               /* lock: free-running; slots used = head - tail */
	u32 slots;                    /* lock: power of two */
	struct pipe_slot *ring;       /* lock */
	u32 readers, writers;         /* lock: open ends */
	u32 r_counter, w_counter;     /* lock: opens so far, for blocking opens of FIFOs */
	u32 files;                    /* pipe_files_lock: open files; the last one frees the pipe */
	bool anonymous;               /* constant: made by pipe(2), whose ends open again without waiting */
	bool poll_used;               /* lock-free, only ever set: somebody polls, so every write tells (edge-triggered epoll counts on it) */
	struct page *spare[2];        /* lock: emptied pages, for the next write */
};

/* Operations of open ends; open does the blocking open of a FIFO. vfs gives them to every S_IFIFO inode. */
extern const struct file_ops fifo_fops;
/* F_SETPIPE_SZ and F_GETPIPE_SZ: the size in bytes, or -EBADF (not a pipe), -EINVAL, -EPERM, -EBUSY, -ENOMEM. */
long pipe_fcntl(struct file *f, u32 cmd, u64 arg);
/* pipe2(2) for the kernel: [0] reads, [1] writes. flags: O_NONBLOCK O_DIRECT. 0, -ENFILE, -ENOMEM. */
int pipe_create(struct file *out[2], u32 flags);

/* Closes the writing end f for its readers and sleeps until they are gone, too (or a signal comes); f is still to be put. */
void pipe_wait_reader(struct file *f);

/* proc: sends a thread-directed signal to the current thread, as a failing write does (SIGPIPE). */
void hook_send_signal_self(int sig);

#endif
