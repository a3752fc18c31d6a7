/* The LZ4 block format, decoding. Pure. */
#ifndef PANDO_LIB_LZ4_H
#define PANDO_LIB_LZ4_H

#include "lib/types.h"

#define LZ4_WINDOW 131072u

/*
 * Bytes [skip, skip + n) of what the block in[0..len) stands for go to out; what lies behind them is not looked at. window: LZ4_WINDOW bytes to work in. 0, or
 * -EUCLEAN when the block breaks the format or is shorter; then out holds anything.
 */
int lz4_decode(const u8 *in, u32 len, u8 *window, u64 skip, u8 *out, u32 n);

#endif
