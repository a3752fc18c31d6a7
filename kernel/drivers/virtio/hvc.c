/* The port that is a terminal, /dev/hvc0: received bytes go to the tty from the interrupt handler, output is taken from the tty's ring. */
#include "drivers/virtio/console.h"

#include "lib/log.h"

/* Moves output on as long as there are free buffers. */
static void hvc_start(struct tty *tty)
{
	struct port *p = tty->driver;
	for (;;) {
		u64 flags = spin_lock_irqsave(&p->lock);
		struct port_buf *b = tty_out_pending(tty) ? port_tx_get(p) : NULL;
		spin_unlock_irqrestore(&p->lock, flags);
		if (!b)
			return;
		u32 n = tty_out_take(tty, b->data, TX_SIZE, false);
		flags = spin_lock_irqsave(&p->lock);
		port_tx_send(p, b, n);
		vq_kick(&p->out);
		spin_unlock_irqrestore(&p->lock, flags);
		if (!n)
			return;
	}
}
static const struct tty_ops hvc_ops = { .start = hvc_start };

/* Interrupts off. */
void hvc_irq(struct port *p)
{
	u32 len;
	struct port_buf *b;

	spin_lock(&p->lock);
	bool freed = vq_has_used(&p->out);
	while ((b = vq_get(&p->in, &len))) {
		tty_rx_irq(p->tty, b->data, min(len, RX_SIZE));
		vq_add(&p->in, b->data, RX_SIZE, true, b);
	}
	vq_kick(&p->in);
	spin_unlock(&p->lock);
	/* Output that waits for a buffer is moved by ttyd: the tty's lock is not for interrupt handlers. */
	if (freed && tty_out_pending(p->tty))
		tty_tx_irq(p->tty);
}

void hvc_add(struct port *p)
{
	struct tty *tty;
	int r = tty_register_hvc(&hvc_ops, p, &tty);
	if (r) {
		pr_notice("virtio: console port %u is not used (%d)\n", p->id, r);
		return;
	}
	if (!p->console->multiport) {
		u16 cols = virtio_config16(p->console->dev, 0), rows = virtio_config16(p->console->dev, 2);
		tty_resize(tty, &(struct winsize){ .ws_row = rows, .ws_col = cols });
	}
	u64 flags = spin_lock_irqsave(&p->lock);
	p->tty = tty;
	spin_unlock_irqrestore(&p->lock, flags);
	port_fill_rx(p);
}
