/*
 * Random bytes from ChaCha20 with fast key erasure: each request takes a block of the key stream whose first half becomes the next key, and is served
 * from a key of its own, so that what was given out can not be reckoned back. Entry points: random_bytes(), random_mix(), hook_random_bytes().
 */
#include "fs/random.h"

#include "arch/x86_64/arch.h"
#include "lib/string.h"
#include "proc/proc.h"
#include "sched/spinlock.h"
#include "sched/timer.h"

struct chacha {
	u32 key[8];
	u64 counter;
};
static DEFINE_SPINLOCK(pool_lock, RANK_DEVICE);
static struct chacha pool; /* pool_lock */
static u64 reseed_at;      /* pool_lock: clock_mono() */
static bool seeded;        /* pool_lock */

static inline u32 rotl(u32 x, u32 n) { return x << n | x >> (32 - n); }

#define QUARTER(a, b, c, d)                                                                                            \
	(a += b, d = rotl(d ^ a, 16), c += d, b = rotl(b ^ c, 12), a += b, d = rotl(d ^ a, 8), c += d, b = rotl(b ^ c, 7))

static void chacha_block(struct chacha *c, u32 out[16])
{
	static const u32 sigma[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	u32 in[16], x[16];
	memcpy(in, sigma, sizeof(sigma));
	memcpy(in + 4, c->key, sizeof(c->key));
	in[12] = (u32)c->counter;
	in[13] = (u32)(c->counter >> 32);
	in[14] = in[15] = 0;
	c->counter++;
	memcpy(x, in, sizeof(x));
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[1], x[5], x[9], x[13]);
		QUARTER(x[2], x[6], x[10], x[14]);
		QUARTER(x[3], x[7], x[11], x[15]);
		QUARTER(x[0], x[5], x[10], x[15]);
		QUARTER(x[1], x[6], x[11], x[12]);
		QUARTER(x[2], x[7], x[8], x[13]);
		QUARTER(x[3], x[4], x[9], x[14]);
	}
	for (int i = 0; i < 16; i++)
		out[i] = x[i] + in[i];
}

/* => pool_lock. The next block; its first half replaces the key, the second is the caller's. */
static void pool_step(u32 out[8])
{
	u32 block[16];
	chacha_block(&pool, block);
	memcpy(pool.key, block, sizeof(pool.key));
	memcpy(out, block + 8, 32);
	memset(block, 0, sizeof(block));
}

/* => pool_lock */
static void mix_locked(const void *buf, size_t n)
{
	const u8 *p = buf;
	u32 sink[8];
	while (n) {
		size_t part = min(n, sizeof(pool.key));
		for (size_t i = 0; i < part; i++)
			((u8 *)pool.key)[i] ^= p[i];
		p += part;
		n -= part;
		pool_step(sink);
	}
}

/* => pool_lock. Fresh hardware randomness, at first and every minute. */
static void reseed(void)
{
	u64 seed[6];
	u64 now = clock_mono();
	if (seeded && now < reseed_at)
		return;
	for (u32 i = 0; i < 4; i++)
		seed[i] = arch_random();
	seed[4] = rdtsc();
	seed[5] = clock_real();
	mix_locked(seed, sizeof(seed));
	seeded = true;
	reseed_at = now + 60 * NSEC_PER_SEC;
}

void random_bytes(void *buf, size_t n)
{
	struct chacha mine = { .counter = 1 };
	u32 block[16];
	u8 *p = buf;
	u64 flags = spin_lock_irqsave(&pool_lock);
	reseed();
	pool_step(mine.key);
	spin_unlock_irqrestore(&pool_lock, flags);
	while (n) {
		/* Half a block would do for short requests: the step's own half is fresh already. */
		size_t part = min(n, sizeof(mine.key));
		if (n <= sizeof(mine.key)) {
			memcpy(p, mine.key, part);
			break;
		}
		chacha_block(&mine, block);
		part = min(n, sizeof(block));
		memcpy(p, block, part);
		p += part;
		n -= part;
		if (n && n <= sizeof(mine.key)) {
			chacha_block(&mine, block);
			memcpy(p, block, n);
			break;
		}
	}
	memset(&mine, 0, sizeof(mine));
	memset(block, 0, sizeof(block));
	barrier();
}

void random_mix(const void *buf, size_t n)
{
	u64 flags = spin_lock_irqsave(&pool_lock);
	mix_locked(buf, n);
	spin_unlock_irqrestore(&pool_lock, flags);
}

void hook_random_bytes(void *buf, size_t n) { random_bytes(buf, n); }
