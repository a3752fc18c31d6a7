/* /dev/null zero full random urandom kmsg (major 1). Entry point: memdev_init(). */
#include "fs/memdev.h"

#include <asm/mman.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/random.h>

#include "fs/devtmpfs.h"
#include "fs/random.h"
#include "fs/sysfs.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/mm.h"
#include "mm/slab.h"
#include "proc/proc.h"
#include "sched/timer.h"
#include "vfs/file.h"
#include "vfs/poll.h"


/* --- null, zero, full ----------------------------------------------------------------------------------------------------------------------------- */

static ssize_t null_read(struct file *f, struct iter *to, u64 *pos)
{
	(void)f;
	(void)to;
	(void)pos;
	return 0;
}

static ssize_t null_write(struct file *f, struct iter *from, u64 *pos)
{
	size_t n = from->count;
	(void)f;
	(void)pos;
	iter_advance(from, n);
	return (ssize_t)n;
}

/* Position is accepted and means nothing. */
static s64 null_llseek(struct file *f, s64 off, int whence)
{
	(void)off;
	(void)whence;
	f->pos = 0;
	return 0;
}

static ssize_t zero_read(struct file *f, struct iter *to, u64 *pos)
{
	size_t done = 0;
	(void)f;
	(void)pos;
	while (to->count) {
		size_t n = min(to->count, PAGE_SIZE);
		size_t moved = iter_zero(to, n);
		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
		if (signal_pending())
			return done ? (ssize_t)done : -ERESTARTSYS;
		cond_resched();
	}
	return (ssize_t)done;
}

static int zero_mmap(struct file *f, struct map_request *r)
{
	(void)f;
	if ((r->flags & MAP_TYPE) == MAP_PRIVATE) {
		r->mapping = NULL; /* private anonymous memory */
		return 0;
	}
	struct address_space *as = as_create_anon((r->pgoff << PAGE_SHIFT) + r->len, r->flags & MAP_NORESERVE);
	if (!as)
		return -ENOMEM;
	/* The mapping takes its own reference; ours goes with the open file. */
	struct address_space *old = xchg((struct address_space **)&f->private, as);
	if (old)
		as_put(old);
	r->mapping = as;
	return 0;
}

static void zero_release(struct file *f)
{
	if (f->private)
		as_put(f->private);
}

static ssize_t full_write(struct file *f, struct iter *from, u64 *pos)
{
	(void)f;
	(void)from;
	(void)pos;
	return -ENOSPC;
}

/* --- random, urandom -------------------------------------------------------------------------------------------------------------------------------- */

static ssize_t random_read(struct file *f, struct iter *to, u64 *pos)
{
	u8 chunk[256];
	size_t done = 0;
	(void)f;
	(void)pos;
	while (to->count) {
		size_t n = min(to->count, sizeof(chunk));
		random_bytes(chunk, n);
		size_t moved = iter_copy_to(to, chunk, n);
		done += moved;
		if (moved < n) {
			done = done ? done : (size_t)-EFAULT;
			break;
		}
		if (done >= PAGE_SIZE && signal_pending())
			break;
		cond_resched();
	}
	memset(chunk, 0, sizeof(chunk));
	return (ssize_t)done;
}

static ssize_t random_write(struct file *f, struct iter *from, u64 *pos)
{
	u8 chunk[256];
	size_t done = 0;
	(void)f;
	(void)pos;
	while (from->count) {
		size_t n = iter_copy_from(from, chunk, sizeof(chunk));
		if (!n)
			return done ? (ssize_t)done : -EFAULT;
		random_mix(chunk, n);
		done += n;
		cond_resched();
	}
	return (ssize_t)done;
}

static long add_entropy(uaddr_t arg)
{
	s32 head[2];
	u8 chunk[256];
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (copy_from_user(head, arg, sizeof(head)))
		return -EFAULT;
	if (head[0] < 0 || head[1] < 0)
		return -EINVAL;
	for (u64 at = arg + sizeof(head), left = (u32)head[1]; left;) {
		size_t n = min(left, sizeof(chunk));
		if (copy_from_user(chunk, at, n))
			return -EFAULT;
		random_mix(chunk, n);
		at += n;
		left -= n;
	}
	return 0;
}

