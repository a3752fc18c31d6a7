/* The virtio room: virtio-mmio transport (legacy and modern) with split virtqueues, and the devices: console, 9P, block. Entry: virtio_init, virtio_wait_ports. */
#ifndef PANDO_DRIVERS_VIRTIO_VIRTIO_H
#define PANDO_DRIVERS_VIRTIO_VIRTIO_H

#include <linux/virtio_ring.h>

#include "lib/types.h"
#include "sched/spinlock.h"

/* --- for boot ---------------------------------------------------------------------------------------------------------------------------- */
/* Finds the devices that the kernel's command line names (virtio_mmio.device=SIZE@BASE:IRQ) or, without any, those of a microvm with ACPI; starts the
 * drivers. Does not wait for any of them. => process context, after tty_init */
void virtio_init(const char *cmdline);
/* Waits until the ports that the consoles announced at start have names and nodes; gives up after a second. Before process 1 becomes a program. */
void virtio_wait_ports(void);
/* Begins to send the trace, if one was asked for, to the port pando.trace; without that port nothing is traced. After virtio_wait_ports. */
void virtio_trace_start(void);
/* The machine is going down: returns when the host has all of the trace. May sleep. */
void virtio_trace_flush(void);

/* --- transport: virtio_mmio.c ------------------------------------------------------------------------------------------------------------- */
struct virtio_dev {
	volatile u8 *mmio;   /* constant */
	u32 version;         /* constant: 1 legacy, 2 modern */
	u32 irq;             /* constant */
	char name[12]; /* constant: "virtioN", for /proc/interrupts */
	void (*irq_fn)(struct virtio_dev *dev); /* constant once the interrupt is requested: rings have news. Interrupts off */
	void *driver;        /* constant */
	u8 *ring_page;       /* setup only: where the next queue's rings go */
	u32 ring_used;       /* setup only */
};
/* Reset, acknowledge, negotiate: `want` of the low 32 feature bits. *got = what both have. 0 or -ENODEV. */
int virtio_begin(struct virtio_dev *dev, u32 want, u32 *got);
u8 virtio_config8(struct virtio_dev *dev, u32 offset);
u16 virtio_config16(struct virtio_dev *dev, u32 offset);
u32 virtio_config32(struct virtio_dev *dev, u32 offset);
/* The device may work: interrupts come from here on. 0 or -errno (then it is polled by a timer). */
void virtio_run(struct virtio_dev *dev);
void virtio_fail(struct virtio_dev *dev);

/* --- split rings: virtqueue.c ------------------------------------------------------------------------------------------------------------- */
#define VQ_SIZE 32u
/* Locking is the owner's. */
struct virtqueue {
	struct virtio_dev *dev;    /* constant */
	u16 index, num;            /* constant */
	u16 free, nr_free;         /* chain of unused descriptors */
	u16 last_used;             /* our position in the used ring */
	bool kick_wanted;          /* something was added since the last kick */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;   /* written by the device */
	void *cookie[VQ_SIZE];
};
/* Sets up queue `index` with min(num, VQ_SIZE) entries; num = 0: asks the device for its limit. 0, -ENODEV, -ENOMEM. */
int vq_setup(struct virtio_dev *dev, u16 index, u16 num, struct virtqueue *vq);
/* Offers one buffer in kernel memory (direct map). device_writes: the device fills it. 0 or -ENOSPC. */
int vq_add(struct virtqueue *vq, void *buf, u32 len, bool device_writes, void *cookie);
/* The same for n parts as one request: those the device reads come first. 0 or -ENOSPC. */
struct vq_part {
	void *buf;
	u32 len;
	bool device_writes;
};
int vq_add_chain(struct virtqueue *vq, const struct vq_part *part, u32 n, void *cookie);
/* Tells the device, if it wants to know. */
void vq_kick(struct virtqueue *vq);
/* A buffer that the device has given back, or NULL. *len = bytes it wrote. */
void *vq_get(struct virtqueue *vq, u32 *len);
static inline bool vq_has_used(const struct virtqueue *vq)
{
	return vq->used && READ_ONCE(vq->used->idx) != READ_ONCE(vq->last_used);
}

/* --- drivers ------------------------------------------------------------------------------------------------------------------------------ */
/* Each takes over dev (kmalloc'ed). 0 or -errno: then dev is the caller's again. */
int virtio_console_probe(struct virtio_dev *dev);
int virtio_9p_probe(struct virtio_dev *dev);
int virtio_blk_probe(struct virtio_dev *dev);
/* Sleeps until that is so or the ns are over. */
void virtio_console_wait(u64 ns);

#endif
