/*
 * IPC namespaces: System V semaphores, message queues and shared memory, and POSIX message queues. One namespace holds a table of each System V kind
 * (struct ipc_ids) and a mount of the mqueue file system. This header is what procfs needs; the rest is in ipc/internal.h.
 *
 * Locks: each table has one spinlock (RANK_IPC) for the table, its objects and their waiters; those of shared memory have one together, because attached
 * segments may outlive their namespace. Each POSIX queue has its own. Nobody sleeps with them held.
 */
#ifndef PANDO_IPC_IPC_H
#define PANDO_IPC_IPC_H

#include "sched/spinlock.h"
#include "vfs/ns.h"

#define IPC_SLOTS_MAX 32768u /* objects of a kind in a namespace: an id is a sequence number times this, plus a slot */

struct ipc_head;
struct ipc_ids {
	struct spinlock *lock; /* constant: RANK_IPC; `own`, or the one of all shared memory */
	struct spinlock own;
	struct ipc_head **slot; /* lock: cap of them */
	u32 cap, in_use; /* lock */
	u32 cursor; /* lock: where the search for a free slot begins */
	s32 last; /* lock: the slot taken last, -1 = none yet */
	u16 seq; /* lock */
	s32 next_id; /* lock: wish for the next object's id, -1 = none */
};

enum ipc_kind { IPC_SEM, IPC_MSG, IPC_SHM, IPC_KINDS };

/* What may be set under /proc/sys: single words, read and written whole. */
struct ipc_limits {
	s32 sem[4]; /* semmsl semmns semopm semmni */
	u64 shm_max, shm_all;
	s32 shm_mni; /* bytes, pages, segments */
	s32 shm_rmid_forced; /* what nobody has attached goes: with the last detach, and with the end of its maker */
	s32 msg_max, msg_mnb, msg_mni; /* bytes of a message, of a queue; queues */
	s32 queues_max, mq_msg_max, mq_msgsize_max, mq_msg_default, mq_msgsize_default;
};
struct ipc_namespace {
	struct ns_common common;
	struct ipc_ids ids[IPC_KINDS];
	struct ipc_limits limits;
	u32 used_sems; /* ids[IPC_SEM].lock */
	u64 msg_bytes, msg_count; /* ids[IPC_MSG].lock: in all queues */
	u64 shm_pages; /* ids[IPC_SHM].lock: sizes of all segments */
	struct mount *mq_mount; /* constant: its POSIX queues */
	u32 mq_count; /* mq_lock (mqueue_fs.c) */
};
extern struct ipc_namespace init_ipc_ns;
/* shm_rmid_forced has been set: segments that nobody has attached, and whose makers have ended, go. */
void shm_remove_orphans(struct ipc_namespace *ns);
static inline struct ipc_namespace *current_ipc_ns(void) { return current_nsproxy()->ipc; }

/* --- what /proc/sysvipc shows ------------------------------------------------------------------------------------------------------------ */
struct pid_namespace;
struct ipc_row {
	s32 key, id;
	u32 mode, uid, gid, cuid, cgid; /* as the reader names them */
	u64 bytes, count; /* msg: bytes and messages; sem: count = semaphores; shm: bytes = size, count = attachments */
	s32 pid1, pid2; /* msg: last sender, last receiver; shm: creator, last user */
	s64 time1, time2, ctime; /* msg: sent, received; sem: time1 = operated; shm: attached, detached */
	u64 rss; /* shm: bytes */
};
/* The object in the first used slot >= *slot; *slot becomes that behind it. Process ids as pidns counts. False: there is none. */
bool ipc_row(struct ipc_namespace *ns, enum ipc_kind kind, u32 *slot, const struct pid_namespace *pidns, struct ipc_row *out);
struct file;
/* Is f the file behind a mapping of a System V segment? */
bool shm_is_file(const struct file *f);
/* May current change the namespace's settings under /proc/sys? 0 or -EACCES. */
int ipc_may_set(const struct ipc_namespace *ns);
/* Boot: the first namespace's tables and file systems. */
void ipc_init(void);

#endif
