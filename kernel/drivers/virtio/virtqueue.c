/* Split virtqueues: descriptors, the available ring (ours), the used ring (the device's). One descriptor per buffer, or a chain of them. */
#include "drivers/virtio/virtio.h"

#include <linux/virtio_mmio.h>

#include "arch/x86_64/arch.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"

static void reg_write(struct virtio_dev *dev, u32 reg, u32 v) { *(volatile u32 *)(dev->mmio + reg) = v; }
static u32 reg_read(struct virtio_dev *dev, u32 reg) { return *(volatile u32 *)(dev->mmio + reg); }

/* The device's copies of the ring addresses are 0 after a reset, so a zero high word need not be written: each access is an exit from the VM. */
static void write64(struct virtio_dev *dev, u32 reg, u64 v)
{
	reg_write(dev, reg, (u32)v);
	if (v >> 32)
		reg_write(dev, reg + 4, (u32)(v >> 32));
}

/* Zeroed memory for one queue's rings: 4096-aligned for a legacy device, which knows it by page number; else packed. NULL: no memory. */
static u8 *ring_memory(struct virtio_dev *dev, u32 size)
{
	u32 need = dev->version == 1 ? PAGE_SIZE : ALIGN_UP(size, 64u);
	if (!dev->ring_page || dev->ring_used + need > PAGE_SIZE) {
		struct page *p = alloc_zeroed_page(PAGE_KERNEL);
		if (!p)
			return NULL;
		dev->ring_page = page_virt(p);
		dev->ring_used = 0;
	}
	u8 *r = dev->ring_page + dev->ring_used;
	dev->ring_used += need;
	return r;
}

int vq_setup(struct virtio_dev *dev, u16 index, u16 num, struct virtqueue *vq)
{
	reg_write(dev, VIRTIO_MMIO_QUEUE_SEL, index);
	u32 n = num ? num : reg_read(dev, VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (!n)
		return -ENODEV;
	n = min(n, VQ_SIZE);
	u32 used_at = ALIGN_UP((u32)(n * sizeof(struct vring_desc) + 6 + 2 * n), 64u);
	u32 size = used_at + 6 + (u32)(n * sizeof(struct vring_used_elem));
	u8 *mem = ring_memory(dev, size);
	if (!mem)
		return -ENOMEM;
	memset(vq, 0, sizeof(*vq));
	vq->dev = dev;
	vq->index = index;
	vq->num = vq->nr_free = (u16)n;
	vq->desc = (void *)mem;
	vq->avail = (void *)(mem + n * sizeof(struct vring_desc));
	vq->used = (void *)(mem + used_at);
	for (u32 i = 0; i < n; i++)
		vq->desc[i].next = (u16)(i + 1);
	reg_write(dev, VIRTIO_MMIO_QUEUE_NUM, n);
	if (dev->version == 1) {
		reg_write(dev, VIRTIO_MMIO_QUEUE_ALIGN, 64);
		reg_write(dev, VIRTIO_MMIO_QUEUE_PFN, (u32)(virt_to_phys(mem) >> PAGE_SHIFT));
		return 0;
	}
	write64(dev, VIRTIO_MMIO_QUEUE_DESC_LOW, virt_to_phys(vq->desc));
	write64(dev, VIRTIO_MMIO_QUEUE_AVAIL_LOW, virt_to_phys(vq->avail));
	write64(dev, VIRTIO_MMIO_QUEUE_USED_LOW, virt_to_phys(vq->used));
	reg_write(dev, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

int vq_add_chain(struct virtqueue *vq, const struct vq_part *part, u32 n, void *cookie)
{
	if (vq->nr_free < n || !n)
		return -ENOSPC;
	u16 head = vq->free, at = head;
	for (u32 k = 0; k < n; k++) {
		struct vring_desc *d = &vq->desc[at];
		d->addr = virt_to_phys(part[k].buf);
		d->len = part[k].len;
		d->flags = (u16)((part[k].device_writes ? VRING_DESC_F_WRITE : 0) | (k + 1 < n ? VRING_DESC_F_NEXT : 0));
		at = d->next;
	}
	vq->free = at;
	vq->nr_free = (u16)(vq->nr_free - n);
	vq->cookie[head] = cookie;
	vq->avail->ring[vq->avail->idx % vq->num] = head;
	smp_store_release(&vq->avail->idx, (u16)(vq->avail->idx + 1));
	vq->kick_wanted = true;
	return 0;
}

int vq_add(struct virtqueue *vq, void *buf, u32 len, bool device_writes, void *cookie)
{
	struct vq_part one = { buf, len, device_writes };
	return vq_add_chain(vq, &one, 1, cookie);
}

void vq_kick(struct virtqueue *vq)
{
	if (!vq->kick_wanted)
		return;
	vq->kick_wanted = false;
	smp_mb(); /* the index before the device's wish */
	if (!(READ_ONCE(vq->used->flags) & VRING_USED_F_NO_NOTIFY))
		reg_write(vq->dev, VIRTIO_MMIO_QUEUE_NOTIFY, vq->index);
}

void *vq_get(struct virtqueue *vq, u32 *len)
{
	if (smp_load_acquire(&vq->used->idx) == vq->last_used)
		return NULL;
	struct vring_used_elem e = vq->used->ring[vq->last_used % vq->num];
	vq->last_used++;
	if (e.id >= vq->num || !vq->cookie[e.id])
		return NULL; /* a broken device: ignore what it says */
	void *cookie = vq->cookie[e.id];
	vq->cookie[e.id] = NULL;
	u16 last = (u16)e.id;
	for (vq->nr_free++; vq->desc[last].flags & VRING_DESC_F_NEXT; vq->nr_free++)
		last = vq->desc[last].next;
	vq->desc[last].next = vq->free;
	vq->free = (u16)e.id;
	if (len)
		*len = e.len;
	return cookie;
}
