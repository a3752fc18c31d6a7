/* The virtio console device, private to the room: console.c (device, control queue), port.c (files of ports), hvc.c (the port that is a terminal). */
#ifndef PANDO_DRIVERS_VIRTIO_CONSOLE_H
#define PANDO_DRIVERS_VIRTIO_CONSOLE_H

#include <linux/virtio_console.h>

#include "drivers/virtio/virtio.h"
#include "fs/sysfs.h"
#include "sched/wait.h"
#include "tty/tty.h"

#define PORT_MAJOR 244u
#define PORTS_MAX 32u
#define CONSOLES_MAX 4u
#define RX_BUFS 4u
#define RX_SIZE 4096u
#define TX_BUFS 8u
#define TX_SIZE 8192u

struct console;
struct port_buf {
	u8 *data;      /* RX_SIZE or TX_SIZE bytes; NULL until first needed */
	u32 len, off;  /* rx: bytes the device wrote, bytes read */
	bool busy;     /* tx: being filled, or with the device */
};
/* Fields: lock, unless tagged. lock is taken by the interrupt handler. */
struct port {
	struct console *console;     /* constant */
	u32 id;                      /* constant */
	struct spinlock lock;        /* RANK_DEVICE, irqsave */
	struct virtqueue in, out;
	struct wait_queue wait;      /* readers, writers, pollers, those who wait for an empty queue */
	struct port_buf rx[RX_BUFS];
	struct port_buf *reading;    /* the rx buffer that is being read, or NULL */
	struct port_buf tx[TX_BUFS];
	u32 tx_busy;                 /* tx buffers that are not free */
	bool guest_open, host_open, gone;
	struct mutex read_lock;      /* RANK_TTY */
	char name[64];               /* written once by the worker */
	bool added, named, linked;   /* the worker's: announced, has a name, the name has a node */
	struct sysfs_node *sysfs;    /* the worker's */
	struct tty *tty;             /* written once by the worker: it is a console */
};
#define CTL_BUFS 32u
#define CTL_RX_SIZE 128u
struct console {
	struct virtio_dev *dev;      /* constant */
	u32 index;                   /* constant: N of vportNpM */
	bool multiport;              /* constant */
	u32 nr_ports;                /* constant */
	struct port *port[PORTS_MAX];/* constant after probe; those without queues are NULL */
	struct spinlock lock;        /* RANK_DEVICE, irqsave: control queues */
	struct virtqueue ctl_in, ctl_out; /* lock */
	u8 *ctl_rx;                  /* constant: CTL_BUFS * CTL_RX_SIZE */
	struct virtio_console_control *ctl_tx; /* lock: CTL_BUFS of them */
	u32 ctl_tx_busy;             /* lock: bit per message with the device */
	struct wait_queue ctl_wait;  /* the worker */
	bool settled;                /* a: what was announced at start has arrived */
};

/* Sends a control message; may sleep for room. */
void console_send(struct console *c, u32 id, u16 event, u16 value);
/* Takes back sent buffers. => p->lock */
void port_reclaim(struct port *p);
/* Gives the device its receive buffers (first open). 0 or -ENOMEM. */
int port_fill_rx(struct port *p);
/* A free tx buffer with memory, marked busy, or NULL. / Sends n bytes in it. => p->lock */
struct port_buf *port_tx_get(struct port *p);
void port_tx_send(struct port *p, struct port_buf *b, u32 n);
/* The interrupt handler's part for a port with news. */
void port_irq(struct port *p);
/* The character devices. Once. */
void port_register(void);
/* The node /dev/vportNpM, /dev/virtio-ports/NAME. => worker */
void port_add_nodes(struct port *p);
void port_remove_nodes(struct port *p);
struct port *port_find(u32 minor);
/* After virtio_wait_ports. NULL: there is none. */
struct port *virtio_port_by_name(const char *name);
/* Makes p a terminal. => worker */
void hvc_add(struct port *p);
void hvc_irq(struct port *p);

#endif
