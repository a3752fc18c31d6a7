/*
 * Kernel threads. Entry points: kthreadd() (process 2), kthread_run().
 *
 * kthreadd makes all of them, so that none inherits anything from whoever happened to ask. They live as long as the machine, or until their function
 * returns.
 */
#include <linux/sched.h>

#include "lib/format.h"
#include "proc/proc.h"

struct request {
	struct list_head node; /* request_lock */
	int (*fn)(void *);
	void *data;
	char name[16];
	int error;              /* before `done` */
	struct completion done; /* the thread runs, or could not be made */
};
static DEFINE_SPINLOCK(request_lock, RANK_DEVICE);
static LIST_HEAD(requests); /* request_lock */
static struct wait_queue request_wait = WAIT_QUEUE_INIT(request_wait);

/* The first code of every thread that kthreadd made. */
static void thread_main(void *arg)
{
	struct request *r = arg;
	int (*fn)(void *) = r->fn;
	void *data = r->data;
	sched_set_policy(current_thread(), SCHED_NORMAL, 0, 0, false);
	sched_set_affinity(current_thread(), ~0UL);
	complete(&r->done); /* r is gone from here on */
	(void)fn(data);
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

int kthread_run(int (*fn)(void *), void *data, const char *namefmt, ...)
{
	struct request r = { .fn = fn, .data = data };
	va_list ap;
	completion_init(&r.done);
	va_start(ap, namefmt);
	format_va(r.name, sizeof(r.name), namefmt, ap);
	va_end(ap);
	u64 f = spin_lock_irqsave(&request_lock);
	list_add_tail(&r.node, &requests);
	spin_unlock_irqrestore(&request_lock, f);
	wake_up(&request_wait);
	if (wait_for_completion_killable(&r.done)) {
		if (withdraw(&r))
			return -EINTR;
		wait_for_completion(&r.done); /* being made: it refers to our stack, and takes no time */
	}
	return r.error;
}
