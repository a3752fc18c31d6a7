/* What may be promised: the decision, the limit, the sum. Interface: commit.h. */
#include "mm/commit.h"

#include "mm/mm.h"

#define CAP_SYS_ADMIN 21
#define KIB_PAGES(kib) ((kib) >> (PAGE_SHIFT - 10))

u64 commit_unasked = ~0UL; /* until the memory is known */
u32 overcommit_ratio = 50;
u64 overcommit_kbytes, admin_reserve_kbytes, user_reserve_kbytes;
static u32 mode = OVERCOMMIT_GUESS;
static u64 all_pages; /* constant after commit_init */

u32 commit_mode(void) { return READ_ONCE(mode); }

void commit_set_mode(u32 m)
{
	WRITE_ONCE(mode, m);
	WRITE_ONCE(commit_unasked, m == OVERCOMMIT_ALWAYS ? ~0UL : m == OVERCOMMIT_GUESS ? all_pages : 0);
}

u64 commit_total(void)
{
	s64 n = 0;
	for (u32 i = 0; i < nr_cpus; i++)
		n += READ_ONCE(cpus[i].committed);
	/* Read one after the other while promises move between CPUs. */
	return n > 0 ? (u64)n : 0;
}

u64 commit_limit(void)
{
	u64 kib = READ_ONCE(overcommit_kbytes);
	return kib ? KIB_PAGES(kib) : all_pages * READ_ONCE(overcommit_ratio) / 100;
}

bool commit_decide(const struct mm *mm, u64 n)
{
	u32 m = commit_mode();
	s64 allowed = (s64)commit_limit();
	if (!hook_capable(CAP_SYS_ADMIN))
		allowed -= (s64)KIB_PAGES(READ_ONCE(admin_reserve_kbytes));
	/* One process alone does not take what a user needs to end it. */
	if (mm)
		allowed -= (s64)min(mm->total_pages / 32, KIB_PAGES(READ_ONCE(user_reserve_kbytes)));
	/* The mode may have changed since the charge was found to need a decision. */
	bool ok = m == OVERCOMMIT_ALWAYS || (m == OVERCOMMIT_GUESS && n <= all_pages) || (m == OVERCOMMIT_NEVER && (s64)commit_total() < allowed);
	if (!ok)
		commit_add(-(s64)n);
	return ok;
}

void commit_init(void)
{
	struct mem_info m;
	mem_info(&m);
	all_pages = m.total;
	u64 share = m.free * (PAGE_SIZE / 1024) / 32;
	admin_reserve_kbytes = min(share, 1UL << 13);
	user_reserve_kbytes = min(share, 1UL << 17);
	commit_set_mode(OVERCOMMIT_GUESS);
}
