/*
 * The dentry cache: names that have been looked up, existing or not, found by (parent, name) in one hash table. Entry points: dcache_find(),
 * dcache_lookup(), dentry_put(), dentry_drop(), dentry_move(), dcache_prune().
 *
 * One spinlock guards it all. A child holds a reference to its parent, so a parent outlives its children and the tree is freed leaf first. A hashed
 * dentry that nobody uses stays, on one of two LRU lists (existing names, missing names), each with a bound; an unhashed one is freed with its last
 * reference. Inodes are put only after the lock is dropped, since that may sleep.
 */
#include "vfs/internal.h"
#include "vfs/notify.h"

DEFINE_SPINLOCK(dcache_lock, RANK_DCACHE);
static struct kmem_cache *dentry_cache;
static struct list_head *buckets;        /* dcache_lock */
static u32 bucket_bits;                  /* dcache_lock */
static u64 nr_dentries, nr_hashed;       /* dcache_lock */
/* Unused names: [0] existing, [1] missing. dcache_lock */
static struct {
	struct list_head list;
	u64 nr, max;
} lru[2] = { { LIST_HEAD_INIT(lru[0].list), 0, 32768 }, { LIST_HEAD_INIT(lru[1].list), 0, 4096 } };

u32 name_hash(const char *name, u32 len)
{
	u32 h = 0;
	for (u32 i = 0; i < len; i++)
		h = name_hash_step(h, (u8)name[i]);
	return h;
}

static struct list_head *bucket_of(const struct dentry *parent, u32 hash)
{
	return &buckets[((u64)hash ^ (u64)parent >> 6) * 0x9e3779b97f4a7c15UL >> (64 - bucket_bits)];
}

static bool table_set(u32 bits)
{
	struct list_head *t = kmalloc(sizeof(*t) << bits);
	if (!t)
		return false;
	for (u32 i = 0; i < 1u << bits; i++)
		list_init(&t[i]);
	buckets = t;
	bucket_bits = bits;
	return true;
}

void dcache_init(void)
{
	dentry_cache = kmem_cache_create("dentry", sizeof(struct dentry), 64);
	if (!table_set(10))
		panic("no memory for the dentry cache");
}

/* => dcache_lock. Four times as many buckets; without memory the chains just grow. */
static void table_grow(void)
{
	struct list_head *old = buckets;
	u32 n = 1u << bucket_bits;
	if (bucket_bits >= 18 || !table_set(bucket_bits + 2))
		return;
	for (u32 i = 0; i < n; i++) {
		while (!list_empty(&old[i])) {
			struct dentry *d = list_first(&old[i], struct dentry, hash);
			list_move_tail(&d->hash, bucket_of(d->parent, d->name_hash));
		}
	}
	kfree(old);
}

struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len, u32 hash)
{
	struct list_head *b = bucket_of(parent, hash);
	for (struct list_head *p = b->next; p != b; p = p->next) {
		struct dentry *d = list_entry(p, struct dentry, hash);
		if (d->name_hash == hash && d->parent == parent && d->name_len == len && !memcmp(d->name, name, len))
			return d;
	}
	return NULL;
}

/* => dcache_lock */
static void hash_insert(struct dentry *d)
{
	d->unhashed = false;
	list_add(&d->hash, bucket_of(d->parent, d->name_hash));
	if (++nr_hashed > 2UL << bucket_bits)
		table_grow();
}

/* => dcache_lock */
static void hash_remove(struct dentry *d)
{
	if (list_empty(&d->hash))
		return;
	list_del(&d->hash);
	d->unhashed = true;
	nr_hashed--;
}

/* => dcache_lock. The list is the one it joined, which its inode then told. */
static void lru_remove(struct dentry *d)
{
	if (list_empty(&d->lru))
		return;
	list_del(&d->lru);
	lru[!d->inode].nr--;
}

static inline struct super *dentry_super(const struct dentry *d)
{
	return d->inode ? d->inode->sb : d->parent->inode->sb;
}

/* => dcache_lock. Is it worth keeping d, which nobody uses? */
static bool worth_keeping(const struct dentry *d)
{
	if (d->unhashed || d->parent == d)
		return false;
	return !dentry_super(d)->no_dcache && !(d->parent->unhashed && d->parent->parent != d->parent);
}

/* => dcache_lock. Takes d, which has no references, out of everything and puts it on `dead`; its parent's reference is the caller's now. */
static void unlink_dentry(struct dentry *d, struct list_head *dead)
{
	hash_remove(d);
	lru_remove(d);
	list_del(&d->sibling);
	nr_dentries--;
	list_add_tail(&d->lru, dead);
}

/* => dcache_lock. Drops one reference of d, and those of the parents that were only there for it. */
static void put_locked(struct dentry *d, struct list_head *dead)
{
	while (d && atomic_dec_and_test(&d->refs)) {
		if (worth_keeping(d)) {
			if (list_empty(&d->lru)) {
				list_add_tail(&d->lru, &lru[!d->inode].list);
				lru[!d->inode].nr++;
			}
			return;
		}
		struct dentry *parent = d->parent == d ? NULL : d->parent;
		unlink_dentry(d, dead);
		d = parent;
	}
}

