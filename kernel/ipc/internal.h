/* What the files of the ipc room share. */
#ifndef PANDO_IPC_INTERNAL_H
#define PANDO_IPC_INTERNAL_H

#include <asm/ipcbuf.h>
#include <linux/ipc.h>

#include "ipc/ipc.h"
#include "lib/rbtree.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/ns.h"
#include "proc/proc.h"

/* --- ids.c: every kind alike -------------------------------------------------------------------------------------------------------------- */
/* First in every object. All under the table's lock. */
struct ipc_head {
	s32 id, key;
	u32 uid, gid, cuid, cgid; /* kernel ids */
	u32 mode; /* permissions; above them a kind's own bits */
	u16 seq;
};
/* lock NULL: one of its own. */
void ipc_ids_init(struct ipc_ids *ids, struct spinlock *lock);
/* => lock. Takes h out: nobody finds it any more. */
void ipc_remove(struct ipc_ids *ids, struct ipc_head *h);
/* => lock. By id; NULL when there is none. */
struct ipc_head *ipc_find(struct ipc_ids *ids, s32 id);
/* => lock. The highest slot in use, 0 when none is: what the INFO commands return. */
int ipc_max_slot(const struct ipc_ids *ids);
/* => lock. May current access h as `want` (permission bits anywhere in its three groups) says? 0 or -EACCES */
int ipc_permission(const struct ipc_namespace *ns, const struct ipc_head *h, u32 want);
/* => lock. What the control calls look up: to set or remove it (0, -EINVAL for no such id, -EPERM), or to read it, by id or slot, by `any`body (0, -EINVAL,
 * -EACCES). *out is NULL only with -EINVAL. */
int ipc_find_to_control(const struct ipc_namespace *ns, struct ipc_ids *ids, s32 id, struct ipc_head **out);
int ipc_find_to_stat(const struct ipc_namespace *ns, struct ipc_ids *ids, s32 id, bool by_slot, bool any, struct ipc_head **out);
/* => lock. IPC_SET: owner and mode. 0 or -EINVAL (ids that current cannot name). */
int ipc_set_perm(struct ipc_head *h, const struct ipc64_perm *in);
void ipc_fill_perm(const struct ipc_head *h, struct ipc64_perm *out);
/* The get calls: finds by key or makes one. `create` gives the object, not yet in a table (0 or -errno); `fits` checks a found one; `discard` frees. */
struct ipc_get {
	enum ipc_kind kind;
	s32 key;
	u32 flags;
	u64 size; /* as the call says: semaphores, bytes */
	int (*create)(struct ipc_namespace *ns, struct ipc_get *g, struct ipc_head **out);
	int (*fits)(const struct ipc_head *h, const struct ipc_get *g);
	void (*discard)(struct ipc_namespace *ns, struct ipc_head *h);
	s32 limit;
};
long ipc_get(struct ipc_get *g);
s64 ipc_now(void); /* seconds since 1970 */
/* The process of current, for the "last used by" fields: *field takes a reference, its old pid loses one. */
void ipc_set_pid(struct pid **field, struct pid *to);
static inline struct pid *ipc_current_pid(void) { return current->signal->pids[PIDTYPE_TGID]; }

/* --- what a namespace takes down with it: sem.c msg.c shm.c mqueue_fs.c ---------------------------------------------------------------------- */
void sem_free_ns(struct ipc_namespace *ns);
void msg_free_ns(struct ipc_namespace *ns);
void shm_free_ns(struct ipc_namespace *ns);
int mqueue_init_ns(struct ipc_namespace *ns);
void mqueue_free_ns(struct ipc_namespace *ns);
void mqueue_init(void);
void shm_init(void);
/* => lock. Rows of /proc/sysvipc. */
void sem_fill_row(const struct ipc_head *h, struct ipc_row *r);
void msg_fill_row(const struct ipc_head *h, const struct pid_namespace *pidns, struct ipc_row *r);
void shm_fill_row(struct ipc_head *h, const struct pid_namespace *pidns, struct ipc_row *r);

