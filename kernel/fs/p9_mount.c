/* Superblocks of the 9P file system: one for each channel. Entry points: p9_init(), p9_register(), fs_type "9p". */
#include <asm/statfs.h>
#include <linux/magic.h>

#include "fs/p9_internal.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"

static LIST_HEAD(channels); /* boot only */

void p9_register(struct p9_channel *c) { list_add_tail(&c->node, &channels); }

/* The channel by tag, or NULL. */
static struct p9_channel *p9_channel_find(const char *tag)
{
	struct p9_channel *c;
	list_for_each (c, &channels, node)
		if (!strcmp(c->tag, tag))
			return c;
	return NULL;
}

/* What there is to choose has one value each; another one is refused. */
static int check_options(const char *data)
{
	static const char *const known[] = { "trans=virtio", "version=9p2000.L", "cache=none", "access=any" };
	while (data && *data) {
		const char *end = strchr(data, ',');
		size_t len = end ? (size_t)(end - data) : strlen(data);
		bool ok = !len;
		for (u32 k = 0; k < ARRAY_SIZE(known) && !ok; k++)
			ok = strlen(known[k]) == len && !memcmp(known[k], data, len);
		if (!ok)
			return -EINVAL;
		data += len + (end ? 1 : 0);
	}
	return 0;
}

static int p9_statfs_op(struct super *sb, struct statfs *out) { return p9_statfs(sb->private, P9_ROOT_FID, out); }

static void p9_free(struct super *sb)
{
	struct p9_session *s = sb->private;
	if (!s)
		return;
	WRITE_ONCE(s->channel->busy, false);
	kfree(s->free_fid);
	kfree(s);
}

static int p9_show_options(struct super *sb, char *buf, size_t size)
{
	(void)sb;
	return format_str(buf, size, ",cache=none,access=any,trans=virtio");
}

static const struct super_ops p9_super_ops = { .evict = p9_evict, .statfs = p9_statfs_op, .free = p9_free, .show_options = p9_show_options };

static int open_session(struct super *sb, struct p9_channel *c)
{
	struct p9_session *s = kzalloc(sizeof(*s));
	struct inode *root;
	if (!s)
		return -ENOMEM;
	s->channel = c;
	s->next_fid = P9_ROOT_FID + 1;
	spin_init(&s->lock, RANK_INODE_LIST);
	if (xchg(&c->busy, true)) {
		kfree(s);
		return -EBUSY;
	}
	sb->private = s; /* from here on p9_free() cleans up */
	int err = p9_version(s);
	if (!err)
		err = p9_attach(s, P9_ROOT_FID);
	if (!err)
		err = p9_inode_at(sb, P9_ROOT_FID, &root);
	if (!err && !S_ISDIR(root->mode)) {
		inode_put(root);
		err = -ENOTDIR;
	}
	return err ? err : super_set_root(sb, root);
}

static int p9_mount(const struct fs_type *t, const char *source, const char *data, struct super **out)
{
	struct super *sb;
	struct p9_channel *c = source ? p9_channel_find(source) : NULL;
	if (!c)
		return -ENOENT;
	int err = check_options(data);
	if (!err)
		err = super_create(t, &p9_super_ops, V9FS_MAGIC, &sb);
	if (err)
		return err;
	sb->no_dcache = true;
	err = open_session(sb, c);
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

static struct fs_type p9_type = { .name = "9p", .nodev = true, .mount = p9_mount };

void p9_init(void) { register_filesystem(&p9_type); }
