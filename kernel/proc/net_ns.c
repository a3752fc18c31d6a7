/* Network namespaces. What is in one: the abstract names of unix sockets (vfs/unix_name.c); there are no interfaces but an idle loopback one. */
#include "mm/slab.h"
#include "proc/ns.h"

struct net_namespace init_net_ns = { .common = NS_COMMON_INIT(NS_NET, NS_INUM_NET), .dgram_queue = NET_DGRAM_QUEUE, .max_backlog = NET_MAX_BACKLOG };

static int create(struct ns_common *from, struct user_namespace *owner, struct fs_context *fs, struct ns_common **out)
{
	struct net_namespace *ns = kzalloc(sizeof(*ns));
	int err = ns ? ns_init(&ns->common, NS_NET, owner) : -ENOMEM;
	if (err) {
		kfree(ns);
		return err;
	}
	ns->dgram_queue = NET_DGRAM_QUEUE;
	ns->max_backlog = NET_MAX_BACKLOG;
	*out = &ns->common;
	return 0;
}

static void free_ns(struct ns_common *common)
{
	ns_exit(common);
	kfree(container_of(common, struct net_namespace, common));
}

const struct ns_ops net_ns_ops = { "net", CLONE_NEWNET, create, free_ns, nsset_install_plain };
