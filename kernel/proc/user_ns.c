/*
 * User namespaces: making them, who is privileged over them, and their id maps. Entry points: user_ns_create, cred_ns_capable, user_ns_write_map,
 * user_ns_write_setgroups. A map is written once, under userns_lock, and read without a lock (vfs/idmap.h).
 */
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/sched.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "proc/ns.h"
#include "vfs/vfs.h"

#define ALL_CAPS ((1UL << (CAP_LAST_CAP + 1)) - 1)
#define NS_LIMIT_NONE 0x7fffffffu

static struct id_range everybody = { 0, 0, ~0u };
struct user_namespace init_user_ns = {
	.common = { .refs = ATOMIC_INIT(2), .kind = NS_USER, .inum = NS_INUM_USER },
	.uid_map = { 1, &everybody },
	.gid_map = { 1, &everybody },
	.projid_map = { 1, &everybody },
	.rlimit_max = { ~0UL, ~0UL, ~0UL, ~0UL },
};
static DEFINE_MUTEX(userns_lock, RANK_INODE);

/* --- privilege -------------------------------------------------------------------------------------------------------------------------- */

bool userns_within(const struct user_namespace *ns, const struct user_namespace *top)
{
	while (ns->level > top->level)
		ns = ns->parent;
	return ns == top;
}

bool cred_ns_capable(const struct cred *c, const struct user_namespace *ns, int cap)
{
	for (;; ns = ns->parent) {
		if (ns == c->user_ns)
			return c->cap_effective >> cap & 1;
		if (ns->level <= c->user_ns->level)
			return false;
		/* Whoever made a namespace rules it from the one above. */
		if (ns->parent == c->user_ns && ns->owner_uid == c->euid)
			return true;
	}
}

/* Gives c all capabilities over ns and makes it a member: for user_ns_create and setns. */
static void cred_enter_ns(struct cred *c, struct user_namespace *ns)
{
	c->securebits = 0;
	c->cap_inheritable = c->cap_ambient = 0;
	c->cap_permitted = c->cap_effective = c->cap_bset = ALL_CAPS;
	c->user_ns = ns;
}

/* --- making ----------------------------------------------------------------------------------------------------------------------------- */

/* What the creator may have of the thing, which all users of the namespace together may not exceed. */
static void inherit_limits(struct user_namespace *ns, const struct user_namespace *parent)
{
	bool root = parent == &init_user_ns && current_cred()->uid == 0;
	for (u32 i = 0; i < NS_KINDS; i++)
		ns->max_namespaces[i] = NS_LIMIT_NONE;
	ns->rlimit_max[USERNS_NPROC] = root ? ~0UL : rlimit_cur(RLIMIT_NPROC);
	ns->rlimit_max[USERNS_MSGQUEUE] = rlimit_cur(RLIMIT_MSGQUEUE);
	ns->rlimit_max[USERNS_SIGPENDING] = rlimit_cur(RLIMIT_SIGPENDING);
	ns->rlimit_max[USERNS_MEMLOCK] = rlimit_cur(RLIMIT_MEMLOCK);
}

static int make_ns(const struct cred *c, struct user_namespace **out)
{
	struct user_namespace *parent = c->user_ns;
	if (parent->level > USERNS_LEVEL_MAX)
		return -ENOSPC;
	struct user_namespace *ns = kzalloc(sizeof(*ns));
	if (!ns)
		return -ENOMEM;
	int err = ns_init(&ns->common, NS_USER, parent);
	if (err) {
		kfree(ns);
		return err;
	}
	/* A root directory of one's own must not be left through privileges in a namespace, and the creator must have a name where it comes from. */
	if (vfs_current_chrooted() || uid_in(parent, c->euid) == NO_ID || gid_in(parent, c->egid) == NO_ID) {
		ns_exit(&ns->common);
		kfree(ns);
		return -EPERM;
	}
	ns->parent = parent;
	ns->level = parent->level + 1;
	ns->owner_uid = c->euid;
	ns->owner_gid = c->egid;
	ns->parent_could_setfcap = c->cap_effective >> CAP_SETFCAP & 1;
	ns->setgroups_denied = parent->setgroups_denied;
	inherit_limits(ns, parent);
	*out = ns;
	return 0;
}

u32 unprivileged_userns_clone = 1;

