/*
 * Names of unix sockets: a path in the file system, or bytes in the abstract name space. Entry points: unix_bind(), unix_autobind(), unix_find(),
 * unix_name(), unix_forget_name().
 */
#include <linux/fcntl.h>

#include "lib/errno.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "vfs/internal.h"
#include "vfs/unix.h"

#define NAME_BUCKETS 64
#define NAME_HEAD offsetof(struct sockaddr_un, sun_path)

static struct list_head names[NAME_BUCKETS]; /* unix_table_lock: abstract names; a bucket is set up when first used */
static u32 next_autobind;                    /* unix_table_lock */

int unix_check_name(const struct sockaddr_un *name, u32 len)
{
	return len <= NAME_HEAD || len > sizeof(*name) || name->sun_family != AF_UNIX ? -EINVAL : 0;
}

static u32 bucket_of(const struct unix_socket *s, const struct sockaddr_un *name, u32 len)
{
	u32 h = s->type ^ (u32)((u64)s->net >> 6);
	for (u32 i = 0; i < len - NAME_HEAD; i++)
		h = (h ^ (u8)name->sun_path[i]) * 0x01000193u;
	return h % NAME_BUCKETS;
}

/* => unix_table_lock */
static struct unix_socket *find_abstract(const struct unix_socket *from, const struct sockaddr_un *name, u32 len)
{
	struct list_head *b = &names[bucket_of(from, name, len)];
	struct unix_socket *s;
	if (!b->next)
		return NULL;
	list_for_each(s, b, name_node)
		if (s->type == from->type && s->net == from->net && s->addr->len == len && !memcmp(s->addr->name.sun_path, name->sun_path, len - NAME_HEAD))
			return s;
	return NULL;
}

/* The path of a name as a C string (at most 108 bytes, maybe not terminated in the name). */
static void name_to_path(const struct sockaddr_un *name, u32 len, char out[sizeof(name->sun_path) + 1])
{
	memcpy(out, name->sun_path, len - NAME_HEAD);
	out[len - NAME_HEAD] = 0;
}

static int find_by_path(const struct sockaddr_un *name, u32 len, u8 type, struct unix_socket **out)
{
	char text[sizeof(name->sun_path) + 1];
	struct path p;
	name_to_path(name, len, text);
	int err = path_lookup(AT_FDCWD, text, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	struct inode *i = p.dentry->inode;
	err = inode_permission(i, MAY_WRITE);
	if (!err) {
		err = -ECONNREFUSED;
		spin_lock(&unix_table_lock);
		if ((i->mode & S_IFMT) == S_IFSOCK && i->sock) {
			err = i->sock->type == type ? 0 : -EPROTOTYPE;
			if (!err) {
				*out = i->sock;
				unix_get(i->sock);
			}
		}
		spin_unlock(&unix_table_lock);
	}
	path_put(&p);
	return err;
}

int unix_find(const struct unix_socket *s, const struct sockaddr_un *name, u32 len, struct unix_socket **out)
{
	if (name->sun_path[0])
		return find_by_path(name, len, s->type, out);
	spin_lock(&unix_table_lock);
	*out = find_abstract(s, name, len);
	if (*out)
		unix_get(*out);
	spin_unlock(&unix_table_lock);
	return *out ? 0 : -ECONNREFUSED;
}

/* An address record. NULL: no memory. */
static struct unix_addr *addr_create(const struct sockaddr_un *name, u32 len)
{
	struct unix_addr *a = kzalloc(sizeof(*a));
	if (!a)
		return NULL;
	atomic_set(&a->refs, 1);
	a->len = len;
	memcpy(&a->name, name, len);
	return a;
}

/* => unix_table_lock. Makes s known by a (taken over) in the abstract name space, if that name is free. */
static bool publish_abstract(struct unix_socket *s, struct unix_addr *a)
{
	struct list_head *b = &names[bucket_of(s, &a->name, a->len)];
	if (find_abstract(s, &a->name, a->len))
		return false;
	if (!b->next)
		list_init(b);
	smp_store_release(&s->addr, a);
	list_add_tail(&s->name_node, b);
	return true;
}

/* => s->bind_lock */
static int autobind_locked(struct unix_socket *s)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct unix_addr *a;
	bool done = false;
	if (s->addr)
		return 0;
	a = addr_create(&name, NAME_HEAD + 6);
	if (!a)
		return -ENOMEM;
	for (u32 tries = 0; !done && tries < 1u << 20; tries++) {
		spin_lock(&unix_table_lock);
		format_str(a->name.sun_path + 1, 6, "%05x", next_autobind++ & 0xfffff);
		done = publish_abstract(s, a);
		spin_unlock(&unix_table_lock);
		cond_resched();
	}
	if (done)
		return 0;
	unix_addr_put(a);
	return -ENOSPC;
}