static long random_ioctl(struct file *f, u32 cmd, u64 arg)
{
	s32 bits = 256;
	(void)f;
	switch (cmd) {
	case RNDGETENTCNT:
		return put_user(bits, arg);
	case RNDADDTOENTCNT:
		return capable(CAP_SYS_ADMIN) ? (get_user(bits, arg) ? -EFAULT : bits < 0 ? -EINVAL : 0) : -EPERM;
	case RNDADDENTROPY:
		return add_entropy(arg);
	case RNDZAPENTCNT:
	case RNDCLEARPOOL:
	case RNDRESEEDCRNG:
		return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
	default:
		return -EINVAL;
	}
}

/* --- kmsg --------------------------------------------------------------------------------------------------------------------------------------------- */

/* A reader: what it has of the ring's text that is not yet read. One record ("<L>[ time] text") per read. */
struct kmsg {
	struct mutex lock; /* guards the rest */
	u64 pos, seq;
	size_t have;
	char text[1024];
};

static int kmsg_open(struct inode *i, struct file *f)
{
	(void)i;
	f->private = NULL;
	if ((f->flags & O_ACCMODE) == O_WRONLY)
		return 0;
	if (READ_ONCE(dmesg_restrict) && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	struct kmsg *k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	mutex_init(&k->lock, RANK_TTY);
	f->private = k;
	return 0;
}

static void kmsg_release(struct file *f) { kfree(f->private); }

/* => k->lock. The length of the first line in text with its newline; 0 = none complete. */
static size_t kmsg_line(struct kmsg *k)
{
	for (;;) {
		char *end = memchr(k->text, '\n', k->have);
		if (end)
			return (size_t)(end - k->text) + 1;
		if (k->have == sizeof(k->text))
			return k->have;
		size_t n = log_read(&k->pos, k->text + k->have, sizeof(k->text) - k->have);
		if (!n)
			return 0;
		k->have += n;
	}
}

/* "<6>[    1.234567] text\n" -> "6,seq,usec,-;text\n". Returns the length. */
static int kmsg_format(const struct kmsg *k, size_t len, char *out, size_t size)
{
	const char *p = k->text, *end = k->text + len - 1;
	u32 level = 6;
	u64 sec = 0, usec = 0;
	if (len > 3 && p[0] == '<' && p[2] == '>') {
		level = (u32)(p[1] - '0') & 7;
		p += 3;
	}
	const char *close = *p == '[' ? memchr(p, ']', (size_t)(end - p)) : NULL;
	if (close) {
		bool point = false;
		for (const char *c = p; c < close; c++) {
			if (*c == '.')
				point = true;
			else if (*c >= '0' && *c <= '9')
				*(point ? &usec : &sec) = *(point ? &usec : &sec) * 10 + (u64)(*c - '0');
		}
		p = close + 1 < end && close[1] == ' ' ? close + 2 : close + 1;
	}
	return format_str(out, size, "%u,%lu,%lu,-;%.*s\n", level, k->seq, sec * 1000000 + usec, (int)(end > p ? end - p : 0), p);
}

static ssize_t kmsg_read(struct file *f, struct iter *to, u64 *pos)
{
	struct kmsg *k = f->private;
	char out[1200];
	(void)pos;
	if (!k)
		return -EBADF;
	int err = mutex_lock_interruptible(&k->lock);
	if (err)
		return err;
	size_t len = kmsg_line(k);
	while (!len) {
		if (f->flags & O_NONBLOCK) {
			err = -EAGAIN;
			break;
		}
		/* The log wakes nobody (it may be written in any context): look again ten times a second. */
		mutex_unlock(&k->lock);
		set_current_state(TASK_INTERRUPTIBLE);
		if (!signal_pending())
			schedule_timeout(NSEC_PER_SEC / 10);
		set_current_state(TASK_RUNNING);
		if (signal_pending())
			return -ERESTARTSYS;
		mutex_lock(&k->lock);
		len = kmsg_line(k);
	}
	ssize_t ret = err;
	if (len) {
		int n = kmsg_format(k, len, out, sizeof(out));
		n = min(n, (int)sizeof(out) - 1);
		if ((size_t)n > to->count) {
			ret = -EINVAL;
		} else {
			k->have -= len;
			memmove(k->text, k->text + len, k->have);
			k->seq++;
			ret = iter_copy_to(to, out, (size_t)n) == (size_t)n ? n : -EFAULT;
		}
	}
	mutex_unlock(&k->lock);
	return ret;
}

static ssize_t kmsg_write(struct file *f, struct iter *from, u64 *pos)
{
	char line[992 + 1];
	size_t len = from->count;
	int level = 4;
	(void)f;
	(void)pos;
	if (len > sizeof(line) - 1)
		return -EINVAL;
	if (iter_copy_from(from, line, len) != len)
		return -EFAULT;
	line[len] = 0;
	char *text = line;
	if (*text == '<') {
		/* "<prio>": facility * 8 + level */
		u32 v = 0;
		char *p = text + 1;
		while (*p >= '0' && *p <= '9' && v < 10000)
			v = v * 10 + (u32)(*p++ - '0');
		if (*p == '>' && p > text + 1) {
			level = (int)(v & 7);
			text = p + 1;
		}
	}
	size_t n = strlen(text);
	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	log_printf(level, "%s", text);
	return (ssize_t)len;
}

static s64 kmsg_llseek(struct file *f, s64 off, int whence)
{
	struct kmsg *k = f->private;
	if (!k)
		return -EBADF;
	if (off)
		return -ESPIPE;
	mutex_lock(&k->lock);
	k->have = 0;
	/* SET: the oldest record; END: after the newest; DATA: after the last clear, which is the oldest here. */
	k->pos = whence == 2 ? log_end() : 0;
	mutex_unlock(&k->lock);
	return whence == 0 || whence == 2 || whence == 3 ? 0 : -EINVAL;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
	struct kmsg *k = f->private;
	(void)pt;
	return k && (k->have || k->pos < log_end()) ? POLLIN | POLLRDNORM : 0;
}

/* --- the table ----------------------------------------------------------------------------------------------------------------------------------------- */

static const struct file_ops null_ops = { .read = null_read, .write = null_write, .llseek = null_llseek };
static const struct file_ops zero_ops = {
	.read = zero_read, .write = null_write, .llseek = null_llseek, .mmap = zero_mmap, .release = zero_release,
};
static const struct file_ops full_ops = { .read = zero_read, .write = full_write, .llseek = null_llseek };
static const struct file_ops random_ops = { .read = random_read, .write = random_write, .llseek = null_llseek, .ioctl = random_ioctl };
static const struct file_ops kmsg_ops = {
	.open = kmsg_open, .release = kmsg_release, .read = kmsg_read, .write = kmsg_write, .llseek = kmsg_llseek, .poll = kmsg_poll,
};

void memdev_init(void)
{
	static const struct { const char *name; u32 minor, mode; const struct file_ops *ops; } devs[] = {
		{ "null", 3, 0666, &null_ops },	   { "zero", 5, 0666, &zero_ops },	{ "full", 7, 0666, &full_ops },
		{ "random", 8, 0666, &random_ops }, { "urandom", 9, 0666, &random_ops }, { "kmsg", 11, 0644, &kmsg_ops },
	};
	static struct sysfs_device shown[ARRAY_SIZE(devs)];
	for (u32 i = 0; i < ARRAY_SIZE(devs); i++) {
		shown[i] = (struct sysfs_device){ .subsystem = "mem", .name = devs[i].name, .rdev = MKDEV(1, devs[i].minor), .mode = devs[i].mode };
		sysfs_device_add(&shown[i]);
		int err = register_chrdev(1, devs[i].minor, 1, devs[i].ops);
		if (!err)
			err = devtmpfs_create(devs[i].name, S_IFCHR | devs[i].mode, MKDEV(1, devs[i].minor));
		if (err)
			pr_err("/dev/%s: error %d", devs[i].name, err);
	}
}
