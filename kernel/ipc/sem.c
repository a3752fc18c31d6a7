/* System V semaphore sets as objects. Entry points: sys_semget, sys_semctl, sem_free_ns. Operations are in sem_op.c, undo lists in sem_undo.c. */
#include <linux/sem.h>

#include "gen/sys_protos.h"
#include "ipc/internal.h"

/* --- making and freeing ------------------------------------------------------------------------------------------------------------------- */

static void free_set(struct sem_set *s)
{
	u32 chunks = (s->nsems + SEMS_PER_CHUNK - 1) / SEMS_PER_CHUNK;
	for (u32 i = 0; i < s->nsems && s->chunk[i / SEMS_PER_CHUNK]; i++)
		pid_put(sem_at(s, i)->pid);
	for (u32 i = 0; i < chunks; i++)
		kfree(s->chunk[i]);
	kfree(s);
}

static void discard(struct ipc_namespace *ns, struct ipc_head *h)
{
	spin_lock(sem_ids(ns)->lock);
	ns->used_sems -= sem_set_of(h)->nsems;
	spin_unlock(sem_ids(ns)->lock);
	free_set(sem_set_of(h));
}

static int alloc_set(u32 nsems, struct sem_set **out)
{
	u32 chunks = (nsems + SEMS_PER_CHUNK - 1) / SEMS_PER_CHUNK;
	struct sem_set *s = kzalloc(sizeof(*s) + chunks * sizeof(s->chunk[0]));
	if (!s)
		return -ENOMEM;
	s->nsems = nsems;
	list_init(&s->zero);
	list_init(&s->alter);
	list_init(&s->undos);
	s->ctime = ipc_now();
	for (u32 i = 0; i < chunks; i++) {
		s->chunk[i] = kzalloc(min(nsems - i * SEMS_PER_CHUNK, SEMS_PER_CHUNK) * sizeof(struct sem));
		if (!s->chunk[i]) {
			free_set(s);
			return -ENOMEM;
		}
	}
	*out = s;
	return 0;
}

static int create(struct ipc_namespace *ns, struct ipc_get *g, struct ipc_head **out)
{
	struct sem_set *s;
	u32 nsems = (u32)g->size;
	if (!nsems)
		return -EINVAL;
	spin_lock(sem_ids(ns)->lock);
	bool fits = ns->used_sems + nsems <= (u32)ns->limits.sem[1];
	if (fits)
		ns->used_sems += nsems;
	spin_unlock(sem_ids(ns)->lock);
	if (!fits)
		return -ENOSPC;
	int err = alloc_set(nsems, &s);
	if (err) {
		spin_lock(sem_ids(ns)->lock);
		ns->used_sems -= nsems;
		spin_unlock(sem_ids(ns)->lock);
		return err;
	}
	*out = &s->head;
	return 0;
}

static int fits(const struct ipc_head *h, const struct ipc_get *g) { return g->size > ((const struct sem_set *)h)->nsems ? -EINVAL : 0; }

long sys_semget(u64 key, u64 nsems, u64 flags)
{
	struct ipc_namespace *ns = current_ipc_ns();
	struct ipc_get g = { IPC_SEM, (s32)key, (u32)flags, (u32)nsems, create, fits, discard, ns->limits.sem[3] };
	if ((s32)nsems < 0 || (s32)nsems > ns->limits.sem[0])
		return -EINVAL;
	return ipc_get(&g);
}

/* => lock. What is left is freed by the caller. */
static void remove_set(struct ipc_namespace *ns, struct sem_set *s)
{
	while (!list_empty(&s->undos)) {
		struct sem_undo *u = list_first(&s->undos, struct sem_undo, of_set);
		list_del(&u->of_set);
		list_del(&u->of_list);
		kfree(u);
	}
	ipc_remove(sem_ids(ns), &s->head);
	ns->used_sems -= s->nsems;
	sem_wake_removed(s);
}

void sem_free_ns(struct ipc_namespace *ns)
{
	for (u32 i = 0; i < sem_ids(ns)->cap; i++) {
		struct ipc_head *h = sem_ids(ns)->slot[i];
		if (!h)
			continue;
		spin_lock(sem_ids(ns)->lock);
		remove_set(ns, sem_set_of(h));
		spin_unlock(sem_ids(ns)->lock);
		free_set(sem_set_of(h));
	}
}