int user_ns_create(struct cred *c)
{
	struct user_namespace *ns;
	if (!READ_ONCE(unprivileged_userns_clone) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	int err = make_ns(c, &ns);
	if (err)
		return err;
	struct user_account *account = user_find_get(ns, c->uid);
	/* The account holds the namespace for the credentials. */
	ns_put(&ns->common);
	if (!account)
		return -EAGAIN;
	cred_enter_ns(c, ns);
	user_put(c->user);
	c->user = account;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	struct user_namespace *ns = container_of(common, struct user_namespace, common);
	kfree(ns->uid_map.range);
	kfree(ns->gid_map.range);
	kfree(ns->projid_map.range);
	ns_exit(common);
	kfree(ns);
}

/* Nobody gets capabilities back by joining the namespace he is in, and all threads of a process are in one. */
static int install(struct nsset *set, struct ns_common *common)
{
	struct user_namespace *ns = container_of(common, struct user_namespace, common);
	if (ns == current_user_ns() || !thread_group_empty(current) || atomic_read(&current->fs->users) != 1)
		return -EINVAL;
	if (!ns_capable(ns, CAP_SYS_ADMIN))
		return -EPERM;
	struct user_account *account = user_find_get(ns, set->cred->uid);
	if (!account)
		return -EINVAL;
	user_put(set->cred->user);
	set->cred->user = account;
	cred_enter_ns(set->cred, ns);
	return 0;
}

const struct ns_ops user_ns_ops = { "user", CLONE_NEWUSER, NULL, free_ns, install };

/* --- maps ------------------------------------------------------------------------------------------------------------------------------- */

static struct id_map *map_of(struct user_namespace *ns, enum idmap_which which)
{
	return which == IDMAP_UID ? &ns->uid_map : which == IDMAP_GID ? &ns->gid_map : &ns->projid_map;
}

/* File capabilities of the parent's root must not be within reach of who could not set them: for maps that take in its id 0. */
static bool may_map_root(struct user_namespace *ns, const struct cred *opener, const struct id_range *r, int n)
{
	int i = 0;
	while (i < n && r[i].lower)
		i++;
	if (i == n)
		return true;
	return opener->user_ns == ns ? ns->parent_could_setfcap : cred_ns_capable(opener, ns->parent, CAP_SETFCAP);
}

/* user_namespaces(7): one's own id, or anything with CAP_SETUID / CAP_SETGID over the parent, for the writer and for who opened the file. */
static bool may_map(struct user_namespace *ns, enum idmap_which which, const struct cred *opener, const struct id_range *r, int n)
{
	if (which == IDMAP_PROJID)
		return true;
	if (which == IDMAP_UID && !may_map_root(ns, opener, r, n))
		return false;
	if (n == 1 && r->count == 1 && ns->owner_uid == opener->euid) {
		if (which == IDMAP_UID && make_uid(ns->parent, r->lower) == opener->euid)
			return true;
		if (which == IDMAP_GID && ns->setgroups_denied && make_gid(ns->parent, r->lower) == opener->egid)
			return true;
	}
	int cap = which == IDMAP_UID ? CAP_SETUID : CAP_SETGID;
	return ns_capable(ns->parent, cap) && cred_ns_capable(opener, ns->parent, cap);
}

/* => userns_lock. Checks in Linux's order, then sets the map from `scratch`. */
static int write_map(struct user_namespace *ns, enum idmap_which which, const struct cred *opener, char *text, struct id_range *scratch)
{
	struct id_map *map = map_of(ns, which);
	const struct id_map *above = map_of(ns->parent, which);
	if (map->n)
		return -EPERM;
	if (which != IDMAP_PROJID && !cred_ns_capable(opener, ns, CAP_SYS_ADMIN))
		return -EPERM;
	int n = idmap_parse(text, scratch);
	if (n < 0)
		return n;
	if (!may_map(ns, which, opener, scratch, n))
		return -EPERM;
	for (int i = 0; i < n; i++) {
		scratch[i].lower = idmap_down_range(above, scratch[i].lower, scratch[i].count);
		if (scratch[i].lower == NO_ID)
			return -EPERM;
	}
	map->range = kmemdup(scratch, (size_t)n * sizeof(*scratch));
	if (!map->range)
		return -ENOMEM;
	smp_store_release(&map->n, (u32)n);
	return 0;
}

int user_ns_write_map(struct user_namespace *ns, enum idmap_which which, const struct cred *opener, char *text)
{
	if (!ns->parent || (opener->user_ns != ns && opener->user_ns != ns->parent))
		return -EPERM;
	struct id_range *scratch = kmalloc(IDMAP_RANGES_MAX * sizeof(*scratch));
	if (!scratch)
		return -ENOMEM;
	mutex_lock(&userns_lock);
	int err = write_map(ns, which, opener, text, scratch);
	mutex_unlock(&userns_lock);
	kfree(scratch);
	return err;
}

/* --- setgroups -------------------------------------------------------------------------------------------------------------------------- */

bool user_ns_may_setgroups(const struct user_namespace *ns) { return smp_load_acquire(&ns->gid_map.n) && !READ_ONCE(ns->setgroups_denied); }

int user_ns_write_setgroups(struct user_namespace *ns, const char *text)
{
	bool deny = str_starts(text, "deny");
	if (!deny && !str_starts(text, "allow"))
		return -EINVAL;
	for (text += deny ? 4 : 5; *text; text++)
		if (*text != ' ' && (*text < '\t' || *text > '\r'))
			return -EINVAL;
	int err = 0;
	mutex_lock(&userns_lock);
	if (deny ? ns->gid_map.n != 0 : ns->setgroups_denied)
		err = -EPERM;
	else if (deny)
		WRITE_ONCE(ns->setgroups_denied, true);
	mutex_unlock(&userns_lock);
	return err;
}
