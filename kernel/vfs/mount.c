/*
 * The tree of mounts. Entry points: mount_find(), mount_create(), mount_put(), mount_graft(), mount_take_off(), path_follow_mounts().
 *
 * A mount that is in a tree has one reference for that; it holds its parent and the dentry it sits on. References are never dropped under mount_lock when
 * they may be the last: what they free may come back here (the file of a mount namespace, for one). They fall due when the lock is free.
 */
#include "vfs/internal.h"

#define HASH_SIZE 256

static DEFINE_MUTEX(mount_lock, RANK_MOUNT);
static struct list_head mount_hash[HASH_SIZE]; /* mount_lock + dcache_lock */
static u32 last_id;                            /* atomic */
/* Mounts without references that still have others on them, which must come off under mount_lock first. */
static struct mount *stuck_parents;            /* atomic: a stack through ->copy */

static struct list_head *hash_of(const struct mount *m, const struct dentry *d)
{
	return &mount_hash[(((u64)m >> 6) + ((u64)d >> 6)) * 0x9e3779b97f4a7c15UL >> 56];
}

struct mount *mount_find(const struct mount *m, const struct dentry *d)
{
	struct mount *c;
	list_for_each(c, hash_of(m, d), hash) {
		if (c->parent == m && c->mountpoint == d)
			return c;
	}
	return NULL;
}

int mount_create(struct super *sb, struct dentry *root, const char *source, u32 flags, struct mount **out)
{
	struct mount *m = kzalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	m->source = kstrdup(source ? source : "none");
	if (!m->source) {
		kfree(m);
		return -ENOMEM;
	}
	atomic_set(&m->refs, 1);
	super_get(sb);
	dentry_get(root);
	m->sb = sb;
	m->root = root;
	m->parent = m;
	m->flags = flags;
	m->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	list_init(&m->list);
	list_init(&m->hash);
	list_init(&m->children);
	list_init(&m->sibling);
	list_init(&m->peers);
	list_init(&m->slaves);
	list_init(&m->slave_node);
	atomic64_add(&nr_mounts, 1);
	*out = m;
	return 0;
}

int mount_internal(struct super *sb, struct mount **out)
{
	int err = mount_create(sb, sb->root, sb->type->name, 0, out);
	if (!err)
		super_put(sb);
	return err;
}

/* --- references ------------------------------------------------------------------------------------------------------------------------- */

static void mount_free(struct mount *m)
{
	dentry_put(m->root);
	super_put(m->sb);
	kfree(m->source);
	kfree(m);
	atomic64_add(&nr_mounts, -1);
}

/* => mount_lock. m, which nobody uses any more, lets go of the mounts that a lazy unmount left on it. */
static void take_stuck_children(struct mount *m, struct list_head *victims)
{
	while (!list_empty(&m->children)) {
		struct mount *c = list_first(&m->children, struct mount, sibling);
		struct path old;
		mount_unplace(c, &old);
		c->due = (struct path){ NULL, old.dentry }; /* it held no reference to us */
		list_add_tail(&c->list, victims);
	}
}

/* => no locks of mounts. Frees what has piled up, if nobody holds the lock; else whoever does will. */
static void drain_stuck(void)
{
	while (READ_ONCE(stuck_parents) && mutex_trylock(&mount_lock)) {
		LIST_HEAD(victims);
		struct mount *m = xchg(&stuck_parents, NULL), *next;
		for (struct mount *p = m; p; p = p->copy)
			take_stuck_children(p, &victims);
		mutex_unlock(&mount_lock);
		for (; m; m = next) {
			next = m->copy;
			mount_free(m);
		}
		mount_put_list(&victims);
	}
}

void mount_put(struct mount *m)
{
	if (!m || !atomic_dec_and_test(&m->refs))
		return;
	if (likely(list_empty(&m->children))) {
		mount_free(m);
		return;
	}
	do
		m->copy = READ_ONCE(stuck_parents);
	while (cmpxchg(&stuck_parents, m->copy, m) != m->copy);
	drain_stuck();
}

void mounts_lock(void) { mutex_lock(&mount_lock); }
void mounts_unlock(void)
{
	mutex_unlock(&mount_lock);
	drain_stuck();
}

void path_get(const struct path *p)
{
	if (p->mnt)
		mount_get(p->mnt);
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
	dentry_put(p->dentry);
	mount_put(p->mnt);
}

void mount_put_list(struct list_head *victims)
{
	while (!list_empty(victims)) {
		struct mount *m = list_first(victims, struct mount, list);
		list_del(&m->list);
		struct path due = m->due;
		m->due = (struct path){ NULL, NULL };
		mount_put(m);
		path_put(&due);
	}
}

