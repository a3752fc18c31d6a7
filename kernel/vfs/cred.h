/* Who asks: credentials as file access sees them. Reference-counted and constant once installed; changed by copy (proc/cred.c). */
#ifndef PANDO_VFS_CRED_H
#define PANDO_VFS_CRED_H

#include <linux/capability.h>

#include "lib/atomic.h"
#include "lib/types.h"
#include "sched/sched.h"

struct user_account; /* per-uid counters: proc/cred.c */

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
	bool no_new_privs;
	struct group_list *groups; /* NULL = none */
	struct user_account *user;
};
static inline const struct cred *current_cred(void) { return current_thread()->cred; }
/* Does the current thread have this capability? */
static inline bool capable(int cap) { return current_cred()->cap_effective >> cap & 1; }
/* Is gid the fsgid or among the supplementary groups? */
bool cred_in_group(const struct cred *c, u32 gid);
void cred_get(const struct cred *c);
/* Frees with the last reference: defined in proc/cred.c. */
void cred_put(const struct cred *c);

#endif
