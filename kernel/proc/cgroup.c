/*
 * The tree of control groups. Entry points: cgroup_create, cgroup_destroy, cgroup_set_subtree_control, cgroup_make_threaded, cgroup_path, cgroup_put.
 *
 * Types (Linux's rules). A threaded group shares the resource domain of its parent; threads of one process may be spread over the groups of one domain.
 *   domain            the usual one
 *   domain threaded   has threaded children, or tasks together with threaded controllers for its children
 *   domain invalid    a domain below a threaded one or a domain threaded one: it can hold nothing until it is made threaded
 * A domain that gives controllers to its children has no tasks of its own ("no internal processes"), but for the root.
 */
#include "proc/cgroup.h"

#include "lib/format.h"
#include "lib/string.h"
#include "mm/memcg.h"
#include "mm/slab.h"
#include "proc/internal.h"
#include "vfs/notify.h"

DEFINE_MUTEX(cgroup_mutex, RANK_CGROUP);
struct cgroup_flags cgroup_flags;
const char *const cgroup_controller_name[CGC_COUNT] = { [CGC_CPU] = "cpu", [CGC_MEMORY] = "memory", [CGC_PIDS] = "pids" };

#define NO_MAX 0x7fffffffu
struct cgroup root_cgroup = {
	.refs = ATOMIC_INIT(1),
	.id = 1,
	.name = (char *)"",
	.children = LIST_HEAD_INIT(root_cgroup.children),
	.sibling = LIST_HEAD_INIT(root_cgroup.sibling),
	.peak_watchers = LIST_HEAD_INIT(root_cgroup.peak_watchers),
	.dom = &root_cgroup,
	.on = CGC_BUILT,
	.max_descendants = NO_MAX,
	.max_depth = NO_MAX,
	.poll = WAIT_QUEUE_INIT(root_cgroup.poll),
};
static atomic_t nr_cgroups = ATOMIC_INIT(1);
static u64 last_id = 1; /* cgroup_mutex */

u32 cgroup_count(void) { return (u32)atomic_read(&nr_cgroups); }

void cgroup_put(struct cgroup *cg)
{
	while (atomic_dec_and_test(&cg->refs)) {
		struct cgroup *parent = cg->parent;
		for (struct cgroup *p = parent; p; p = p->parent)
			atomic_dec(&p->nr_dying);
		kfree(cg->name);
		kfree(cg);
		atomic_dec(&nr_cgroups);
		cg = parent;
	}
}

bool cgroup_is_under(const struct cgroup *cg, const struct cgroup *top)
{
	while (cg->level > top->level)
		cg = cg->parent;
	return cg == top;
}

struct cgroup *cgroup_next(struct cgroup *at, struct cgroup *top)
{
	if (!list_empty(&at->children))
		return list_first(&at->children, struct cgroup, sibling);
	for (; at != top; at = at->parent)
		if (at->sibling.next != &at->parent->children)
			return list_next(at, sibling);
	return NULL;
}

void cgroup_notify(struct cgroup *cg, enum cgroup_event e)
{
	atomic_inc(&cg->event[e]);
	wake_up_key(&cg->poll, TASK_NORMAL, 0, 0);
	if (unlikely(READ_ONCE(notify_watches)))
		hook_cgroup_event(cg, e);
}

int cgroup_path(const struct cgroup *cg, const struct cgroup *from, char *buf, size_t size)
{
	const struct cgroup *names[64], *common = from;
	size_t n = 0;
	u32 depth = 0;
	for (; !cgroup_is_under(cg, common); common = common->parent)
		n += (size_t)format_str(buf + min(n, size - 1), size - min(n, size - 1), "/..");
	/* The lowest names win where there are too many: nobody has such paths. */
	for (; cg != common && depth < ARRAY_SIZE(names); cg = cg->parent)
		names[depth++] = cg;
	while (depth--)
		n += (size_t)format_str(buf + min(n, size - 1), size - min(n, size - 1), "/%s", names[depth]->name);
	return n ? (int)n : format_str(buf, size, "/");
}

/* --- types ------------------------------------------------------------------------------------------------------------------------------- */

/* The root takes part in no rule. */
static bool is_mixable(const struct cgroup *cg) { return !cg->parent; }

static bool can_be_thread_root(const struct cgroup *cg)
{
	if (is_mixable(cg))
		return true;
	return !cgroup_is_threaded(cg) && !cg->nr_populated[0] && !(cg->subtree_control & ~CGC_THREADED);
}

static bool is_thread_root(const struct cgroup *cg)
{
	return !cgroup_is_threaded(cg) && (cg->nr_threaded_children || (cg->nr_tasks && (cg->subtree_control & CGC_THREADED)));
}

