/* Tables of System V objects: ids, keys, permissions. Entry points: ipc_get, ipc_add, ipc_find, ipc_permission and what is declared beside them. */
#include "ipc/internal.h"
#include "sched/timer.h"

#define FIRST_SLOTS 64u
#define SEQ_MAX (INT32_MAX / IPC_SLOTS_MAX)

void ipc_ids_init(struct ipc_ids *ids, struct spinlock *lock)
{
	*ids = (struct ipc_ids){ .last = -1, .next_id = -1, .lock = lock ? lock : &ids->own };
	spin_init(&ids->own, RANK_IPC);
}

s64 ipc_now(void) { return (s64)(clock_real() / NSEC_PER_SEC); }

void ipc_set_pid(struct pid **field, struct pid *to)
{
	if (*field == to)
		return;
	if (to)
		pid_get(to);
	pid_put(*field);
	*field = to;
}

/* --- slots ------------------------------------------------------------------------------------------------------------------------------ */

static int make_room(struct ipc_ids *ids, u32 slot)
{
	u32 cap = ids->cap ? ids->cap : FIRST_SLOTS;
	while (cap <= slot)
		cap *= 2;
	if (cap == ids->cap)
		return 0;
	struct ipc_head **s = kzalloc(cap * sizeof(*s));
	if (!s)
		return -ENOMEM;
	if (ids->slot)
		memcpy(s, ids->slot, ids->cap * sizeof(*s));
	kfree(ids->slot);
	ids->slot = s;
	ids->cap = cap;
	return 0;
}

static bool slot_free(const struct ipc_ids *ids, u32 i) { return i >= ids->cap || !ids->slot[i]; }

/* Cyclic among the first `most` slots, so that an id is not soon used again. -1: none is free. */
static s32 find_slot(struct ipc_ids *ids)
{
	u32 most = min(max(ids->in_use * 3 / 2, FIRST_SLOTS), IPC_SLOTS_MAX);
	for (u32 n = 0, i = ids->cursor < most ? ids->cursor : 0; n < most; n++, i = i + 1 < most ? i + 1 : 0)
		if (slot_free(ids, i))
			return (s32)i;
	return -1;
}

/* A checkpointed program's id comes back, if its slot is free; else the next slot behind. */
static s32 find_wished(struct ipc_ids *ids, struct ipc_head *h)
{
	u32 i = (u32)ids->next_id % IPC_SLOTS_MAX;
	h->seq = (u16)((u32)ids->next_id / IPC_SLOTS_MAX);
	ids->next_id = -1;
	while (i < IPC_SLOTS_MAX && !slot_free(ids, i))
		i++;
	return i < IPC_SLOTS_MAX ? (s32)i : -1;
}

/* Gives h a slot and an id, current as its owner and creator. 0, -ENOSPC (`limit` reached), -ENOMEM. => lock */
static int ipc_add(struct ipc_ids *ids, struct ipc_head *h, s32 limit)
{
	if (limit < 0 || ids->in_use >= min((u32)limit, IPC_SLOTS_MAX))
		return -ENOSPC;
	bool wished = ids->next_id >= 0;
	s32 slot = wished ? find_wished(ids, h) : find_slot(ids);
	if (slot < 0)
		return -ENOSPC;
	if (make_room(ids, (u32)slot))
		return -ENOMEM;
	if (!wished) {
		if (slot <= ids->last && ++ids->seq >= SEQ_MAX)
			ids->seq = 0;
		ids->last = slot;
		ids->cursor = (u32)slot + 1;
		h->seq = ids->seq;
	}
	const struct cred *c = current_cred();
	h->uid = h->cuid = c->euid;
	h->gid = h->cgid = c->egid;
	h->id = (s32)(h->seq * IPC_SLOTS_MAX) + slot;
	ids->slot[slot] = h;
	ids->in_use++;
	return 0;
}

void ipc_remove(struct ipc_ids *ids, struct ipc_head *h)
{
	ids->slot[(u32)h->id % IPC_SLOTS_MAX] = NULL;
	if (--ids->in_use)
		return;
	kfree(ids->slot);
	ids->slot = NULL;
	ids->cap = 0;
}

static struct ipc_head *in_slot(struct ipc_ids *ids, s32 id)
{
	u32 slot = (u32)id % IPC_SLOTS_MAX;
	return id >= 0 && slot < ids->cap ? ids->slot[slot] : NULL;
}

struct ipc_head *ipc_find(struct ipc_ids *ids, s32 id)
{
	struct ipc_head *h = in_slot(ids, id);
	return h && h->id == id ? h : NULL;
}

