/*
 * The virtio-mmio transport: finding devices, feature negotiation, interrupts. Register accesses leave the virtual machine, so there are as few as
 * possible. Entry points: virtio_init, virtio_wait_ports, virtio_begin, virtio_run.
 */
#include "drivers/virtio/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>

#include "arch/x86_64/arch.h"
#include "lib/errno.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"

#define MAGIC 0x74726976u
#define SLOT 512u

static void reg_write(struct virtio_dev *dev, u32 reg, u32 v) { *(volatile u32 *)(dev->mmio + reg) = v; }
static u32 reg_read(struct virtio_dev *dev, u32 reg) { return *(volatile u32 *)(dev->mmio + reg); }

u8 virtio_config8(struct virtio_dev *dev, u32 offset) { return *(volatile u8 *)(dev->mmio + VIRTIO_MMIO_CONFIG + offset); }
u16 virtio_config16(struct virtio_dev *dev, u32 offset) { return *(volatile u16 *)(dev->mmio + VIRTIO_MMIO_CONFIG + offset); }
u32 virtio_config32(struct virtio_dev *dev, u32 offset) { return *(volatile u32 *)(dev->mmio + VIRTIO_MMIO_CONFIG + offset); }

int virtio_begin(struct virtio_dev *dev, u32 want, u32 *got)
{
	u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	reg_write(dev, VIRTIO_MMIO_STATUS, 0);
	reg_write(dev, VIRTIO_MMIO_STATUS, status);
	reg_write(dev, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	*got = reg_read(dev, VIRTIO_MMIO_DEVICE_FEATURES) & want;
	reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES, *got);
	if (dev->version == 1) {
		reg_write(dev, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
		return 0;
	}
	reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(dev, VIRTIO_MMIO_DRIVER_FEATURES, 1u << (VIRTIO_F_VERSION_1 - 32));
	reg_write(dev, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
	return reg_read(dev, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -ENODEV;
}

void virtio_fail(struct virtio_dev *dev) { reg_write(dev, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_FAILED); }

/* --- interrupts ------------------------------------------------------------------------------------------------------------------------- */
static void irq(void *arg)
{
	struct virtio_dev *dev = arg;
	u32 why = reg_read(dev, VIRTIO_MMIO_INTERRUPT_STATUS);
	if (!why)
		return; /* a shared line */
	/* Acknowledged first: what comes after this raises the line again. */
	reg_write(dev, VIRTIO_MMIO_INTERRUPT_ACK, why);
	dev->irq_fn(dev);
}

/* A device whose line cannot be had is looked at a thousand times a second. */
#define POLLED_MAX 4u
static struct virtio_dev *polled[POLLED_MAX]; /* boot only */
static u32 nr_polled;
static struct timer poll_timer;
static void poll_all(struct timer *t)
{
	for (u32 i = 0; i < nr_polled; i++)
		polled[i]->irq_fn(polled[i]);
	timer_arm(t, clock_mono() + NSEC_PER_SEC / 1000);
}

void virtio_run(struct virtio_dev *dev)
{
	if (arch_request_irq(dev->irq, dev->name, irq, dev) && nr_polled < POLLED_MAX) {
		pr_notice("virtio: no interrupt %u, polling\n", dev->irq);
		polled[nr_polled++] = dev;
		if (nr_polled == 1) {
			timer_init(&poll_timer, poll_all);
			timer_arm(&poll_timer, clock_mono() + NSEC_PER_SEC / 1000);
		}
	}
	u32 status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK;
	reg_write(dev, VIRTIO_MMIO_STATUS, dev->version == 1 ? status : status | VIRTIO_CONFIG_S_FEATURES_OK);
}

/* --- finding devices -------------------------------------------------------------------------------------------------------------------- */
static const struct driver {
	u32 id;
	const char *name;
	int (*probe)(struct virtio_dev *dev);
} drivers[] = {
	{ VIRTIO_ID_CONSOLE, "console", virtio_console_probe },
	{ VIRTIO_ID_9P, "9p", virtio_9p_probe },
	{ VIRTIO_ID_BLOCK, "block", virtio_blk_probe },
};

static const struct driver *driver_for(u32 id)
{
	for (u32 k = 0; k < ARRAY_SIZE(drivers); k++)
		if (drivers[k].id == id)
			return &drivers[k];
	return NULL;
}

/* Looks at one transport. *id = its device, 0 = empty. false: there is no transport. */
static bool probe(volatile u8 *mmio, u32 line, u32 *id)
{
	struct virtio_dev tmp = { .mmio = mmio, .irq = line };

	*id = 0;
	if (reg_read(&tmp, VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
		return false;
	*id = reg_read(&tmp, VIRTIO_MMIO_DEVICE_ID);
	const struct driver *driver = driver_for(*id);
	if (!driver)
		return true;
	tmp.version = reg_read(&tmp, VIRTIO_MMIO_VERSION);
	if (tmp.version != 1 && tmp.version != 2)
		return true;
	static u32 found;
	format_str(tmp.name, sizeof(tmp.name), "virtio%u", found++);
	struct virtio_dev *dev = kmemdup(&tmp, sizeof(tmp));
	int r = dev ? driver->probe(dev) : -ENOMEM;
	if (r) {
		pr_warn("virtio: %s at interrupt %u: error %d\n", driver->name, line, r);
		kfree(dev);
	}
	return true;
}

/* The mapping of the page around a transport; neighbours share it. */
static volatile u8 *map(paddr_t base)
{
	static paddr_t page;
	static u8 *at;
	paddr_t want = base & PAGE_MASK;
	if (!at || page != want || (base & ~PAGE_MASK) + SLOT > PAGE_SIZE) {
		at = arch_map_mmio(want, ALIGN_UP((base & ~PAGE_MASK) + SLOT, PAGE_SIZE));
		page = want;
	}
	return at ? at + (base & ~PAGE_MASK) : NULL;
}

/* Reads digits (0x, or decimal) and moves *s behind them. false: there are none. */
static bool number(const char **s, u64 *out)
{
	const char *p = *s;
	u64 base = 10, v = 0;
	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	const char *start = p;
	for (;; p++) {
		u32 c = (u8)*p, d = c - '0' < 10 ? c - '0' : (c | 32) - 'a' < 6 ? (c | 32) - 'a' + 10 : 99;
		if (d >= base)
			break;
		v = v * base + d;
	}
	*s = p;
	*out = v;
	return p != start;
}

/* One SIZE[K]@BASE:IRQ. */
static void probe_entry(const char *s)
{
	u64 size, base, line;
	u32 id;

	if (!number(&s, &size))
		return;
	if (*s == 'K' || *s == 'k')
		s++;
	if (*s++ != '@' || !number(&s, &base) || *s++ != ':' || !number(&s, &line))
		return;
	volatile u8 *mmio = map(base);
	if (mmio)
		probe(mmio, (u32)line, &id);
}

static u32 probe_cmdline(const char *cmdline)
{
	static const char key[] = "virtio_mmio.device=";
	u32 n = 0;
	for (const char *p = cmdline; (p = strstr(p, key)); n++) {
		bool word = p == cmdline || p[-1] == ' ';
		p += sizeof(key) - 1;
		if (word)
			probe_entry(p);
	}
	return n;
}

static u32 inl(u16 port)
{
	u32 v;
	__asm__ __volatile__("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static void outl(u16 port, u32 v) { __asm__ __volatile__("outl %0, %1" ::"a"(v), "Nd"(port)); }

/* A machine with a PCI host bridge is no plain microvm, and what lies at the transports' addresses there is not ours to touch. */
static bool has_pci(void)
{
	outl(0xcf8, 0x80000000u);
	return inl(0xcf8) == 0x80000000u && inl(0xcfc) != 0xffffffffu;
}

/* QEMU fills the slots from the top: the first empty one ends the search. */
static bool probe_slots(paddr_t base, u32 slots, u32 first_line)
{
	for (u32 i = slots; i-- > 0;) {
		u32 id;
		volatile u8 *mmio = map(base + i * SLOT);
		if (!mmio || !probe(mmio, first_line + i, &id))
			return i + 1 < slots;
		if (!id)
			break;
	}
	return true;
}

void virtio_init(const char *cmdline)
{
	if (probe_cmdline(cmdline) || has_pci())
		return;
	/* With ACPI: 24 slots on the second I/O APIC; without: 8. */
	if (!probe_slots(0xfeb00000, 24, 24))
		probe_slots(0xfeb00000, 8, 5);
}

void virtio_wait_ports(void) { virtio_console_wait(NSEC_PER_SEC); }
