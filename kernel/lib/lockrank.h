/*
 * The one lock order. A lock may be taken only while every lock already held by the task (or, for spinlocks, the CPU) has a lower rank;
 * equal ranks only through the *_nested calls, whose callers state their order (by address, parent before child ...). Debug builds assert it.
 */
#ifndef PANDO_LIB_LOCKRANK_H
#define PANDO_LIB_LOCKRANK_H

enum lock_rank {
	/* sleeping locks (mutex, rwsem), outermost first */
	RANK_EXEC_GUARD = 1, /* signal->cred_guard: one execve or ptrace attach at a time */
	RANK_FILE_POS, /* file->pos_lock: shared offset; what a read op takes comes after it */
	RANK_EPOLL_TREE, /* epoll instance: its set of watched files */
	RANK_MOUNT_CONFIG, /* a configuration that fsopen made */
	RANK_MOUNT, /* mount table */
	RANK_RENAME, /* cross-directory renames */
	RANK_INODE, /* inode->lock; parent directory before child through mutex_lock_nested */
	RANK_SOCKET, /* unix socket; two sockets by address */
	RANK_TTY, /* tty read/write serialisation */
	RANK_PIPE, /* pipe->lock; two pipes by address */
	RANK_TRACEFS, /* readers of the guest's trace; what they made goes to user memory under it */
	RANK_MMAP, /* mm->mmap_lock: anything above may fault on user memory while held */
	RANK_TRUNCATE, /* address_space truncation against fill */
	RANK_CGROUP, /* the tree of control groups and what is set there */
	RANK_KTHREAD,
	RANK_SLEEP_LAST = 31,
	/* spinlocks */
	RANK_TASKLIST = 32, /* tasklist_lock: parents, children, groups, sessions, zombies */
	RANK_SIGHAND, /* sighand->lock: handlers, pending queues, group exit and stop state */
	RANK_FILES, /* fdtable->lock */
	RANK_TASK, /* task->alloc_lock: pointers to files, fs, mm, nsproxy, comm as seen by others */
	RANK_FS, /* fs_context->lock */
	RANK_IPC, /* a table of System V objects, a POSIX message queue; the queues' namespaces */
	RANK_PID, /* numbers in use, and the inits of pid namespaces */
	RANK_DCACHE, /* dcache_lock: the dentry tree, and the reference counts that reach 0 */
	RANK_INODE_LIST,
	RANK_ACL, /* the access lists of all inodes */
	RANK_TTY_CTRL, /* tty->ctrl: session, foreground group */
	RANK_MAPPING, /* address_space->lock: page tree */
	RANK_PT, /* mm->pt_lock: page tables of one mm */
	RANK_TLB, /* the one TLB shootdown in progress; taken with interrupts on */
	RANK_MM_LIST, /* list of all mms */
	RANK_FUTEX, /* futex bucket; two buckets by address */
	RANK_FUTEX_PI, /* all of futex_pi.c's locks, owners and waiters */
	RANK_DEVICE, /* a driver's queues */
	RANK_LDISC, /* tty buffers */
	RANK_UNIX_TABLE, /* unix sockets: names, clients of datagram sockets, descriptors in flight */
	RANK_UNIX, /* one unix socket's state and queue; two by address, a listener before those it has not accepted */
	RANK_UNIX_ALL, /* list of all unix sockets */
	RANK_WAITQ, /* wait_queue lock */
	RANK_EPOLL_CB, /* epoll ready list when taken inside a wake-up callback */
	RANK_WAITQ_LEAF, /* wait queues that are woken from inside another wait queue's callback (epoll's own) */
	RANK_TIMER, /* per-CPU timer tree */
	RANK_RQ, /* run queue; two by CPU number */
	RANK_SCHED_GROUP, /* what groups of threads have used and may use */
	RANK_MEMCG, /* what memory groups have been charged; pages are freed under many locks */
	RANK_SLAB,
	RANK_BUDDY,
	RANK_CONSOLE,
	RANK_LAST = 95,
};

#endif