/* --- places ----------------------------------------------------------------------------------------------------------------------------- */

struct mount *mount_next_outside(struct mount *m, struct mount *top)
{
	for (; m != top; m = m->parent)
		if (m->sibling.next != &m->parent->children)
			return list_next(m, sibling);
	return NULL;
}

struct mount *mount_next(struct mount *m, struct mount *top)
{
	return list_empty(&m->children) ? mount_next_outside(m, top) : list_first(&m->children, struct mount, sibling);
}

void path_follow_mounts(struct path *p)
{
	for (;;) {
		spin_lock(&dcache_lock);
		struct mount *m = p->dentry->mounted ? mount_find(p->mnt, p->dentry) : NULL;
		struct path next = { m, m ? m->root : NULL };
		path_get(&next);
		spin_unlock(&dcache_lock);
		if (!m)
			return;
		path_put(p);
		*p = next;
	}
}

bool path_is_reachable(const struct mount *m, const struct dentry *d, const struct path *root)
{
	while (m != root->mnt && mount_has_parent(m)) {
		d = m->mountpoint;
		m = m->parent;
	}
	return m == root->mnt && dentry_is_under(d, root->dentry);
}

int mount_want_write(const struct mount *m) { return mount_flags(m) & MS_RDONLY ? -EROFS : 0; }

void mount_place(struct mount *m, struct mount *parent, struct dentry *d)
{
	mount_get(parent);
	dentry_get(d);
	spin_lock(&dcache_lock);
	m->parent = parent;
	m->mountpoint = d;
	spin_unlock(&dcache_lock);
}

void mount_hash_in(struct mount *m)
{
	m->mountpoint->mounted++;
	list_add(&m->hash, hash_of(m->parent, m->mountpoint));
	list_add_tail(&m->sibling, &m->parent->children);
}

void mount_unplace(struct mount *m, struct path *old)
{
	spin_lock(&dcache_lock);
	*old = (struct path){ NULL, NULL };
	if (mount_has_parent(m)) {
		*old = (struct path){ m->parent, m->mountpoint };
		if (!list_empty(&m->hash))
			m->mountpoint->mounted--;
	}
	list_del(&m->hash);
	m->parent = m;
	m->mountpoint = NULL;
	spin_unlock(&dcache_lock);
	list_del(&m->sibling);
}

void mounts_join(struct mnt_namespace *ns, struct mount *top)
{
	for (struct mount *m = top; m; m = mount_next(m, top)) {
		if (m->ns == ns)
			continue;
		m->ns = ns;
		list_move_tail(&m->list, &ns->mounts);
		ns->nr++;
	}
}

void mount_discard(struct mount *top, struct list_head *victims)
{
	struct mount *m;
	LIST_HEAD(all);
	for (m = top; m; m = mount_next(m, top))
		list_move_tail(&m->list, &all);
	list_for_each(m, &all, list) {
		mount_unplace(m, &m->due);
		mount_change_type(m, MS_PRIVATE);
	}
	list_splice_tail(&all, victims);
}

/* --- putting on ------------------------------------------------------------------------------------------------------------------------- */

static u32 tree_size(struct mount *top)
{
	u32 n = 0;
	for (struct mount *m = top; m; m = mount_next(m, top))
		n++;
	return n;
}

/* Does the tree fit into the namespace it goes to? */
static int check_room(const struct mnt_namespace *ns, struct mount *top) { return ns->nr + tree_size(top) > MOUNTS_MAX ? -ENOSPC : 0; }

/* => mount_lock, dcache_lock. Shows a placed tree; what was mounted in the same place before sits on it from now on. */
static void show(struct mount *m)
{
	struct mount *covered = mount_find(m->parent, m->mountpoint);
	mount_hash_in(m);
	if (!covered)
		return;
	/* The references of the old place serve the new one: parent and dentry were counted for both. */
	covered->mountpoint->mounted--;
	list_del(&covered->hash);
	list_del(&covered->sibling);
	m->due = (struct path){ covered->parent, covered->mountpoint };
	covered->parent = m;
	covered->mountpoint = m->root;
	mount_get(m);
	dentry_get(m->root);
	mount_hash_in(covered);
}

/* => mount_lock. All copies become visible, and members of their parents' namespaces. */
static void show_copies(struct list_head *copies, struct user_namespace *owner)
{
	while (!list_empty(copies)) {
		struct mount *c = list_first(copies, struct mount, list);
		list_del(&c->list);
		if (c->parent->ns->common.owner != owner)
			mounts_lock_down(c);
		c->locked = false;
		spin_lock(&dcache_lock);
		show(c);
		spin_unlock(&dcache_lock);
		mounts_join(c->parent->ns, c);
		/* A covered mount's old place: its parent and dentry live on, held by c. */
		if (c->due.mnt) {
			dentry_put(c->due.dentry);
			mount_put(c->due.mnt);
			c->due = (struct path){ NULL, NULL };
		}
	}
}

