/*
 * Undo lists: what SEM_UNDO operations have to be taken back when their processes are gone. Entry points: sem_undo_get; hook_sem_undo_share and
 * hook_sem_undo_leave for proc. A task gets a list with its first such operation; CLONE_SYSVSEM shares it; the last task that leaves takes back.
 */
#include <linux/sem.h>

#include "ipc/internal.h"

static int list_of_current(struct sem_undo_list **out)
{
	struct sem_undo_list *l = current->sem_undo;
	if (!l) {
		l = kzalloc(sizeof(*l));
		if (!l)
			return -ENOMEM;
		atomic_set(&l->refs, 1);
		list_init(&l->undos);
		current->sem_undo = l;
	}
	*out = l;
	return 0;
}

int hook_sem_undo_share(struct task *child)
{
	struct sem_undo_list *l;
	int err = list_of_current(&l);
	if (err)
		return err;
	atomic_inc(&l->refs);
	child->sem_undo = l;
	return 0;
}

/* => lock. The list's record for s, or NULL. */
static struct sem_undo *find(struct sem_undo_list *l, const struct sem_set *s)
{
	struct sem_undo *u;
	list_for_each (u, &l->undos, of_list)
		if (u->set == s)
			return u;
	return NULL;
}

static void join(struct sem_undo_list *l, struct sem_set *s, struct sem_undo *u)
{
	u->set = s;
	list_add(&u->of_set, &s->undos);
	list_add(&u->of_list, &l->undos);
}

int sem_undo_get(struct ipc_namespace *ns, s32 id, struct sem_undo **out)
{
	struct sem_undo_list *l;
	struct sem_undo *fresh = NULL;
	u32 room = 0;
	int err = list_of_current(&l);
	while (!err) {
		spin_lock(sem_ids(ns)->lock);
		struct sem_set *s = sem_set_of(ipc_find(sem_ids(ns), id));
		*out = s ? find(l, s) : NULL;
		if (s && !*out && fresh && room >= s->nsems) {
			join(l, s, fresh);
			*out = fresh;
			fresh = NULL;
		}
		if (*out)
			break;
		u32 nsems = s ? s->nsems : 0;
		spin_unlock(sem_ids(ns)->lock);
		kfree(fresh);
		room = nsems;
		fresh = s ? kzalloc(sizeof(*fresh) + nsems * sizeof(fresh->adjust[0])) : NULL;
		err = !s ? -EINVAL : !fresh ? -ENOMEM : 0;
	}
	kfree(fresh);
	return err;
}

/* => lock. As far as the value's range allows. */
static void take_back(struct sem_undo *u, struct pid *pid)
{
	for (u32 i = 0; i < u->set->nsems; i++) {
		if (!u->adjust[i])
			continue;
		struct sem *m = sem_at(u->set, i);
		m->value = min(max(m->value + u->adjust[i], 0), SEMVMX);
		ipc_set_pid(&m->pid, pid);
	}
}

void hook_sem_undo_leave(struct task *t)
{
	struct sem_undo_list *l = t->sem_undo;
	t->sem_undo = NULL;
	if (!atomic_dec_and_test(&l->refs))
		return;
	struct ipc_ids *ids = sem_ids(t->nsproxy->ipc);
	spin_lock(ids->lock);
	while (!list_empty(&l->undos)) {
		struct sem_undo *u = list_first(&l->undos, struct sem_undo, of_list);
		struct sem_set *s = u->set;
		list_del(&u->of_list);
		list_del(&u->of_set);
		take_back(u, t->signal->pids[PIDTYPE_TGID]);
		s->otime = ipc_now();
		sem_update(s);
		kfree(u);
	}
	spin_unlock(ids->lock);
	kfree(l);
}
