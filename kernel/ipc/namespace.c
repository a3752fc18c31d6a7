/* IPC namespaces as objects. Entry points: ipc_ns_ops, ipc_init, ipc_row, ipc_may_set. */
#include "ipc/internal.h"
#include "lib/bug.h"

#define SHM_NO_LIMIT (UINT64_MAX - (1UL << 24))

static const struct ipc_limits default_limits = {
	.sem = { 32000, 32000 * 32000, 500, 32000 },
	.shm_max = SHM_NO_LIMIT,
	.shm_all = SHM_NO_LIMIT,
	.shm_mni = 4096,
	.msg_max = 8192,
	.msg_mnb = 16384,
	.msg_mni = 32000,
	.queues_max = 256,
	.mq_msg_max = 10,
	.mq_msgsize_max = 8192,
	.mq_msg_default = 10,
	.mq_msgsize_default = 8192,
};

struct ipc_namespace init_ipc_ns = { .common = NS_COMMON_INIT(NS_IPC, NS_INUM_IPC) };

static int fill(struct ipc_namespace *ns)
{
	for (u32 i = 0; i < IPC_KINDS; i++)
		ipc_ids_init(&ns->ids[i], i == IPC_SHM ? &shm_lock : NULL);
	ns->limits = default_limits;
	return mqueue_init_ns(ns);
}

/* Nothing is taken over from the creator's namespace, limits neither. */
static int create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct ipc_namespace *ns = kzalloc(sizeof(*ns));
	int err = ns ? ns_init(&ns->common, NS_IPC, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	err = fill(ns);
	if (err) {
		ns_exit(&ns->common);
		kfree(ns);
		return err;
	}
	*out = &ns->common;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	struct ipc_namespace *ns = container_of(common, struct ipc_namespace, common);
	mqueue_free_ns(ns);
	sem_free_ns(ns);
	msg_free_ns(ns);
	shm_free_ns(ns);
	for (u32 i = 0; i < IPC_KINDS; i++)
		kfree(ns->ids[i].slot);
	ns_exit(common);
	kfree(ns);
}

const struct ns_ops ipc_ns_ops = { "ipc", CLONE_NEWIPC, create, free_ns, nsset_install_plain };

void ipc_init(void)
{
	shm_init();
	mqueue_init();
	if (fill(&init_ipc_ns))
		panic("no memory for the first IPC namespace");
}

int ipc_may_set(const struct ipc_namespace *ns)
{
	u32 euid = current_cred()->euid;
	return euid == 0 || euid == make_uid(ns->common.owner, 0) ? 0 : -EACCES;
}

bool ipc_row(struct ipc_namespace *ns, enum ipc_kind kind, u32 *slot, const struct pid_namespace *pidns, struct ipc_row *out)
{
	struct ipc_ids *ids = &ns->ids[kind];
	spin_lock(ids->lock);
	while (*slot < ids->cap && !ids->slot[*slot])
		++*slot;
	struct ipc_head *h = *slot < ids->cap ? ids->slot[(*slot)++] : NULL;
	if (h) {
		*out = (struct ipc_row){ .key = h->key, .id = h->id, .mode = h->mode };
		out->uid = my_uid(h->uid);
		out->gid = my_gid(h->gid);
		out->cuid = my_uid(h->cuid);
		out->cgid = my_gid(h->cgid);
		if (kind == IPC_SEM)
			sem_fill_row(h, out);
		else if (kind == IPC_MSG)
			msg_fill_row(h, pidns, out);
		else
			shm_fill_row(h, pidns, out);
	}
	spin_unlock(ids->lock);
	return h;
}
