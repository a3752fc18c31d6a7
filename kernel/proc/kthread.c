/*
 * Kernel threads. Entry points: kthreadd() (process 2), kthread_create/run/stop/park/unpark(), and for the threads themselves
 * kthread_should_stop(), kthread_should_park(), kthread_parkme(); kthread_free() for task.c, kthread_check() for debug builds.
 *
 * kthreadd makes all of them, so that none inherits anything from whoever happened to ask. A new one reports itself and sleeps before it calls
 * its function; waking it starts it.
 */
#include <linux/sched.h>

#include "lib/bug.h"
#include "lib/format.h"
#include "mm/slab.h"
#include "proc/proc.h"

#define KT_SHOULD_STOP BIT(0)
#define KT_SHOULD_PARK BIT(1)

/* Lives as long as the task's record. */
struct kthread {
	u32 flags;                /* a  KT_* */
	int result;               /* the thread's, before `exited` */
	struct completion parked; /* once for each time it goes to sleep parked */
	struct completion exited;
};

struct request {
	struct list_head node; /* request_lock */
	int (*fn)(void *);
	void *data;
	char name[16];
	struct task *task;      /* before `done`: the new thread */
	int error;              /* before `done` */
	struct completion done;
};
static DEFINE_SPINLOCK(request_lock, RANK_DEVICE);
static LIST_HEAD(requests); /* request_lock */
static struct wait_queue request_wait = WAIT_QUEUE_INIT(request_wait);

static struct kthread *self(void) { return current->kthread; }

/* Only threads of kthreadd's have one: it has none itself, so that they inherit none. */
static int attach(struct task *t)
{
	struct kthread *k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	completion_init(&k->parked);
	completion_init(&k->exited);
	t->kthread = k;
	return 0;
}

void kthread_free(struct task *t) { kfree(t->kthread); }

bool kthread_should_stop(void) { return READ_ONCE(self()->flags) & KT_SHOULD_STOP; }
bool kthread_should_park(void) { return READ_ONCE(self()->flags) & KT_SHOULD_PARK; }

void kthread_parkme(void)
{
	struct kthread *k = self();
	for (;;) {
		set_current_state(TASK_PARKED);
		if (!(READ_ONCE(k->flags) & KT_SHOULD_PARK))
			break;
		complete(&k->parked);
		schedule();
	}
	set_current_state(TASK_RUNNING);
}

/* --- making one ------------------------------------------------------------------------------------------------------------------------- */

/* The first code of every thread that kthreadd made. */
static void thread_main(void *arg)
{
	struct request *r = arg;
	int (*fn)(void *) = r->fn;
	void *data = r->data;
	sched_set_policy(current_thread(), SCHED_NORMAL, 0, 0, false);
	sched_set_affinity(current_thread(), ~0UL);
	r->task = current;
	r->error = attach(current);
	if (r->error) {
		complete(&r->done);
		do_exit(0);
	}
	set_current_state(TASK_UNINTERRUPTIBLE);
	complete(&r->done); /* r is gone from here on */
	schedule();
	struct kthread *k = self();
	k->result = -EINTR;
	if (!kthread_should_stop()) {
		if (kthread_should_park())
			kthread_parkme();
		k->result = fn(data);
	}
	complete_all(&k->exited);
	do_exit(0);
}

static struct request *next_request(void)
{
	struct request *r = NULL;
	u64 f = spin_lock_irqsave(&request_lock);
	if (!list_empty(&requests)) {
		r = list_first(&requests, struct request, node);
		list_del(&r->node);
	}
	spin_unlock_irqrestore(&request_lock, f);
	return r;
}

static bool have_requests(void) { return !list_empty(&requests); }

void kthreadd(void *unused)
{
	u64 f = spin_lock_irqsave(&current->sighand->lock);
	for (int sig = 1; sig <= NSIG_MAX; sig++)
		sighand_action(current->sighand, sig)->handler = KSIG_IGN; /* its children reap themselves */
	spin_unlock_irqrestore(&current->sighand->lock, f);
	sched_set_affinity(current_thread(), ~0UL);
	for (;;) {
		struct request *r;
		(void)wait_event_state_(request_wait, have_requests(), TASK_INTERRUPTIBLE, false);
		while ((r = next_request())) {
			long tid = kernel_thread(thread_main, r, r->name, CLONE_FS | CLONE_FILES | SIGCHLD);
			if (tid < 0) {
				r->error = (int)tid;
				complete(&r->done);
			}
		}
	}
}