static bool is_valid_domain(const struct cgroup *cg)
{
	if (cgroup_is_threaded(cg))
		return false;
	while ((cg = cg->parent))
		if ((!is_mixable(cg) && is_thread_root(cg)) || cgroup_is_threaded(cg))
			return false;
	return true;
}

const char *cgroup_type(const struct cgroup *cg)
{
	if (cgroup_is_threaded(cg))
		return "threaded";
	return !is_valid_domain(cg) ? "domain invalid" : is_thread_root(cg) ? "domain threaded" : "domain";
}

int cgroup_may_hold_tasks(const struct cgroup *cg)
{
	if (!is_valid_domain(cg->dom))
		return -EOPNOTSUPP;
	if (can_be_thread_root(cg) || cgroup_is_threaded(cg))
		return 0;
	return cg->subtree_control ? -EBUSY : 0;
}

/* --- controllers ------------------------------------------------------------------------------------------------------------------------- */

/* => C. Controllers that may be given to the children. */
static u8 cgroup_control(const struct cgroup *cg)
{
	if (!cg->parent)
		return CGC_BUILT;
	return cg->parent->subtree_control & (u8)(cgroup_is_threaded(cg) ? CGC_THREADED : 0xff);
}

/* => C T. A controller begins to work in cg, with its defaults. */
static void controller_on(struct cgroup *cg, enum cgroup_controller c)
{
	if (c == CGC_MEMORY) {
		cg->oom_group = false;
		memset(cg->memory_events, 0, sizeof(cg->memory_events));
		memset(cg->memory_events_local, 0, sizeof(cg->memory_events_local));
	} else if (c == CGC_PIDS) {
		cg->pids_max = CGROUP_NO_LIMIT;
		cg->pids_peak = cg->nr_pids;
		cg->pids_over = cg->pids_over_local = cg->pids_failed = 0;
	}
}

static bool wants_memory(const struct cgroup *cg) { return cg->parent && (cgroup_control(cg) >> CGC_MEMORY & 1); }

/* => C. Lets go of the memory groups that nobody pays to any more. */
static void drop_old_memory(struct cgroup *top)
{
	for (struct cgroup *cg = top; cg; cg = cgroup_next(cg, top)) {
		if (cg->memcg_old)
			memcg_offline(cg->memcg_old);
		cg->memcg_old = NULL;
	}
}

/* => C. Makes the memory groups that top and those below it are to have. On failure there are none more than before. */
static int prepare_memory(struct cgroup *top)
{
	bool failed = false;
	for (struct cgroup *cg = top; cg && !failed; cg = cgroup_next(cg, top)) {
		if (!wants_memory(cg) || cg->memcg)
			continue;
		const struct cgroup *above = cgroup_with_memory(cg->parent);
		cg->memcg = memcg_create(above ? above->memcg : NULL, cg);
		failed = !cg->memcg;
	}
	for (struct cgroup *cg = top; cg && failed; cg = cgroup_next(cg, top)) {
		if (!cg->memcg || (cg->on >> CGC_MEMORY & 1))
			continue;
		cg->memcg_old = cg->memcg;
		cg->memcg = NULL;
	}
	drop_old_memory(top);
	return failed ? -ENOMEM : 0;
}

static void follow_one(struct task *t, void *unused) { cgroup_follow(t); }

/* => C. Makes `on` of top and all below it what the masks say. 0 or -ENOMEM, then nothing has changed. */
static int refresh_controllers(struct cgroup *top)
{
	spin_lock(&tasklist_lock);
	int err = prepare_memory(top);
	for (struct cgroup *cg = top; cg && !err; cg = cgroup_next(cg, top)) {
		u8 want = cgroup_control(cg), fresh = want & (u8)~cg->on;
		if (cg->parent && ((want ^ cg->on) >> CGC_CPU & 1))
			sched_group_enable(&cg->sched, want >> CGC_CPU & 1);
		cg->on = want;
		for (u32 c = 0; c < CGC_COUNT; c++)
			if (fresh >> c & 1)
				controller_on(cg, c);
		if (!wants_memory(cg)) {
			cg->memcg_old = cg->memcg;
			cg->memcg = NULL;
		}
	}
	if (!err)
		cgroup_for_each_task(top, true, follow_one, NULL);
	spin_unlock(&tasklist_lock);
	drop_old_memory(top);
	return err;
}

/* May the children of cg get these controllers? */
static int check_enable(const struct cgroup *cg, u8 enable)
{
	if (!enable)
		return 0;
	if (!is_valid_domain(cg->dom))
		return -EOPNOTSUPP;
	if (is_mixable(cg))
		return 0;
	if (enable & ~CGC_THREADED) {
		if (is_thread_root(cg) || cgroup_is_threaded(cg))
			return -EOPNOTSUPP;
	} else if (can_be_thread_root(cg) || cgroup_is_threaded(cg)) {
		return 0;
	}
	return cg->nr_tasks ? -EBUSY : 0;
}

