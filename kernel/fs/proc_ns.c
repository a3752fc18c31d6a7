/* /proc/PID/ns: the namespaces of a process as magic links; and the files that set up a user namespace: uid_map, gid_map, projid_map, setgroups. */
#include "fs/procfs.h"

#include "lib/format.h"
#include "lib/string.h"
#include "proc/ns.h"
#include "sched/timer.h"

struct ns_link {
	enum ns_kind kind;
	bool children;
};

static int find_ns(const struct proc_node *n, struct ns_common **out)
{
	const struct ns_link *l = n->e->data;
	if (!task_may_access(n->task, false))
		return -EACCES;
	*out = task_ns(n->task, l->kind, l->children);
	return *out ? 0 : -ENOENT;
}

static int ns_follow(const struct proc_node *n, struct path *out)
{
	struct ns_common *ns;
	int err = find_ns(n, &ns);
	return err ? err : nsfs_path(ns, out);
}

static int ns_text(const struct proc_node *n, char *buf, size_t size)
{
	struct ns_common *ns;
	int err = find_ns(n, &ns);
	if (err)
		return err;
	int len = format_str(buf, size, "%s:[%u]", ns_kinds[ns->kind]->name, ns->inum);
	ns_put(ns);
	return len;
}

#define NS_LINK(n, k, c) { .name = n, .mode = S_IFLNK | 0777, .link = ns_text, .follow = ns_follow, .data = &(const struct ns_link){ k, c } }
const struct proc_entry proc_ns_dir[PROC_NS_NR] = {
	NS_LINK("mnt", NS_MNT, false),
	NS_LINK("uts", NS_UTS, false),
	NS_LINK("cgroup", NS_CGROUP, false),
	NS_LINK("ipc", NS_IPC, false),
	NS_LINK("net", NS_NET, false),
	NS_LINK("pid", NS_PID, false),
	NS_LINK("pid_for_children", NS_PID, true),
	NS_LINK("user", NS_USER, false),
	NS_LINK("time", NS_TIME, false),
	NS_LINK("time_for_children", NS_TIME, true),
};

int proc_may_list_ns(const struct proc_node *n) { return task_may_access(n->task, false) ? 0 : -EACCES; }

/* --- time namespaces --------------------------------------------------------------------------------------------------------------------- */

static void put_offset(struct text *t, const char *name, s64 ns)
{
	s64 sec = ns / (s64)NSEC_PER_SEC, rest = ns % (s64)NSEC_PER_SEC;
	if (rest < 0) {
		sec--;
		rest += (s64)NSEC_PER_SEC;
	}
	text_printf(t, "%-10s %10lld %9lld\n", name, (long long)sec, (long long)rest);
}

int proc_show_timens(struct text *t, const struct proc_node *n)
{
	struct ns_common *c = task_ns(n->task, NS_TIME, true);
	if (!c)
		return -ESRCH;
	const struct time_namespace *ns = container_of(c, struct time_namespace, common);
	put_offset(t, "monotonic", ns->mono);
	put_offset(t, "boottime", ns->boot);
	ns_put(c);
	return 0;
}

/* The next word of *s, cut off; NULL at the end. */
static char *word(char **s)
{
	char *p = *s, *w;
	while (*p == ' ' || *p == '\t')
		p++;
	w = p;
	while (*p && *p != ' ' && *p != '\t')
		p++;
	if (*p)
		*p++ = 0;
	*s = p;
	return *w ? w : NULL;
}

/* "monotonic|boottime|1|7 SECONDS NANOSECONDS" */
static int parse_offset(char *line, struct time_offset *o)
{
	char *clock = word(&line), *sec = word(&line), *nsec = word(&line);
	u64 s, ns;
	if (!nsec)
		return -EINVAL;
	bool mono = !strcmp(clock, "monotonic") || !strcmp(clock, "1");
	o->boot = !strcmp(clock, "boottime") || !strcmp(clock, "7");
	bool neg = *sec == '-';
	if ((!mono && !o->boot) || str_to_u64(sec + neg, 10, &s) || s > INT64_MAX || str_to_u64(nsec, 10, &ns) || ns >= NSEC_PER_SEC)
		return -EINVAL;
	o->sec = neg ? -(s64)s : (s64)s;
	o->nsec = (s64)ns;
	return 0;
}

int proc_store_timens(const struct proc_node *n, const struct cred *opener, char *buf, size_t len)
{
	struct time_offset off[2];
	u32 nr = 0;
	for (char *line = buf, *next; line && nr < ARRAY_SIZE(off); line = next) {
		next = strchr(line, '\n');
		if (next) {
			*next++ = 0;
			next = *next ? next : NULL;
		}
		int err = parse_offset(line, &off[nr++]);
		if (err)
			return err;
	}
	struct ns_common *c = task_ns(n->task, NS_TIME, true);
	if (!c)
		return -ESRCH;
	int err = time_ns_set_offsets(container_of(c, struct time_namespace, common), opener, off, nr);
	ns_put(c);
	return err;
}

/* --- user namespaces -------------------------------------------------------------------------------------------------------------------- */

static struct user_namespace *user_ns_get(const struct proc_node *n) { return container_of(task_ns(n->task, NS_USER, false), struct user_namespace, common); }

/* Outside ids are shown in the reader's terms; to a reader inside, in its parent's. */
int proc_show_idmap(struct text *t, const struct proc_node *n)
{
	enum idmap_which which = *(const enum idmap_which *)n->e->data;
	struct user_namespace *ns = user_ns_get(n), *reader = current_user_ns();
	if (reader == ns && ns->parent)
		reader = ns->parent;
	const struct id_map *m = which == IDMAP_UID ? &ns->uid_map : which == IDMAP_GID ? &ns->gid_map : &ns->projid_map;
	u32 nr = smp_load_acquire(&m->n);
	for (u32 i = 0; i < nr; i++) {
		const struct id_range *r = &m->range[i];
		u32 lower = which == IDMAP_UID ? uid_in(reader, r->lower) : which == IDMAP_GID ? gid_in(reader, r->lower) : r->lower;
		text_printf(t, "%10u %10u %10u\n", r->first, lower, r->count);
	}
	ns_put(&ns->common);
	return 0;
}

int proc_store_idmap(const struct proc_node *n, const struct cred *opener, char *buf, size_t len)
{
	struct user_namespace *ns = user_ns_get(n);
	int err = user_ns_write_map(ns, *(const enum idmap_which *)n->e->data, opener, buf);
	ns_put(&ns->common);
	return err;
}

int proc_show_setgroups(struct text *t, const struct proc_node *n)
{
	struct user_namespace *ns = user_ns_get(n);
	text_puts(t, READ_ONCE(ns->setgroups_denied) ? "deny\n" : "allow\n");
	ns_put(&ns->common);
	return 0;
}

int proc_store_setgroups(const struct proc_node *n, const struct cred *opener, char *buf, size_t len)
{
	if (len >= 8)
		return -EINVAL;
	struct user_namespace *ns = user_ns_get(n);
	int err = user_ns_write_setgroups(ns, buf);
	ns_put(&ns->common);
	return err;
}

int proc_may_write_setgroups(const struct proc_node *n)
{
	struct user_namespace *ns = user_ns_get(n);
	bool may = ns_capable(ns, CAP_SYS_ADMIN);
	ns_put(&ns->common);
	return may ? 0 : -EACCES;
}
