/*
 * Ports as character devices, with the behaviour of Linux's virtio_console: one opener (EBUSY); read waits for data and returns 0 while the host is
 * not connected and nothing is left; write waits while the host is not connected or the queue is full; poll says POLLHUP while it is not connected.
 * The last close waits until the host has taken everything, and so does fsync.
 */
#include "drivers/virtio/console.h"

#include "fs/devtmpfs.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"

/* --- buffers ---------------------------------------------------------------------------------------------------------------------------- */
void port_reclaim(struct port *p)
{
	struct port_buf *b;
	while ((b = vq_get(&p->out, NULL))) {
		b->busy = false;
		p->tx_busy--;
	}
}

struct port_buf *port_tx_get(struct port *p)
{
	port_reclaim(p);
	for (u32 i = 0; i < TX_BUFS; i++) {
		struct port_buf *b = &p->tx[i];
		if (b->busy)
			continue;
		if (!b->data)
			b->data = kmalloc(TX_SIZE);
		if (!b->data)
			return NULL;
		b->busy = true;
		p->tx_busy++;
		return b;
	}
	return NULL;
}

void port_tx_send(struct port *p, struct port_buf *b, u32 n)
{
	if (n && !p->gone && !vq_add(&p->out, b->data, n, false, b))
		return;
	b->busy = false;
	p->tx_busy--;
}

int port_fill_rx(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	int r = 0;
	for (u32 i = 0; i < RX_BUFS && !r; i++) {
		struct port_buf *b = &p->rx[i];
		if (b->data)
			continue;
		b->data = kmalloc(RX_SIZE);
		r = b->data ? vq_add(&p->in, b->data, RX_SIZE, true, b) : -ENOMEM;
	}
	vq_kick(&p->in);
	spin_unlock_irqrestore(&p->lock, flags);
	return r;
}

