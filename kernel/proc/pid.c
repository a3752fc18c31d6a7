/*
 * Process numbers. Entry points: alloc_pid_at, free_pid, find_pid, attach_pid, detach_pid.
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
#include "proc/ns.h"

#define RESERVED_PIDS 300
#define PID_LIMIT 4194304
#define HASH_SIZE 1024
#define MAP_BITS_FIRST 32768u
#define MAP_BITS_NESTED 4096u
#define NEED_MAP (-ENOBUFS) /* internal: some namespace's map is too small for the number that is next */

s32 pid_max = 32768;
struct pid_namespace init_pid_ns = { .common = NS_COMMON_INIT(NS_PID, NS_INUM_PID) };

static DEFINE_SPINLOCK(pid_lock, RANK_PID);
static struct list_head pid_hash[HASH_SIZE]; /* tasklist_lock */
static struct kmem_cache *pid_cache;         /* pids of level 0 */
static atomic_t pids_alive;

static struct list_head *hash_of(s32 nr, const struct pid_namespace *ns)
{
	return &pid_hash[((u32)nr + ns->level * 0x9e3779b9u) % HASH_SIZE];
}

/* --- numbers ---------------------------------------------------------------------------------------------------------------------------- */

/* => pid_lock. The next free number in [low, limit), -EAGAIN, or NEED_MAP when it can only be behind the map's end. */
static s32 next_free(struct pid_namespace *ns, u64 low, u64 limit)
{
	u64 end = min(limit, (u64)ns->map_bits);
	u64 nr = low < end ? bitmap_next_clear(ns->map, end, low) : end;
	return nr < end ? (s32)nr : end < limit ? NEED_MAP : -EAGAIN;
}

/* => pid_lock. Cyclic: from the cursor up, then from the bottom; numbers below 300 are not used again once the cursor has passed them. */
static s32 take_number(struct pid_namespace *ns)
{
	u64 limit = (u64)READ_ONCE(pid_max);
	u64 from = (u64)ns->last + 1;
	s32 nr = -EAGAIN;
	if (likely(from < limit))
		nr = next_free(ns, from, limit);
	if (unlikely(nr == -EAGAIN))
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
	if (nr < 1 || nr >= READ_ONCE(pid_max))
		return -EINVAL;
	if (nr != 1 && !ns->child_reaper && !ns->no_new)
		return -EINVAL;
	if (!ns_capable(ns->common.owner, CAP_CHECKPOINT_RESTORE) && !ns_capable(ns->common.owner, CAP_SYS_ADMIN))
		return -EPERM;
	if ((u32)nr >= ns->map_bits)
		return NEED_MAP;
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
		bit_clear(pid->numbers[i].ns->map, (u64)pid->numbers[i].nr);
		pid->numbers[i].ns->nr--;
	}
}

/* => pid_lock. pid has given back its numbers: an init that waits for the others to go is woken by the last of them. */
static void tell_inits(struct pid *pid)
{
	for (u32 i = pid->level; i > 0; i--) {
		struct pid_namespace *ns = pid->numbers[i].ns;
		if (i == pid->level && pid->numbers[i].nr == 1)
			ns->child_reaper = NULL;
		else if (ns->nr <= 2 && ns->child_reaper)
			wake_up_thread(task_thread(ns->child_reaper));
		/* Its init is gone, or its birth failed: Linux gives the namespace up in both cases. */
		if (!ns->nr && !ns->child_reaper)
			ns->no_new = true;
	}
}

/* Numbers at each level, innermost first. 0 or -errno (then none is held). */
static int take_all(struct pid_namespace *inner, const s32 *set_tid, u64 n, struct pid *pid)
{
	struct pid_namespace *ns = inner;
	int err = 0;
	spin_lock(&pid_lock);
	bool fresh = !inner->nr && inner->level;
	for (s32 i = (s32)ns->level; i >= 0 && !err; i--, ns = ns->parent) {
		u64 depth = pid->level - (u32)i;
		s32 nr = depth < n ? take_wish(ns, set_tid[depth]) : take_number(ns);
		if (nr < 0) {
			err = nr;
			give_back(pid, i);
		} else {
			pid->numbers[i].nr = nr;
			pid->numbers[i].ns = ns;
		}
	}
	if (!err && inner->no_new) {
		give_back(pid, -1);
		err = -ENOMEM;
	}
	/* Number 1 stays there for the first who succeeds. */
	if (err && fresh)
		inner->last = 0;
	spin_unlock(&pid_lock);
	return err;
}

/* Doubles the maps along ns's ancestry that are full to their end. 0 or -ENOMEM. */
static int grow_maps(struct pid_namespace *ns, const s32 *set_tid, u64 n)
{
	for (u64 depth = 0; ns; ns = ns->parent, depth++) {
		u32 bits = READ_ONCE(ns->map_bits), want = bits * 2;
		if (depth < n)
			while ((u32)set_tid[depth] >= want)
				want *= 2;
		if (bits >= (u32)READ_ONCE(pid_max))
			continue;
		u64 *bigger = kzalloc(want / 8), *old = NULL;
		if (!bigger)
			return -ENOMEM;
		spin_lock(&pid_lock);
		if (ns->map_bits == bits) {
			old = ns->map;
			memcpy(bigger, old, bits / 8);
			ns->map = bigger;
			ns->map_bits = want;
			bigger = NULL;
		}
		spin_unlock(&pid_lock);
		kfree(old);
		kfree(bigger);
	}
	return 0;
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
	int err;
	while (unlikely((err = take_all(ns, set_tid, n, pid)) == NEED_MAP))
		if (grow_maps(ns, set_tid, n)) {
			err = -ENOMEM;
			break;
		}
	if (err) {
		kfree(pid);
		return err;
	}
	atomic_set(&pid->refs, 1);
	pid->ino = 0;
	for (u32 i = 0; i < PIDTYPE_MAX; i++)
		list_init(&pid->tasks[i]);
	wait_queue_init(&pid->wait);
	for (u32 i = 0; i <= pid->level; i++)
		list_init(&pid->numbers[i].hash);
	if (unlikely(pid->level))
		ns_get(&ns->common);
	atomic_inc(&pids_alive);
	*out = pid;
	return 0;
}

