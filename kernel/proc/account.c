/*
 * Accounts: what one user of one user namespace has of each limited thing. Entry points: user_find_get, user_put, account_*.
 * A charge is made at every level: to the account itself, then to the account of whoever created its namespace, and so on up, so that a user cannot
 * get more by making namespaces. Each namespace also keeps what its creator was allowed when it made it.
 */
#include "mm/slab.h"
#include "proc/internal.h"

#define USER_BUCKETS 64

/* In interrupt context, too: the last reference to a task may go there. */
static DEFINE_SPINLOCK(users_lock, RANK_INODE_LIST);
static struct list_head users[USER_BUCKETS]; /* users_lock */
static atomic_t users_alive;

struct user_account root_user = { .refs = ATOMIC_INIT(1), .ns = &init_user_ns };

/* => users_lock */
static struct user_account *find_user(const struct user_namespace *ns, u32 uid)
{
	struct user_account *u;
	list_for_each(u, &users[uid % USER_BUCKETS], node)
		if (u->uid == uid && u->ns == ns) {
			atomic_inc(&u->refs);
			return u;
		}
	return NULL;
}

struct user_account *user_find_get(struct user_namespace *ns, u32 uid)
{
	struct user_account *fresh = uid || ns != &init_user_ns ? kzalloc(sizeof(*fresh)) : NULL;
	u64 flags = spin_lock_irqsave(&users_lock);
	struct user_account *u = find_user(ns, uid);
	if (!u && fresh) {
		u = fresh;
		fresh = NULL;
		u->uid = uid;
		u->ns = ns;
		ns_get(&ns->common);
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
		ns_put(&u->ns->common);
		kfree(u);
	}
}

/* --- amounts ---------------------------------------------------------------------------------------------------------------------------- */

bool account_charge(struct user_account *u, enum userns_rlimit what, s64 n, u64 limit)
{
	bool ok = true;
	for (; u; u = u->ns->common.account) {
		s64 now = atomic64_add_return(&u->used[what], n);
		if (now < 0 || (u64)now > limit)
			ok = false;
		limit = u->ns->rlimit_max[what];
	}
	return ok;
}

void account_uncharge(struct user_account *u, enum userns_rlimit what, s64 n)
{
	for (; u; u = u->ns->common.account)
		atomic64_add(&u->used[what], -n);
}

bool account_over(const struct user_account *u, enum userns_rlimit what, u64 limit)
{
	for (; u; u = u->ns->common.account) {
		s64 now = atomic64_read(&u->used[what]);
		if (now < 0 || (u64)now > limit)
			return true;
		limit = u->ns->rlimit_max[what];
	}
	return false;
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------------------- */

void account_remove_ns(struct user_account *u, enum ns_kind kind)
{
	for (; u; u = u->ns->common.account)
		atomic_dec(&u->namespaces[kind]);
}

int account_add_ns(struct user_account *account, enum ns_kind kind)
{
	for (struct user_account *u = account; u; u = u->ns->common.account) {
		u32 most = READ_ONCE(u->ns->max_namespaces[kind]);
		if ((u32)atomic_add_return(&u->namespaces[kind], 1) <= most)
			continue;
		/* Undo this level and those below. */
		struct user_account *above = u->ns->common.account;
		for (u = account; u != above; u = u->ns->common.account)
			atomic_dec(&u->namespaces[kind]);
		return -ENOSPC;
	}
	return 0;
}

u32 account_count(void) { return (u32)atomic_read(&users_alive); }

void account_init(void)
{
	for (u32 i = 0; i < USER_BUCKETS; i++)
		list_init(&users[i]);
	list_add(&root_user.node, &users[0]);
}
