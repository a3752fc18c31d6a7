/*
 * The virtio console device: queues, control messages, ports coming and going. A kernel thread per device works on the control queue, because a new
 * port makes nodes. The start-up is settled when every message of ours has been taken by the device and what it answered has been read: it answers
 * before it gives a message back. Entry points: virtio_console_probe, virtio_console_wait.
 */
#include "drivers/virtio/console.h"

#include "lib/log.h"
#include "lib/string.h"
#include "mm/slab.h"
#include "sched/timer.h"

static struct console *consoles[CONSOLES_MAX]; /* boot only */
static u32 nr_consoles;
static struct wait_queue settled_wait = WAIT_QUEUE_INIT(settled_wait);

struct port *port_find(u32 minor)
{
	u32 c = minor / PORTS_MAX;
	return c < nr_consoles ? consoles[c]->port[minor % PORTS_MAX] : NULL;
}

struct port *virtio_port_by_name(const char *name)
{
	for (u32 m = 0; m < nr_consoles * PORTS_MAX; m++) {
		struct port *p = port_find(m);
		if (p && p->added && !p->tty && !strcmp(p->name, name))
			return p;
	}
	return NULL;
}

/* --- control messages ------------------------------------------------------------------------------------------------------------------- */
/* => c->lock */
static void ctl_reclaim(struct console *c)
{
	struct virtio_console_control *m;
	while ((m = vq_get(&c->ctl_out, NULL)))
		c->ctl_tx_busy &= ~(1u << (m - c->ctl_tx));
}

/* Queues one message. false: no room now. => c->lock */
static bool ctl_queue(struct console *c, u32 id, u16 event, u16 value)
{
	ctl_reclaim(c);
	if (c->ctl_tx_busy == ~0u)
		return false;
	u32 i = (u32)__builtin_ctz(~c->ctl_tx_busy);
	c->ctl_tx[i] = (struct virtio_console_control){ .id = id, .event = event, .value = value };
	if (vq_add(&c->ctl_out, &c->ctl_tx[i], sizeof(c->ctl_tx[i]), false, &c->ctl_tx[i]))
		return false;
	c->ctl_tx_busy |= 1u << i;
	return true;
}

/* kick: false when more messages follow. */
static void ctl_send(struct console *c, u32 id, u16 event, u16 value, bool kick)
{
	for (;;) {
		u64 flags = spin_lock_irqsave(&c->lock);
		bool ok = ctl_queue(c, id, event, value);
		if (kick || !ok)
			vq_kick(&c->ctl_out);
		spin_unlock_irqrestore(&c->lock, flags);
		if (ok)
			return;
		set_current_state(TASK_UNINTERRUPTIBLE);
		schedule_timeout(NSEC_PER_SEC / 1000);
	}
}
void console_send(struct console *c, u32 id, u16 event, u16 value)
{
	if (c->multiport)
		ctl_send(c, id, event, value, true);
}

static void port_name(struct port *p, const u8 *text, u32 len)
{
	if (p->named)
		return;
	len = min(len, (u32)sizeof(p->name) - 1);
	memcpy(p->name, text, len);
	p->name[len] = 0;
	/* A name becomes a file name. */
	for (char *s = p->name; *s; s++) {
		if (*s == '/')
			*s = '_';
	}
	p->named = true;
}

static void port_set_host(struct port *p, bool open)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	p->host_open = open;
	spin_unlock_irqrestore(&p->lock, flags);
	wake_up_key(&p->wait, TASK_NORMAL, 0, POLLIN | POLLOUT | POLLHUP);
}

static void port_remove(struct port *p)
{
	u64 flags = spin_lock_irqsave(&p->lock);
	p->gone = true;
	p->host_open = false;
	spin_unlock_irqrestore(&p->lock, flags);
	port_remove_nodes(p);
	wake_up_key(&p->wait, TASK_NORMAL, 0, POLLIN | POLLOUT | POLLHUP);
}

static void resize(struct port *p, const u8 *payload, u32 len)
{
	u16 size[2]; /* rows, columns */
	if (!p->tty || len < sizeof(size))
		return;
	memcpy(size, payload, sizeof(size));
	tty_resize(p->tty, &(struct winsize){ .ws_row = size[0], .ws_col = size[1] });
}

