/*
 * Namespaces of control groups: whose members see the tree from the group that they were in when it was made. Entry points: cgroup_ns_ops.
 * The group of the clone's child is put in at the end of the birth (cgroup_fork), since CLONE_INTO_CGROUP may have moved it.
 */
#include "mm/slab.h"
#include "proc/cgroup.h"
#include "proc/internal.h"
#include "proc/ns.h"

struct cgroup_namespace init_cgroup_ns = { .common = NS_COMMON_INIT(NS_CGROUP, NS_INUM_CGROUP), .root = &root_cgroup };

static int create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct cgroup_namespace *ns = kzalloc(sizeof(*ns));
	int err = ns ? ns_init(&ns->common, NS_CGROUP, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	ns->root = task_cgroup_get(current);
	*out = &ns->common;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	struct cgroup_namespace *ns = container_of(common, struct cgroup_namespace, common);
	cgroup_put(ns->root);
	ns_exit(common);
	kfree(ns);
}

const struct ns_ops cgroup_ns_ops = { "cgroup", CLONE_NEWCGROUP, create, free_ns, nsset_install_plain };
