/*
 * The calls that read and change credentials: set*uid, set*gid, groups, capget, capset; and the prctl options of the same family, for
 * misc_calls.c. Each change is: prepare a copy, check, edit, commit.
 */
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/securebits.h>

#include "gen/sys_protos.h"
#include "mm/slab.h"
#include "mm/uaccess.h"
#include "proc/cred_calls.h"
#include "proc/internal.h"
#include "proc/ns.h"


#define ALL_CAPS ((1UL << (CAP_LAST_CAP + 1)) - 1)
#define FS_CAPS                                                                                                        \
	(1UL << CAP_CHOWN | 1UL << CAP_MKNOD | 1UL << CAP_DAC_OVERRIDE | 1UL << CAP_DAC_READ_SEARCH | 1UL << CAP_FOWNER |   \
	 1UL << CAP_FSETID | 1UL << CAP_LINUX_IMMUTABLE | 1UL << CAP_MAC_OVERRIDE)
#define BITS(b) (1u << (b))

/* --- reading ---------------------------------------------------------------------------------------------------------------------------- */

long sys_getuid(void) { return my_uid(current_cred()->uid); }
long sys_geteuid(void) { return my_uid(current_cred()->euid); }
long sys_getgid(void) { return my_gid(current_cred()->gid); }
long sys_getegid(void) { return my_gid(current_cred()->egid); }

static long put_three(u32 a, u32 b, u32 c, uaddr_t ua, uaddr_t ub, uaddr_t uc)
{
	return put_user(a, ua) || put_user(b, ub) || put_user(c, uc) ? -EFAULT : 0;
}
long sys_getresuid(u64 r, u64 e, u64 s)
{
	const struct cred *c = current_cred();
	return put_three(my_uid(c->uid), my_uid(c->euid), my_uid(c->suid), r, e, s);
}
long sys_getresgid(u64 r, u64 e, u64 s)
{
	const struct cred *c = current_cred();
	return put_three(my_gid(c->gid), my_gid(c->egid), my_gid(c->sgid), r, e, s);
}

/* The kernel ids of what a set*id call was given: (u32)-1 stays "no change". False: a number that the namespace has no name for. */
static bool take_ids(u32 *id, u32 n, bool group)
{
	for (u32 i = 0; i < n; i++) {
		if (id[i] == NO_ID)
			continue;
		id[i] = group ? make_gid(current_user_ns(), id[i]) : make_uid(current_user_ns(), id[i]);
		if (id[i] == NO_ID)
			return false;
	}
	return true;
}

/* --- user ids --------------------------------------------------------------------------------------------------------------------------- */

/* The account follows the real uid. Over the limit is no error here; the next execve reports it (EAGAIN). */
static int switch_user(struct cred *c)
{
	struct user_account *u = user_find_get(c->user_ns, c->uid);
	if (!u)
		return -EAGAIN;
	if (u->uid != 0 && account_over(u, USERNS_NPROC, rlimit_cur(RLIMIT_NPROC)))
		current->pf |= PF_NPROC_EXCEEDED;
	else
		current->pf &= ~PF_NPROC_EXCEEDED;
	user_put(c->user);
	c->user = u;
	return 0;
}

