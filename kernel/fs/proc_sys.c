/*
 * /proc/sys: the settings that programs read, and the few that can be changed. A file that cannot change anything here is read-only: nothing is
 * accepted and then ignored.
 */
#include "fs/procfs.h"

#include "fs/devpts.h"
#include "fs/proc_ipc.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/commit.h"
#include "proc/coredump.h"
#include "proc/exec.h"
#include "proc/ns.h"
#include "proc/seccomp.h"
#include "vfs/inotify.h"
#include "vfs/locks.h"
#include "vfs/pipe.h"
#include "vfs/unix.h"

typedef unsigned long long ull;

u32 tty_legacy_tiocsti;

/* --- constants -------------------------------------------------------------------------------------------------------------------------- */
static int show_text(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%s\n", (const char *)n->e->data);
	return 0;
}
#define CONSTANT(n, v) { .name = n, .mode = S_IFREG | 0444, .show = show_text, .data = v }

/* --- names ------------------------------------------------------------------------------------------------------------------------------ */
static int show_uts(struct text *t, const struct proc_node *n)
{
	char name[65];
	spin_lock(&uts_lock);
	memcpy(name, (char *)&current->nsproxy->uts->names + (u64)n->e->data, sizeof(name));
	spin_unlock(&uts_lock);
	text_printf(t, "%s\n", name);
	return 0;
}
static int store_uts(const struct proc_node *n, char *buf, size_t len)
{
	struct uts_namespace *ns = current->nsproxy->uts;
	char *nl = strchr(buf, '\n');
	if (nl)
		*nl = 0;
	spin_lock(&uts_lock);
	str_copy((char *)&ns->names + (u64)n->e->data, buf, sizeof(ns->names.nodename));
	spin_unlock(&uts_lock);
	return 0;
}
#define UTS_NAME(n, field) { .name = n, .mode = S_IFREG | 0644, .show = show_uts, .store = store_uts, .data = (void *)offsetof(struct uts_names, field) }

/* --- numbers ---------------------------------------------------------------------------------------------------------------------------- */
static int parse(char *buf, u64 *out)
{
	char *p = buf, *end;
	while (*p == ' ' || *p == '\t')
		p++;
	for (end = p; *end >= '0' && *end <= '9'; end++)
		;
	if (*end && *end != '\n' && *end != ' ')
		return -EINVAL;
	*end = 0;
	return str_to_u64(p, 10, out);
}

static int show_release(struct text *t, const struct proc_node *n) { text_printf(t, "%s\n", uts_release); return 0; }
static int show_version(struct text *t, const struct proc_node *n) { text_printf(t, "%s\n", uts_version); return 0; }
static int show_pid_max(struct text *t, const struct proc_node *n) { text_printf(t, "%d\n", pid_max); return 0; }
static int store_pid_max(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	return pid_set_max((s32)v);
}
static int show_last_pid(struct text *t, const struct proc_node *n) { text_printf(t, "%d\n", READ_ONCE(current_pid_ns()->last)); return 0; }
static int store_last_pid(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	struct pid_namespace *ns = current_pid_ns();
	if (!ns_capable(ns->common.owner, CAP_SYS_ADMIN) && !ns_capable(ns->common.owner, CAP_CHECKPOINT_RESTORE))
		return -EPERM;
	if (parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	return pid_set_last(ns, (s32)v);
}
static int show_threads_max(struct text *t, const struct proc_node *n) { text_printf(t, "%u\n", READ_ONCE(max_threads)); return 0; }
static int store_threads_max(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v < 1 || v > 0x3fffffff) /* as many as a futex word can name */
		return -EINVAL;
	WRITE_ONCE(max_threads, (u32)v);
	return 0;
}
static int show_birth_times(struct text *t, const struct proc_node *n) { text_printf(t, "%u\n", READ_ONCE(birth_times)); return 0; }
static int store_birth_times(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 1)
		return -EINVAL;
	WRITE_ONCE(birth_times, (u32)v);
	return 0;
}
static int show_printk(struct text *t, const struct proc_node *n) { text_printf(t, "%d\t4\t1\t7\n", log_console_level); return 0; }
static int store_printk(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 15)
		return -EINVAL;
	log_console_level = (int)v;
	return 0;
}
static int show_file_max(struct text *t, const struct proc_node *n) { text_printf(t, "%llu\n", (ull)READ_ONCE(vfs_max_files)); return 0; }
static int store_file_max(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v))
		return -EINVAL;
	WRITE_ONCE(vfs_max_files, v);
	return 0;
}
static int show_file_nr(struct text *t, const struct proc_node *n)
{
	struct vfs_counts c;
	vfs_counts(&c);
	text_printf(t, "%llu\t0\t%llu\n", (ull)c.files, (ull)READ_ONCE(vfs_max_files));
	return 0;
}
static int show_nr_open(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", vfs_nr_open());
	return 0;
}
static int store_nr_open(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	return parse(buf, &v) ? -EINVAL : vfs_set_nr_open(v);
}
static int show_inode_nr(struct text *t, const struct proc_node *n)
{
	struct vfs_counts c;
	vfs_counts(&c);
	text_printf(t, "%llu\t0\n", (ull)c.inodes);
	return 0;
}
static int show_core_pattern(struct text *t, const struct proc_node *n)
{
	char p[CORE_PATTERN_SIZE];
	core_pattern_get(p);
	text_printf(t, "%s\n", p);
	return 0;
}
static int store_core_pattern(const struct proc_node *n, char *buf, size_t len)
{
	core_pattern_set(buf);
	return 0;
}

