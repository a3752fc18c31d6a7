/*
 * Process numbers. Entry points: alloc_pid, free_pid, find_pid, attach_pid, detach_pid.
 * A number is in use as long as any task has it as tid, tgid, pgid or sid: all four are the same struct pid. The bitmap and its cursor are
 * guarded by pid_lock; the hash table and the four lists by tasklist_lock alone: a pid enters the table when it is first attached, so a birth that
 * fails never shows.
 */
#include "proc/pid.h"

#include "lib/bitmap.h"
#include "lib/string.h"
#include "mm/page.h"
#include "mm/slab.h"
#include "proc/internal.h"

#define RESERVED_PIDS 300
#define PID_LIMIT 4194304
#define HASH_SIZE 1024

s32 pid_max = 32768;
struct pid_namespace init_pid_ns = { .refs = ATOMIC_INIT(1) };

static DEFINE_SPINLOCK(pid_lock, RANK_PID);
static struct list_head pid_hash[HASH_SIZE]; /* tasklist_lock */
static struct kmem_cache *pid_cache;         /* pids of level 0 */
static u32 map_bits;                         /* pid_lock: size of every namespace's map */
static atomic_t pids_alive;

static struct list_head *hash_of(s32 nr) { return &pid_hash[(u32)nr % HASH_SIZE]; }

/* --- numbers ---------------------------------------------------------------------------------------------------------------------------- */

/* => pid_lock. The next free number in [low, limit), or -EAGAIN. */
static s32 next_free(struct pid_namespace *ns, u64 low, u64 limit)
{
	u64 nr = bitmap_next_clear(ns->map, limit, low);
	return nr < limit ? (s32)nr : -EAGAIN;
}

/* => pid_lock. Cyclic: from the cursor up, then from the bottom; numbers below 300 are not used again once the cursor has passed them. */
static s32 take_number(struct pid_namespace *ns)
{
	u64 limit = (u64)min((u32)pid_max, map_bits);
	u64 from = (u64)ns->last + 1;
	s32 nr = -EAGAIN;
	if (likely(from < limit))
		nr = next_free(ns, from, limit);
	if (unlikely(nr < 0))
		nr = next_free(ns, ns->last >= RESERVED_PIDS ? RESERVED_PIDS : 1, limit);
	if (likely(nr > 0)) {
		bit_set(ns->map, (u64)nr);
		ns->last = nr;
		ns->nr++;
	}
	return nr;
}