static struct ipc_head *find_key(struct ipc_ids *ids, s32 key)
{
	for (u32 i = 0, left = ids->in_use; left && i < ids->cap; i++) {
		struct ipc_head *h = ids->slot[i];
		if (!h)
			continue;
		if (h->key == key)
			return h;
		left--;
	}
	return NULL;
}

int ipc_max_slot(const struct ipc_ids *ids)
{
	for (u32 i = ids->in_use ? ids->cap : 0; i-- > 0;)
		if (ids->slot[i])
			return (int)i;
	return 0;
}

/* --- permissions ------------------------------------------------------------------------------------------------------------------------ */

int ipc_permission(const struct ipc_namespace *ns, const struct ipc_head *h, u32 want)
{
	const struct cred *c = current_cred();
	u32 granted = h->mode;
	want |= want >> 6 | want >> 3;
	if (c->euid == h->cuid || c->euid == h->uid)
		granted >>= 6;
	else if (cred_in_group(c, h->cgid) || cred_in_group(c, h->gid))
		granted >>= 3;
	return (want & ~granted & 7) && !ns_capable(ns->common.owner, CAP_IPC_OWNER) ? -EACCES : 0;
}

static int may_control(const struct ipc_namespace *ns, const struct ipc_head *h)
{
	u32 euid = current_cred()->euid;
	return euid == h->cuid || euid == h->uid || ns_capable(ns->common.owner, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

int ipc_find_to_control(const struct ipc_namespace *ns, struct ipc_ids *ids, s32 id, struct ipc_head **out)
{
	*out = ipc_find(ids, id);
	return *out ? may_control(ns, *out) : -EINVAL;
}

int ipc_find_to_stat(const struct ipc_namespace *ns, struct ipc_ids *ids, s32 id, bool by_slot, bool any, struct ipc_head **out)
{
	*out = by_slot ? in_slot(ids, id) : ipc_find(ids, id);
	if (!*out)
		return -EINVAL;
	return any ? 0 : ipc_permission(ns, *out, 0444);
}

int ipc_set_perm(struct ipc_head *h, const struct ipc64_perm *in)
{
	u32 uid = make_uid(current_user_ns(), in->uid), gid = make_gid(current_user_ns(), in->gid);
	if (uid == NO_ID || gid == NO_ID)
		return -EINVAL;
	h->uid = uid;
	h->gid = gid;
	h->mode = (h->mode & ~0777u) | (in->mode & 0777u);
	return 0;
}

void ipc_fill_perm(const struct ipc_head *h, struct ipc64_perm *out)
{
	out->key = h->key;
	out->uid = my_uid(h->uid);
	out->gid = my_gid(h->gid);
	out->cuid = my_uid(h->cuid);
	out->cgid = my_gid(h->cgid);
	out->mode = h->mode;
	out->seq = h->seq;
}

/* --- semget, msgget, shmget ------------------------------------------------------------------------------------------------------------- */

/* => lock. What there is under the key, as the flags allow. */
static long use_existing(struct ipc_namespace *ns, const struct ipc_head *h, const struct ipc_get *g)
{
	if ((g->flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	int err = g->fits ? g->fits(h, g) : 0;
	if (!err)
		err = ipc_permission(ns, h, g->flags);
	return err ? err : h->id;
}

/* => lock */
static long add_new(struct ipc_namespace *ns, struct ipc_head *h, const struct ipc_get *g)
{
	h->key = g->key;
	h->mode = g->flags & 0777;
	int err = ipc_add(&ns->ids[g->kind], h, g->limit);
	return err ? err : h->id;
}

/* The new object is made before the lock is taken; if somebody else was faster with the key, it goes again. */
long ipc_get(struct ipc_get *g)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct ipc_ids *ids = &ns->ids[g->kind];
	struct ipc_head *h = NULL, *fresh = NULL;
	long ret = 0;
	for (;;) {
		spin_lock(ids->lock);
		h = g->key == IPC_PRIVATE ? NULL : find_key(ids, g->key);
		if (h)
			ret = use_existing(ns, h, g);
		else if (fresh)
			ret = add_new(ns, fresh, g);
		else if (g->key != IPC_PRIVATE && !(g->flags & IPC_CREAT))
			ret = -ENOENT;
		spin_unlock(ids->lock);
		if (h || fresh || ret)
			break;
		ret = g->create(ns, g, &fresh);
		if (ret)
			return ret;
	}
	if (fresh && (h || ret < 0))
		g->discard(ns, fresh);
	return ret;
}
