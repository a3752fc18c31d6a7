/* The random number generator of the kernel. */
#ifndef PANDO_FS_RANDOM_H
#define PANDO_FS_RANDOM_H

#include "lib/types.h"

/* n bytes that nobody can foretell, even knowing all earlier and later ones. Any context; seeds itself at the first call. */
void random_bytes(void *buf, size_t n);
/* Stirs bytes in (writes to /dev/random, timings). */
void random_mix(const void *buf, size_t n);

#endif