/* => pid_lock. The caller's wish; does not move the cursor. */
static s32 take_wish(struct pid_namespace *ns, s32 nr)
{
	if (nr < 1 || nr >= min(pid_max, (s32)map_bits))
		return -EINVAL;
	if (nr != 1 && !ns->child_reaper)
		return -EINVAL;
	if (!capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (bit_test(ns->map, (u64)nr))
		return -EEXIST;
	bit_set(ns->map, (u64)nr);
	ns->nr++;
	return nr;
}

/* => pid_lock. Gives back the numbers of levels above `level` (all: -1). */
static void give_back(struct pid *pid, s32 level)
{
	for (s32 i = (s32)pid->level; i > level; i--) {
		struct pid_namespace *ns = pid->numbers[i].ns;
		bit_clear(ns->map, (u64)pid->numbers[i].nr);
		ns->nr--;
	}
}

/* Numbers at each level, innermost first. 0 or -errno (then none is held). */
static int take_all(struct pid_namespace *ns, const s32 *set_tid, u64 n, struct pid *pid)
{
	int err = 0;
	spin_lock(&pid_lock);
	for (s32 i = (s32)ns->level; i >= 0 && !err; i--, ns = ns->parent) {
		u64 inner = pid->level - (u32)i;
		s32 nr = inner < n ? take_wish(ns, set_tid[inner]) : take_number(ns);
		if (nr < 0) {
			give_back(pid, i);
			err = nr;
		} else {
			pid->numbers[i].nr = nr;
			pid->numbers[i].ns = ns;
		}
	}
	if (!err && pid->numbers[pid->level].ns->no_new) {
		give_back(pid, -1);
		err = -ENOMEM;
	}
	spin_unlock(&pid_lock);
	return err;
}

static struct pid *pid_memory(u32 level)
{
	return level ? kmalloc(sizeof(struct pid) + level * sizeof(struct upid)) : kmem_cache_alloc(pid_cache);
}

int alloc_pid_at(struct pid_namespace *ns, const s32 *set_tid, u64 n, struct pid **out)
{
	if (n > ns->level + 1)
		return -EINVAL;
	struct pid *pid = pid_memory(ns->level);
	if (!pid)
		return -ENOMEM;
	pid->level = ns->level;
	int err = take_all(ns, set_tid, n, pid);
	if (err) {
		kfree(pid);
		return err;
	}
	atomic_set(&pid->refs, 1);
	for (u32 i = 0; i < PIDTYPE_MAX; i++)
		list_init(&pid->tasks[i]);
	wait_queue_init(&pid->wait);
	for (u32 i = 0; i <= pid->level; i++)
		list_init(&pid->numbers[i].hash);
	atomic_inc(&pids_alive);
	*out = pid;
	return 0;
}

int alloc_pid(struct pid_namespace *ns, struct pid **out) { return alloc_pid_at(ns, NULL, 0, out); }

void free_pid(struct pid *pid)
{
	for (u32 i = 0; i <= pid->level; i++)
		list_del(&pid->numbers[i].hash);
	spin_lock(&pid_lock);
	give_back(pid, -1);
	spin_unlock(&pid_lock);
	pid_put(pid);
}

void pid_get(struct pid *pid) { atomic_inc(&pid->refs); }

void pid_put(struct pid *pid)
{
	if (!pid || !atomic_dec_and_test(&pid->refs))
		return;
	atomic_dec(&pids_alive);
	kfree(pid);
}

u32 pid_count(void) { return (u32)atomic_read(&pids_alive); }

/* --- look-up ---------------------------------------------------------------------------------------------------------------------------- */

struct pid *find_pid(s32 nr)
{
	struct upid *u;
	list_for_each(u, hash_of(nr), hash)
		if (u->nr == nr && u->ns == &init_pid_ns)
			return container_of(u, struct pid, numbers[0]);
	return NULL;
}

struct pid *find_get_pid(s32 nr)
{
	spin_lock(&tasklist_lock);
	struct pid *pid = find_pid(nr);
	if (pid)
		pid_get(pid);
	spin_unlock(&tasklist_lock);
	return pid;
}

struct task *find_get_task(s32 nr)
{
	struct task *t = NULL;
	spin_lock(&tasklist_lock);
	struct pid *pid = find_pid(nr);
	if (pid && !list_empty(&pid->tasks[PIDTYPE_PID])) {
		t = list_first(&pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
		task_get(t);
	}
	spin_unlock(&tasklist_lock);
	return t;
}

/* --- links ------------------------------------------------------------------------------------------------------------------------------ */

static struct pid **pid_slot(struct task *t, enum pid_type type) { return type == PIDTYPE_PID ? &t->thread_pid : &t->signal->pids[type]; }

void attach_pid(struct task *t, enum pid_type type, struct pid *pid)
{
	*pid_slot(t, type) = pid;
	list_add_tail(&t->pid_links[type], &pid->tasks[type]);
	if (type != PIDTYPE_PID)
		return;
	for (u32 i = 0; i <= pid->level; i++)
		if (list_empty(&pid->numbers[i].hash) && pid->numbers[i].nr)
			list_add(&pid->numbers[i].hash, hash_of(pid->numbers[i].nr));
}

/* Unlinks; frees the number when this was its last use and it is not about to be used again. */
static void unlink_pid(struct task *t, enum pid_type type, struct pid *next)
{
	struct pid *pid = *pid_slot(t, type);
	*pid_slot(t, type) = next;
	list_del(&t->pid_links[type]);
	if (!pid || pid == next)
		return;
	for (u32 i = 0; i < PIDTYPE_MAX; i++)
		if (!list_empty(&pid->tasks[i]))
			return;
	free_pid(pid);
}

void detach_pid(struct task *t, enum pid_type type) { unlink_pid(t, type, NULL); }

void change_pid(struct task *t, enum pid_type type, struct pid *pid)
{
	unlink_pid(t, type, pid);
	attach_pid(t, type, pid);
}

/* --- limits ----------------------------------------------------------------------------------------------------------------------------- */

int pid_set_max(s32 limit)
{
	if (limit < max(301, 8 * (s32)nr_cpus) || limit > PID_LIMIT)
		return -EINVAL;
	u64 bytes = ALIGN_UP((u64)limit, 32768UL) / 8;
	u64 *bigger = NULL, *old = NULL;
	if (bytes * 8 > map_bits) {
		bigger = kzalloc(bytes);
		if (!bigger)
			return -ENOMEM;
	}
	spin_lock(&pid_lock);
	if (bigger && bytes * 8 > map_bits) {
		old = init_pid_ns.map;
		memcpy(bigger, old, map_bits / 8);
		init_pid_ns.map = bigger;
		map_bits = (u32)bytes * 8;
		bigger = NULL;
	}
	pid_max = limit;
	spin_unlock(&pid_lock);
	kfree(bigger);
	kfree(old);
	return 0;
}

int pid_set_last(s32 last)
{
	if (last < 0 || last >= pid_max)
		return -EINVAL;
	spin_lock(&pid_lock);
	init_pid_ns.last = last;
	spin_unlock(&pid_lock);
	return 0;
}

void pid_init(void)
{
	for (u32 i = 0; i < HASH_SIZE; i++)
		list_init(&pid_hash[i]);
	pid_cache = kmem_cache_create("pid", sizeof(struct pid), 0);
	map_bits = 32768;
	init_pid_ns.map = kzalloc(map_bits / 8);
	if (!init_pid_ns.map)
		panic("no memory for the pid table");
	bit_set(init_pid_ns.map, 0); /* process 0 */
}
