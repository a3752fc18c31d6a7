/*
 * System calls about scheduling: sched_setscheduler/setparam/getscheduler/getparam, priority limits, RR interval, affinity, yield, nice values
 * (getpriority, setpriority), getcpu. The permission rules are Linux's: one may make oneself less important, and anything with CAP_SYS_NICE.
 */
#include <linux/resource.h>
#include <linux/sched.h>

#include "gen/sys_protos.h"
#include "mm/uaccess.h"
#include "proc/proc.h"
#include "sched/kernel_time.h"

#define RT_PRIO_MAX 99
#define POLICY_KEEP (-1) /* sched_setparam */

static bool rt_policy(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }
static u64 limit_of(const struct task *t, int which) { return READ_ONCE(t->rlim->r[which].cur); }

/* The task that `pid` names (0 = current), with a reference; NULL when there is none. */
static struct task *get_target(s32 pid)
{
	if (pid == 0) {
		task_get(current);
		return current;
	}
	return pid > 0 ? find_get_task(pid) : NULL;
}

/* Is the caller's effective user the target's effective or real one? */
static bool same_owner(struct task *t)
{
	const struct cred *mine = current_cred();
	spin_lock(&t->alloc_lock);
	bool same = t == current || mine->euid == t->cred->euid || mine->euid == t->cred->uid;
	spin_unlock(&t->alloc_lock);
	return same;
}

/* CAP_SYS_NICE over t's user namespace. */
static bool nice_over(struct task *t)
{
	spin_lock(&t->alloc_lock);
	bool may = ns_capable(t->cred->user_ns, CAP_SYS_NICE);
	spin_unlock(&t->alloc_lock);
	return may;
}

/* Does RLIMIT_NICE allow this nice value? */
static bool nice_allowed(const struct task *t, int nice) { return (u64)(20 - nice) <= limit_of(t, RLIMIT_NICE); }

/* --- policy ----------------------------------------------------------------------------------------------------------------------------- */

struct sched_param_user { s32 sched_priority; };

static bool may_set_policy(struct task *t, int policy, int prio, bool reset)
{
	if (rt_policy(policy)) {
		u64 limit = limit_of(t, RLIMIT_RTPRIO);
		if (policy != t->se.policy && !limit)
			return false;
		if (prio > t->se.rt_prio && (u64)prio > limit)
			return false;
	}
	if (t->se.policy == SCHED_IDLE && policy != SCHED_IDLE && !nice_allowed(t, t->se.nice))
		return false;
	if (!same_owner(t))
		return false;
	return reset || !t->se.reset_on_fork;
}