/* True when kthreadd had not seen r yet: then it never will. */
static bool withdraw(struct request *r)
{
	u64 f = spin_lock_irqsave(&request_lock);
	bool was = !list_empty(&r->node);
	list_del(&r->node);
	spin_unlock_irqrestore(&request_lock, f);
	return was;
}

static int create(int (*fn)(void *), void *data, struct task **out, const char *namefmt, va_list ap)
{
	struct request r = { .fn = fn, .data = data };
	completion_init(&r.done);
	format_va(r.name, sizeof(r.name), namefmt, ap);
	u64 f = spin_lock_irqsave(&request_lock);
	list_add_tail(&r.node, &requests);
	spin_unlock_irqrestore(&request_lock, f);
	wake_up(&request_wait);
	if (wait_for_completion_killable(&r.done)) {
		if (withdraw(&r))
			return -EINTR;
		wait_for_completion(&r.done); /* being made: it refers to our stack, and takes no time */
	}
	if (r.error)
		return r.error;
	if (out)
		*out = r.task;
	return 0;
}

int kthread_create(int (*fn)(void *), void *data, struct task **out, const char *namefmt, ...)
{
	va_list ap;
	va_start(ap, namefmt);
	int err = create(fn, data, out, namefmt, ap);
	va_end(ap);
	return err;
}

int kthread_run(int (*fn)(void *), void *data, struct task **out, const char *namefmt, ...)
{
	struct task *t;
	va_list ap;
	va_start(ap, namefmt);
	int err = create(fn, data, &t, namefmt, ap);
	va_end(ap);
	if (err)
		return err;
	if (out)
		*out = t;
	wake_up_state(task_thread(t), TASK_UNINTERRUPTIBLE);
	return 0;
}

/* --- stopping and parking --------------------------------------------------------------------------------------------------------------- */

int kthread_stop(struct task *t)
{
	struct kthread *k = t->kthread;
	task_get(t);
	atomic_or(&k->flags, KT_SHOULD_STOP);
	kthread_unpark(t);
	wake_up_thread(task_thread(t));
	wait_for_completion(&k->exited);
	int result = k->result;
	task_put(t);
	return result;
}

int kthread_park(struct task *t)
{
	struct kthread *k = t->kthread;
	if (READ_ONCE(t->pf) & PF_EXITING)
		return -ENOSYS;
	if (atomic_or(&k->flags, KT_SHOULD_PARK) & KT_SHOULD_PARK)
		return -EBUSY;
	if (t != current) {
		wake_up_thread(task_thread(t));
		wait_for_completion(&k->parked);
	}
	return 0;
}

void kthread_unpark(struct task *t)
{
	struct kthread *k = t->kthread;
	atomic_and(&k->flags, ~(u32)KT_SHOULD_PARK);
	wake_up_state(task_thread(t), TASK_PARKED);
}

/* --- a check ---------------------------------------------------------------------------------------------------------------------------- */

struct check {
	u32 rounds;            /* the thread's */
	struct completion ran; /* once a round */
};

static int check_main(void *data)
{
	struct check *c = data;
	while (!kthread_should_stop()) {
		if (kthread_should_park())
			kthread_parkme();
		c->rounds++;
		complete(&c->ran);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!kthread_should_stop() && !kthread_should_park())
			schedule();
		set_current_state(TASK_RUNNING);
	}
	return (int)c->rounds;
}

void kthread_check(void)
{
	struct check c = { 0 };
	struct task *t;
	completion_init(&c.ran);
	/* It does not begin before it is woken; stopped before that, it never does. */
	if (kthread_create(check_main, &c, &t, "kcheck"))
		return;
	ASSERT(kthread_stop(t) == -EINTR && !c.rounds);
	/* Parked it stands still, and cannot be parked twice; then it goes on where it was, until it is stopped. */
	if (kthread_run(check_main, &c, &t, "kcheck"))
		return;
	wait_for_completion(&c.ran);
	ASSERT(kthread_park(t) == 0 && kthread_park(t) == -EBUSY);
	u32 before = READ_ONCE(c.rounds);
	wake_up_thread(task_thread(t));
	ASSERT(READ_ONCE(t->state) == TASK_PARKED && c.rounds == before);
	kthread_unpark(t);
	wait_for_completion(&c.ran);
	int result = kthread_stop(t);
	ASSERT(result == (int)c.rounds && c.rounds > before);
}