void sem_fill_row(const struct ipc_head *h, struct ipc_row *r)
{
	const struct sem_set *s = (const struct sem_set *)h;
	r->count = s->nsems;
	r->time1 = s->otime;
	r->ctime = s->ctime;
}

/* --- semctl: information -------------------------------------------------------------------------------------------------------------------- */

static long ctl_info(struct ipc_namespace *ns, bool used, uaddr_t uinfo)
{
	const s32 *l = ns->limits.sem;
	struct seminfo i = { .semmap = SEMMAP,
		.semmni = l[3],
		.semmns = l[1],
		.semmnu = SEMMNU,
		.semmsl = l[0],
		.semopm = l[2],
		.semume = SEMUME,
		.semusz = SEMUSZ,
		.semvmx = SEMVMX,
		.semaem = SEMAEM };
	spin_lock(sem_ids(ns)->lock);
	if (used) {
		i.semusz = (s32)sem_ids(ns)->in_use;
		i.semaem = (s32)ns->used_sems;
	}
	int top = ipc_max_slot(sem_ids(ns));
	spin_unlock(sem_ids(ns)->lock);
	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : top;
}

/* by_slot: the number is a slot, and the id is the result. any: whoever may read /proc/sysvipc/sem. */
static long ctl_stat(struct ipc_namespace *ns, s32 id, bool by_slot, bool any, uaddr_t ubuf)
{
	struct semid64_ds d;
	memset(&d, 0, sizeof(d));
	spin_lock(sem_ids(ns)->lock);
	struct ipc_head *h;
	long ret = ipc_find_to_stat(ns, sem_ids(ns), id, by_slot, any, &h);
	if (!ret) {
		ipc_fill_perm(h, &d.sem_perm);
		d.sem_otime = sem_set_of(h)->otime;
		d.sem_ctime = sem_set_of(h)->ctime;
		d.sem_nsems = sem_set_of(h)->nsems;
		ret = by_slot ? h->id : 0;
	}
	spin_unlock(sem_ids(ns)->lock);
	return ret >= 0 && copy_to_user(ubuf, &d, sizeof(d)) ? -EFAULT : ret;
}

/* --- semctl: values ------------------------------------------------------------------------------------------------------------------------- */

/* => lock. The set, if current may `want` it. 0, -EINVAL, -EACCES */
static int find_set(struct ipc_namespace *ns, s32 id, u32 want, struct sem_set **out)
{
	struct ipc_head *h = ipc_find(sem_ids(ns), id);
	*out = sem_set_of(h);
	return h ? ipc_permission(ns, h, want) : -EINVAL;
}

/* The number of semaphores, for whoever has to make room for their values before it takes the lock. */
static int count_sems(struct ipc_namespace *ns, s32 id, u32 want, u32 *out)
{
	struct sem_set *s;
	spin_lock(sem_ids(ns)->lock);
	int err = find_set(ns, id, want, &s);
	if (!err)
		*out = s->nsems;
	spin_unlock(sem_ids(ns)->lock);
	return err;
}

static long ctl_getall(struct ipc_namespace *ns, s32 id, uaddr_t uvalues)
{
	struct sem_set *s;
	u32 n;
	int err = count_sems(ns, id, 0444, &n);
	if (err)
		return err;
	u16 *v = kmalloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	spin_lock(sem_ids(ns)->lock);
	if (find_set(ns, id, 0444, &s))
		err = -EIDRM;
	for (u32 i = 0; !err && i < n; i++)
		v[i] = (u16)sem_at(s, i)->value;
	spin_unlock(sem_ids(ns)->lock);
	if (!err)
		err = copy_to_user(uvalues, v, n * sizeof(*v));
	kfree(v);
	return err;
}

/* => lock. What processes would have to take back from semaphore i no longer holds. */
static void forget_undo(struct sem_set *s, u32 i)
{
	struct sem_undo *u;
	list_for_each (u, &s->undos, of_set)
		u->adjust[i] = 0;
}

/* => lock */
static void set_value(struct sem_set *s, u32 i, s32 value)
{
	forget_undo(s, i);
	sem_at(s, i)->value = value;
	ipc_set_pid(&sem_at(s, i)->pid, ipc_current_pid());
}