/* A plain u32 somewhere in the kernel, between two limits. */
struct u32_setting {
	u32 *value, min, max;
	int cap; /* needed to write; 0 = none */
	bool sticky; /* once at the maximum, it stays there */
};
static int show_u32(struct text *t, const struct proc_node *n)
{
	const struct u32_setting *s = n->e->data;
	text_printf(t, "%u\n", READ_ONCE(*s->value));
	return 0;
}
static int store_u32(const struct proc_node *n, char *buf, size_t len)
{
	const struct u32_setting *s = n->e->data;
	u64 v;
	if (s->cap && !capable(s->cap))
		return -EPERM;
	if (parse(buf, &v) || v < s->min || v > s->max || (s->sticky && READ_ONCE(*s->value) == s->max && v < s->max))
		return -EINVAL;
	WRITE_ONCE(*s->value, (u32)v);
	return 0;
}
#define GUARDED(n, variable, high, capability, stays)                                                                \
	{                                                                                                                \
		.name = n, .mode = S_IFREG | 0644, .show = show_u32, .store = store_u32, .data = &(const struct u32_setting) \
		{                                                                                                            \
			&(variable), 0, high, capability, stays                                                                  \
		}                                                                                                            \
	}
#define SETTING(n, variable, low, high)                                                                                                              \
	{ .name = n, .mode = S_IFREG | 0644, .show = show_u32, .store = store_u32, .data = &(const struct u32_setting){ &(variable), low, high } }
/* --- promised memory -------------------------------------------------------------------------------------------------------------------- */
static int show_overcommit(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", commit_mode());
	return 0;
}
static int store_overcommit(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > OVERCOMMIT_NEVER)
		return -EINVAL;
	commit_set_mode((u32)v);
	return 0;
}
/* The share and the number are two ways to say one thing: who sets one clears the other. */
static int show_ratio(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", READ_ONCE(overcommit_ratio));
	return 0;
}
static int store_ratio(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	WRITE_ONCE(overcommit_ratio, (u32)v);
	WRITE_ONCE(overcommit_kbytes, 0);
	return 0;
}
static int show_u64(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%llu\n", (ull)READ_ONCE(*(const u64 *)n->e->data));
	return 0;
}
static int store_u64(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v))
		return -EINVAL;
	WRITE_ONCE(*(u64 *)n->e->data, v);
	return 0;
}
static int store_overcommit_kbytes(const struct proc_node *n, char *buf, size_t len)
{
	int err = store_u64(n, buf, len);
	if (!err)
		WRITE_ONCE(overcommit_ratio, 0);
	return err;
}
#define KBYTES(n, variable, w)                                                               \
	{                                                                                        \
		.name = n, .mode = S_IFREG | 0644, .show = show_u64, .store = w, .data = &(variable) \
	}
static int show_pipe_max(struct text *t, const struct proc_node *n) { text_printf(t, "%u\n", PIPE_MAX_SIZE); return 0; }

