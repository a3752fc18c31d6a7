/*
 * The virtio block device, for reading: /dev/vda, vdb ... A few requests at a time are under way; who finds no room waits. Entry point:
 * virtio_blk_probe().
 */
#include "vfs/blkdev.h"

#include <linux/virtio_blk.h>

#include "drivers/virtio/virtio.h"
#include "fs/devtmpfs.h"
#include "fs/sysfs.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/wait.h"

#define REQUESTS 8u
#define MAJOR_VD 254u
#define MINORS 16u /* a disk's number and those of its parts */
#define DISKS_MAX 8u

struct request {
	struct virtio_blk_outhdr head; /* read by the device */
	u8 status; /* written by it */
	bool busy, done; /* disk lock */
};
struct disk {
	struct blkdev dev;
	char name[8];
	struct virtio_dev *virtio;
	struct spinlock lock; /* RANK_DEVICE */
	struct virtqueue vq; /* lock */
	struct wait_queue wait; /* a request is done, or its place free */
	struct request req[REQUESTS];
};
static u32 nr_disks; /* boot only */

static void blk_irq(struct virtio_dev *dev)
{
	struct disk *d = dev->driver;
	struct request *r;
	u64 flags = spin_lock_irqsave(&d->lock);
	while ((r = vq_get(&d->vq, NULL)))
		WRITE_ONCE(r->done, true);
	spin_unlock_irqrestore(&d->lock, flags);
	wake_up_all(&d->wait);
}

/* Sends the request if there is a place for it, which is then *out. */
static bool send(struct disk *d, u64 pos, void *buf, u32 n, struct request **out)
{
	struct request *r = NULL;
	u64 flags = spin_lock_irqsave(&d->lock);
	for (u32 k = 0; k < REQUESTS && !r; k++)
		if (!d->req[k].busy)
			r = &d->req[k];
	if (r) {
		r->busy = true;
		r->done = false;
		r->status = VIRTIO_BLK_S_IOERR;
		r->head = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = pos >> 9 };
		struct vq_part part[3] = { { &r->head, sizeof(r->head), false }, { buf, n, true }, { &r->status, 1, true } };
		vq_add_chain(&d->vq, part, 3, r); /* there are descriptors for every request */
		vq_kick(&d->vq);
	}
	spin_unlock_irqrestore(&d->lock, flags);
	*out = r;
	return r != NULL;
}

static int blk_read(struct blkdev *b, u64 pos, void *buf, u32 n)
{
	struct disk *d = container_of(b, struct disk, dev);
	struct request *r;
	wait_event(d->wait, send(d, pos, buf, n, &r));
	wait_event(d->wait, READ_ONCE(r->done));
	smp_mb();
	int err = READ_ONCE(r->status) == VIRTIO_BLK_S_OK ? 0 : -EIO;
	u64 flags = spin_lock_irqsave(&d->lock);
	r->busy = false;
	spin_unlock_irqrestore(&d->lock, flags);
	wake_up_all(&d->wait);
	if (err)
		pr_err("%s: read error at %lu\n", d->name, pos);
	return err;
}

int virtio_blk_probe(struct virtio_dev *dev)
{
	u32 features;
	struct disk *d = nr_disks < DISKS_MAX ? kzalloc(sizeof(*d)) : NULL;
	if (!d)
		return -ENOMEM;
	d->virtio = dev;
	spin_init(&d->lock, RANK_DEVICE);
	wait_queue_init(&d->wait);
	int err = virtio_begin(dev, 0, &features);
	if (!err)
		err = vq_setup(dev, 0, 0, &d->vq);
	if (!err && d->vq.num < 3 * REQUESTS)
		err = -ENODEV;
	if (err) {
		virtio_fail(dev);
		kfree(d);
		return err;
	}
	memcpy(d->name, "vda", 4);
	d->name[2] = (char)('a' + nr_disks);
	u64 sectors = virtio_config32(dev, 0) | (u64)virtio_config32(dev, 4) << 32;
	d->dev = (struct blkdev){ .name = d->name, .rdev = MKDEV(MAJOR_VD, nr_disks * MINORS), .size = min(sectors, ~0UL >> 10) << 9, .read = blk_read };
	nr_disks++;
	dev->driver = d;
	dev->irq_fn = blk_irq;
	virtio_run(dev);
	blkdev_register(&d->dev);
	sysfs_block_add(&d->dev);
	err = devtmpfs_create(d->name, S_IFBLK | 0600, d->dev.rdev);
	if (err)
		pr_warn("%s: no node: error %d\n", d->name, err);
	return 0;
}
