/*
 * The virtio 9P device: carries messages of fs/p9_client.c to the host and their answers back. A few calls at a time are under way, each with buffers of
 * its own; who finds none free waits. Entry point: virtio_9p_probe().
 */
#include "fs/p9.h"

#include "drivers/virtio/virtio.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/wait.h"

#define CALLS 8u
#define F_MOUNT_TAG 1u

struct slot {
	struct p9_call call;
	bool busy, done; /* dev lock */
};
struct p9_dev {
	struct p9_channel channel;
	struct virtio_dev *dev;
	struct spinlock lock; /* RANK_DEVICE */
	struct virtqueue vq; /* lock */
	struct wait_queue wait; /* an answer came, or a slot is free */
	struct slot slot[CALLS];
};

static void p9_irq(struct virtio_dev *dev)
{
	struct p9_dev *d = dev->driver;
	struct slot *s;
	u32 len;
	u64 flags = spin_lock_irqsave(&d->lock);
	while ((s = vq_get(&d->vq, &len))) {
		s->call.r_len = min(len, s->call.in ? P9_HEAD + s->call.in_len : P9_BUF);
		WRITE_ONCE(s->done, true);
	}
	spin_unlock_irqrestore(&d->lock, flags);
	wake_up_all(&d->wait);
}

static struct slot *take_slot(struct p9_dev *d)
{
	struct slot *found = NULL;
	u64 flags = spin_lock_irqsave(&d->lock);
	for (u32 k = 0; k < CALLS && !found; k++)
		if (!d->slot[k].busy)
			found = &d->slot[k];
	if (found) {
		found->busy = true;
		found->done = false;
	}
	spin_unlock_irqrestore(&d->lock, flags);
	return found;
}

static struct p9_call *p9_begin(struct p9_channel *c)
{
	struct p9_dev *d = container_of(c, struct p9_dev, channel);
	struct slot *s;
	wait_event(d->wait, (s = take_slot(d)) != NULL);
	s->call.out = s->call.in = NULL;
	return &s->call;
}

static void p9_exchange(struct p9_channel *c, struct p9_call *call)
{
	struct p9_dev *d = container_of(c, struct p9_dev, channel);
	struct slot *s = container_of(call, struct slot, call);
	struct vq_part part[4] = { { call->t, call->t_len, false } };
	u32 n = 1;
	if (call->out)
		part[n++] = (struct vq_part){ (void *)call->out, call->out_len, false };
	part[n++] = (struct vq_part){ call->r, call->in ? P9_HEAD : P9_BUF, true };
	if (call->in)
		part[n++] = (struct vq_part){ call->in, call->in_len, true };
	u64 flags = spin_lock_irqsave(&d->lock);
	s->done = false;
	/* There are descriptors for every slot. */
	vq_add_chain(&d->vq, part, n, s);
	vq_kick(&d->vq);
	spin_unlock_irqrestore(&d->lock, flags);
	wait_event(d->wait, READ_ONCE(s->done));
	smp_mb();
}

static void p9_end(struct p9_channel *c, struct p9_call *call)
{
	struct p9_dev *d = container_of(c, struct p9_dev, channel);
	struct slot *s = container_of(call, struct slot, call);
	u64 flags = spin_lock_irqsave(&d->lock);
	s->busy = false;
	spin_unlock_irqrestore(&d->lock, flags);
	wake_up_all(&d->wait);
}

static void read_tag(struct p9_dev *d, u32 features)
{
	u32 len = features & F_MOUNT_TAG ? virtio_config16(d->dev, 0) : 0;
	len = min(len, (u32)sizeof(d->channel.tag) - 1);
	for (u32 k = 0; k < len; k++)
		d->channel.tag[k] = (char)virtio_config8(d->dev, 2 + k);
}

static int make_buffers(struct p9_dev *d)
{
	for (u32 k = 0; k < CALLS; k++) {
		struct p9_call *c = &d->slot[k].call;
		c->tag = (u16)k;
		c->t = kmalloc(P9_BUF);
		c->r = kmalloc(P9_BUF);
		if (!c->t || !c->r)
			return -ENOMEM;
	}
	return 0;
}

static void dev_free(struct p9_dev *d)
{
	for (u32 k = 0; k < CALLS; k++) {
		kfree(d->slot[k].call.t);
		kfree(d->slot[k].call.r);
	}
	kfree(d);
}

int virtio_9p_probe(struct virtio_dev *dev)
{
	u32 features;
	struct p9_dev *d = kzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->dev = dev;
	spin_init(&d->lock, RANK_DEVICE);
	wait_queue_init(&d->wait);
	d->channel.begin = p9_begin;
	d->channel.exchange = p9_exchange;
	d->channel.end = p9_end;
	int err = virtio_begin(dev, F_MOUNT_TAG, &features);
	if (!err)
		err = vq_setup(dev, 0, 0, &d->vq);
	if (!err && d->vq.num < 3 * CALLS)
		err = -ENODEV;
	if (!err)
		err = make_buffers(d);
	if (err) {
		virtio_fail(dev);
		dev_free(d);
		return err;
	}
	read_tag(d, features);
	dev->driver = d;
	dev->irq_fn = p9_irq;
	p9_register(&d->channel);
	virtio_run(dev);
	return 0;
}