void port_irq(struct port *p)
{
	if (p->tty)
		hvc_irq(p);
	else
		wake_up_key(&p->wait, TASK_NORMAL, 0, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

/* Is there data? Fetches the next buffer if need be. => p->lock */
static bool has_data(struct port *p)
{
	u32 len;
	while (!p->reading) {
		struct port_buf *b = vq_get(&p->in, &len);
		if (!b)
			return false;
		b->len = min(len, RX_SIZE);
		b->off = 0;
		if (b->len)
			p->reading = b;
		else
			vq_add(&p->in, b->data, RX_SIZE, true, b);
	}
	return true;
}

/* Gives the buffer that was read to its end back. => p->lock */
static void recycle(struct port *p)
{
	struct port_buf *b = p->reading;
	p->reading = NULL;
	vq_add(&p->in, b->data, RX_SIZE, true, b);
	/* One notification for all of them: the device has others while we read this one. */
	if (!vq_has_used(&p->in))
		vq_kick(&p->in);
}

static bool read_would_block(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	bool r = p->host_open && !has_data(p);
	spin_unlock_irqrestore(&p->lock, flags);
	return r;
}

static bool write_would_block(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	port_reclaim(p);
	bool r = !p->gone && (!p->host_open || p->tx_busy == TX_BUFS);
	spin_unlock_irqrestore(&p->lock, flags);
	return r;
}

/* --- read, write ------------------------------------------------------------------------------------------------------------------------ */
/* => p->read_lock. Bytes, 0 when there are none. */
static ssize_t read_data(struct port *p, struct iter *to)
{
	ssize_t done = 0;
	while (to->count) {
		u64 flags = spin_lock_irqsave(&p->lock);
		bool any = has_data(p);
		spin_unlock_irqrestore(&p->lock, flags);
		if (!any)
			break;
		struct port_buf *b = p->reading; /* only readers touch it from here on */
		size_t want = min(to->count, (size_t)(b->len - b->off));
		size_t n = iter_copy_to(to, b->data + b->off, want);
		b->off += (u32)n;
		done += (ssize_t)n;
		if (b->off == b->len) {
			flags = spin_lock_irqsave(&p->lock);
			recycle(p);
			spin_unlock_irqrestore(&p->lock, flags);
		}
		if (n < want)
			return done ? done : -EFAULT;
	}
	return done;
}

static ssize_t port_read(struct file *f, struct iter *to, u64 *pos)
{
	struct port *p = f->private;
	ssize_t n = 0;
	int r = f->flags & O_NONBLOCK ? (mutex_trylock(&p->read_lock) ? 0 : -EAGAIN) : mutex_lock_interruptible(&p->read_lock);

	if (r)
		return r;
	while (to->count && !r) {
		n = read_data(p, to);
		if (n || !p->host_open)
			break;
		r = f->flags & O_NONBLOCK ? -EAGAIN : wait_event_interruptible(p->wait, !read_would_block(p));
	}
	mutex_unlock(&p->read_lock);
	if (p->gone && !n)
		return -ENODEV;
	return n ? n : r;
}

/* Sends one buffer's worth. Bytes, -EAGAIN when there is no free buffer, -EFAULT. */
static ssize_t write_one(struct port *p, struct iter *from)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	struct port_buf *b = p->host_open ? port_tx_get(p) : NULL;
	spin_unlock_irqrestore(&p->lock, flags);
	if (!b)
		return -EAGAIN;
	size_t want = min(from->count, (size_t)TX_SIZE), n = iter_copy_from(from, b->data, want);
	flags = spin_lock_irqsave(&p->lock);
	port_tx_send(p, b, (u32)n);
	if (!from->count || n < want || p->tx_busy >= TX_BUFS / 2)
		vq_kick(&p->out);
	spin_unlock_irqrestore(&p->lock, flags);
	return n ? (ssize_t)n : -EFAULT;
}

/* Sleeps until a buffer is free. 0, -ERESTARTSYS, or -ENOMEM when not even a first buffer can be had. */
static int wait_writable(struct port *p)
{
	if (!write_would_block(p)) {
		/* There is a place for a buffer, but no memory for it. */
		if (!p->tx_busy)
			return -ENOMEM;
		set_current_state(TASK_INTERRUPTIBLE);
		schedule_timeout(1000000);
		return signal_pending() ? -ERESTARTSYS : 0;
	}
	return wait_event_interruptible(p->wait, !write_would_block(p));
}

static ssize_t port_write(struct file *f, struct iter *from, u64 *pos)
{
	struct port *p = f->private;
	ssize_t done = 0, n = 0;

	while (from->count) {
		if (p->gone) {
			n = -ENODEV;
			break;
		}
		n = write_one(p, from);
		if (n == -EAGAIN) {
			u64 flags = spin_lock_irqsave(&p->lock);
			vq_kick(&p->out);
			spin_unlock_irqrestore(&p->lock, flags);
			n = f->flags & O_NONBLOCK ? -EAGAIN : wait_writable(p);
			if (n)
				break;
			continue;
		}
		if (n < 0)
			break;
		done += n;
	}
	return done ? done : n;
}

static bool sent(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	port_reclaim(p);
	bool r = !p->tx_busy || !p->host_open || p->gone;
	spin_unlock_irqrestore(&p->lock, flags);
	return r;
}

static int port_fsync(struct file *f)
{
	struct port *p = f->private;
	return wait_event_interruptible(p->wait, sent(p));
}

static u32 port_poll(struct file *f, struct poll_table *pt)
{
	struct port *p = f->private;
	u32 ev = 0;

	poll_wait(f, &p->wait, pt);
	if (p->gone)
		return POLLHUP | POLLERR;
	if (!read_would_block(p))
		ev |= POLLIN | POLLRDNORM;
	if (!write_would_block(p))
		ev |= POLLOUT;
	if (!p->host_open)
		ev |= POLLHUP;
	return ev;
}

/* --- open, close ------------------------------------------------------------------------------------------------------------------------ */
static const struct file_ops port_ops;

static int port_open(struct inode *i, struct file *f)
{
	struct port *p = port_find(MINOR(i->rdev));

	if (!p || !p->added || p->gone || p->tty)
		return -ENXIO;
	u64 flags = spin_lock_irqsave(&p->lock);
	bool busy = p->guest_open;
	p->guest_open = true;
	spin_unlock_irqrestore(&p->lock, flags);
	if (busy)
		return -EBUSY;
	int r = port_fill_rx(p);
	if (r) {
		WRITE_ONCE(p->guest_open, false);
		return r;
	}
	f->private = p;
	f->ops = &port_ops;
	console_send(p->console, p->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	return 0;
}

static void port_release(struct file *f)
{
	struct port *p = f->private;

	(void)wait_event_killable(p->wait, sent(p));
	console_send(p->console, p->id, VIRTIO_CONSOLE_PORT_OPEN, 0);
	u64 flags = spin_lock_irqsave(&p->lock);
	/* What the host sent to the closed file is not for the next one. */
	for (u32 i = 0; i < RX_BUFS && has_data(p); i++)
		recycle(p);
	p->guest_open = false;
	spin_unlock_irqrestore(&p->lock, flags);
}

static const struct file_ops port_ops = {
	.read = port_read,
	.write = port_write,
	.poll = port_poll,
	.fsync = port_fsync,
	.release = port_release,
};
static const struct file_ops port_fops = { .open = port_open };

void port_register(void)
{
	register_chrdev(PORT_MAJOR, 0, PORTS_MAX * CONSOLES_MAX, &port_fops);
	sysfs_dir("class/virtio-ports");
}

static void show_name(struct text *t, void *data) { text_printf(t, "%s\n", ((struct port *)data)->name); }

void port_remove_nodes(struct port *p)
{
	char path[96];
	if (!p->sysfs)
		return;
	format_str(path, sizeof(path), "vport%up%u", p->console->index, p->id);
	devtmpfs_remove(path);
	if (p->linked) {
		format_str(path, sizeof(path), "virtio-ports/%s", p->name);
		devtmpfs_remove(path);
	}
	sysfs_hide(p->sysfs);
	p->sysfs = NULL;
	p->added = p->named = p->linked = false;
}

void port_add_nodes(struct port *p)
{
	char path[96];
	u64 rdev = MKDEV(PORT_MAJOR, p->console->index * PORTS_MAX + p->id);

	if (!p->sysfs) {
		format_str(path, sizeof(path), "vport%up%u", p->console->index, p->id);
		int r = devtmpfs_create(path, S_IFCHR | 0600, rdev);
		if (r && r != -EEXIST)
			pr_warn("virtio: no /dev/%s (%d)\n", path, r);
		format_str(path, sizeof(path), "class/virtio-ports/vport%up%u", p->console->index, p->id);
		p->sysfs = sysfs_dir(path);
		sysfs_file(p->sysfs, "dev", sysfs_show_dev, (void *)rdev);
	}
	if (p->name[0] && !p->linked) {
		format_str(path, sizeof(path), "virtio-ports/%s", p->name);
		int r = devtmpfs_create(path, S_IFCHR | 0600, rdev);
		if (r && r != -EEXIST)
			pr_warn("virtio: no /dev/%s (%d)\n", path, r);
		sysfs_file(p->sysfs, "name", show_name, p);
		p->linked = true;
	}
}