/* => mount_lock. mount_graft at a place that is known to be the top. */
static int graft_at(struct mount *m, const struct path *p, bool moving)
{
	struct mnt_namespace *ns = p->mnt->ns;
	LIST_HEAD(copies);
	int err = moving && m->ns == ns ? 0 : check_room(ns, m);
	if (err)
		return err;
	if (p->mnt->shared) {
		err = propagate_mount(p->mnt, p->dentry, m, &copies);
		if (err)
			return err;
		mount_make_shared(m, true);
	}
	/* committed: nothing below can fail */
	struct path old = { NULL, NULL };
	if (moving)
		mount_unplace(m, &old);
	mount_place(m, p->mnt, p->dentry);
	spin_lock(&dcache_lock);
	mount_hash_in(m);
	spin_unlock(&dcache_lock);
	mounts_join(ns, m);
	show_copies(&copies, ns->common.owner);
	/* The old place is still in its tree: these are not the last references, but for a directory that was removed. */
	path_put(&old);
	return 0;
}

int mount_graft(struct mount *m, const struct path *where, bool moving)
{
	struct path p = *where;
	path_get(&p);
	path_follow_mounts(&p);
	struct inode *dir = p.dentry->inode;
	int err;
	/* rmdir holds the victim's lock, so a directory that is alive here stays until `mounted` tells. */
	mutex_lock(&dir->lock);
	if (p.dentry->unhashed && p.dentry->parent != p.dentry)
		err = -ENOENT;
	else if (!p.mnt->ns)
		err = -EINVAL;
	else if (S_ISDIR(dir->mode) != S_ISDIR(m->root->inode->mode))
		err = -ENOTDIR;
	else
		err = graft_at(m, &p, moving);
	mutex_unlock(&dir->lock);
	path_put(&p);
	return err;
}

/* --- taking off ------------------------------------------------------------------------------------------------------------------------- */

static void leave(struct mount *m, struct list_head *set)
{
	m->leaving = true;
	if (m->ns)
		m->ns->nr--;
	list_move_tail(&m->list, set);
}

/* The one mount that covers all of m, if there is no other on it that stays. */
static struct mount *topper_of(struct mount *m)
{
	struct mount *c, *top = NULL;
	list_for_each(c, &m->children, sibling)
		if (!c->leaving && c->mountpoint == m->root)
			top = c;
	return top;
}

/* May c go along, as far as the mounts on it are concerned? */
static bool is_bare(const struct mount *c)
{
	struct mount *on;
	list_for_each(on, &c->children, sibling)
		if (!on->leaving && on->mountpoint != c->root)
			return false;
	return true;
}

/* What the parents' peers and slaves have in the place of u leaves too, when nothing else is mounted on it. */
static void follow_one(struct mount *u, struct list_head *more)
{
	if (!mount_has_parent(u))
		return;
	for (struct mount *m = propagation_next(u->parent, u->parent); m; m = propagation_next(m, u->parent)) {
		struct mount *c = mount_find(m, u->mountpoint);
		if (c && !c->leaving && is_bare(c))
			leave(c, more);
	}
}

/* A locked mount only leaves together with its parent. */
static void keep_locked(struct list_head *more)
{
	struct mount *c, *tmp;
	bool again = true;
	while (again) {
		again = false;
		list_for_each_safe(c, tmp, more, list) {
			if (!c->locked || c->parent->leaving)
				continue;
			c->leaving = false;
			c->ns->nr++;
			list_move_tail(&c->list, &c->ns->mounts);
			again = true;
		}
	}
}

static void follow_propagation(struct mount *top, struct list_head *set)
{
	LIST_HEAD(more);
	for (struct mount *m = propagation_next(top->parent, top->parent); m; m = propagation_next(m, top->parent)) {
		struct mount *c = mount_find(m, top->mountpoint);
		if (c)
			c->locked = false;
	}
	/* Children before parents, so that a parent is bare when its turn comes. */
	for (struct list_head *at = set->prev; at != set; at = at->prev)
		follow_one(list_entry(at, struct mount, list), &more);
	keep_locked(&more);
	list_splice_tail(&more, set);
}

