/* COM1: the kernel's console. Output by polling, from any context; input by interrupt 4. Entry points: arch_serial_*(). */
#include "arch/x86_64/internal.h"

#define COM1 0x3f8
enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
#define LSR_READY 0x01
#define LSR_EMPTY 0x20
#define FIFO_SIZE 16

static u32 lock;               /* a  one writer at a time; a raw lock, since this room lies below sched */
static bool stuck;             /* lock: the last wait for room ran out */
static void (*on_input)(u8 byte); /* set once */

void arch_serial_init(void)
{
	outb(COM1 + IER, 0);
	outb(COM1 + LCR, 0x80);
	outb(COM1 + DATA, 1); /* 115200 baud */
	outb(COM1 + IER, 0);
	outb(COM1 + LCR, 3);  /* 8N1 */
	outb(COM1 + FCR, 7);  /* FIFOs on and empty */
	outb(COM1 + MCR, 0xb);
}

/* Waits until the FIFO is empty. If nobody drains it (a host that stopped reading) the wait ends, and later ones are short, until it moves again. */
static bool wait_empty(void)
{
	u32 limit = stuck ? 1000 : 20000000;
	for (u32 i = 0; i < limit; i++) {
		if (inb(COM1 + LSR) & LSR_EMPTY) {
			stuck = false;
			return true;
		}
		cpu_relax();
	}
	stuck = true;
	return false;
}

void arch_serial_write(const char *s, size_t n)
{
	u64 flags = irq_save();
	/* A bounded wait: the CPU that holds it may have been stopped by a panic. */
	for (u32 i = 0; i < 50000000 && xchg(&lock, 1); i++)
		cpu_relax();
	u32 room = 0;
	for (size_t i = 0; i < n; i++) {
		if (!room && !wait_empty())
			continue; /* dropped */
		room = (room ? room : FIFO_SIZE) - 1;
		outb(COM1 + DATA, (u8)s[i]);
	}
	smp_store_release(&lock, 0);
	irq_restore(flags);
}

static void serial_irq(void *unused)
{
	(void)unused;
	for (int i = 0; i < 256 && (inb(COM1 + LSR) & LSR_READY); i++)
		on_input(inb(COM1 + DATA));
}

void arch_serial_on_input(void (*fn)(u8 byte))
{
	bool first = !on_input;
	on_input = fn;
	if (first && arch_request_irq(4, "ttyS0", serial_irq, NULL) == 0)
		outb(COM1 + IER, 1);
}