/* Returns true when an answer was queued (and must be kicked). */
static bool handle(struct console *c, const u8 *msg, u32 len)
{
	struct virtio_console_control m;
	if (len < sizeof(m))
		return false;
	memcpy(&m, msg, sizeof(m));
	struct port *p = m.id < c->nr_ports ? c->port[m.id] : NULL;
	if (!p)
		return false;
	switch (m.event) {
	case VIRTIO_CONSOLE_PORT_ADD:
		if (p->added)
			return false;
		p->added = true;
		p->gone = false;
		ctl_send(c, p->id, VIRTIO_CONSOLE_PORT_READY, 1, false);
		return true;
	case VIRTIO_CONSOLE_PORT_REMOVE:
		port_remove(p);
		return false;
	case VIRTIO_CONSOLE_CONSOLE_PORT:
		if (m.value && !p->tty) {
			hvc_add(p);
			ctl_send(c, p->id, VIRTIO_CONSOLE_PORT_OPEN, 1, false);
			return true;
		}
		return false;
	case VIRTIO_CONSOLE_RESIZE:
		resize(p, msg + sizeof(m), len - sizeof(m));
		return false;
	case VIRTIO_CONSOLE_PORT_OPEN:
		port_set_host(p, m.value != 0);
		return false;
	case VIRTIO_CONSOLE_PORT_NAME:
		port_name(p, msg + sizeof(m), len - sizeof(m));
		return false;
	default:
		return false;
	}
}

