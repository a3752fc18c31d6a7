/*
 * The terminals that exist without asking: ttyS0 on COM1, hvc0 on a virtio console port, and the names that stand for another terminal:
 * /dev/console (the last console= parameter) and /dev/tty (the caller's own). Also ttyd, the kernel thread that carries received bytes from the
 * interrupt handlers to the line disciplines. Entry points: console_param, tty_init, tty_register_hvc, tty_rx_irq.
 */
#include "tty/tty.h"

#include "fs/devtmpfs.h"
#include "fs/procfs.h"
#include "fs/sysfs.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define MAX_CONSOLES 4u
static char wanted[MAX_CONSOLES][16]; /* console= in order; written at boot only */
static u32 nr_wanted;

static struct tty *serial;           /* constant after tty_init */
static struct tty *hvc;              /* written once, by tty_register_hvc */
static struct wait_queue rx_wait = WAIT_QUEUE_INIT(rx_wait);
static DEFINE_SPINLOCK(serial_lock, RANK_DEVICE);

/* --- received bytes --------------------------------------------------------------------------------------------------------------------- */
void tty_rx_irq(struct tty *tty, const u8 *p, u32 n)
{
	u32 head = tty->rx_head;
	for (u32 i = 0; i < n && head - smp_load_acquire(&tty->rx_tail) < TTY_RX_SIZE; i++)
		tty->rx[head++ & (TTY_RX_SIZE - 1)] = p[i];
	smp_store_release(&tty->rx_head, head);
	wake_up(&rx_wait);
}

void tty_tx_irq(struct tty *tty)
{
	WRITE_ONCE(tty->tx_ready, true);
	wake_up(&rx_wait);
}

static bool rx_pending(struct tty *tty) { return smp_load_acquire(&tty->rx_head) != tty->rx_tail; }
static bool has_work(struct tty *tty) { return tty && (rx_pending(tty) || READ_ONCE(tty->tx_ready)); }

static void do_work(struct tty *tty)
{
	u8 buf[128];
	if (xchg(&tty->tx_ready, false))
		tty_restart(tty);
	while (rx_pending(tty)) {
		u32 n = 0, tail = tty->rx_tail, head = smp_load_acquire(&tty->rx_head);
		while (n < sizeof(buf) && tail != head)
			buf[n++] = tty->rx[tail++ & (TTY_RX_SIZE - 1)];
		smp_store_release(&tty->rx_tail, tail);
		tty_feed(tty, buf, n);
		cond_resched();
	}
}

static int ttyd(void *unused)
{
	for (;;) {
		/* Interruptible, so that an idle ttyd does not count as load; kernel threads get no signals. */
		(void)wait_event_interruptible(rx_wait, has_work(serial) || has_work(READ_ONCE(hvc)));
		do_work(serial);
		if (READ_ONCE(hvc))
			do_work(hvc);
	}
	return 0;
}

/* --- ttyS0 ------------------------------------------------------------------------------------------------------------------------------ */
static void serial_start(struct tty *tty)
{
	u8 buf[256];
	u32 n;

	/* Taken and written under one lock: two writers' bytes stay in order. */
	spin_lock(&serial_lock);
	while ((n = tty_out_take(tty, buf, sizeof(buf), false)))
		arch_serial_write((const char *)buf, n);
	spin_unlock(&serial_lock);
}
static const struct tty_ops serial_ops = { .start = serial_start };
static void serial_input(u8 byte) { tty_rx_irq(serial, &byte, 1); }

/* --- which terminal ---------------------------------------------------------------------------------------------------------------------- */
void console_param(const char *value)
{
	if (nr_wanted == MAX_CONSOLES) {
		memmove(wanted[0], wanted[1], sizeof(wanted) - sizeof(wanted[0]));
		nr_wanted--;
	}
	str_copy(wanted[nr_wanted], value, sizeof(wanted[0]));
	char *comma = strchr(wanted[nr_wanted], ',');
	if (comma)
		*comma = 0;
	nr_wanted++;
}

static struct tty *by_name(const char *name)
{
	if (!strcmp(name, "hvc0"))
		return READ_ONCE(hvc);
	if (!strcmp(name, "ttyS0") || !strcmp(name, "tty0") || !strcmp(name, "tty1"))
		return serial;
	return NULL;
}

/* The terminal behind /dev/console: the last console= that exists; without any, the serial port. NULL: console=null alone. */
static struct tty *console_tty(void)
{
	for (u32 i = nr_wanted; i-- > 0;) {
		struct tty *tty = by_name(wanted[i]);
		if (tty)
			return tty;
		if (!strcmp(wanted[i], "null") || !wanted[i][0])
			return NULL;
	}
	return serial;
}

