/*
 * The trace's way to the host: the kernel thread "ktraced" takes the records from the CPUs' rings and sends them over the port pando.trace. It looks every
 * few milliseconds, and at once when a ring is past its half (then writers wait for it: sched/trace_pace.h). Entry points: virtio_trace_start() at boot,
 * virtio_trace_flush() before the machine goes down.
 */
#include "drivers/virtio/console.h"

#include "lib/log.h"
#include "lib/string.h"
#include "sched/trace_pace.h"
#include "trace/ring.h"
#include "uapi/trace_stream.h"

#define LOOK_NS 10000000UL

static struct port *port; /* set once, before the thread runs */
static bool flush_wanted; /* a */
static bool flushed; /* a: everything is with the host */

static bool port_usable(void) { return READ_ONCE(port->host_open) && !READ_ONCE(port->gone); }

/* Somebody waits for us. */
static bool urgent(void)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (trace_ring_past_half(trace_sink_ring(TRACE_SINK_HOST, cpu)))
			return true;
	return READ_ONCE(flush_wanted) && !READ_ONCE(flushed);
}

static bool buffer_free(void)
{
	u64 flags = spin_lock_irqsave(&port->lock);
	port_reclaim(port);
	bool r = port->tx_busy < TX_BUFS;
	spin_unlock_irqrestore(&port->lock, flags);
	return r || !port_usable();
}

static bool all_sent(void)
{
	u64 flags = spin_lock_irqsave(&port->lock);
	port_reclaim(port);
	bool r = !port->tx_busy;
	spin_unlock_irqrestore(&port->lock, flags);
	return r || !port_usable();
}

/* A buffer to fill, or NULL when the host has gone. May sleep. */
static struct port_buf *get_buffer(void)
{
	while (port_usable()) {
		u64 flags = spin_lock_irqsave(&port->lock);
		struct port_buf *b = port_tx_get(port);
		bool memory = !b && port->tx_busy < TX_BUFS;
		spin_unlock_irqrestore(&port->lock, flags);
		if (b)
			return b;
		if (memory) {
			set_current_state(TASK_UNINTERRUPTIBLE);
			schedule_timeout(LOOK_NS);
		} else {
			wait_event(port->wait, buffer_free());
		}
	}
	return NULL;
}

static void send_buffer(struct port_buf *b, u32 n)
{
	u64 flags = spin_lock_irqsave(&port->lock);
	port_tx_send(port, b, n);
	vq_kick(&port->out);
	spin_unlock_irqrestore(&port->lock, flags);
}

static bool send_head(void)
{
	struct trace_stream_head h = { TRACE_STREAM_MAGIC, TRACE_STREAM_VERSION, nr_cpus, clock_real_offset(), trace_sink_events(TRACE_SINK_HOST) };
	struct port_buf *b = get_buffer();
	if (!b)
		return false;
	memcpy(b->data, &h, sizeof(h));
	send_buffer(b, sizeof(h));
	return true;
}

/* Sends what one CPU has. false: the host has gone. */
static bool drain_cpu(u32 cpu)
{
	struct trace_ring *r = trace_sink_ring(TRACE_SINK_HOST, cpu);
	while (trace_ring_used(r)) {
		struct port_buf *b = get_buffer();
		if (!b)
			return false;
		struct trace_chunk c = { .magic = TRACE_CHUNK_MAGIC, .cpu = cpu };
		c.len = trace_ring_get(r, b->data + sizeof(c), TX_SIZE - sizeof(c));
		memcpy(b->data, &c, sizeof(c));
		send_buffer(b, (u32)sizeof(c) + c.len);
		if (wait_queue_active(&trace_writer_wait))
			wake_up_all(&trace_writer_wait);
	}
	return true;
}

/* What was lost after the last record that fitted: no record will come to say it. */
static bool send_gap(u32 cpu)
{
	struct {
		struct trace_chunk c;
		struct trace_gap gap;
	} m = { { .magic = TRACE_CHUNK_MAGIC, .cpu = cpu, .len = sizeof(struct trace_gap) },
		{ .h = { sizeof(struct trace_gap), TRACE_gap, 0, clock_mono() } } };
	struct port_buf *b;
	m.gap.lost = READ_ONCE(trace_sink_ring(TRACE_SINK_HOST, cpu)->lost);
	if (!m.gap.lost)
		return true;
	b = get_buffer();
	if (!b)
		return false;
	memcpy(b->data, &m, sizeof(m));
	send_buffer(b, sizeof(m));
	return true;
}

static bool send_gaps(void)
{
	bool ok = true;
	for (u32 cpu = 0; cpu < nr_cpus && ok; cpu++)
		ok = send_gap(cpu);
	return ok;
}

static bool drain(void)
{
	bool ok = true;
	for (u32 cpu = 0; cpu < nr_cpus && ok; cpu++)
		ok = drain_cpu(cpu);
	return ok;
}

static void sleep_a_little(void)
{
	struct wait_entry e;
	wait_entry_init(&e);
	wait_add(&trace_reader_wait, &e);
	set_current_state(TASK_INTERRUPTIBLE);
	if (!urgent())
		schedule_timeout(LOOK_NS);
	set_current_state(TASK_RUNNING);
	wait_remove(&trace_reader_wait, &e);
}

/* The host has enough, or is gone: nobody waits any more. */
static void stop(void)
{
	trace_sink_enable(TRACE_SINK_HOST, 0, false);
	WRITE_ONCE(flushed, true);
	wake_up_all(&trace_writer_wait);
}

static int ktraced(void *unused)
{
	bool ok = send_head();
	while (ok) {
		bool last = READ_ONCE(flush_wanted); /* before the look at the rings */
		ok = drain();
		if (last && ok)
			break;
		if (ok)
			sleep_a_little();
	}
	if (ok && send_gaps())
		wait_event(port->wait, all_sent());
	stop();
	return 0;
}

void virtio_trace_start(void)
{
	if (!trace_sink_events(TRACE_SINK_HOST))
		return;
	port = virtio_port_by_name(TRACE_PORT_NAME);
	bool busy = !port || xchg(&port->guest_open, true);
	if (busy || kthread_run(ktraced, NULL, NULL, "ktraced")) {
		pr_warn("trace: no port " TRACE_PORT_NAME "; nothing is traced\n");
		trace_sink_enable(TRACE_SINK_HOST, 0, false);
		port = NULL;
		return;
	}
	console_send(port->console, port->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* For the last record, also when nobody else waits. */
static bool room_everywhere(void)
{
	for (u32 cpu = 0; cpu < nr_cpus; cpu++)
		if (trace_ring_past_half(trace_sink_ring(TRACE_SINK_HOST, cpu)))
			return !trace_sink_events(TRACE_SINK_HOST);
	return true;
}

void virtio_trace_flush(void)
{
	if (!port || !trace_sink_events(TRACE_SINK_HOST))
		return;
	wake_up_all(&trace_reader_wait);
	wait_event(trace_writer_wait, room_everywhere());
	TRACE_RECORD(end, e);
	e.ns = clock_mono();
	trace_write(&e.h);
	WRITE_ONCE(flush_wanted, true);
	wake_up_all(&trace_reader_wait);
	wait_event(trace_writer_wait, READ_ONCE(flushed));
}
