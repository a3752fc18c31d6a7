/*
 * Credentials and user accounts. Entry points: cred_prepare, cred_commit, cred_put, cred_for_exec, user_find_get, user_put.
 * A cred is constant once a task has it: whoever changes credentials makes a private copy, changes that, and commits it. So fork only takes a
 * reference. Others read a task's cred under its alloc_lock. An account counts the tasks and the queued signals of one real uid.
 */
#include "vfs/cred.h"

#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/securebits.h>
#include <linux/stat.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "vfs/vfs.h"

#define USER_BUCKETS 64

/* In interrupt context, too: the last reference to a task may go there. */
static DEFINE_SPINLOCK(users_lock, RANK_INODE_LIST);
static struct list_head users[USER_BUCKETS]; /* users_lock */
static struct kmem_cache *cred_cache;
static atomic_t creds_alive, users_alive;

struct user_account root_user = { .refs = ATOMIC_INIT(1) };
struct cred init_cred = {
	.refs = ATOMIC_INIT(2),
	.cap_permitted = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.cap_effective = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.cap_bset = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.user = &root_user,
};

/* --- accounts --------------------------------------------------------------------------------------------------------------------------- */

/* => users_lock */
static struct user_account *find_user(u32 uid)
{
	struct user_account *u;
	list_for_each(u, &users[uid % USER_BUCKETS], node)
		if (u->uid == uid) {
			atomic_inc(&u->refs);
			return u;
		}
	return NULL;
}

struct user_account *user_find_get(u32 uid)
{
	struct user_account *fresh = uid ? kzalloc(sizeof(*fresh)) : NULL;
	u64 flags = spin_lock_irqsave(&users_lock);
	struct user_account *u = find_user(uid);
	if (!u && fresh) {
		u = fresh;
		fresh = NULL;
		u->uid = uid;
		atomic_set(&u->refs, 1);
		list_add(&u->node, &users[uid % USER_BUCKETS]);
		atomic_inc(&users_alive);
	}
	spin_unlock_irqrestore(&users_lock, flags);
	kfree(fresh);
	return u;
}

void user_put(struct user_account *u)
{
	/* Not the last: no lock. The step to 0 is under the lock, so that find_user never sees a dying account. */
	s32 n = atomic_read(&u->refs);
	while (n > 1) {
		s32 found = cmpxchg(&u->refs.v, n, n - 1);
		if (found == n)
			return;
		n = found;
	}
	u64 flags = spin_lock_irqsave(&users_lock);
	bool last = atomic_dec_and_test(&u->refs);
	if (last)
		list_del(&u->node);
	spin_unlock_irqrestore(&users_lock, flags);
	if (last) {
		atomic_dec(&users_alive);
		kfree(u);
	}
}

/* --- the records ------------------------------------------------------------------------------------------------------------------------ */

void cred_put(const struct cred *cc)
{
	struct cred *c = (struct cred *)cc;
	if (!c || !atomic_dec_and_test(&c->refs))
		return;
	if (c->groups && atomic_dec_and_test(&c->groups->refs))
		kfree(c->groups);
	user_put(c->user);
	atomic_dec(&creds_alive);
	kmem_cache_free(cred_cache, c);
}

int cred_prepare(struct cred **out)
{
	struct cred *c = kmem_cache_alloc(cred_cache);
	if (!c)
		return -ENOMEM;
	memcpy(c, current->cred, sizeof(*c));
	atomic_set(&c->refs, 1);
	if (c->groups)
		atomic_inc(&c->groups->refs);
	atomic_inc(&c->user->refs);
	atomic_inc(&creds_alive);
	*out = c;
	return 0;
}

static bool same_ids(const struct cred *a, const struct cred *b)
{
	return a->euid == b->euid && a->egid == b->egid && a->fsuid == b->fsuid && a->fsgid == b->fsgid;
}

void cred_commit(struct cred *c)
{
	struct task *t = current;
	const struct cred *old = t->cred;
	/* Who changes what it may touch must not be looked into by those who could look into it before. */
	if (!same_ids(old, c) || (c->cap_permitted & ~old->cap_permitted)) {
		if (t->mm)
			t->mm->dumpable = 0;
		t->pdeath_signal = 0;
	}
	if (c->user != old->user) {
		atomic_inc(&c->user->processes);
		atomic_dec(&old->user->processes);
	}
	spin_lock(&t->alloc_lock);
	t->cred = c;
	spin_unlock(&t->alloc_lock);
	cred_put(old);
}

/* --- execve ----------------------------------------------------------------------------------------------------------------------------- */

/* The set-id bits, where they count. True when one changed an id. */
static void apply_set_id(struct cred *c, const struct inode *inode)
{
	if (inode->mode & S_ISUID)
		c->euid = inode->uid;
	if ((inode->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
		c->egid = inode->gid;
}

/* spec/exec.md 7, the root rule. *effective: the new program starts with its capabilities on. */
static void apply_root_rule(struct cred *c, const struct cred *old, bool *effective)
{
	c->cap_permitted = c->cap_ambient;
	*effective = false;
	if (c->securebits & (1u << SECURE_NOROOT))
		return;
	if (c->euid == 0 || c->uid == 0)
		c->cap_permitted = old->cap_bset | old->cap_inheritable;
	if (c->euid == 0)
		*effective = true;
}

int cred_for_exec(struct inode *inode, bool nosuid, bool unsafe, struct cred **out, bool *secure)
{
	const struct cred *old = current->cred;
	struct cred *c;
	bool effective;
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (!nosuid && !old->no_new_privs)
		apply_set_id(c, inode);
	bool ids_change = c->euid != old->uid || c->egid != old->gid;
	if (ids_change)
		c->cap_ambient = 0;
	apply_root_rule(c, old, &effective);
	bool gains = c->cap_permitted & ~old->cap_permitted;
	if ((ids_change || gains) && (unsafe || old->no_new_privs)) {
		if (!capable(CAP_SETUID) || old->no_new_privs) {
			c->euid = c->uid;
			c->egid = c->gid;
		}
		c->cap_permitted &= old->cap_permitted;
	}
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
	c->cap_effective = effective ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~(1u << SECURE_KEEP_CAPS);
	*secure = ids_change || (c->uid != 0 && (effective || (c->cap_permitted & ~c->cap_ambient)));
	*out = c;
	return 0;
}

void cred_counts(u32 *creds, u32 *accounts)
{
	*creds = (u32)atomic_read(&creds_alive);
	*accounts = (u32)atomic_read(&users_alive);
}

void cred_init(void)
{
	for (u32 i = 0; i < USER_BUCKETS; i++)
		list_init(&users[i]);
	list_add(&root_user.node, &users[0]);
	cred_cache = kmem_cache_create("cred", sizeof(struct cred), 0);
}