/* A mount that covered a leaving one stays, one floor lower. */
static void lower_topper(struct mount *m)
{
	struct mount *t = topper_of(m), *parent = m;
	if (!t)
		return;
	struct dentry *at = NULL;
	while (parent->leaving && mount_has_parent(parent)) {
		at = parent->mountpoint;
		parent = parent->parent;
	}
	if (parent->leaving)
		return;
	mount_unplace(t, &t->due);
	struct path due = t->due;
	t->due = (struct path){ NULL, NULL };
	mount_place(t, parent, at);
	spin_lock(&dcache_lock);
	mount_hash_in(t);
	spin_unlock(&dcache_lock);
	/* m lives on as a victim, and its root with it. */
	dentry_put(due.dentry);
	mount_put(due.mnt);
}

void mount_take_off(struct mount *top, bool propagate, bool lazy, struct list_head *victims)
{
	struct mount *m, *tmp;
	LIST_HEAD(set);
	LIST_HEAD(gone);
	LIST_HEAD(stuck);
	for (m = top; m; m = mount_next(m, top))
		leave(m, &set);
	if (propagate && mount_has_parent(top))
		follow_propagation(top, &set);
	list_for_each(m, &set, list)
		lower_topper(m);
	list_for_each_safe(m, tmp, &set, list) {
		m->ns = NULL;
		mount_change_type(m, MS_PRIVATE);
		if (lazy && m->locked && mount_has_parent(m) && m->parent->leaving) {
			/* Stays on its parent for those who still use that: they must not see what is below. The parent must not live on for it; it is a
			 * victim and has its reference to the end. */
			mount_put(m->parent);
			list_move_tail(&m->list, &stuck);
		} else {
			mount_unplace(m, &m->due);
			list_move_tail(&m->list, &gone);
		}
	}
	list_for_each(m, &gone, list)
		m->leaving = false;
	list_for_each_safe(m, tmp, &stuck, list) {
		m->leaving = false;
		list_del(&m->list);
	}
	list_splice_tail(&gone, victims);
}

/* --- directories that go ------------------------------------------------------------------------------------------------------------------ */

/* => dcache_lock. A mount on d, in ns or (NULL) anywhere. */
static struct mount *find_on(const struct dentry *d, const struct mnt_namespace *ns)
{
	struct mount *m;
	for (u32 i = 0; i < HASH_SIZE; i++)
		list_for_each(m, &mount_hash[i], hash)
			if (m->mountpoint == d && (!ns || READ_ONCE(m->ns) == ns))
				return m;
	return NULL;
}

bool dentry_is_local_mountpoint(struct dentry *d)
{
	if (likely(!READ_ONCE(d->mounted)))
		return false;
	spin_lock(&dcache_lock);
	bool found = find_on(d, current_mnt_ns()) != NULL;
	spin_unlock(&dcache_lock);
	return found;
}

void dentry_detach_mounts(struct dentry *d)
{
	LIST_HEAD(victims);
	if (likely(!READ_ONCE(d->mounted)))
		return;
	mounts_lock();
	for (;;) {
		spin_lock(&dcache_lock);
		struct mount *m = find_on(d, NULL);
		spin_unlock(&dcache_lock);
		if (!m)
			break;
		if (m->ns) {
			mount_take_off(m, false, true, &victims);
		} else {
			mount_unplace(m, &m->due);
			m->due.mnt = NULL; /* stuck: it held no reference to its parent */
			list_move_tail(&m->list, &victims);
		}
	}
	mounts_unlock();
	mount_put_list(&victims);
}

/* --- boot ------------------------------------------------------------------------------------------------------------------------------- */

static struct fs_type empty_type = { .name = "nullfs", .nodev = true };

int mount_init(struct super *sb, struct path *root)
{
	struct super *empty;
	struct inode *dir;
	struct mount *bottom, *top;
	for (u32 i = 0; i < HASH_SIZE; i++)
		list_init(&mount_hash[i]);
	int err = super_create(&empty_type, NULL, 0, &empty);
	if (!err)
		err = inode_create(empty, S_IFDIR | 0555, &dir);
	if (!err)
		err = super_set_root(empty, dir);
	if (!err)
		err = mount_internal(empty, &bottom);
	if (!err)
		err = mount_create(sb, sb->root, "rootfs", MS_RELATIME, &top);
	if (err)
		return err;
	super_put(sb);
	init_mnt_ns.root = bottom;
	mounts_lock();
	mount_place(top, bottom, bottom->root);
	spin_lock(&dcache_lock);
	mount_hash_in(top);
	spin_unlock(&dcache_lock);
	mounts_join(&init_mnt_ns, bottom);
	mounts_unlock();
	*root = (struct path){ top, top->root };
	path_get(root);
	return 0;
}