/* => dcache_lock. Keeps the lists within their bounds, a few entries at a time. */
static void trim_locked(struct list_head *dead)
{
	for (int k = 0; k < 2; k++) {
		for (int n = 0; n < 16 && lru[k].nr > lru[k].max; n++) {
			struct dentry *d = list_first(&lru[k].list, struct dentry, lru);
			lru_remove(d);
			if (atomic_read(&d->refs))
				continue;
			struct dentry *parent = d->parent;
			unlink_dentry(d, dead);
			put_locked(parent, dead);
		}
	}
}

static void free_dentry(struct dentry *d)
{
	if (d->inode && !d->inode->nlink)
		notify_deleted(d->inode);
	inode_put(d->inode);
	if (d->name != d->inline_name)
		kfree(d->name);
	kmem_cache_free(dentry_cache, d);
}

static void free_list(struct list_head *dead)
{
	while (!list_empty(dead)) {
		struct dentry *d = list_first(dead, struct dentry, lru);
		list_del(&d->lru);
		free_dentry(d);
	}
}

void dentry_put(struct dentry *d)
{
	if (!d)
		return;
	s32 n = atomic_read(&d->refs);
	while (n > 1) {
		s32 found = cmpxchg(&d->refs.v, n, n - 1);
		if (found == n)
			return;
		n = found;
	}
	LIST_HEAD(dead);
	spin_lock(&dcache_lock);
	put_locked(d, &dead);
	trim_locked(&dead);
	spin_unlock(&dcache_lock);
	free_list(&dead);
}

int dentry_create(struct dentry *parent, const char *name, u32 len, struct inode *inode, struct dentry **out)
{
	struct dentry *d = kmem_cache_alloc(dentry_cache);
	if (!d)
		return -ENOMEM;
	d->name = d->inline_name;
	if (len >= sizeof(d->inline_name)) {
		d->name = kmalloc(len + 1);
		if (!d->name) {
			kmem_cache_free(dentry_cache, d);
			return -ENOMEM;
		}
	}
	memcpy(d->name, name, len);
	d->name[len] = 0;
	d->name_len = len;
	d->name_hash = name_hash(name, len);
	d->inode = inode;
	d->mounted = 0;
	d->unhashed = true;
	atomic_set(&d->refs, 1);
	list_init(&d->hash);
	list_init(&d->children);
	list_init(&d->sibling);
	list_init(&d->lru);
	spin_lock(&dcache_lock);
	nr_dentries++;
	d->parent = parent ? parent : d;
	if (parent) {
		dentry_get(parent);
		list_add(&d->sibling, &parent->children);
	}
	spin_unlock(&dcache_lock);
	*out = d;
	return 0;
}

/* The cached child if it may be used, with a reference. */
static struct dentry *find_valid(struct dentry *parent, const char *name, u32 len, u32 hash)
{
	for (;;) {
		spin_lock(&dcache_lock);
		struct dentry *d = dcache_find(parent, name, len, hash);
		if (d)
			dentry_get(d);
		spin_unlock(&dcache_lock);
		if (!d || !d->inode || !d->inode->ops || !d->inode->ops->revalidate || d->mounted)
			return d;
		if (d->inode->ops->revalidate(d, d->inode))
			return d;
		dentry_drop(d);
		dentry_put(d);
	}
}

int dcache_lookup(struct dentry *parent, const char *name, u32 len, struct dentry **out)
{
	struct inode *dir = parent->inode, *found = NULL;
	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	struct dentry *d = find_valid(parent, name, len, name_hash(name, len));
	if (d) {
		*out = d;
		return 0;
	}
	if (dir->dead)
		return -ENOENT;
	int err = dentry_create(parent, name, len, NULL, &d);
	if (err)
		return err;
	err = dir->ops && dir->ops->lookup ? dir->ops->lookup(dir, d->name, &found) : -ENOTDIR;
	if (err && (err != -ENOENT || dir->sb->fixed_names)) {
		dentry_put(d);
		return err;
	}
	spin_lock(&dcache_lock);
	d->inode = err ? NULL : found;
	if (d->inode || !dir->sb->no_dcache)
		hash_insert(d);
	spin_unlock(&dcache_lock);
	*out = d;
	return 0;
}

void dentry_instantiate(struct dentry *d, struct inode *inode)
{
	spin_lock(&dcache_lock);
	lru_remove(d);
	d->inode = inode;
	if (d->unhashed)
		hash_insert(d);
	spin_unlock(&dcache_lock);
}

/* => dcache_lock. Frees the unused children of d, which the caller holds. */
static void prune_children(struct dentry *d, struct list_head *dead)
{
	struct dentry *c, *tmp;
	list_for_each_safe(c, tmp, &d->children, sibling) {
		if (atomic_read(&c->refs))
			continue;
		unlink_dentry(c, dead);
		atomic_dec(&d->refs);
	}
}

