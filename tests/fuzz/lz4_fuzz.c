/* Fuzzes the LZ4 decoder: blocks made of random sequences decode to what they were made to mean, in any part; damaged ones give an error or some bytes. */
#include "fuzz.h"

#include "lib/errno.h"
#include "lib/lz4.h"
#include "lib/string.h"

#define OUT_MAX 400000u
static unsigned char window[LZ4_WINDOW], want[OUT_MAX], block[OUT_MAX], got[OUT_MAX];
static u32 in_len, out_len;

static void put_length(u32 n)
{
	if (n < 15)
		return;
	for (n -= 15; n >= 255; n -= 255)
		block[in_len++] = 255;
	block[in_len++] = (unsigned char)n;
}

static u32 some_length(void) { return one_in(6) ? below(300) : one_in(60) ? below(70000) : below(20); }

static void make_block(void)
{
	in_len = out_len = 0;
	for (u32 k = below(60); k; k--) {
		u32 lit = some_length() + !out_len, len = 4 + some_length();
		if (in_len + lit + 1000 > OUT_MAX || out_len + lit + len > OUT_MAX)
			break;
		block[in_len++] = (unsigned char)(min(lit, 15u) << 4 | min(len - 4, 15u));
		put_length(lit);
		for (u32 n = 0; n < lit; n++)
			want[out_len++] = block[in_len++] = (unsigned char)rnd();
		u32 back = 1 + below(min(out_len, one_in(2) ? 16u : 65535u));
		block[in_len++] = (unsigned char)back;
		block[in_len++] = (unsigned char)(back >> 8);
		put_length(len - 4);
		for (u32 n = 0; n < len; n++, out_len++)
			want[out_len] = want[out_len - back];
	}
	u32 lit = 1 + below(14);
	block[in_len++] = (unsigned char)(lit << 4);
	for (u32 n = 0; n < lit && out_len < OUT_MAX; n++)
		want[out_len++] = block[in_len++] = (unsigned char)rnd();
}

static void fuzz_one(void)
{
	make_block();
	u32 skip = one_in(2) ? 0 : below(out_len), n = one_in(2) ? out_len - skip : below(out_len - skip + 1);
	unsigned char *copy = malloc(in_len);
	memcpy(copy, block, in_len);
	CHECK(lz4_decode(copy, in_len, window, skip, got, n) == 0 && !memcmp(got, want + skip, n));
	CHECK(lz4_decode(copy, in_len, window, 0, got, out_len + 1) == -EUCLEAN);
	for (u32 k = 1 + below(4); k; k--)
		copy[below(in_len)] ^= (unsigned char)(1 + below(255));
	u32 cut = below(in_len);
	copy = realloc(copy, in_len - cut + 1);
	int err = lz4_decode(copy, in_len - cut, window, skip, got, n);
	CHECK(err == 0 || err == -EUCLEAN);
	free(copy);
}
