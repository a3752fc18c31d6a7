/*
 * Credentials. Entry points: cred_prepare, cred_commit, cred_put. Accounts: account.c; execve's: exec_cred.c.
 * A cred is constant once a task has it: whoever changes credentials makes a private copy, changes that, and commits it. So fork only takes a
 * reference. Others read a task's cred under its alloc_lock.
 */
#include "vfs/cred.h"


#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec.h"
#include "proc/internal.h"
#include "vfs/vfs.h"

static struct kmem_cache *cred_cache;
static atomic_t creds_alive;

struct cred init_cred = {
	.refs = ATOMIC_INIT(2),
	.cap_permitted = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.cap_effective = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.cap_bset = (1UL << (CAP_LAST_CAP + 1)) - 1,
	.user = &root_user,
	.user_ns = &init_user_ns,
};

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

/* More capabilities, or another namespace than one that old's user made. */
static bool gains_power(const struct cred *old, const struct cred *new)
{
	if (old->user_ns == new->user_ns)
		return new->cap_permitted & ~old->cap_permitted;
	for (const struct user_namespace *ns = new->user_ns; ns->parent; ns = ns->parent)
		if (ns->parent == old->user_ns && ns->owner_uid == old->euid)
			return false;
	return true;
}

void cred_commit(struct cred *c)
{
	struct task *t = current;
	const struct cred *old = t->cred;
	/* Who changes what it may touch must not be looked into by those who could look into it before. */
	if (!same_ids(old, c) || gains_power(old, c)) {
		if (t->mm)
			t->mm->dumpable = suid_dumpable;
		t->pdeath_signal = 0;
	}
	if (c->user != old->user) {
		account_charge(c->user, USERNS_NPROC, 1, ~0UL);
		account_uncharge(old->user, USERNS_NPROC, 1);
	}
	spin_lock(&t->alloc_lock);
	t->cred = c;
	spin_unlock(&t->alloc_lock);
	cred_put(old);
}

void cred_counts(u32 *creds, u32 *accounts)
{
	*creds = (u32)atomic_read(&creds_alive);
	*accounts = account_count();
}

void cred_init(void)
{
	account_init();
	cred_cache = kmem_cache_create("cred", sizeof(struct cred), 0);
}