/* --- semaphores: sem.c sem_op.c sem_undo.c ------------------------------------------------------------------------------------------------------ */
#define SEMS_PER_CHUNK 256u
struct sem {
	s32 value;
	struct pid *pid; /* of the last operation, or NULL */
};
/* All under ids[IPC_SEM].lock. */
struct sem_set {
	struct ipc_head head;
	s64 otime, ctime;
	u32 nsems;
	struct list_head zero, alter; /* struct sem_wait: operations that change nothing, and others, in order of arrival */
	struct list_head undos; /* struct sem_undo */
	struct sem *chunk[];
};
static inline struct sem *sem_at(struct sem_set *s, u32 i) { return &s->chunk[i / SEMS_PER_CHUNK][i % SEMS_PER_CHUNK]; }
/* What one undo list has to take back in one set. Under ids[IPC_SEM].lock. */
struct sem_undo {
	struct list_head of_set, of_list;
	struct sem_set *set;
	s16 adjust[];
};
/* task->sem_undo: shared by CLONE_SYSVSEM. All its users are in one IPC namespace: who leaves it lets go of the list first. */
struct sem_undo_list {
	atomic_t refs;
	struct list_head undos; /* ids[IPC_SEM].lock: struct sem_undo */
};
static inline struct ipc_ids *sem_ids(struct ipc_namespace *ns) { return &ns->ids[IPC_SEM]; }
static inline struct sem_set *sem_set_of(struct ipc_head *h) { return (struct sem_set *)h; }
/* => lock. Values have changed: lets waiting operations through that can go now. */
void sem_update(struct sem_set *s);
/* => lock. Waiters whose operation blocks on semaphore i, waiting for zero or for an increase. */
u32 sem_count_waiters(struct sem_set *s, u32 i, bool zero);
/* => lock. The set is gone: every waiter gets -EIDRM. */
void sem_wake_removed(struct sem_set *s);
/* current's undo record for the set `id`, made if need be. 0, -EINVAL, -ENOMEM. Returns with the lock held on success. */
int sem_undo_get(struct ipc_namespace *ns, s32 id, struct sem_undo **out);

/* --- message bodies: msg_body.c ---------------------------------------------------------------------------------------------------------------- */
struct msg {
	union {
		struct list_head node; /* System V */
		struct rb_node rb; /* POSIX */
	};
	s64 type; /* POSIX: priority */
	size_t size;
	struct msg_part *parts;
	u8 data[];
};
/* A message with `size` bytes from user memory. 0, -EFAULT, -ENOMEM. */
int msg_load(uaddr_t from, size_t size, struct msg **out);
/* Its first n bytes to user memory. 0 or -EFAULT. */
int msg_store(const struct msg *m, uaddr_t to, size_t n);
/* An empty one with room for size bytes, and the copy of another's content into it. */
struct msg *msg_alloc(size_t size);
void msg_copy(struct msg *to, const struct msg *from);
void msg_free(struct msg *m); /* NULL is fine */

/* --- shared memory: shm.c shm_map.c -------------------------------------------------------------------------------------------------------------- */
#define SHM_DEST 01000u /* to be destroyed with the last detach */
#define SHM_LOCKED 02000u
extern struct spinlock shm_lock;
/* Under shm_lock but for what is constant. */
struct shm_segment {
	struct ipc_head head;
	atomic_t refs; /* the table, attachments, calls at work */
	struct ipc_namespace *ns; /* good while it is in the table */
	struct path path; /* constant: the nameless file with the data */
	u64 size; /* constant */
	u64 attached; /* mappings, as Linux counts them: pieces of mprotect count */
	s64 atime, dtime, ctime;
	struct pid *creator, *last; /* counted, or NULL */
	struct task *maker; /* who made it, NULL once that has ended */
	struct list_head made; /* while there is a maker: list of all such */
	struct user_account *locked_by; /* counted: charged for SHM_LOCK, or NULL */
	bool removed; /* no longer in the table */
};
static inline struct ipc_ids *shm_ids(struct ipc_namespace *ns) { return &ns->ids[IPC_SHM]; }
static inline struct shm_segment *shm_of(struct ipc_head *h) { return (struct shm_segment *)h; }
static inline u64 shm_pages_of(const struct shm_segment *s) { return ALIGN_UP(s->size, PAGE_SIZE) >> PAGE_SHIFT; }
/* => shm_lock. Takes s from the table if it is marked (or shm_rmid_forced is set) and nobody has it attached: then the caller drops a reference once the lock is free. */
bool shm_remove_unused(struct shm_segment *s);
void shm_put(struct shm_segment *s);
extern const struct file_ops shm_file_ops; /* shm_map.c */

#endif