/* A u32 of the reader's network namespace, at this offset. */
static u32 *net_setting(const struct proc_node *n) { return (u32 *)(void *)((char *)current_nsproxy()->net + (u64)n->e->data); }
static int show_net(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%d\n", (s32)READ_ONCE(*net_setting(n)));
	return 0;
}
static int store_net(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	WRITE_ONCE(*net_setting(n), (u32)v);
	return 0;
}
#define NET_SETTING(n, field)                                                                                                          \
	{                                                                                                                                  \
		.name = n, .mode = S_IFREG | 0644, .show = show_net, .store = store_net, .data = (void *)offsetof(struct net_namespace, field) \
	}

static int show_dentry_state(struct text *t, const struct proc_node *n)
{
	struct vfs_counts c;
	vfs_counts(&c);
	text_printf(t, "%llu\t%llu\t45\t0\t%llu\t0\n", (ull)c.dentries, (ull)c.dentries_unused, (ull)c.dentries_negative);
	return 0;
}
static int show_inode_state(struct text *t, const struct proc_node *n)
{
	struct vfs_counts c;
	vfs_counts(&c);
	text_printf(t, "%llu\t0\t0\t0\t0\t0\t0\n", (ull)c.inodes);
	return 0;
}
static int show_ptys(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", devpts_count());
	return 0;
}

/* 1: cached data of files, 2: names and inodes, 3: both. */
static int store_drop_caches(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v < 1 || v > 4)
		return -EINVAL;
	if (v & 1)
		mm_reclaim(~0UL);
	if (v & 2)
		vfs_drop_caches();
	return 0;
}