/* /proc/consoles: enabled, the one behind /dev/console, showing what was logged before it; a serial port also before its CPU is up. */
static int show_consoles(struct text *t, const struct proc_node *n)
{
	struct tty *tty = console_tty();
	if (tty)
		text_printf(t, "%-20s -W- (EC  p %c) %4u:%u\n", tty->name, tty == serial ? 'a' : ' ', MAJOR(tty->rdev), MINOR(tty->rdev));
	return 0;
}
static const struct proc_entry consoles_entry = { .name = "consoles", .mode = S_IFREG | 0444, .show = show_consoles };

static int serial_open(struct inode *i, struct file *f) { return serial ? tty_open_file(serial, f, false) : -ENXIO; }
static int hvc_open(struct inode *i, struct file *f)
{
	struct tty *tty = READ_ONCE(hvc);
	return tty ? tty_open_file(tty, f, false) : -ENXIO;
}
/* With console=null there still has to be something to open as process 1's descriptors: reads end, writes vanish. */
static ssize_t null_read(struct file *f, struct iter *to, u64 *pos) { return 0; }
static ssize_t null_write(struct file *f, struct iter *from, u64 *pos)
{
	size_t n = from->count;
	iter_advance(from, n);
	return (ssize_t)n;
}
static const struct file_ops null_console_fops = { .read = null_read, .write = null_write };
static int console_open(struct inode *i, struct file *f)
{
	struct tty *tty = console_tty();
	if (!tty) {
		f->ops = &null_console_fops;
		return 0;
	}
	return tty_open_file(tty, f, true);
}
static int current_open(struct inode *i, struct file *f)
{
	struct tty *tty = tty_current();
	if (!tty)
		return -ENXIO;
	int r = tty_open_file(tty, f, false);
	tty_put(tty);
	return r;
}
static const struct file_ops serial_fops = { .open = serial_open };
static const struct file_ops hvc_fops = { .open = hvc_open };
static const struct file_ops console_fops = { .open = console_open };
static const struct file_ops current_fops = { .open = current_open };

/* A node below /dev, unless devtmpfs has made it already. */
static void node(const char *name, u32 mode, u64 rdev)
{
	int r = devtmpfs_create(name, mode, rdev);
	if (r && r != -EEXIST)
		pr_warn("tty: no /dev/%s (%d)\n", name, r);
}

/* What sysfs shows. => boot */
static void sysfs_add(const char *name, u64 rdev, u32 mode)
{
	static struct sysfs_device shown[8];
	static u32 n;
	if (n == ARRAY_SIZE(shown))
		return;
	shown[n] = (struct sysfs_device){ .subsystem = "tty", .name = name, .rdev = rdev, .mode = mode };
	sysfs_device_add(&shown[n++]);
}

int tty_register_hvc(const struct tty_ops *ops, void *driver, struct tty **out)
{
	struct tty *tty;

	if (hvc)
		return -EBUSY;
	int r = tty_create("hvc0", MKDEV(229, 0), ops, true, &tty);
	if (r)
		return r;
	tty->driver = driver;
	WRITE_ONCE(hvc, tty);
	register_chrdev(229, 0, 1, &hvc_fops);
	node("hvc0", S_IFCHR | 0600, MKDEV(229, 0));
	sysfs_add("hvc0", MKDEV(229, 0), 0);
	*out = tty;
	return 0;
}

void tty_init(void)
{
	if (tty_create("ttyS0", MKDEV(4, 64), &serial_ops, true, &serial))
		panic("tty: no memory for ttyS0");
	register_chrdev(5, 0, 1, &current_fops);
	register_chrdev(5, 1, 1, &console_fops);
	register_chrdev(4, 64, 1, &serial_fops);
	pty_init();
	proc_register(&consoles_entry);
	node("tty", S_IFCHR | 0666, MKDEV(5, 0));
	node("console", S_IFCHR | 0600, MKDEV(5, 1));
	node("ptmx", S_IFCHR | 0666, MKDEV(5, 2));
	node("ttyS0", S_IFCHR | 0660, MKDEV(4, 64));
	sysfs_add("tty", MKDEV(5, 0), 0666);
	sysfs_add("console", MKDEV(5, 1), 0);
	sysfs_add("ptmx", MKDEV(5, 2), 0666);
	sysfs_add("ttyS0", MKDEV(4, 64), 0);
	if (kthread_run(ttyd, NULL, NULL, "ttyd"))
		panic("tty: no ttyd");
	arch_serial_on_input(serial_input);
}