int unix_autobind(struct unix_socket *s)
{
	if (READ_ONCE(s->addr))
		return 0;
	mutex_lock(&s->bind_lock);
	int err = autobind_locked(s);
	mutex_unlock(&s->bind_lock);
	return err;
}

/* => s->bind_lock. A node in the file system. */
static int bind_path(struct unix_socket *s, const struct sockaddr_un *name, u32 len)
{
	char text[sizeof(name->sun_path) + 1];
	struct path p;
	name_to_path(name, len, text);
	struct unix_addr *a = addr_create(name, (u32)(NAME_HEAD + strlen(text) + 1));
	if (!a)
		return -ENOMEM;
	int err = vfs_mknod(AT_FDCWD, text, S_IFSOCK | (0777 & ~current_umask()), 0);
	if (!err)
		err = path_lookup(AT_FDCWD, text, 0, &p);
	struct inode *i = err ? NULL : p.dentry->inode;
	if (!err && (!i || (i->mode & S_IFMT) != S_IFSOCK)) {
		path_put(&p); /* removed or replaced between the two steps */
		err = -EEXIST;
	}
	if (err) {
		unix_addr_put(a);
		return err == -EEXIST ? -EADDRINUSE : err;
	}
	inode_get(i);
	spin_lock(&unix_table_lock);
	s->path = p;
	s->inode = i;
	i->sock = s;
	smp_store_release(&s->addr, a);
	spin_unlock(&unix_table_lock);
	return 0;
}

static int bind_abstract(struct unix_socket *s, const struct sockaddr_un *name, u32 len)
{
	struct unix_addr *a = addr_create(name, len);
	if (!a)
		return -ENOMEM;
	spin_lock(&unix_table_lock);
	bool ok = publish_abstract(s, a);
	spin_unlock(&unix_table_lock);
	if (ok)
		return 0;
	unix_addr_put(a);
	return -EADDRINUSE;
}

int unix_bind(struct unix_socket *s, const struct sockaddr_un *name, u32 len)
{
	int err;
	if (len == NAME_HEAD && name->sun_family == AF_UNIX)
		return unix_autobind(s);
	err = unix_check_name(name, len);
	if (err)
		return err;
	mutex_lock(&s->bind_lock);
	if (s->addr)
		err = -EINVAL;
	else
		err = name->sun_path[0] ? bind_path(s, name, len) : bind_abstract(s, name, len);
	mutex_unlock(&s->bind_lock);
	return err;
}

/* --- /proc/net/unix ---------------------------------------------------------------------------------------------------------------------- */

int unix_line(struct unix_socket *s, char *buf, size_t size)
{
	bool connected = s->state == UNIX_CONNECTED;
	int state = s->ino ? connected ? 3 : 1 : connected ? 2 : 0; /* SS_* */
	int n = format_str(buf, size, "%016x: %08X %08X %08X %04X %02X %5lu", 0, (u32)atomic_read(&s->refs), 0,
			   s->state == UNIX_LISTENING ? 0x10000 : 0, s->type, state, READ_ONCE(s->ino));
	struct unix_addr *a = smp_load_acquire(&s->addr);
	if (a && size - (size_t)n > sizeof(a->name) + 4) {
		u32 len = a->len - NAME_HEAD, i = 0;
		buf[n++] = ' ';
		if (a->name.sun_path[0]) {
			len = (u32)strnlen(a->name.sun_path, len);
		} else {
			buf[n++] = '@';
			i = 1;
		}
		for (; i < len; i++)
			buf[n++] = a->name.sun_path[i] ? a->name.sun_path[i] : '@';
	}
	buf[n++] = '\n';
	return n;
}

int unix_name(struct unix_socket *s, bool peer, struct sockaddr_un *out)
{
	struct unix_socket *who = s;
	int len = NAME_HEAD;
	if (peer) {
		who = unix_peer_get(s);
		if (!who)
			return -ENOTCONN;
	}
	struct unix_addr *a = smp_load_acquire(&who->addr);
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (a) {
		memcpy(out, &a->name, a->len);
		len = (int)a->len;
	}
	if (peer)
		unix_put(who);
	return len;
}

void unix_forget_name(struct unix_socket *s)
{
	spin_lock(&unix_table_lock);
	list_del(&s->name_node);
	struct path p = s->path;
	struct inode *i = s->inode;
	s->path.mnt = NULL;
	s->inode = NULL;
	if (i && i->sock == s)
		i->sock = NULL;
	spin_unlock(&unix_table_lock);
	if (i) {
		inode_put(i);
		path_put(&p);
	}
}