/* Reads and re-offers every message that is there. Returns true when answers were sent. */
static bool drain_messages(struct console *c)
{
	bool answered = false, any = false;
	for (;;) {
		u32 len;
		u64 flags = spin_lock_irqsave(&c->lock);
		u8 *msg = vq_get(&c->ctl_in, &len);
		spin_unlock_irqrestore(&c->lock, flags);
		if (!msg)
			break;
		any = true;
		answered |= handle(c, msg, min(len, CTL_RX_SIZE));
		flags = spin_lock_irqsave(&c->lock);
		vq_add(&c->ctl_in, msg, CTL_RX_SIZE, true, msg);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	if (any) {
		u64 flags = spin_lock_irqsave(&c->lock);
		vq_kick(&c->ctl_in);
		vq_kick(&c->ctl_out);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	return answered;
}

/* Everything we said has been taken: whatever it caused is in the queue by now. */
static bool all_taken(struct console *c)
{
	u64 flags = spin_lock_irqsave(&c->lock);
	ctl_reclaim(c);
	bool r = !c->ctl_tx_busy;
	spin_unlock_irqrestore(&c->lock, flags);
	return r;
}

static void add_named_ports(struct console *c)
{
	for (u32 i = 0; i < c->nr_ports; i++) {
		struct port *p = c->port[i];
		if (p && p->added && !p->tty && !p->gone)
			port_add_nodes(p);
	}
}

static int worker(void *arg)
{
	struct console *c = arg;
	ctl_send(c, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1, true);
	for (;;) {
		bool taken = all_taken(c);
		bool answered = drain_messages(c);
		if (taken && !answered) {
			add_named_ports(c);
			if (!c->settled) {
				WRITE_ONCE(c->settled, true);
				wake_up_all(&settled_wait);
			}
		}
		if (answered)
			continue;
		(void)wait_event_interruptible(c->ctl_wait, vq_has_used(&c->ctl_in) || vq_has_used(&c->ctl_out));
	}
	return 0;
}

static void console_irq(struct virtio_dev *dev)
{
	struct console *c = dev->driver;
	if (c->multiport && (vq_has_used(&c->ctl_in) || vq_has_used(&c->ctl_out)))
		wake_up(&c->ctl_wait);
	for (u32 i = 0; i < c->nr_ports; i++) {
		struct port *p = c->port[i];
		if (p && (vq_has_used(&p->in) || vq_has_used(&p->out)))
			port_irq(p);
	}
}

/* --- start ------------------------------------------------------------------------------------------------------------------------------ */
/* All announced ports of all consoles are there. */
static bool virtio_console_settled(void)
{
	for (u32 i = 0; i < nr_consoles; i++) {
		if (!READ_ONCE(consoles[i]->settled))
			return false;
	}
	return true;
}

void virtio_console_wait(u64 ns)
{
	struct wait_entry e;
	if (virtio_console_settled())
		return;
	wait_entry_init(&e);
	wait_add(&settled_wait, &e);
	for (;;) {
		set_current_state(TASK_UNINTERRUPTIBLE);
		if (virtio_console_settled() || !ns)
			break;
		ns = schedule_timeout(ns);
	}
	set_current_state(TASK_RUNNING);
	wait_remove(&settled_wait, &e);
	if (!virtio_console_settled())
		pr_warn("virtio: the console's ports did not come\n");
}

static int add_port(struct console *c, u32 id, u16 *num)
{
	struct port *p = kzalloc(sizeof(*p));
	u16 first = id ? (u16)(2 * id + 2) : 0;
	if (!p)
		return -ENOMEM;
	p->console = c;
	p->id = id;
	spin_init(&p->lock, RANK_DEVICE);
	wait_queue_init(&p->wait);
	mutex_init(&p->read_lock, RANK_TTY);
	c->port[id] = p;
	int r = vq_setup(c->dev, first, *num, &p->in);
	if (!r) {
		*num = p->in.num; /* all data queues of a device are alike */
		r = vq_setup(c->dev, (u16)(first + 1), *num, &p->out);
	}
	return r;
}

static int setup_control(struct console *c)
{
	int r = vq_setup(c->dev, 2, 0, &c->ctl_in);
	if (!r)
		r = vq_setup(c->dev, 3, c->ctl_in.num, &c->ctl_out);
	if (r)
		return r;
	c->ctl_rx = kmalloc(CTL_BUFS * CTL_RX_SIZE);
	c->ctl_tx = kmalloc(CTL_BUFS * sizeof(*c->ctl_tx));
	if (!c->ctl_rx || !c->ctl_tx)
		return -ENOMEM;
	for (u32 i = 0; i < min(CTL_BUFS, (u32)c->ctl_in.num); i++)
		vq_add(&c->ctl_in, c->ctl_rx + i * CTL_RX_SIZE, CTL_RX_SIZE, true, c->ctl_rx + i * CTL_RX_SIZE);
	return 0;
}

static int setup_queues(struct console *c)
{
	u16 num = 0;
	int r = 0;
	for (u32 id = 0; id < c->nr_ports && !r; id++)
		r = add_port(c, id, &num);
	if (!r && c->multiport)
		r = setup_control(c);
	return r;
}

static void console_free(struct console *c)
{
	for (u32 i = 0; i < PORTS_MAX; i++)
		kfree(c->port[i]);
	kfree(c->ctl_rx);
	kfree(c->ctl_tx);
	kfree(c);
}

/* The device works: the only port is a terminal, or the worker learns about the ports. */
static void start(struct console *c)
{
	if (c->multiport) {
		if (!kthread_run(worker, c, NULL, "vport%u", c->index))
			return;
		pr_err("virtio: no memory for the ports of console %u\n", c->index);
		c->settled = true;
		return;
	}
	c->port[0]->added = c->port[0]->host_open = true;
	hvc_add(c->port[0]);
	c->settled = true;
}

int virtio_console_probe(struct virtio_dev *dev)
{
	u32 features;
	struct console *c = nr_consoles < CONSOLES_MAX ? kzalloc(sizeof(*c)) : NULL;

	if (!c)
		return -ENOMEM;
	int r = virtio_begin(dev, 1u << VIRTIO_CONSOLE_F_SIZE | 1u << VIRTIO_CONSOLE_F_MULTIPORT, &features);
	c->dev = dev;
	c->multiport = features >> VIRTIO_CONSOLE_F_MULTIPORT & 1;
	c->nr_ports = c->multiport && !r ? min(virtio_config32(dev, 4), PORTS_MAX) : 1;
	c->index = nr_consoles;
	spin_init(&c->lock, RANK_DEVICE);
	wait_queue_init(&c->ctl_wait);
	if (!r)
		r = setup_queues(c);
	if (r) {
		virtio_fail(dev);
		console_free(c);
		return r;
	}
	dev->driver = c;
	dev->irq_fn = console_irq;
	consoles[nr_consoles++] = c;
	if (nr_consoles == 1)
		port_register();
	virtio_run(dev);
	if (c->multiport)
		vq_kick(&c->ctl_in);
	start(c);
	return 0;
}