void free_pid(struct pid *pid)
{
	for (u32 i = 0; i <= pid->level; i++)
		list_del(&pid->numbers[i].hash);
	spin_lock(&pid_lock);
	give_back(pid, -1);
	if (unlikely(pid->level))
		tell_inits(pid);
	spin_unlock(&pid_lock);
	pid_put(pid);
}

void pid_get(struct pid *pid) { atomic_inc(&pid->refs); }

void pid_put(struct pid *pid)
{
	if (!pid || !atomic_dec_and_test(&pid->refs))
		return;
	atomic_dec(&pids_alive);
	if (unlikely(pid->level))
		ns_put(&pid_ns_of(pid)->common);
	kfree(pid);
}

u32 pid_count(void) { return (u32)atomic_read(&pids_alive); }

/* --- look-up ---------------------------------------------------------------------------------------------------------------------------- */

struct pid *find_pid_in(s32 nr, const struct pid_namespace *ns)
{
	struct upid *u;
	list_for_each(u, hash_of(nr, ns), hash)
		if (u->nr == nr && u->ns == ns)
			return container_of(u - ns->level, struct pid, numbers[0]);
	return NULL;
}

struct pid *find_pid(s32 nr) { return find_pid_in(nr, current_pid_ns()); }

struct pid *find_get_pid(s32 nr)
{
	spin_lock(&tasklist_lock);
	struct pid *pid = find_pid(nr);
	if (pid)
		pid_get(pid);
	spin_unlock(&tasklist_lock);
	return pid;
}

struct task *find_get_task_in(s32 nr, const struct pid_namespace *ns)
{
	struct task *t = NULL;
	spin_lock(&tasklist_lock);
	struct pid *pid = find_pid_in(nr, ns);
	if (pid && !list_empty(&pid->tasks[PIDTYPE_PID])) {
		t = list_first(&pid->tasks[PIDTYPE_PID], struct task, pid_links[PIDTYPE_PID]);
		task_get(t);
	}
	spin_unlock(&tasklist_lock);
	return t;
}

struct task *find_get_task(s32 nr) { return find_get_task_in(nr, current_pid_ns()); }

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
			list_add(&pid->numbers[i].hash, hash_of(pid->numbers[i].nr, pid->numbers[i].ns));
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
	WRITE_ONCE(pid_max, limit);
	return 0;
}

int pid_set_last(struct pid_namespace *ns, s32 last)
{
	if (last < 0 || last >= pid_max)
		return -EINVAL;
	spin_lock(&pid_lock);
	ns->last = last;
	spin_unlock(&pid_lock);
	return 0;
}

/* --- namespaces ------------------------------------------------------------------------------------------------------------------------- */

void pid_ns_close(struct pid_namespace *ns)
{
	spin_lock(&pid_lock);
	ns->no_new = true;
	spin_unlock(&pid_lock);
}

void pid_ns_set_reaper(struct pid_namespace *ns, struct task *t)
{
	spin_lock(&pid_lock);
	ns->child_reaper = t;
	spin_unlock(&pid_lock);
}

u32 pid_ns_count(struct pid_namespace *ns)
{
	spin_lock(&pid_lock);
	u32 nr = ns->nr;
	spin_unlock(&pid_lock);
	return nr;
}

int pid_ns_create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct pid_namespace *parent = container_of(from, struct pid_namespace, common);
	/* A task whose children already go elsewhere cannot make a namespace there. */
	if (current_pid_ns() != parent)
		return -EINVAL;
	if (!userns_within(owner, parent->common.owner))
		return -EINVAL;
	if (parent->level >= PID_MAX_LEVEL)
		return -ENOSPC;
	struct pid_namespace *ns = kzalloc(sizeof(*ns));
	u64 *map = kzalloc(MAP_BITS_NESTED / 8);
	int err = ns && map ? ns_init(&ns->common, NS_PID, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		kfree(map);
		return err;
	}
	bit_set(map, 0);
	ns->map = map;
	ns->map_bits = MAP_BITS_NESTED;
	ns->level = parent->level + 1;
	ns->parent = parent;
	ns_get(&parent->common);
	*out = &ns->common;
	return 0;
}

void pid_ns_free(struct ns_common *common)
{
	struct pid_namespace *ns = container_of(common, struct pid_namespace, common);
	struct pid_namespace *parent = ns->parent;
	ns_exit(common);
	kfree(ns->map);
	kfree(ns);
	ns_put(&parent->common);
}

/* --- boot ------------------------------------------------------------------------------------------------------------------------------- */

void pid_init(void)
{
	for (u32 i = 0; i < HASH_SIZE; i++)
		list_init(&pid_hash[i]);
	pid_cache = kmem_cache_create("pid", sizeof(struct pid), 0);
	init_pid_ns.map_bits = MAP_BITS_FIRST;
	init_pid_ns.map = kzalloc(MAP_BITS_FIRST / 8);
	if (!init_pid_ns.map)
		panic("no memory for the pid table");
	bit_set(init_pid_ns.map, 0); /* process 0 */
}
