/*
 * Memory groups: the counting (memcg.h). One lock for all of it: only threads of groups with the controller take it.
 * Entry points: memcg_create, memcg_offline, memcg_charge_group, memcg_uncharge_owner.
 */
#include "mm/memcg.h"

#include "lib/errno.h"
#include "mm/pagecache.h"
#include "mm/slab.h"
#include "sched/sched.h"
#include "sched/spinlock.h"

/* Numbers 1 .. 65535 in chunks. */
#define CHUNK 256u
static DEFINE_SPINLOCK(memcg_lock, RANK_MEMCG); /* interrupts off: pages are freed there too */
static struct memcg **chunks[65536 / CHUNK];    /* memcg_lock; chunks are never freed */
static u32 nr_groups, last_number;              /* memcg_lock */

static struct memcg **slot_of(u32 id) { return chunks[id / CHUNK] ? &chunks[id / CHUNK][id % CHUNK] : NULL; }

/* => memcg_lock. The next free number whose chunk is there, or 0; *chunk: one that is missing. */
static u32 free_number(u32 *missing)
{
	for (u32 i = 0; i < 65535; i++) {
		u32 id = last_number % 65535 + 1;
		last_number = id;
		if (!slot_of(id)) {
			*missing = id / CHUNK;
			last_number = id - 1;
			return 0;
		}
		if (!*slot_of(id))
			return id;
	}
	*missing = ARRAY_SIZE(chunks);
	return 0;
}

/* Gives m a number. false: no memory, none left. */
static bool number(struct memcg *m)
{
	for (;;) {
		u32 missing;
		u64 f = spin_lock_irqsave(&memcg_lock);
		u32 id = free_number(&missing);
		if (id) {
			*slot_of(id) = m;
			m->id = (u16)id;
			if (m->parent)
				m->parent->refs++;
			nr_groups++;
		}
		spin_unlock_irqrestore(&memcg_lock, f);
		if (id)
			return true;
		struct memcg **fresh = missing < ARRAY_SIZE(chunks) ? kzalloc(CHUNK * sizeof(*fresh)) : NULL;
		if (!fresh)
			return false;
		f = spin_lock_irqsave(&memcg_lock);
		bool used = !chunks[missing];
		if (used)
			chunks[missing] = fresh;
		spin_unlock_irqrestore(&memcg_lock, f);
		if (!used)
			kfree(fresh);
	}
}

struct memcg *memcg_create(struct memcg *parent, void *group)
{
	struct memcg *m = kzalloc(sizeof(*m));
	if (!m)
		return NULL;
	*m = (struct memcg){ .parent = parent, .group = group, .refs = 1 };
	m->limit[MEMCG_HIGH] = m->limit[MEMCG_MAX] = MEMCG_NO_LIMIT;
	if (!number(m)) {
		kfree(m);
		return NULL;
	}
	return m;
}

/* => memcg_lock. Drops n references; what is to be freed is chained to *dead through ->group. */
static void drop(struct memcg *m, u32 n, struct memcg **dead)
{
	for (; m && !(m->refs -= n); n = 1) {
		struct memcg *parent = m->parent;
		*slot_of(m->id) = NULL;
		nr_groups--;
		m->group = *dead;
		*dead = m;
		m = parent;
	}
}

static void free_dead(struct memcg *dead)
{
	while (unlikely(dead)) {
		struct memcg *next = dead->group;
		kfree(dead);
		dead = next;
	}
}

void memcg_offline(struct memcg *m)
{
	struct memcg *dead = NULL;
	u64 f = spin_lock_irqsave(&memcg_lock);
	m->group = NULL;
	drop(m, 1, &dead);
	spin_unlock_irqrestore(&memcg_lock, f);
	free_dead(dead);
}

void memcg_set(struct thread *t, struct memcg *m)
{
	u64 f = spin_lock_irqsave(&memcg_lock);
	t->memcg = m;
	t->memcg_blocked = t->memcg_over_high = 0;
	spin_unlock_irqrestore(&memcg_lock, f);
}

void memcg_set_limit(struct memcg *m, enum memcg_limit which, u64 pages)
{
	u64 f = spin_lock_irqsave(&memcg_lock);
	m->limit[which] = pages;
	spin_unlock_irqrestore(&memcg_lock, f);
}

u64 memcg_restart_peak(struct memcg *m, u64 *old)
{
	u64 f = spin_lock_irqsave(&memcg_lock);
	u64 now = m->usage;
	*old = m->new_peak;
	m->new_peak = now;
	spin_unlock_irqrestore(&memcg_lock, f);
	return now;
}

/* => memcg_lock. What a group may claim is what each group above it claims as well, up to the one that is reclaimed from. */
static bool is_protected(const struct memcg *m, u16 from, bool low)
{
	u64 claim = MEMCG_NO_LIMIT;
	const struct memcg *up = m;
	for (; up && up->id != from; up = up->parent)
		claim = min(claim, low ? max(up->limit[MEMCG_LOW], up->limit[MEMCG_MIN]) : up->limit[MEMCG_MIN]);
	return up != m && m->usage <= claim;
}

