/* Who asks: credentials as file access sees them. Reference-counted and constant once installed; changed by copy (proc/cred.c). */
#ifndef PANDO_VFS_CRED_H
#define PANDO_VFS_CRED_H

#include <linux/capability.h>

#include "lib/atomic.h"
#include "lib/types.h"
#include "sched/sched.h"

#define ALL_CAPS ((1UL << (CAP_LAST_CAP + 1)) - 1)

struct user_account; /* counters of one uid in one user namespace: proc/account.c */
struct user_namespace;
extern struct user_namespace init_user_ns;

struct group_list {
	atomic_t refs;
	u32 n;
	u32 gid[]; /* ascending */
};
struct cred {
	atomic_t refs;
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient; /* bit n = capability n */
	u32 securebits;
	struct group_list *groups; /* NULL = none */
	struct user_account *user;      /* of uid in user_ns; holds user_ns */
	struct user_namespace *user_ns; /* what the capabilities are good for, and whatever lies below it */
};
static inline const struct cred *current_cred(void) { return current_thread()->cred; }
/* Has c this capability over ns: in it and in c's own namespace, or as the owner of ns or of one above it? (proc/user_ns.c) */
bool cred_ns_capable(const struct cred *c, const struct user_namespace *ns, int cap);
/* The same for the current thread. */
static inline bool ns_capable(const struct user_namespace *ns, int cap)
{
	const struct cred *c = current_cred();
	return likely(c->user_ns == ns) ? c->cap_effective >> cap & 1 : cred_ns_capable(c, ns, cap);
}
/* Over the whole machine. */
static inline bool capable(int cap)
{
	const struct cred *c = current_cred();
	return (c->cap_effective >> cap & 1) && likely(c->user_ns == &init_user_ns);
}
/* Is gid the fsgid or among the supplementary groups? */
bool cred_in_group(const struct cred *c, u32 gid);
void cred_get(const struct cred *c);
/* Frees with the last reference: defined in proc/cred.c. */
void cred_put(const struct cred *c);

#endif
