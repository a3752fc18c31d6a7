/*
 * The LZ4 block format: sequences of a token, literals, and a match in what was produced before. Entry point: lz4_decode().
 *
 * Matches reach back less than 64 KiB, so that is what a window has to keep: output of any length needs no more memory than that.
 */
#include "lib/lz4.h"

#include "lib/errno.h"
#include "lib/string.h"

#define HISTORY 65536u
#define MIN_MATCH 4u

struct decoder {
	const u8 *in, *end;
	u8 *window; /* holds bytes [base, base + fill) of the output */
	u64 base;
	u32 fill;
	u64 skip; /* what is wanted: n bytes from here on, to out */
	u8 *out;
	u32 n;
};

/* The first `count` bytes of the window go where they are wanted. */
static void hand_out(struct decoder *d, u32 count)
{
	u64 from = max(d->base, d->skip), to = min(d->base + count, d->skip + d->n);
	if (from < to)
		memcpy(d->out + (from - d->skip), d->window + (from - d->base), to - from);
}

/* Room for at most `want` more bytes: how many. */
static u32 room(struct decoder *d, u32 want)
{
	if (d->fill == LZ4_WINDOW) {
		hand_out(d, LZ4_WINDOW - HISTORY);
		memcpy(d->window, d->window + (LZ4_WINDOW - HISTORY), HISTORY);
		d->base += LZ4_WINDOW - HISTORY;
		d->fill = HISTORY;
	}
	return (u32)min((u64)min(want, LZ4_WINDOW - d->fill), d->skip + d->n - (d->base + d->fill));
}

static bool done(const struct decoder *d) { return d->base + d->fill >= d->skip + d->n; }

/* The four bits of a token, and the bytes that go on where they are all set. false: the input ends. */
static bool length(struct decoder *d, u32 *n)
{
	u8 more = 255;
	if (*n < 15)
		return true;
	while (more == 255) {
		if (d->in == d->end || *n > ~0u - 255)
			return false;
		more = *d->in++;
		*n += more;
	}
	return true;
}

static int literals(struct decoder *d, u32 n)
{
	while (n && !done(d)) {
		u32 part = room(d, n);
		if (part > (u32)(d->end - d->in))
			return -EUCLEAN;
		memcpy(d->window + d->fill, d->in, part);
		d->in += part;
		d->fill += part;
		n -= part;
	}
	return 0;
}

static void match(struct decoder *d, u32 distance, u32 n)
{
	while (n && !done(d)) {
		u32 part = room(d, n);
		u8 *to = d->window + d->fill;
		/* It may reach into what it makes itself. */
		if (distance >= part)
			memcpy(to, to - distance, part);
		else
			for (u32 k = 0; k < part; k++)
				to[k] = to[(s64)k - distance];
		d->fill += part;
		n -= part;
	}
}

static int sequence(struct decoder *d)
{
	u8 token = *d->in++;
	u32 n = token >> 4, distance;
	if (!length(d, &n))
		return -EUCLEAN;
	int err = literals(d, n);
	if (err || done(d))
		return err;
	if (d->end - d->in < 2)
		return -EUCLEAN;
	distance = d->in[0] | (u32)d->in[1] << 8;
	d->in += 2;
	n = token & 15;
	if (!distance || distance > d->fill || !length(d, &n) || n > ~0u - MIN_MATCH)
		return -EUCLEAN;
	match(d, distance, n + MIN_MATCH);
	return 0;
}

int lz4_decode(const u8 *in, u32 len, u8 *window, u64 skip, u8 *out, u32 n)
{
	struct decoder d = { .in = in, .end = in + len, .window = window, .skip = skip, .out = out, .n = n };
	int err = 0;
	while (!err && !done(&d))
		err = d.in == d.end ? -EUCLEAN : sequence(&d);
	if (!err)
		hand_out(&d, d.fill);
	return err;
}
