/* IPC in procfs: /proc/sysvipc, and the settings of the reader's IPC namespace in /proc/sys/kernel and /proc/sys/fs/mqueue. */
#include "fs/proc_ipc.h"

#include "ipc/ipc.h"
#include "lib/string.h"

typedef unsigned long long ull;

/* --- /proc/sysvipc -------------------------------------------------------------------------------------------------------------------------- */

static int show_sem(struct text *t, const struct proc_node *n)
{
	struct ipc_row r;
	text_puts(t, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n");
	for (u32 slot = 0; ipc_row(current_ipc_ns(), IPC_SEM, &slot, n->ns, &r);)
		text_printf(t, "%10d %10d  %4o %10u %5u %5u %5u %5u %10llu %10llu\n", r.key, r.id, r.mode, (u32)r.count, r.uid, r.gid, r.cuid, r.cgid,
			(ull)r.time1, (ull)r.ctime);
	return 0;
}

static int show_msg(struct text *t, const struct proc_node *n)
{
	struct ipc_row r;
	text_puts(t, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n");
	for (u32 slot = 0; ipc_row(current_ipc_ns(), IPC_MSG, &slot, n->ns, &r);)
		text_printf(t, "%10d %10d  %4o  %10llu %10llu %5u %5u %5u %5u %5u %5u %10llu %10llu %10llu\n", r.key, r.id, r.mode, (ull)r.bytes,
			(ull)r.count, (u32)r.pid1, (u32)r.pid2, r.uid, r.gid, r.cuid, r.cgid, (ull)r.time1, (ull)r.time2, (ull)r.ctime);
	return 0;
}

static int show_shm(struct text *t, const struct proc_node *n)
{
	struct ipc_row r;
	text_puts(t, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime"
				 "                   rss                  swap\n");
	for (u32 slot = 0; ipc_row(current_ipc_ns(), IPC_SHM, &slot, n->ns, &r);)
		text_printf(t, "%10d %10d  %4o %21llu %5u %5u  %5llu %5u %5u %5u %5u %10llu %10llu %10llu %21llu %21llu\n", r.key, r.id, r.mode, (ull)r.bytes,
			(u32)r.pid1, (u32)r.pid2, (ull)r.count, r.uid, r.gid, r.cuid, r.cgid, (ull)r.time1, (ull)r.time2, (ull)r.ctime, (ull)r.rss, 0ULL);
	return 0;
}
const struct proc_entry proc_sysvipc_dir[PROC_SYSVIPC_NR] = { PROC_TEXT("msg", 0444, show_msg), PROC_TEXT("sem", 0444, show_sem),
	PROC_TEXT("shm", 0444, show_shm) };

/* --- settings ------------------------------------------------------------------------------------------------------------------------------- */

static char *limit_at(const struct proc_node *n) { return (char *)&current_ipc_ns()->limits + ((const struct proc_ipc_limit *)n->e->data)->at; }

int proc_show_ipc_int(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%d\n", READ_ONCE(*(s32 *)limit_at(n)));
	return 0;
}
int proc_show_ipc_long(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%llu\n", (ull)READ_ONCE(*(u64 *)limit_at(n)));
	return 0;
}
int proc_show_ipc_sem(struct text *t, const struct proc_node *n)
{
	const s32 *v = current_ipc_ns()->limits.sem;
	text_printf(t, "%d\t%d\t%d\t%d\n", v[0], v[1], v[2], v[3]);
	return 0;
}

/* The next number of *s, which moves behind it: 0, -EINVAL, -ENOENT at the end. */
static int next_number(char **s, s64 *out)
{
	char *p = *s, *end;
	u64 v;
	while (*p == ' ' || *p == '\t' || *p == '\n')
		p++;
	if (!*p)
		return -ENOENT;
	bool neg = *p == '-';
	p += neg;
	for (end = p; *end >= '0' && *end <= '9'; end++)
		;
	char last = *end;
	if (last && last != ' ' && last != '\t' && last != '\n')
		return -EINVAL;
	*end = 0;
	if (str_to_u64(p, 10, &v) || v > (u64)INT64_MAX + neg)
		return -EINVAL;
	*end = last;
	*s = end;
	*out = neg ? -(s64)v : (s64)v;
	return 0;
}

int proc_store_ipc_int(const struct proc_node *n, char *buf, size_t len)
{
	const struct proc_ipc_limit *l = n->e->data;
	s64 v;
	if (next_number(&buf, &v) || v < l->min || v > l->max)
		return -EINVAL;
	WRITE_ONCE(*(s32 *)limit_at(n), (s32)v);
	return 0;
}
int proc_store_shm_forced(const struct proc_node *n, char *buf, size_t len)
{
	int err = proc_store_ipc_int(n, buf, len);
	if (!err && current_ipc_ns()->limits.shm_rmid_forced)
		shm_remove_orphans(current_ipc_ns());
	return err;
}
int proc_store_ipc_long(const struct proc_node *n, char *buf, size_t len)
{
	u64 v;
	char *end = buf;
	while (*end >= '0' && *end <= '9')
		end++;
	if (*end && *end != '\n')
		return -EINVAL;
	*end = 0;
	if (str_to_u64(buf, 10, &v))
		return -EINVAL;
	WRITE_ONCE(*(u64 *)limit_at(n), v);
	return 0;
}
/* As many of the four as are given. */
int proc_store_ipc_sem(const struct proc_node *n, char *buf, size_t len)
{
	s32 v[4];
	s64 x;
	memcpy(v, current_ipc_ns()->limits.sem, sizeof(v));
	int err = 0;
	for (u32 i = 0; i < 4 && !err; i++) {
		err = next_number(&buf, &x);
		if (!err && (x > INT32_MAX || x < INT32_MIN))
			err = -EINVAL;
		if (!err)
			v[i] = (s32)x;
	}
	if (err == -EINVAL)
		return err;
	if (v[3] < 0 || v[3] > (s32)IPC_SLOTS_MAX)
		return -ERANGE;
	memcpy(current_ipc_ns()->limits.sem, v, sizeof(v));
	return 0;
}
int proc_may_set_ipc(const struct proc_node *n) { return ipc_may_set(current_ipc_ns()); }

/* The id that the next object gets, for restoring a checkpoint: -1 = whichever comes. */
int proc_show_next_id(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%d\n", READ_ONCE(current_ipc_ns()->ids[(u64)n->e->data].next_id));
	return 0;
}
int proc_store_next_id(const struct proc_node *n, char *buf, size_t len)
{
	s64 v;
	if (next_number(&buf, &v) || v < 0 || v > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(current_ipc_ns()->ids[(u64)n->e->data].next_id, (s32)v);
	return 0;
}
int proc_may_set_next_id(const struct proc_node *n)
{
	const struct user_namespace *owner = current_ipc_ns()->common.owner;
	return ns_capable(owner, CAP_CHECKPOINT_RESTORE) || ns_capable(owner, CAP_SYS_ADMIN) ? 0 : -EACCES;
}

const struct proc_entry proc_mqueue_dir[PROC_MQUEUE_NR] = {
	PROC_IPC_INT("queues_max", queues_max, 0, INT32_MAX),
	PROC_IPC_INT("msg_max", mq_msg_max, 1, 65536),
	PROC_IPC_INT("msgsize_max", mq_msgsize_max, 128, 16 * 1024 * 1024),
	PROC_IPC_INT("msg_default", mq_msg_default, 1, 65536),
	PROC_IPC_INT("msgsize_default", mq_msgsize_default, 128, 16 * 1024 * 1024),
};
