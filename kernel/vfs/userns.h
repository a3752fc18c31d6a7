/*
 * User namespaces as permission checks see them. Ids inside the kernel ("kernel ids") are those of the initial namespace; a namespace's map says which
 * of them it can name, and how. Ids cross the border in system calls: make_uid on the way in, show_uid on the way out.
 */
#ifndef PANDO_VFS_USERNS_H
#define PANDO_VFS_USERNS_H

#include "vfs/cred.h"
#include "vfs/idmap.h"
#include "vfs/ns.h"

#define NO_ID (~0u)          /* no kernel id: the number is not in the map */
#define OVERFLOW_ID 65534u   /* shown for ids that the reader cannot name */
#define USERNS_LEVEL_MAX 32u /* the initial one is level 0 */

enum userns_rlimit { USERNS_NPROC, USERNS_MSGQUEUE, USERNS_SIGPENDING, USERNS_MEMLOCK, USERNS_RLIMITS };

struct user_namespace {
	struct ns_common common;
	struct user_namespace *parent;    /* constant: same as owner */
	u32 level;                        /* constant */
	u32 owner_uid, owner_gid;         /* constant: kernel ids of the creator's effective ids */
	struct id_map uid_map, gid_map, projid_map; /* set once, under userns_lock; see idmap.h */
	bool setgroups_denied;            /* userns_lock: "deny" was written; for good */
	bool parent_could_setfcap;        /* constant: the creator had CAP_SETFCAP */
	u32 max_namespaces[NS_KINDS];     /* a: /proc/sys/user/max_*_namespaces */
	u64 rlimit_max[USERNS_RLIMITS];   /* constant: what the creator was allowed; all of the namespace's users together may not have more */
};
extern struct user_namespace init_user_ns;

static inline struct user_namespace *current_user_ns(void) { return current_cred()->user_ns; }

/* Kernel ids from ids as ns writes them: NO_ID when they are not mapped. */
static inline u32 make_uid(const struct user_namespace *ns, u32 id) { return likely(ns == &init_user_ns) ? id : idmap_down(&ns->uid_map, id); }
static inline u32 make_gid(const struct user_namespace *ns, u32 id) { return likely(ns == &init_user_ns) ? id : idmap_down(&ns->gid_map, id); }
/* The other way; NO_ID when ns has no name for the id. */
static inline u32 uid_in(const struct user_namespace *ns, u32 kid) { return likely(ns == &init_user_ns) ? kid : idmap_up(&ns->uid_map, kid); }
static inline u32 gid_in(const struct user_namespace *ns, u32 kid) { return likely(ns == &init_user_ns) ? kid : idmap_up(&ns->gid_map, kid); }
/* The same for showing: the overflow id instead of NO_ID. */
static inline u32 show_uid(const struct user_namespace *ns, u32 kid)
{
	u32 id = uid_in(ns, kid);
	return unlikely(id == NO_ID) ? OVERFLOW_ID : id;
}
static inline u32 show_gid(const struct user_namespace *ns, u32 kid)
{
	u32 id = gid_in(ns, kid);
	return unlikely(id == NO_ID) ? OVERFLOW_ID : id;
}
/* As current sees and writes them. */
static inline u32 my_uid(u32 kid) { return show_uid(current_user_ns(), kid); }
static inline u32 my_gid(u32 kid) { return show_gid(current_user_ns(), kid); }

/* Is ns `top` or below it? */
bool userns_within(const struct user_namespace *ns, const struct user_namespace *top);

#endif
