/*
 * Mounts and mount namespaces, for the files mount*.c of this room and for proc's table of namespaces.
 *
 * A mount namespace is a tree of mounts. Beside the tree, mounts are bound to each other for propagation: `peers` pass every mount and unmount on to
 * each other, a slave takes them over from its master's group and gives nothing back. A mount can be both slave and peer.
 * mount_lock guards all of it; hash, parent and mountpoint are also written under dcache_lock, so that path walks read them with that alone.
 */
#ifndef PANDO_VFS_MOUNT_H
#define PANDO_VFS_MOUNT_H

#include "vfs/file.h"
#include "vfs/ns.h"
#include "vfs/vfs.h"

#define MOUNTS_MAX 100000u /* in one namespace: fs.mount-max */

struct mnt_namespace {
	struct ns_common common;
	struct mount *root;      /* constant once made */
	struct list_head mounts; /* mount_lock: mount->list, in order of mounting */
	u32 nr;                  /* mount_lock */
	u64 id;                  /* constant: grows; a file of a namespace may be mounted in older ones only */
	struct list_head all;    /* mount_lock: all of them, by id */
};
static inline struct mnt_namespace *current_mnt_ns(void) { return current_nsproxy()->mnt; }
extern struct mnt_namespace init_mnt_ns;

/* --- mount_lock ------------------------------------------------------------------------------------------------------------------------- */
void mounts_lock(void);
/* Also puts what fell due meanwhile. */
void mounts_unlock(void);

/* --- mount.c: the tree ------------------------------------------------------------------------------------------------------------------ */
struct mount *mount_find(const struct mount *m, const struct dentry *d);
static inline void mount_get(struct mount *m) { atomic_inc(&m->refs); }
void mount_put(struct mount *m);
int mount_create(struct super *sb, struct dentry *root, const char *source, u32 flags, struct mount **out);
static inline bool mount_has_parent(const struct mount *m) { return m->parent != m; }
static inline bool path_is_mount_root(const struct path *p) { return p->mnt->root == p->dentry; }
/* The next mount of the tree below `top`, parents first; NULL at the end. => mount_lock */
struct mount *mount_next(struct mount *m, struct mount *top);
/* The same behind everything that is mounted on m. */
struct mount *mount_next_outside(struct mount *m, struct mount *top);
/* Gives m a place without showing it: it holds parent and d from here on. => mount_lock */
void mount_place(struct mount *m, struct mount *parent, struct dentry *d);
/* Shows a placed mount to path walks. => mount_lock, dcache_lock */
void mount_hash_in(struct mount *m);
/* Takes m from its place, which is left in *old for the caller to put. => mount_lock */
void mount_unplace(struct mount *m, struct path *old);
/* Makes m and everything below it members of ns. => mount_lock */
void mounts_join(struct mnt_namespace *ns, struct mount *top);
/* Puts the tree `m` on `where` (on what is mounted there last) and passes it on to the peers and slaves of the mount there. moving: it was somewhere
 * else before. 0, -ENOENT, -ENOTDIR, -ENOMEM, -ENOSPC: then m is as before. => mount_lock */
int mount_graft(struct mount *m, const struct path *where, bool moving);
/* Takes the tree m off, and with `propagate` what its peers' and slaves' parents have in the same place. lazy: locked mounts stay on their parent, unseen.
 * The mounts go to `victims`, for mount_put_list after mounts_unlock. => mount_lock */
void mount_take_off(struct mount *m, bool propagate, bool lazy, struct list_head *victims);
void mount_put_list(struct list_head *victims);
/* Drops a tree that was never shown. => mount_lock; to be put after it */
void mount_discard(struct mount *top, struct list_head *victims);
/* Is path p at or below root? => mount_lock or dcache_lock */
bool path_is_reachable(const struct mount *m, const struct dentry *d, const struct path *root);
/* Is something mounted on d in current's namespace? / Takes off, lazily, all mounts on d in all namespaces: the directory is gone. */
bool dentry_is_local_mountpoint(struct dentry *d);
void dentry_detach_mounts(struct dentry *d);

/* --- mount_copy.c ----------------------------------------------------------------------------------------------------------------------- */
#define COPY_SLAVE 1u           /* the copy is a slave of the original */
#define COPY_PRIVATE 2u         /* no bond at all */
#define COPY_SHARED 4u          /* the copy is a peer of its own group, or of the original's if that is shared */
#define COPY_SHARED_TO_SLAVE 8u /* copies of shared mounts are slaves */
#define COPY_UNBINDABLE 16u     /* unbindable mounts are copied as well */
#define COPY_NS_FILES 32u       /* mounts of mount namespace files are copied as well */
/* One mount, showing `root` of old's file system. 0 or -ENOMEM. => mount_lock */
int mount_clone(struct mount *old, struct dentry *root, u32 how, struct mount **out);
/* old from `root` on with what is mounted there. 0, -EINVAL (unbindable), -EPERM, -ENOMEM. => mount_lock */
int mount_copy_tree(struct mount *old, struct dentry *root, u32 how, struct mount **out);
/* Is d the file of a mount namespace? */
bool is_mnt_ns_file(const struct dentry *d);
/* What less privileged users may not undo: flags, and uncovering what is below. => mount_lock */
void mounts_lock_down(struct mount *top);

/* --- mount_share.c: propagation ----------------------------------------------------------------------------------------------------------- */
/* A group for m, and (all) for everything below, where there is none. => mount_lock */
void mount_make_shared(struct mount *m, bool all);
/* MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE. => mount_lock */
void mount_change_type(struct mount *m, u32 type);
/* The next mount that takes over what happens in `origin`, after m (begin with origin itself); NULL at the end. => mount_lock */
struct mount *propagation_next(struct mount *m, struct mount *origin);
static inline struct mount *mount_next_peer(struct mount *m) { return list_next(m, peers); }
/* Copies of the tree `source` for every peer and slave of dest, placed on d but not shown, into `copies` through ->list. 0, -ENOMEM ... then none is
 * left. => mount_lock */
int propagate_mount(struct mount *dest, struct dentry *d, struct mount *source, struct list_head *copies);

/* --- mount_ns.c --------------------------------------------------------------------------------------------------------------------------- */
int mnt_ns_create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out);
void mnt_ns_free(struct ns_common *ns);
/* The next namespace by id (or the previous one) over which current has CAP_SYS_ADMIN, with a reference; NULL: there is none. */
struct mnt_namespace *mnt_ns_neighbour(struct mnt_namespace *ns, bool previous);
/* The directory that somebody who joins ns gets as root and cwd. */
void mnt_ns_root(struct mnt_namespace *ns, struct path *out);
/* CAP_SYS_ADMIN over current's mount namespace. */
bool may_mount(void);
/* Would a new mount of sb show more than is in sight now, to a user namespace that may mount it? */
bool mount_too_revealing(const struct super *sb, u32 *flags, u32 *locked);

/* --- defined by proc ---------------------------------------------------------------------------------------------------------------------- */
/* pivot_root: every task whose root or cwd is `from` gets `to` instead. */
void hook_move_places(const struct path *from, const struct path *to);

#endif
