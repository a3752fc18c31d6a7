/*
 * Propagation of mounts: peer groups, masters and slaves. Entry points: mount_change_type, mount_make_shared, propagation_next, propagate_mount.
 *
 * Members of a peer group form a ring. A slave names one member of its master's group as its master and hangs on that one's list; when that member
 * leaves the group, its slaves go to another one. What happens in a mount is taken over by its peers, by the slaves of all of them, and so on down.
 */
#include "vfs/internal.h"

static u32 last_group; /* mount_lock */

void mount_make_shared(struct mount *m, bool all)
{
	for (struct mount *p = m; p; p = all ? mount_next(p, m) : NULL) {
		p->unbindable = false;
		if (p->shared)
			continue;
		p->shared = true;
		p->group = ++last_group;
	}
}

/* m leaves its peers and becomes a slave of theirs, or of the master it had. Its own slaves go to the same. With neither, they are free. */
static void make_slave(struct mount *m)
{
	struct mount *master = m->master, *s;
	if (!list_empty(&m->peers)) {
		master = mount_next_peer(m);
		/* Best one that shows the same directory. */
		for (struct mount *p = master; p != m; p = mount_next_peer(p))
			if (p->root == m->root) {
				master = p;
				break;
			}
		list_del(&m->peers);
	}
	m->shared = false;
	m->group = 0;
	list_for_each(s, &m->slaves, slave_node)
		s->master = master;
	if (master) {
		list_move_tail(&m->slave_node, &master->slaves);
		list_splice_tail(&m->slaves, &master->slaves);
	} else {
		while (!list_empty(&m->slaves))
			list_del(m->slaves.next);
	}
	m->master = master;
}

void mount_change_type(struct mount *m, u32 type)
{
	if (type == MS_SHARED) {
		mount_make_shared(m, false);
		return;
	}
	make_slave(m);
	if (type == MS_SLAVE)
		return;
	list_del(&m->slave_node);
	m->master = NULL;
	m->unbindable = type == MS_UNBINDABLE;
}

/* Copies that are not shown yet are not in it: they have no namespace. */
struct mount *propagation_next(struct mount *m, struct mount *origin)
{
	if (m->ns && !list_empty(&m->slaves))
		return list_first(&m->slaves, struct mount, slave_node);
	for (;; m = m->master) {
		if (m->master == origin->master) {
			struct mount *next = mount_next_peer(m);
			return next == origin ? NULL : next;
		}
		if (m->slave_node.next != &m->master->slaves)
			return list_next(m, slave_node);
	}
}

/* A member of m's group (m among them) that has got its copy, or NULL. The one before m in the ring first: it usually has. */
static struct mount *peer_with_copy(struct mount *m)
{
	struct mount *p = m;
	do {
		if (p->copy)
			return p;
		p = list_entry(p->peers.prev, struct mount, peers);
	} while (p != m);
	return NULL;
}

/* The copy for m: a peer of what m's peers got, else a slave of what the nearest master above got. The origin's own copy is the source, so the search
 * ends there. */
static int copy_for(struct mount *m, struct mount **out)
{
	struct mount *p = peer_with_copy(m);
	if (p)
		return mount_copy_tree(p->copy, p->copy->root, COPY_SHARED, out);
	for (struct mount *up = m->master; !p; up = up->master)
		p = peer_with_copy(up);
	return mount_copy_tree(p->copy, p->copy->root, COPY_SLAVE | (m->shared ? COPY_SHARED : 0), out);
}

/* The tree's mounts belong to m's namespace when they are shown: is there room? */
static int check_room(const struct mount *m, struct mount *tree)
{
	u32 n = 0;
	for (struct mount *c = tree; c; c = mount_next(c, tree))
		n++;
	return m->ns->nr + n > MOUNTS_MAX ? -ENOSPC : 0;
}

static int propagate_all(struct mount *dest, struct dentry *d, struct list_head *copies)
{
	for (struct mount *m = propagation_next(dest, dest); m; m = propagation_next(m, dest)) {
		struct mount *copy;
		if (!m->ns || !dentry_is_under(d, m->root))
			continue;
		int err = copy_for(m, &copy);
		if (err)
			return err;
		mount_place(copy, m, d);
		m->copy = copy;
		list_add_tail(&copy->list, copies);
		err = check_room(m, copy);
		if (err)
			return err;
	}
	return 0;
}

int propagate_mount(struct mount *dest, struct dentry *d, struct mount *source, struct list_head *copies)
{
	struct mount *c, *tmp;
	mount_make_shared(source, true);
	dest->copy = source;
	int err = propagate_all(dest, d, copies);
	dest->copy = NULL;
	list_for_each(c, copies, list)
		c->parent->copy = NULL;
	if (!err)
		return 0;
	LIST_HEAD(victims);
	list_for_each_safe(c, tmp, copies, list) {
		list_del(&c->list);
		mount_discard(c, &victims);
	}
	mount_put_list(&victims); /* never the last references: see mount_copy_tree */
	return err;
}