bool memcg_may_reclaim(const struct page *p, struct reclaim *r)
{
	if (!p->owner)
		return !r->from;
	u64 f = spin_lock_irqsave(&memcg_lock);
	struct memcg *m = *slot_of(p->owner), *up = m;
	while (r->from && up && up->id != r->from)
		up = up->parent;
	bool may = up && !is_protected(m, r->from, false), low = may && is_protected(m, r->from, true);
	if (low && r->spare_low) {
		r->spared = true;
		may = false;
	} else if (low && r->low_told != m->id) {
		r->low_told = m->id;
		m->low_hits_local++;
		for (up = m; up; up = up->parent)
			up->low_hits++;
	}
	spin_unlock_irqrestore(&memcg_lock, f);
	return may;
}

void memcg_read(struct memcg *m, struct memcg *out)
{
	u64 f = spin_lock_irqsave(&memcg_lock);
	*out = *m;
	spin_unlock_irqrestore(&memcg_lock, f);
}

u32 memcg_count(void) { return READ_ONCE(nr_groups); }

void *memcg_blocker(u16 id, bool over, void (*hold)(void *group))
{
	void *group = NULL;
	u64 f = spin_lock_irqsave(&memcg_lock);
	struct memcg *m = id ? *slot_of(id) : NULL;
	if (m && (!over || m->usage > m->limit[MEMCG_MAX]))
		group = m->group;
	if (group)
		hold(group);
	spin_unlock_irqrestore(&memcg_lock, f);
	return group;
}

/* --- charging ---------------------------------------------------------------------------------------------------------------------------- */

static enum memcg_kind kind_of(const struct page *p)
{
	switch (p->kind) {
	case PAGE_USER: return MEMCG_ANON;
	case PAGE_CACHE: return MEMCG_FILE;
	case PAGE_TABLE: return MEMCG_TABLE;
	default: return p->order ? MEMCG_STACK : MEMCG_KERNEL;
	}
}

/* => memcg_lock. Current goes on, but is to see to its group before it is in user mode again. */
static void note_trouble(struct thread *t, u16 *what, const struct memcg *m)
{
	*what = m->id;
	atomic_or(&t->flags, TIF_GROUP);
}

/* => memcg_lock. The group, m or above, that has no room for n pages. */
static struct memcg *full_group(struct memcg *m, u64 n)
{
	while (m && m->usage + n <= m->limit[MEMCG_MAX])
		m = m->parent;
	return m;
}

/* => memcg_lock */
static void add_usage(struct memcg *m, u64 n, enum memcg_kind kind)
{
	struct thread *t = current_thread();
	for (; m; m = m->parent) {
		m->usage += n;
		m->stat[kind] += n;
		if (m->usage > m->peak)
			m->peak = m->usage;
		if (m->usage > m->new_peak)
			m->new_peak = m->usage;
		if (unlikely(m->usage > m->limit[MEMCG_HIGH])) {
			t->memcg_high_pages += (u32)n;
			note_trouble(t, &t->memcg_over_high, m);
		}
	}
}

int memcg_charge_group(struct page *p, bool force)
{
	struct thread *t = current_thread();
	u64 n = 1UL << p->order;
	/* Who is being killed needs little more, and has to get it. */
	bool dying = t->flags & TIF_KILLED;
	u64 f = spin_lock_irqsave(&memcg_lock);
	struct memcg *m = t->memcg, *full = m ? full_group(m, n) : NULL;
	bool refuse = full && !force && !dying;
	if (full && !dying) {
		t->memcg_forced = force;
		note_trouble(t, &t->memcg_blocked, full);
	}
	if (m && !refuse) {
		add_usage(m, n, kind_of(p));
		m->refs += (u32)n;
		p->owner = m->id;
	}
	spin_unlock_irqrestore(&memcg_lock, f);
	return refuse ? -ENOMEM : 0;
}

void memcg_uncharge_owner(struct page *p)
{
	struct memcg *dead = NULL;
	u32 n = 1u << p->order;
	enum memcg_kind kind = kind_of(p);
	u64 f = spin_lock_irqsave(&memcg_lock);
	struct memcg *m = *slot_of(p->owner);
	for (struct memcg *up = m; up; up = up->parent) {
		up->usage -= n;
		up->stat[kind] -= n;
	}
	p->owner = 0;
	drop(m, n, &dead);
	spin_unlock_irqrestore(&memcg_lock, f);
	free_dead(dead);
}

void memcg_count_fault(bool major)
{
	u64 f = spin_lock_irqsave(&memcg_lock);
	for (struct memcg *m = current_thread()->memcg; m; m = m->parent) {
		m->faults++;
		m->major_faults += major;
	}
	spin_unlock_irqrestore(&memcg_lock, f);
}