void dentry_drop(struct dentry *d)
{
	LIST_HEAD(dead);
	spin_lock(&dcache_lock);
	lru_remove(d);
	hash_remove(d);
	prune_children(d, &dead);
	spin_unlock(&dcache_lock);
	free_list(&dead);
}

bool dentry_is_under(const struct dentry *d, const struct dentry *ancestor)
{
	for (; d != ancestor; d = d->parent) {
		if (d->parent == d)
			return false;
	}
	return true;
}

/* => dcache_lock. Exchanges the names of two dentries. */
static void swap_names(struct dentry *a, struct dentry *b)
{
	char tmp[sizeof(a->inline_name)];
	char *an = a->name, *bn = b->name;
	memcpy(tmp, a->inline_name, sizeof(tmp));
	memcpy(a->inline_name, b->inline_name, sizeof(tmp));
	memcpy(b->inline_name, tmp, sizeof(tmp));
	a->name = bn == b->inline_name ? a->inline_name : bn;
	b->name = an == a->inline_name ? b->inline_name : an;
	u32 h = a->name_hash, n = a->name_len;
	a->name_hash = b->name_hash;
	a->name_len = b->name_len;
	b->name_hash = h;
	b->name_len = n;
}

/* => dcache_lock. Gives d the name of target, which keeps it too ("x (deleted)"). copy: kmalloc'ed text for a long name. Returns what is to be freed. */
static char *copy_name(struct dentry *d, const struct dentry *target, char *copy)
{
	char *old = d->name == d->inline_name ? NULL : d->name;
	d->name = copy ? copy : d->inline_name;
	memcpy(d->name, target->name, target->name_len + 1);
	d->name_len = target->name_len;
	d->name_hash = target->name_hash;
	return old;
}

void dentry_move(struct dentry *d, struct dentry *target, bool exchange)
{
	LIST_HEAD(dead);
	char *copy = NULL, *old = NULL;
	if (!exchange && target->name != target->inline_name)
		copy = kmalloc(target->name_len + 1);
	spin_lock(&dcache_lock);
	struct dentry *from = d->parent, *to = target->parent;
	lru_remove(d);
	lru_remove(target);
	hash_remove(d);
	hash_remove(target);
	if (!exchange && (copy || target->name == target->inline_name))
		old = copy_name(d, target, copy);
	else
		swap_names(d, target);
	list_del(&d->sibling);
	list_add(&d->sibling, &to->children);
	d->parent = to;
	if (exchange) {
		list_del(&target->sibling);
		list_add(&target->sibling, &from->children);
		target->parent = from;
		hash_insert(target);
	} else {
		/* d leaves `from` and joins `to`; neither count can reach 0, the caller holds both. */
		dentry_get(to);
		atomic_dec(&from->refs);
		prune_children(target, &dead);
	}
	hash_insert(d);
	spin_unlock(&dcache_lock);
	kfree(old);
	free_list(&dead);
}

/* => dcache_lock. Frees d, which nobody uses, and the parents below root that were only there for it: a deep tree goes in one pass. */
static void prune_up(struct dentry *d, const struct dentry *root, struct list_head *dead)
{
	do {
		struct dentry *parent = d->parent == d ? NULL : d->parent;
		unlink_dentry(d, dead);
		d = parent;
	} while (d && atomic_dec_and_test(&d->refs) && d != root);
}

/* => dcache_lock. One pass over one list; true when something was freed. */
static bool prune_pass(int k, const struct dentry *root, struct list_head *dead)
{
	struct dentry *d, *tmp;
	LIST_HEAD(keep);
	bool any = false;
	/* Entries are moved through `keep`, so that parents that become unused meanwhile (at the tail) are met by the next pass. */
	list_for_each_safe(d, tmp, &lru[k].list, lru) {
		if (root && !dentry_is_under(d, root))
			continue;
		if (d == root)
			continue;
		list_move_tail(&d->lru, &keep);
	}
	while (!list_empty(&keep)) {
		d = list_first(&keep, struct dentry, lru);
		lru_remove(d);
		if (atomic_read(&d->refs))
			continue;
		prune_up(d, root, dead);
		any = true;
	}
	return any;
}

void dcache_prune(struct dentry *root)
{
	bool more;
	do {
		LIST_HEAD(dead);
		spin_lock(&dcache_lock);
		more = prune_pass(1, root, &dead);
		more |= prune_pass(0, root, &dead);
		spin_unlock(&dcache_lock);
		free_list(&dead);
	} while (more);
}

void vfs_drop_caches(void) { dcache_prune(NULL); }

void vfs_counts(struct vfs_counts *out)
{
	out->files = (u64)atomic64_read(&nr_files);
	out->inodes = (u64)atomic64_read(&nr_inodes);
	out->mounts = (u64)atomic64_read(&nr_mounts);
	out->supers = (u64)atomic64_read(&nr_supers);
	spin_lock(&dcache_lock);
	out->dentries = nr_dentries;
	out->dentries_unused = lru[0].nr + lru[1].nr;
	out->dentries_negative = lru[1].nr;
	spin_unlock(&dcache_lock);
}