/* nice: NULL = as it is. 0 or -errno. */
static long change_policy(struct task *t, int policy, int prio, bool reset, const s32 *nice)
{
	long ret = 0;
	int to = nice && !rt_policy(policy) ? max(-20, min(19, *nice)) : t->se.nice;
	/* Pando has no SCHED_DEADLINE. */
	if (!rt_policy(policy) && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		ret = -EINVAL;
	else if (prio < 0 || prio > RT_PRIO_MAX || rt_policy(policy) != (prio != 0))
		ret = -EINVAL;
	else if (to < t->se.nice && !nice_allowed(t, to) && !nice_over(t))
		ret = -EPERM;
	else if (!may_set_policy(t, policy, prio, reset) && !capable(CAP_SYS_NICE))
		ret = -EPERM;
	else
		sched_set_policy(task_thread(t), (u8)policy, (u8)prio, (s8)to, reset);
	if (!ret && unlikely(READ_ONCE(t->pi_waiting)))
		futex_pi_reprioritize(t);
	return ret;
}

static long set_scheduler(s32 pid, int policy, uaddr_t uparam)
{
	struct sched_param_user param;
	if (!uparam || pid < 0)
		return -EINVAL;
	if (get_user(param, uparam))
		return -EFAULT;
	struct task *t = get_target(pid);
	if (!t)
		return -ESRCH;
	bool keep = policy == POLICY_KEEP, reset = keep ? t->se.reset_on_fork : policy & SCHED_RESET_ON_FORK;
	long ret = change_policy(t, keep ? t->se.policy : policy & ~SCHED_RESET_ON_FORK, param.sched_priority, reset, NULL);
	task_put(t);
	return ret;
}

long sys_sched_setscheduler(u64 pid, u64 policy, u64 param)
{
	if ((s32)policy < 0)
		return -EINVAL;
	return set_scheduler((s32)pid, (s32)policy, param);
}

long sys_sched_setparam(u64 pid, u64 param) { return set_scheduler((s32)pid, POLICY_KEEP, param); }

long sys_sched_getscheduler(u64 pid)
{
	if ((s32)pid < 0)
		return -EINVAL;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	long ret = t->se.policy | (t->se.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return ret;
}

/* struct sched_attr: the headers' own clashes with the C library's, so the kernel's headers leave it out for some. */
struct attr {
	u32 size, policy;
	u64 flags;
	s32 nice;
	u32 priority;
	u64 runtime, deadline, period;
	u32 util_min, util_max;
};
#define ATTR_SIZE_0 48u
_Static_assert(sizeof(struct attr) == 56, "sched_attr");
#define ATTR_FLAGS 0x7fu
#define ATTR_UTIL 0x60u

/* 0, -EFAULT, -E2BIG (our size is told). */
static long read_attr(uaddr_t uattr, struct attr *a)
{
	u32 size;
	if (get_user(size, uattr))
		return -EFAULT;
	if (!size)
		size = ATTR_SIZE_0;
	long err = size < ATTR_SIZE_0 || size > PAGE_SIZE ? -E2BIG : copy_struct_from_user(a, sizeof(*a), uattr, size);
	if (err == -E2BIG)
		(void)put_user((u32)sizeof(*a), uattr);
	return err;
}

long sys_sched_setattr(u64 pid, u64 uattr, u64 flags)
{
	struct attr a;
	if (!uattr || (s32)pid < 0 || (u32)flags)
		return -EINVAL;
	long err = read_attr(uattr, &a);
	if (err)
		return err;
	if ((s32)a.policy < 0 || (a.flags & ~(u64)ATTR_FLAGS))
		return -EINVAL;
	if (a.flags & ATTR_UTIL)
		return -EOPNOTSUPP;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	u32 policy = a.flags & SCHED_FLAG_KEEP_POLICY ? t->se.policy : a.policy;
	if (a.flags & SCHED_FLAG_KEEP_PARAMS) {
		a.priority = t->se.rt_prio;
		a.nice = t->se.nice;
	}
	err = change_policy(t, (int)policy, (int)min(a.priority, 1000u), a.flags & SCHED_FLAG_RESET_ON_FORK, &a.nice);
	task_put(t);
	return err;
}

long sys_sched_getattr(u64 pid, u64 uattr, u64 usize, u64 flags)
{
	u32 size = (u32)usize;
	if (!uattr || (s32)pid < 0 || size > PAGE_SIZE || size < ATTR_SIZE_0 || (u32)flags)
		return -EINVAL;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	struct attr a = { .policy = t->se.policy, .flags = t->se.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0 };
	if (rt_policy((int)a.policy))
		a.priority = t->se.rt_prio;
	else
		a.nice = t->se.nice;
	task_put(t);
	a.size = min(size, (u32)sizeof(a));
	return copy_to_user(uattr, &a, a.size);
}

long sys_sched_getparam(u64 pid, u64 uparam)
{
	if (!uparam || (s32)pid < 0)
		return -EINVAL;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	struct sched_param_user param = { t->se.rt_prio };
	task_put(t);
	return put_user(param, uparam);
}

long sys_sched_get_priority_max(u64 policy)
{
	switch ((s32)policy) {
	case SCHED_FIFO:
	case SCHED_RR: return RT_PRIO_MAX;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE: return 0;
	default: return -EINVAL;
	}
}

long sys_sched_get_priority_min(u64 policy)
{
	long max = sys_sched_get_priority_max(policy);
	return max > 0 ? 1 : max;
}

long sys_sched_rr_get_interval(u64 pid, u64 uts)
{
	if ((s32)pid < 0)
		return -EINVAL;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	struct __kernel_timespec ts = ns_to_timespec(sched_slice(task_thread(t)));
	task_put(t);
	return put_user(ts, uts);
}

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

/* --- affinity --------------------------------------------------------------------------------------------------------------------------- */

long sys_sched_setaffinity(u64 pid, u64 len, u64 umask)
{
	u64 mask = 0;
	if (copy_from_user(&mask, umask, min((u32)len, (u32)sizeof(mask))))
		return -EFAULT;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	long ret;
	if (t->pf & PF_NO_SETAFFINITY)
		ret = -EINVAL;
	else if (!same_owner(t) && !nice_over(t))
		ret = -EPERM;
	else
		ret = sched_set_affinity(task_thread(t), mask);
	task_put(t);
	return ret;
}

long sys_sched_getaffinity(u64 pid, u64 len, u64 umask)
{
	u64 cpus = sched_cpus();
	if ((u64)(u32)len * 8 < 64 - (u64)__builtin_clzl(cpus) || (len & 7))
		return -EINVAL;
	struct task *t = get_target((s32)pid);
	if (!t)
		return -ESRCH;
	u64 mask = t->se.affinity & cpus;
	task_put(t);
	return put_user(mask, umask) ? -EFAULT : (long)sizeof(mask);
}

long sys_getcpu(u64 ucpu, u64 unode, u64 unused)
{
	u32 cpu = thread_cpu(current_thread()), node = 0;
	(void)unused;
	if (ucpu && put_user(cpu, ucpu))
		return -EFAULT;
	if (unode && put_user(node, unode))
		return -EFAULT;
	return 0;
}

/* --- nice values ------------------------------------------------------------------------------------------------------------------------ */

/* What is done to each thread that (which, who) names. */
struct nice_request {
	int nice;
	long ret; /* get: the highest 20 - nice found, or -ESRCH; set: 0 or an error */
	bool set;
};

static void get_one(struct task *t, struct nice_request *r)
{
	long v = 20 - t->se.nice;
	r->ret = max(r->ret, v);
}

static void set_one(struct task *t, struct nice_request *r)
{
	const struct sched_entity *se = &t->se;
	const struct cred *mine = current_cred();
	spin_lock(&t->alloc_lock);
	bool owner = mine->euid == t->cred->uid || mine->euid == t->cred->euid || ns_capable(t->cred->user_ns, CAP_SYS_NICE);
	spin_unlock(&t->alloc_lock);
	if (!owner) {
		r->ret = -EPERM;
	} else if (r->nice < se->nice && !nice_allowed(t, r->nice) && !capable(CAP_SYS_NICE)) {
		r->ret = -EACCES;
	} else {
		if (r->ret == -ESRCH)
			r->ret = 0;
		sched_set_policy(task_thread(t), se->policy, se->rt_prio, (s8)r->nice, se->reset_on_fork);
	}
}

static void do_one(struct task *t, struct nice_request *r) { r->set ? set_one(t, r) : get_one(t, r); }

/* => tasklist_lock */
static void do_group(struct pid *pgrp, struct nice_request *r)
{
	if (!pgrp)
		return;
	struct list_head *h = &pgrp->tasks[PIDTYPE_PGID];
	for (struct list_head *n = h->next; n != h; n = n->next) {
		struct task *t;
		for_each_thread(list_entry(n, struct task, pid_links[PIDTYPE_PGID]), t)
			do_one(t, r);
	}
}

/* => tasklist_lock */
static void do_user(u32 uid, struct nice_request *r)
{
	struct task *p, *t;
	for_each_process(p) {
		for_each_thread(p, t) {
			spin_lock(&t->alloc_lock);
			bool his = t->cred->uid == uid;
			spin_unlock(&t->alloc_lock);
			if (his && pid_vnr(t->thread_pid))
				do_one(t, r);
		}
	}
}

static long for_each_named(int which, s32 who, struct nice_request *r)
{
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	r->ret = -ESRCH;
	u32 uid = who ? make_uid(current_user_ns(), (u32)who) : current_cred()->uid;
	if (which == PRIO_USER && uid == NO_ID)
		return -ESRCH;
	if (which == PRIO_PROCESS) {
		struct task *t = get_target(who);
		if (t) {
			do_one(t, r);
			task_put(t);
		}
		return r->ret;
	}
	spin_lock(&tasklist_lock);
	if (which == PRIO_PGRP)
		do_group(who ? find_pid(who) : task_pgrp(current), r);
	else
		do_user(uid, r);
	spin_unlock(&tasklist_lock);
	return r->ret;
}

long sys_getpriority(u64 which, u64 who)
{
	struct nice_request r = { 0 };
	return for_each_named((s32)which, (s32)who, &r);
}

long sys_setpriority(u64 which, u64 who, u64 nice)
{
	int n = (s32)nice;
	struct nice_request r = { .nice = n < -20 ? -20 : n > 19 ? 19 : n, .set = true };
	return for_each_named((s32)which, (s32)who, &r);
}
