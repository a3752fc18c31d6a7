/*
 * Namespaces as every room sees them: the head that all kinds share, and struct nsproxy, the set of namespaces that a task looks through. The kinds
 * themselves live in their rooms: mnt here, uts, pid, time, user in proc, ipc in ipc. The user namespace is not in the set but in the credentials.
 */
#ifndef PANDO_VFS_NS_H
#define PANDO_VFS_NS_H

#include "lib/atomic.h"
#include "lib/types.h"
#include "sched/sched.h"

enum ns_kind { NS_MNT, NS_UTS, NS_IPC, NS_PID, NS_CGROUP, NS_NET, NS_TIME, NS_USER, NS_KINDS };

struct user_namespace;
struct user_account;
struct mnt_namespace;
struct uts_namespace;
struct ipc_namespace;
struct pid_namespace;
struct net_namespace;
struct cgroup_namespace;
struct time_namespace;

/* First in every namespace. */
struct ns_common {
	atomic_t refs;
	u8 kind;                      /* constant: enum ns_kind */
	u32 inum;                     /* constant: the number in "uts:[4026531838]", st_ino */
	struct user_namespace *owner; /* constant, counted: whose capabilities rule it. Of a user namespace: its parent, NULL = none */
	struct user_account *account; /* constant, counted: charged for it; NULL for the first namespaces */
};

/* Constant once a task has it: whoever changes a member makes a new one (proc/nsproxy.c). Each member is counted. */
struct nsproxy {
	atomic_t refs;
	struct mnt_namespace *mnt;
	struct uts_namespace *uts;
	struct ipc_namespace *ipc;
	struct pid_namespace *pid;    /* that children are born into */
	struct net_namespace *net;
	struct cgroup_namespace *cgroup;
	struct time_namespace *time;
	struct time_namespace *time_for_children;
};

/* What is added to the clocks, ns. Constant once somebody is in it (proc/time_ns.c). */
struct time_namespace {
	struct ns_common common;
	s64 mono, boot;
	bool frozen;
};
extern struct time_namespace init_time_ns;

/* Whose sockets see each other's abstract names (proc/net_ns.c). */
struct net_namespace {
	struct ns_common common;
	u32 dgram_queue, max_backlog; /* a: net.unix.max_dgram_qlen, net.core.somaxconn */
	u64 cookie; /* a: SO_NETNS_COOKIE, 0 = nobody asked yet */
};
#define NET_DGRAM_QUEUE 10
#define NET_MAX_BACKLOG 4096
extern struct net_namespace init_net_ns;

static inline void ns_get(struct ns_common *ns) { atomic_inc(&ns->refs); }
/* Frees with the last reference: proc/ns.c. May sleep for mnt, ipc and cgroup; pid, uts, user and time may go in any context. NULL is fine. */
void ns_put(struct ns_common *ns);
/*
 * Makes the head of a fresh namespace: refs 1, a number, `owner` (counted) and the charge to current's account there. 0, or -ENOSPC when one of
 * /proc/sys/user/max_*_namespaces is reached. ns_exit undoes it: the last step before the memory is freed.
 */
int ns_init(struct ns_common *ns, enum ns_kind kind, struct user_namespace *owner);
void ns_exit(struct ns_common *ns);

/* Numbers of the first namespaces: Linux's. */
#define NS_INUM_IPC 0xefffffffu
#define NS_INUM_UTS 0xeffffffeu
#define NS_INUM_USER 0xeffffffdu
#define NS_INUM_PID 0xeffffffcu
#define NS_INUM_CGROUP 0xeffffffbu
#define NS_INUM_TIME 0xeffffffau
#define NS_INUM_NET 0xf0000000u
#define NS_INUM_MNT 0xf0000001u
/* Never freed. */
#define NS_COMMON_INIT(k, n) { .refs = ATOMIC_INIT(2), .kind = (k), .inum = (n), .owner = &init_user_ns }
extern struct user_namespace init_user_ns;

static inline struct nsproxy *current_nsproxy(void) { return current_thread()->nsproxy; }

/* What current's CLOCK_MONOTONIC (boot: CLOCK_BOOTTIME) is ahead of the machine's. */
static inline s64 my_clock_offset(bool boot)
{
	const struct time_namespace *ns = current_nsproxy()->time;
	return likely(ns == &init_time_ns) ? 0 : boot ? ns->boot : ns->mono;
}
/* A point in time on current's clock as the machine counts it: 0 when it lies before the machine's start. */
static inline u64 host_time(u64 ns, bool boot)
{
	s64 offset = my_clock_offset(boot);
	if (likely(!offset))
		return ns;
	if (offset > 0)
		return ns > (u64)offset ? ns - (u64)offset : 0;
	return ns > (u64)INT64_MAX - (u64)-offset ? (u64)INT64_MAX : ns + (u64)-offset;
}

#endif
