/* IPC's entries in the tables of procfs: see proc_ipc.c. */
#ifndef PANDO_FS_PROC_IPC_H
#define PANDO_FS_PROC_IPC_H

#include "fs/procfs.h"
#include "ipc/ipc.h"

#define PROC_SYSVIPC_NR 3
extern const struct proc_entry proc_sysvipc_dir[PROC_SYSVIPC_NR];
#define PROC_MQUEUE_NR 5
extern const struct proc_entry proc_mqueue_dir[PROC_MQUEUE_NR];

/* e->data of a setting: its place in struct ipc_limits, and its range when it is a single int. */
struct proc_ipc_limit {
	size_t at;
	s64 min, max;
};
int proc_show_ipc_int(struct text *t, const struct proc_node *n);
int proc_show_ipc_long(struct text *t, const struct proc_node *n);
int proc_show_ipc_sem(struct text *t, const struct proc_node *n);
int proc_store_shm_forced(const struct proc_node *n, char *buf, size_t len);
int proc_store_ipc_int(const struct proc_node *n, char *buf, size_t len);
int proc_store_ipc_long(const struct proc_node *n, char *buf, size_t len);
int proc_store_ipc_sem(const struct proc_node *n, char *buf, size_t len);
int proc_may_set_ipc(const struct proc_node *n);
int proc_show_next_id(struct text *t, const struct proc_node *n);
int proc_store_next_id(const struct proc_node *n, char *buf, size_t len);
int proc_may_set_next_id(const struct proc_node *n);

#define PROC_IPC_LIMIT(n, f, sh, st, lo, hi)                                                                                              \
	{                                                                                                                                     \
		.name = n, .mode = S_IFREG | 0644, .show = sh, .store = st, .may_write = proc_may_set_ipc, .data = &(const struct proc_ipc_limit) \
		{                                                                                                                                 \
			offsetof(struct ipc_limits, f), lo, hi                                                                                        \
		}                                                                                                                                 \
	}
#define PROC_IPC_INT(n, f, lo, hi) PROC_IPC_LIMIT(n, f, proc_show_ipc_int, proc_store_ipc_int, lo, hi)
#define PROC_IPC_LONG(n, f) PROC_IPC_LIMIT(n, f, proc_show_ipc_long, proc_store_ipc_long, 0, 0)
#define PROC_IPC_NEXT(n, k)                                                                                                           \
	{                                                                                                                                 \
		.name = n, .mode = S_IFREG | 0666, .show = proc_show_next_id, .store = proc_store_next_id, .may_write = proc_may_set_next_id, \
		.data = (void *)(k)                                                                                                           \
	}
/* For the table of /proc/sys/kernel. */
#define PROC_IPC_SETTINGS                                                                                                                        \
	PROC_IPC_LIMIT("sem", sem, proc_show_ipc_sem, proc_store_ipc_sem, 0, 0), PROC_IPC_LONG("shmmax", shm_max), PROC_IPC_LONG("shmall", shm_all), \
		PROC_IPC_INT("shmmni", shm_mni, 0, IPC_SLOTS_MAX), PROC_IPC_INT("msgmax", msg_max, 0, INT32_MAX),                                        \
		PROC_IPC_INT("msgmnb", msg_mnb, 0, INT32_MAX), PROC_IPC_INT("msgmni", msg_mni, 0, IPC_SLOTS_MAX), PROC_IPC_NEXT("sem_next_id", IPC_SEM), \
		PROC_IPC_NEXT("msg_next_id", IPC_MSG), PROC_IPC_NEXT("shm_next_id", IPC_SHM),                                              \
		PROC_IPC_LIMIT("shm_rmid_forced", shm_rmid_forced, proc_show_ipc_int, proc_store_shm_forced, 0, 1)

#endif
