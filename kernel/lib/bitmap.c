/* Searching bitmaps. Entry points: bitmap_next_set(), bitmap_next_clear(). Pure. */
#include "lib/bitmap.h"

/* flip is 0 to look for ones, ~0 to look for zeros. */
static u64 next_bit(const u64 *m, u64 bits, u64 from, u64 flip)
{
	if (from >= bits)
		return bits;
	u64 i = from / 64;
	u64 w = (m[i] ^ flip) & (~0UL << (from % 64));
	while (!w) {
		if (++i >= BITMAP_WORDS(bits))
			return bits;
		w = m[i] ^ flip;
	}
	return min(i * 64 + (u64)__builtin_ctzl(w), bits);
}

u64 bitmap_next_set(const u64 *m, u64 bits, u64 from) { return next_bit(m, bits, from, 0); }
u64 bitmap_next_clear(const u64 *m, u64 bits, u64 from) { return next_bit(m, bits, from, ~0UL); }
