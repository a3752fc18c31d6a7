/*
 * Frame of the fuzzers of pure modules, which run on the host under ASan and UBSan: `make fuzz`. A fuzzer defines fuzz_one(), which makes one random
 * input, feeds it, and CHECKs what must hold for any input. Arguments: [SECONDS [SEED]]. A failure names the seed of the one input that did it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t fuzz_state, fuzz_seed;

static inline uint64_t rnd(void)
{
	fuzz_state ^= fuzz_state << 13;
	fuzz_state ^= fuzz_state >> 7;
	fuzz_state ^= fuzz_state << 17;
	return fuzz_state * 0x2545f4914f6cdd1dULL;
}
static inline uint32_t below(uint32_t n) { return (uint32_t)((rnd() >> 32) * n >> 32); }
static inline int one_in(uint32_t n) { return below(n) == 0; }
/* Numbers at which things break. */
static inline uint64_t odd(void)
{
	static const uint64_t words[] = { 0, 1, 2, 3, 7, 8, 55, 56, 63, 64, 255, 256, 511, 512, 4095, 4096, 4097, 8191, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff,
		0x100000000, 0x7ffffffff000, 0x7fffffffefff, 0x7fffffffffff, 0x800000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff,
		0xfffffffffffff000, 0xffffffff80000000 };
	uint64_t w = words[below(sizeof(words) / sizeof(words[0]))];
	return one_in(4) ? w + below(17) - 8 : one_in(8) ? rnd() : one_in(8) ? 1ULL << below(64) : w;
}

static inline void fuzz_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s does not hold (seed %llu)\n", file, line, what, (unsigned long long)fuzz_seed);
	abort();
}
#define CHECK(c) ((c) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #c))

static void fuzz_one(void);

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
	uint64_t inputs = 0, only = argc > 2 && seconds == 0;
	struct timespec start, now;
	fuzz_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL) << 20;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		fuzz_state = fuzz_seed * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL;
		if (!fuzz_state)
			fuzz_state = 1;
		rnd(), rnd();
		fuzz_one();
		fuzz_seed++;
		inputs++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!only && now.tv_sec < start.tv_sec + (time_t)seconds);
	printf("ok %s: %llu inputs\n", argv[0], (unsigned long long)inputs);
	return 0;
}

#endif