static long ctl_setall(struct ipc_namespace *ns, s32 id, uaddr_t uvalues)
{
	struct sem_set *s;
	u32 n;
	int err = count_sems(ns, id, 0222, &n);
	if (err)
		return err;
	u16 *v = kmalloc(n * sizeof(*v));
	if (!v)
		return -ENOMEM;
	err = copy_from_user(v, uvalues, n * sizeof(*v));
	for (u32 i = 0; !err && i < n; i++)
		err = v[i] > SEMVMX ? -ERANGE : 0;
	if (!err) {
		spin_lock(sem_ids(ns)->lock);
		if (find_set(ns, id, 0222, &s))
			err = -EIDRM;
		for (u32 i = 0; !err && i < n; i++)
			set_value(s, i, v[i]);
		if (!err) {
			s->ctime = ipc_now();
			sem_update(s);
		}
		spin_unlock(sem_ids(ns)->lock);
	}
	kfree(v);
	return err;
}

static long ctl_setval(struct ipc_namespace *ns, s32 id, s32 semnum, s32 value)
{
	if (value < 0 || value > SEMVMX)
		return -ERANGE;
	spin_lock(sem_ids(ns)->lock);
	struct sem_set *s = sem_set_of(ipc_find(sem_ids(ns), id));
	long err = !s || semnum < 0 || (u32)semnum >= s->nsems ? -EINVAL : ipc_permission(ns, &s->head, 0222);
	if (!err) {
		set_value(s, (u32)semnum, value);
		s->ctime = ipc_now();
		sem_update(s);
	}
	spin_unlock(sem_ids(ns)->lock);
	return err;
}

/* GETVAL, GETPID, GETNCNT, GETZCNT */
static long ctl_get(struct ipc_namespace *ns, s32 id, s32 semnum, u32 cmd)
{
	struct sem_set *s;
	spin_lock(sem_ids(ns)->lock);
	long ret = find_set(ns, id, 0444, &s);
	if (!ret && (semnum < 0 || (u32)semnum >= s->nsems))
		ret = -EINVAL;
	if (!ret) {
		const struct sem *m = sem_at(s, (u32)semnum);
		ret = cmd == GETVAL ? m->value : cmd == GETPID ? pid_vnr(m->pid) : (s32)sem_count_waiters(s, (u32)semnum, cmd == GETZCNT);
	}
	spin_unlock(sem_ids(ns)->lock);
	return ret;
}

/* --- semctl: owner and end -------------------------------------------------------------------------------------------------------------------- */

static long ctl_set(struct ipc_namespace *ns, s32 id, uaddr_t ubuf)
{
	struct semid64_ds d;
	if (copy_from_user(&d, ubuf, sizeof(d)))
		return -EFAULT;
	spin_lock(sem_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, sem_ids(ns), id, &h);
	if (!err)
		err = ipc_set_perm(h, &d.sem_perm);
	if (!err)
		sem_set_of(h)->ctime = ipc_now();
	spin_unlock(sem_ids(ns)->lock);
	return err;
}

static long ctl_remove(struct ipc_namespace *ns, s32 id)
{
	spin_lock(sem_ids(ns)->lock);
	struct ipc_head *h;
	long err = ipc_find_to_control(ns, sem_ids(ns), id, &h);
	if (!err)
		remove_set(ns, sem_set_of(h));
	spin_unlock(sem_ids(ns)->lock);
	if (!err)
		free_set(sem_set_of(h));
	return err;
}

long sys_semctl(u64 id64, u64 semnum, u64 cmd, u64 arg)
{
	struct ipc_namespace *ns = current_ipc_ns();
	s32 id = (s32)id64;
	if (id < 0)
		return -EINVAL;
	switch ((s32)cmd) {
	case IPC_INFO:
	case SEM_INFO:
		return ctl_info(ns, (s32)cmd == SEM_INFO, arg);
	case IPC_STAT:
	case SEM_STAT:
	case SEM_STAT_ANY:
		return ctl_stat(ns, id, (s32)cmd != IPC_STAT, (s32)cmd == SEM_STAT_ANY, arg);
	case GETALL:
		return ctl_getall(ns, id, arg);
	case GETVAL:
	case GETPID:
	case GETNCNT:
	case GETZCNT:
		return ctl_get(ns, id, (s32)semnum, (u32)cmd);
	case SETALL:
		return ctl_setall(ns, id, arg);
	case SETVAL:
		return ctl_setval(ns, id, (s32)semnum, (s32)arg);
	case IPC_SET:
		return ctl_set(ns, id, arg);
	case IPC_RMID:
		return ctl_remove(ns, id);
	default:
		return -EINVAL;
	}
}
