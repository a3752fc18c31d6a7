/* /proc/pando: counts of everything that could leak, as "name value" lines. A test reads it before and after and compares. */
#include "fs/procfs.h"

#include "lib/bug.h"
#include "mm/commit.h"
#include "mm/memcg.h"
#include "mm/slab.h"
#include "proc/cgroup.h"

static void line(struct text *t, const char *name, u64 v) { text_printf(t, "%s %llu\n", name, (unsigned long long)v); }

int proc_show_pando(struct text *t, const struct proc_node *n)
{
	struct mem_info m;
	struct proc_counts p;
	struct vfs_counts v;
	struct slab_info s;
	u64 slab_objects = 0;

	/* Names that nobody uses are a cache, no leak. */
	vfs_drop_caches();
	mem_info(&m);
	proc_counts(&p);
	vfs_counts(&v);
	line(t, "pages_total", m.total);
	line(t, "pages_free", m.free);
	line(t, "pages_zeroed", m.zeroed_pool);
	line(t, "pages_cache", m.cached);
	line(t, "pages_slab", m.slab);
	line(t, "pages_tables", m.tables);
	line(t, "pages_kept_tables", m.kept_tables);
	line(t, "pages_shared", m.shared);
	line(t, "pages_promised", commit_total());
	line(t, "pages_kept_stacks", p.kept_stack_pages);
	for (u32 i = 0; slab_info(i, &s); i++)
		slab_objects += s.active;
	line(t, "slab_objects", slab_objects);
	line(t, "tasks", p.tasks);
	line(t, "threads", READ_ONCE(nr_threads_total));
	line(t, "signals", p.signals);
	line(t, "sighands", p.sighands);
	line(t, "pids", pid_count());
	line(t, "pid_structs", p.pids);
	line(t, "creds", p.creds);
	line(t, "users", p.users);
	line(t, "mms", mm_count());
	line(t, "files", v.files);
	line(t, "inodes", v.inodes);
	line(t, "dentries", v.dentries);
	line(t, "mounts", v.mounts);
	line(t, "cgroups", cgroup_count());
	line(t, "memory_groups", memcg_count());
	line(t, "supers", v.supers);
	line(t, "forks", READ_ONCE(total_forks));
	line(t, "warnings", warn_count());
	for (u32 i = 0; slab_info(i, &s); i++)
		text_printf(t, "slab.%s %llu\n", s.name, (unsigned long long)s.active);
	return 0;
}