int cgroup_set_subtree_control(struct cgroup *cg, u8 enable, u8 disable)
{
	const struct cgroup *child;
	enable &= (u8)~cg->subtree_control;
	disable &= cg->subtree_control;
	/* Linux looks at one controller after the other. */
	for (u32 c = 0; c < CGC_COUNT; c++) {
		if ((enable >> c & 1) && !(cgroup_control(cg) >> c & 1))
			return -ENOENT;
		list_for_each(child, &cg->children, sibling)
			if ((disable & child->subtree_control) >> c & 1)
				return -EBUSY;
	}
	if (!enable && !disable)
		return 0;
	spin_lock(&tasklist_lock);
	int err = check_enable(cg, enable);
	u8 old = cg->subtree_control;
	if (!err)
		cg->subtree_control = (old | enable) & (u8)~disable;
	spin_unlock(&tasklist_lock);
	if (err)
		return err;
	err = refresh_controllers(cg);
	if (err)
		cg->subtree_control = old;
	return err;
}

int cgroup_make_threaded(struct cgroup *cg)
{
	struct cgroup *dom = cg->parent->dom;
	if (cgroup_is_threaded(cg))
		return 0;
	spin_lock(&tasklist_lock);
	bool may = !cgroup_is_populated(cg) && !(cg->subtree_control & ~CGC_THREADED) && is_valid_domain(dom) && can_be_thread_root(dom);
	/* Threaded groups below it were in its domain. */
	for (struct cgroup *d = cg; may && d; d = cgroup_next(d, cg))
		if (d == cg || cgroup_is_threaded(d))
			d->dom = dom;
	spin_unlock(&tasklist_lock);
	if (!may)
		return -EOPNOTSUPP;
	cg->parent->nr_threaded_children++;
	return refresh_controllers(cg); /* takes away only, which does not fail */
}

/* --- mkdir, rmdir ------------------------------------------------------------------------------------------------------------------------ */

static bool limits_allow(const struct cgroup *parent)
{
	u32 level = 1;
	for (const struct cgroup *cg = parent; cg; cg = cg->parent, level++)
		if (cg->nr_descendants >= cg->max_descendants || level > cg->max_depth)
			return false;
	return true;
}

static void init_group(struct cgroup *cg, struct cgroup *parent)
{
	atomic_set(&cg->refs, 2);
	cg->id = ++last_id;
	cgroup_get(parent);
	cg->parent = parent;
	cg->level = parent->level + 1;
	list_init(&cg->children);
	cg->dom = cg;
	sched_group_init(&cg->sched, parent->parent ? &parent->sched : NULL);
	cg->max_descendants = cg->max_depth = NO_MAX;
	wait_queue_init(&cg->poll);
	list_init(&cg->peak_watchers);
	for (u32 i = 0; i < CGE_COUNT; i++)
		atomic_set(&cg->event[i], 1);
}

int cgroup_create(struct cgroup *parent, const char *name, struct cgroup **out)
{
	if (parent->dead)
		return -ENODEV;
	if (!limits_allow(parent))
		return -EAGAIN;
	struct cgroup *cg = kzalloc(sizeof(*cg));
	char *copy = cg ? kstrdup(name) : NULL;
	if (!copy) {
		kfree(cg);
		return -ENOMEM;
	}
	cg->name = copy;
	init_group(cg, parent);
	atomic_inc(&nr_cgroups);
	spin_lock(&tasklist_lock);
	cg->freezing = cg->frozen = parent->freezing;
	list_add_tail(&cg->sibling, &parent->children);
	for (struct cgroup *p = parent; p; p = p->parent)
		p->nr_descendants++;
	spin_unlock(&tasklist_lock);
	*out = cg;
	int err = refresh_controllers(cg);
	if (err) {
		cgroup_destroy(cg);
		cgroup_put(cg);
	}
	return err;
}

int cgroup_destroy(struct cgroup *cg)
{
	struct cgroup *parent = cg->parent;
	spin_lock(&tasklist_lock);
	if (cgroup_is_populated(cg) || !list_empty(&cg->children)) {
		spin_unlock(&tasklist_lock);
		return -EBUSY;
	}
	cg->dead = true;
	list_del(&cg->sibling);
	for (struct cgroup *p = parent; p; p = p->parent) {
		p->nr_descendants--;
		atomic_inc(&p->nr_dying);
	}
	cgroup_update_frozen(parent);
	spin_unlock(&tasklist_lock);
	if (cgroup_is_threaded(cg))
		parent->nr_threaded_children--;
	if (cg->memcg)
		memcg_offline(cg->memcg);
	cg->memcg = NULL;
	cgroup_notify(cg, CGE_EVENTS); /* who waits for it sees the end */
	cgroup_put(cg);
	return 0;
}
