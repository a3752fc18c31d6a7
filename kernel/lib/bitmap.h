/* Bitmaps in arrays of u64. Pure; not atomic. */
#ifndef PANDO_LIB_BITMAP_H
#define PANDO_LIB_BITMAP_H

#include "lib/types.h"

#define BITMAP_WORDS(bits) (((bits) + 63) / 64)
static inline bool bit_test(const u64 *m, u64 i) { return m[i / 64] >> (i % 64) & 1; }
static inline void bit_set(u64 *m, u64 i) { m[i / 64] |= 1UL << (i % 64); }
static inline void bit_clear(u64 *m, u64 i) { m[i / 64] &= ~(1UL << (i % 64)); }
/* First set / clear bit at or after `from`, or `bits` when there is none. */
u64 bitmap_next_set(const u64 *m, u64 bits, u64 from);
u64 bitmap_next_clear(const u64 *m, u64 bits, u64 from);

#endif