/* --- user namespaces -------------------------------------------------------------------------------------------------------------------- */
/* How many namespaces of a kind the users of the reader's user namespace may make. */
static int show_max_ns(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%u\n", READ_ONCE(current_user_ns()->max_namespaces[*(const enum ns_kind *)n->e->data]));
	return 0;
}
static int store_max_ns(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	if (parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	WRITE_ONCE(current_user_ns()->max_namespaces[*(const enum ns_kind *)n->e->data], (u32)v);
	return 0;
}
static int may_set_max_ns(const struct proc_node *n) { return ns_capable(current_user_ns(), CAP_SYS_RESOURCE) ? 0 : -EACCES; }

/* --- random ----------------------------------------------------------------------------------------------------------------------------- */
static void put_uuid(struct text *t, const u8 u[16])
{
	for (u32 i = 0; i < 16; i++)
		text_printf(t, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", u[i]);
	text_puts(t, "\n");
}
static void make_uuid(u8 u[16])
{
	hook_random_bytes(u, 16);
	u[6] = (u[6] & 0x0f) | 0x40;
	u[8] = (u[8] & 0x3f) | 0x80;
}
static int show_uuid(struct text *t, const struct proc_node *n)
{
	u8 u[16];
	make_uuid(u);
	put_uuid(t, u);
	return 0;
}
static int show_boot_id(struct text *t, const struct proc_node *n)
{
	static u8 id[16];
	static u32 made; /* 0 no, 1 being made, 2 made */
	if (cmpxchg(&made, 0, 1) == 0) {
		make_uuid(id);
		smp_store_release(&made, 2);
	}
	while (smp_load_acquire(&made) != 2)
		cpu_relax();
	put_uuid(t, id);
	return 0;
}

/* --- seccomp ---------------------------------------------------------------------------------------------------------------------------- */
static void put_actions(struct text *t, u32 set)
{
	const char *space = "";
	for (u32 i = 0; i < SECCOMP_ACTIONS; i++) {
		if (!(set >> i & 1))
			continue;
		text_printf(t, "%s%s", space, seccomp_action_names[i]);
		space = " ";
	}
	text_puts(t, "\n");
}
static int show_actions_avail(struct text *t, const struct proc_node *n)
{
	put_actions(t, ~0u);
	return 0;
}
static int show_actions_logged(struct text *t, const struct proc_node *n)
{
	put_actions(t, READ_ONCE(seccomp_actions_logged));
	return 0;
}
/* The action that the `len` bytes at `word` name, as a bit; 0 = none. */
static u32 action_named(const char *word, size_t len)
{
	for (u32 i = 0; i < SECCOMP_ACTIONS; i++)
		if (!strncmp(seccomp_action_names[i], word, len) && !seccomp_action_names[i][len])
			return BIT(i);
	return 0;
}
/* To allow is not worth a line: it cannot be asked for. */
static int store_actions_logged(const struct proc_node *n, char *buf, size_t len)
{
	u32 set = 0;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	for (char *p = buf; *p;) {
		size_t word = 0;
		while (p[word] && p[word] != ' ' && p[word] != '\n')
			word++;
		u32 bit = word ? action_named(p, word) : 0;
		if (word && (!bit || bit == SECCOMP_ACTION_ALLOW_BIT))
			return -EINVAL;
		set |= bit;
		p += word + (p[word] != 0);
	}
	WRITE_ONCE(seccomp_actions_logged, set);
	return 0;
}

/* --- the tree --------------------------------------------------------------------------------------------------------------------------- */
#define NUMBER(n, m, s, w) { .name = n, .mode = S_IFREG | (m), .show = s, .store = w }
static const struct proc_entry random_dir[] = { PROC_TEXT("uuid", 0444, show_uuid), PROC_TEXT("boot_id", 0444, show_boot_id),
	CONSTANT("entropy_avail", "256"), CONSTANT("poolsize", "256") };
static const struct proc_entry pty_dir[] = { CONSTANT("max", "1024"), PROC_TEXT("nr", 0444, show_ptys) };
static const struct proc_entry yama_dir[] = { GUARDED("ptrace_scope", ptrace_scope, 3, CAP_SYS_PTRACE, true) };
static const struct proc_entry seccomp_dir[] = { PROC_TEXT("actions_avail", 0444, show_actions_avail),
	NUMBER("actions_logged", 0644, show_actions_logged, store_actions_logged) };
static const struct proc_entry kernel_dir[] = {
	UTS_NAME("hostname", nodename),
	UTS_NAME("domainname", domainname),
	CONSTANT("ostype", "Linux"),
	PROC_TEXT("osrelease", 0444, show_release),
	PROC_TEXT("version", 0444, show_version),
	NUMBER("pid_max", 0644, show_pid_max, store_pid_max),
	NUMBER("threads-max", 0644, show_threads_max, store_threads_max),
	NUMBER("ns_last_pid", 0666, show_last_pid, store_last_pid),
	NUMBER("birth_times", 0644, show_birth_times, store_birth_times),
	NUMBER("printk", 0644, show_printk, store_printk),
	SETTING("randomize_va_space", randomize_va_space, 0, 0x7fffffff),
	CONSTANT("cap_last_cap", "40"),
	CONSTANT("ngroups_max", "65536"),
	NUMBER("core_pattern", 0644, show_core_pattern, store_core_pattern),
	SETTING("core_uses_pid", core_uses_pid, 0, 0x7fffffff),
	SETTING("core_pipe_limit", core_pipe_limit, 0, 0x7fffffff),
	CONSTANT("overflowuid", "65534"),
	CONSTANT("overflowgid", "65534"),
	CONSTANT("panic", "0"),
	CONSTANT("panic_on_oops", "1"),
	CONSTANT("arch", "x86_64"),
	GUARDED("dmesg_restrict", dmesg_restrict, 1, CAP_SYS_ADMIN, false),
	GUARDED("kptr_restrict", kptr_restrict, 2, CAP_SYS_ADMIN, false),
	SETTING("unprivileged_userns_clone", unprivileged_userns_clone, 0, 1),
	CONSTANT("tainted", "0"),
	CONSTANT("sched_rr_timeslice_ms", "100"),
	PROC_IPC_SETTINGS,
	PROC_DIR("random", 0555, random_dir),
	PROC_DIR("pty", 0555, pty_dir),
	PROC_DIR("yama", 0555, yama_dir),
	PROC_DIR("seccomp", 0555, seccomp_dir),
};
/* Who may write is asked at open: it is not the owner of the file. */
#define MAX_NS(n, k)                                                                                                                                 \
	{ .name = "max_" n "_namespaces", .mode = S_IFREG | 0666, .show = show_max_ns, .store = store_max_ns, .may_write = may_set_max_ns,               \
	  .data = &(const enum ns_kind){ k } }
static const struct proc_entry user_dir[] = { MAX_NS("user", NS_USER), MAX_NS("pid", NS_PID), MAX_NS("uts", NS_UTS), MAX_NS("ipc", NS_IPC),
	MAX_NS("net", NS_NET), MAX_NS("mnt", NS_MNT), MAX_NS("cgroup", NS_CGROUP), MAX_NS("time", NS_TIME) };
static const struct proc_entry vm_dir[] = {
	{ .name = "overcommit_memory", .mode = S_IFREG | 0644, .show = show_overcommit, .store = store_overcommit },
	{ .name = "overcommit_ratio", .mode = S_IFREG | 0644, .show = show_ratio, .store = store_ratio },
	KBYTES("overcommit_kbytes", overcommit_kbytes, store_overcommit_kbytes), KBYTES("admin_reserve_kbytes", admin_reserve_kbytes, store_u64),
	KBYTES("user_reserve_kbytes", user_reserve_kbytes, store_u64), CONSTANT("max_map_count", "65530"),
	SETTING("mmap_rnd_bits", mmap_rnd_bits, 28, 32), SETTING("legacy_va_layout", legacy_va_layout, 0, 0x7fffffff), CONSTANT("mmap_min_addr", "65536"),
	CONSTANT("swappiness", "60"), CONSTANT("nr_hugepages", "0"), { .name = "drop_caches", .mode = S_IFREG | 0200, .store = store_drop_caches }
};
static const struct proc_entry inotify_dir[] = { SETTING("max_user_instances", inotify_max_instances, 0, 0x7fffffff),
	SETTING("max_user_watches", inotify_max_watches, 0, 0x7fffffff), SETTING("max_queued_events", inotify_max_events, 0, 0x7fffffff) };
static const struct proc_entry fs_dir[] = {
	NUMBER("file-max", 0644, show_file_max, store_file_max),
	PROC_TEXT("file-nr", 0444, show_file_nr),
	PROC_TEXT("inode-nr", 0444, show_inode_nr),
	NUMBER("nr_open", 0644, show_nr_open, store_nr_open),
	PROC_TEXT("pipe-max-size", 0444, show_pipe_max),
	SETTING("suid_dumpable", suid_dumpable, 0, 2),
	PROC_DIR("inotify", 0555, inotify_dir),
	SETTING("lease-break-time", lease_break_time, 0, 0x7fffffff),
	SETTING("leases-enable", leases_enable, 0, 0x7fffffff),
	SETTING("dir-notify-enable", dir_notify_enable, 0, 0x7fffffff),
	{ .name = "binfmt_misc", .mode = S_IFDIR | 0555 }, /* for the file system of that name */
	SETTING("protected_symlinks", protected_symlinks, 0, 1),
	SETTING("protected_hardlinks", protected_hardlinks, 0, 1),
	SETTING("protected_fifos", protected_fifos, 0, 2),
	SETTING("protected_regular", protected_regular, 0, 2),
	PROC_TEXT("dentry-state", 0444, show_dentry_state),
	PROC_TEXT("inode-state", 0444, show_inode_state),
	CONSTANT("overflowuid", "65534"),
	CONSTANT("overflowgid", "65534"),
	{ .name = "mqueue", .mode = S_IFDIR | 0555, .dir = proc_mqueue_dir, .nr = PROC_MQUEUE_NR },
};
static const struct proc_entry core_dir[] = { NET_SETTING("somaxconn", max_backlog),
	SETTING("wmem_default", unix_sndbuf_default, UNIX_SNDBUF_MIN, 0x7fffffff), SETTING("wmem_max", unix_sndbuf_max, UNIX_SNDBUF_MIN, 0x7fffffff),
	SETTING("rmem_default", unix_rcvbuf_default, UNIX_RCVBUF_MIN, 0x7fffffff), SETTING("rmem_max", unix_rcvbuf_max, UNIX_RCVBUF_MIN, 0x7fffffff) };
static const struct proc_entry unix_dir[] = { NET_SETTING("max_dgram_qlen", dgram_queue) };
static const struct proc_entry net_dir[] = { PROC_DIR("core", 0555, core_dir), PROC_DIR("unix", 0555, unix_dir) };

static const struct proc_entry tty_dir[] = { SETTING("legacy_tiocsti", tty_legacy_tiocsti, 0, 1) };
static const struct proc_entry dev_dir[] = { PROC_DIR("tty", 0555, tty_dir) };

const struct proc_entry proc_sys_dir[PROC_SYS_NR] = { PROC_DIR("kernel", 0555, kernel_dir), PROC_DIR("vm", 0555, vm_dir),
	PROC_DIR("fs", 0555, fs_dir), PROC_DIR("net", 0555, net_dir), PROC_DIR("user", 0555, user_dir), PROC_DIR("dev", 0555, dev_dir) };