/* capabilities(7): what leaving uid 0 takes away. */
static void fix_caps_after_setuid(struct cred *c, const struct cred *old)
{
	if (c->securebits & BITS(SECURE_NO_SETUID_FIXUP))
		return;
	u32 root = make_uid(old->user_ns, 0);
	bool had_root = old->uid == root || old->euid == root || old->suid == root;
	bool has_root = c->uid == root || c->euid == root || c->suid == root;
	if (had_root && !has_root) {
		if (!(c->securebits & BITS(SECURE_KEEP_CAPS)))
			c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (old->euid == root && c->euid != root)
		c->cap_effective = 0;
	if (old->euid != root && c->euid == root)
		c->cap_effective = c->cap_permitted;
}

static void fix_caps_after_setfsuid(struct cred *c, const struct cred *old)
{
	if (c->securebits & BITS(SECURE_NO_SETUID_FIXUP))
		return;
	u32 root = make_uid(old->user_ns, 0);
	if (old->fsuid == root && c->fsuid != root)
		c->cap_effective &= ~FS_CAPS;
	if (old->fsuid != root && c->fsuid == root)
		c->cap_effective |= c->cap_permitted & FS_CAPS;
}

/* Commits an edited copy (err 0) or drops it. */
static long finish(struct cred *c, long err)
{
	if (err)
		cred_put(c);
	else
		cred_commit(c);
	return err;
}

static long finish_uids(struct cred *c)
{
	const struct cred *old = current_cred();
	long err = c->uid != old->uid ? switch_user(c) : 0;
	if (!err)
		fix_caps_after_setuid(c, old);
	return finish(c, err);
}

long sys_setuid(u64 uid64)
{
	u32 uid = make_uid(current_user_ns(), (u32)uid64);
	struct cred *c;
	if (uid == NO_ID)
		return -EINVAL;
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (ns_capable(current_user_ns(), CAP_SETUID))
		c->uid = c->suid = uid;
	else if (uid != c->uid && uid != c->suid)
		return finish(c, -EPERM);
	c->euid = c->fsuid = uid;
	return finish_uids(c);
}

long sys_setreuid(u64 ruid64, u64 euid64)
{
	u32 id[2] = { (u32)ruid64, (u32)euid64 };
	const struct cred *old = current_cred();
	bool may = ns_capable(current_user_ns(), CAP_SETUID);
	struct cred *c;
	if (!take_ids(id, 2, false))
		return -EINVAL;
	u32 ruid = id[0], euid = id[1];
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (ruid != NO_ID && !may && ruid != old->uid && ruid != old->euid)
		return finish(c, -EPERM);
	if (euid != NO_ID && !may && euid != old->uid && euid != old->euid && euid != old->suid)
		return finish(c, -EPERM);
	if (ruid != NO_ID)
		c->uid = ruid;
	if (euid != NO_ID)
		c->euid = euid;
	if (ruid != NO_ID || (euid != NO_ID && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return finish_uids(c);
}

long sys_setresuid(u64 r64, u64 e64, u64 s64v)
{
	u32 id[3] = { (u32)r64, (u32)e64, (u32)s64v };
	const struct cred *old = current_cred();
	bool may = ns_capable(current_user_ns(), CAP_SETUID);
	struct cred *c;
	if (!take_ids(id, 3, false))
		return -EINVAL;
	for (u32 i = 0; i < 3; i++)
		if (id[i] != NO_ID && !may && id[i] != old->uid && id[i] != old->euid && id[i] != old->suid)
			return -EPERM;
	int err = cred_prepare(&c);
	if (err)
		return err;
	c->uid = id[0] != NO_ID ? id[0] : c->uid;
	c->euid = id[1] != NO_ID ? id[1] : c->euid;
	c->suid = id[2] != NO_ID ? id[2] : c->suid;
	c->fsuid = c->euid;
	return finish_uids(c);
}

/* Returns the old id whatever happens. */
long sys_setfsuid(u64 uid64)
{
	u32 uid = make_uid(current_user_ns(), (u32)uid64);
	const struct cred *old = current_cred();
	u32 was = my_uid(old->fsuid);
	struct cred *c;
	if (uid == NO_ID || uid == old->fsuid)
		return was;
	if (uid != old->uid && uid != old->euid && uid != old->suid && !ns_capable(current_user_ns(), CAP_SETUID))
		return was;
	if (cred_prepare(&c))
		return was;
	c->fsuid = uid;
	fix_caps_after_setfsuid(c, old);
	cred_commit(c);
	return was;
}

/* --- group ids -------------------------------------------------------------------------------------------------------------------------- */

long sys_setgid(u64 gid64)
{
	u32 gid = make_gid(current_user_ns(), (u32)gid64);
	struct cred *c;
	if (gid == NO_ID)
		return -EINVAL;
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (ns_capable(current_user_ns(), CAP_SETGID))
		c->gid = c->sgid = gid;
	else if (gid != c->gid && gid != c->sgid)
		return finish(c, -EPERM);
	c->egid = c->fsgid = gid;
	return finish(c, 0);
}

long sys_setregid(u64 rgid64, u64 egid64)
{
	u32 id[2] = { (u32)rgid64, (u32)egid64 };
	const struct cred *old = current_cred();
	bool may = ns_capable(current_user_ns(), CAP_SETGID);
	struct cred *c;
	if (!take_ids(id, 2, true))
		return -EINVAL;
	u32 rgid = id[0], egid = id[1];
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (rgid != NO_ID && !may && rgid != old->gid && rgid != old->egid)
		return finish(c, -EPERM);
	if (egid != NO_ID && !may && egid != old->gid && egid != old->egid && egid != old->sgid)
		return finish(c, -EPERM);
	if (rgid != NO_ID)
		c->gid = rgid;
	if (egid != NO_ID)
		c->egid = egid;
	if (rgid != NO_ID || (egid != NO_ID && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	return finish(c, 0);
}

long sys_setresgid(u64 r64, u64 e64, u64 s64v)
{
	u32 id[3] = { (u32)r64, (u32)e64, (u32)s64v };
	const struct cred *old = current_cred();
	bool may = ns_capable(current_user_ns(), CAP_SETGID);
	struct cred *c;
	if (!take_ids(id, 3, true))
		return -EINVAL;
	for (u32 i = 0; i < 3; i++)
		if (id[i] != NO_ID && !may && id[i] != old->gid && id[i] != old->egid && id[i] != old->sgid)
			return -EPERM;
	int err = cred_prepare(&c);
	if (err)
		return err;
	c->gid = id[0] != NO_ID ? id[0] : c->gid;
	c->egid = id[1] != NO_ID ? id[1] : c->egid;
	c->sgid = id[2] != NO_ID ? id[2] : c->sgid;
	c->fsgid = c->egid;
	return finish(c, 0);
}

long sys_setfsgid(u64 gid64)
{
	u32 gid = make_gid(current_user_ns(), (u32)gid64);
	const struct cred *old = current_cred();
	u32 was = my_gid(old->fsgid);
	struct cred *c;
	if (gid == NO_ID || gid == old->fsgid)
		return was;
	if (gid != old->gid && gid != old->egid && gid != old->sgid && !ns_capable(current_user_ns(), CAP_SETGID))
		return was;
	if (cred_prepare(&c))
		return was;
	c->fsgid = gid;
	cred_commit(c);
	return was;
}

long sys_getgroups(u64 size, u64 ulist)
{
	const struct group_list *g = current_cred()->groups;
	s32 room = (s32)size, n = g ? (s32)g->n : 0;
	if (room < 0 || (room && n > room))
		return -EINVAL;
	for (s32 i = 0; room && i < n; i++)
		if (put_user(my_gid(g->gid[i]), ulist + (u64)i * sizeof(u32)))
			return -EFAULT;
	return n;
}

/* Shell sort: in place and good enough for 65536. */
static void sort_ids(u32 *v, u32 n)
{
	u32 gap = 1;
	while (gap < n / 3)
		gap = gap * 3 + 1;
	for (; gap; gap /= 3)
		for (u32 i = gap; i < n; i++) {
			u32 x = v[i], j = i;
			for (; j >= gap && v[j - gap] > x; j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
}

long sys_setgroups(u64 size, u64 ulist)
{
	struct group_list *g = NULL;
	struct cred *c;
	if (!user_ns_may_setgroups(current_user_ns()) || !ns_capable(current_user_ns(), CAP_SETGID))
		return -EPERM;
	if (size > 65536)
		return -EINVAL;
	if (size) {
		g = kmalloc(sizeof(*g) + size * sizeof(u32));
		if (!g)
			return -ENOMEM;
		atomic_set(&g->refs, 1);
		g->n = (u32)size;
		if (copy_from_user(g->gid, ulist, size * sizeof(u32))) {
			kfree(g);
			return -EFAULT;
		}
		for (u32 i = 0; i < g->n; i++) {
			g->gid[i] = make_gid(current_user_ns(), g->gid[i]);
			if (g->gid[i] == NO_ID) {
				kfree(g);
				return -EINVAL;
			}
		}
		sort_ids(g->gid, g->n);
	}
	int err = cred_prepare(&c);
	if (err) {
		kfree(g);
		return err;
	}
	if (c->groups && atomic_dec_and_test(&c->groups->refs))
		kfree(c->groups);
	c->groups = g;
	cred_commit(c);
	return 0;
}

/* --- capabilities ----------------------------------------------------------------------------------------------------------------------- */

/* Reads the header; *words = 32-bit words per set. An unknown version is answered with ours. */
static int read_cap_header(uaddr_t uhdr, struct __user_cap_header_struct *h, u32 *words)
{
	if (get_user(*h, uhdr))
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*words = 1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*words = 2;
		return 0;
	default:
		return put_user((u32)_LINUX_CAPABILITY_VERSION_3, uhdr) ? -EFAULT : -EINVAL;
	}
}

long sys_capget(u64 uhdr, u64 udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2];
	u32 words;
	int err = read_cap_header(uhdr, &h, &words);
	if (err)
		return err == -EINVAL && !udata ? 0 : err;
	if (h.pid < 0)
		return -EINVAL;
	struct task *t = current;
	if (h.pid && h.pid != pid_own_nr(t->thread_pid)) {
		t = find_get_task(h.pid);
		if (!t)
			return -ESRCH;
	} else {
		task_get(t);
	}
	spin_lock(&t->alloc_lock);
	u64 e = t->cred->cap_effective, p = t->cred->cap_permitted, i = t->cred->cap_inheritable;
	spin_unlock(&t->alloc_lock);
	task_put(t);
	for (u32 w = 0; w < 2; w++)
		d[w] = (struct __user_cap_data_struct){ (u32)(e >> 32 * w), (u32)(p >> 32 * w), (u32)(i >> 32 * w) };
	return copy_to_user(udata, d, words * sizeof(d[0]));
}

long sys_capset(u64 uhdr, u64 udata)
{
	struct __user_cap_header_struct h;
	struct __user_cap_data_struct d[2] = { { 0 } };
	u32 words;
	struct cred *c;
	int err = read_cap_header(uhdr, &h, &words);
	if (err)
		return err;
	if (h.pid && h.pid != pid_own_nr(current->thread_pid))
		return -EPERM;
	if (copy_from_user(d, udata, words * sizeof(d[0])))
		return -EFAULT;
	u64 e = ((u64)d[1].effective << 32 | d[0].effective) & ALL_CAPS;
	u64 p = ((u64)d[1].permitted << 32 | d[0].permitted) & ALL_CAPS;
	u64 i = ((u64)d[1].inheritable << 32 | d[0].inheritable) & ALL_CAPS;
	const struct cred *old = current_cred();
	if (!ns_capable(current_user_ns(), CAP_SETPCAP) && (i & ~(old->cap_inheritable | old->cap_permitted)))
		return -EPERM;
	if ((i & ~(old->cap_inheritable | old->cap_bset)) || (p & ~old->cap_permitted) || (e & ~p))
		return -EPERM;
	err = cred_prepare(&c);
	if (err)
		return err;
	c->cap_effective = e;
	c->cap_permitted = p;
	c->cap_inheritable = i;
	c->cap_ambient &= p & i;
	cred_commit(c);
	return 0;
}

/* --- prctl ------------------------------------------------------------------------------------------------------------------------------ */

static long set_securebits(u64 bits)
{
	const u32 locks = BITS(SECURE_NOROOT_LOCKED) | BITS(SECURE_NO_SETUID_FIXUP_LOCKED) | BITS(SECURE_KEEP_CAPS_LOCKED) |
			  BITS(SECURE_NO_CAP_AMBIENT_RAISE_LOCKED);
	u32 old = current_cred()->securebits;
	struct cred *c;
	/* A locked bit stays, a lock stays, and nothing unknown comes in. */
	if (((old & locks) >> 1 & (old ^ bits)) || (old & locks & ~bits) || (bits & ~(u64)0xff) || !ns_capable(current_user_ns(), CAP_SETPCAP))
		return -EPERM;
	int err = cred_prepare(&c);
	if (err)
		return err;
	c->securebits = (u32)bits;
	cred_commit(c);
	return 0;
}

static long set_keepcaps(u64 on)
{
	struct cred *c;
	if (on > 1)
		return -EINVAL;
	if (current_cred()->securebits & BITS(SECURE_KEEP_CAPS_LOCKED))
		return -EPERM;
	int err = cred_prepare(&c);
	if (err)
		return err;
	c->securebits = (c->securebits & ~BITS(SECURE_KEEP_CAPS)) | (on ? BITS(SECURE_KEEP_CAPS) : 0);
	cred_commit(c);
	return 0;
}

static long drop_bounding(u64 cap)
{
	struct cred *c;
	if (!ns_capable(current_user_ns(), CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	int err = cred_prepare(&c);
	if (err)
		return err;
	c->cap_bset &= ~(1UL << cap);
	cred_commit(c);
	return 0;
}

static long change_ambient(u64 op, u64 cap)
{
	const struct cred *old = current_cred();
	struct cred *c;
	if (op == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST_CAP)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_IS_SET)
		return old->cap_ambient >> cap & 1;
	if (op != PR_CAP_AMBIENT_RAISE && op != PR_CAP_AMBIENT_LOWER && op != PR_CAP_AMBIENT_CLEAR_ALL)
		return -EINVAL;
	if (op == PR_CAP_AMBIENT_RAISE && (!(old->cap_permitted & old->cap_inheritable & 1UL << cap) ||
					   (old->securebits & BITS(SECURE_NO_CAP_AMBIENT_RAISE))))
		return -EPERM;
	int err = cred_prepare(&c);
	if (err)
		return err;
	if (op == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= 1UL << cap;
	else
		c->cap_ambient &= op == PR_CAP_AMBIENT_LOWER ? ~(1UL << cap) : 0;
	cred_commit(c);
	return 0;
}

static long set_no_new_privs(u64 a2, u64 a3, u64 a4, u64 a5)
{
	if (a2 != 1 || a3 || a4 || a5)
		return -EINVAL;
	atomic_or(&current->flags, TIF_NO_NEW_PRIVS);
	return 0;
}

long cred_prctl(int option, u64 a2, u64 a3, u64 a4, u64 a5)
{
	const struct cred *c = current_cred();
	switch (option) {
	case PR_GET_KEEPCAPS:
		return c->securebits >> SECURE_KEEP_CAPS & 1;
	case PR_SET_KEEPCAPS:
		return set_keepcaps(a2);
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a2);
	case PR_CAPBSET_READ:
		return a2 > CAP_LAST_CAP ? -EINVAL : (long)(c->cap_bset >> a2 & 1);
	case PR_CAPBSET_DROP:
		return drop_bounding(a2);
	case PR_CAP_AMBIENT:
		return a4 || a5 ? -EINVAL : change_ambient(a2, a3);
	case PR_SET_NO_NEW_PRIVS:
		return set_no_new_privs(a2, a3, a4, a5);
	case PR_GET_NO_NEW_PRIVS:
		return a2 || a3 || a4 || a5 ? -EINVAL : task_no_new_privs(current);
	default:
		return -EINVAL;
	}
}
