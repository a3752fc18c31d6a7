/*
 * What a descriptor table holds: a body of slices of 64 descriptors. A fork shares the body, whole, with one count. A body with more than one holder, and a
 * slice with more than one body, are constant: who wants to change one takes a copy of his own first, so that a fork costs the same whatever is
 * open, and a change afterwards the slice it is in. A slice holds one reference to each of its files, however many share the slice.
 */
#ifndef PANDO_VFS_FDSLICE_H
#define PANDO_VFS_FDSLICE_H

#include "vfs/file.h"

#define SLICE_FDS 64u

struct fdslice {
	atomic_t refs;                /* bodies */
	u64 used, cloexec;            /* bit n: descriptor n of the slice */
	struct file *file[SLICE_FDS]; /* NULL where free or only reserved */
};
struct fdbody {
	atomic_t refs;           /* tables */
	u32 nr;                  /* constant: slices it has room for */
	bool flush;              /* some file in it has a flush operation, or had */
	struct fdslice *slice[]; /* NULL where nothing was ever open */
};

/* An empty body, one holder; NULL without memory. */
struct fdbody *fdbody_alloc(u32 nr);
/* Slice i as the holder's own, made or grown where it is missing; *pb changes when the body had to be copied. 0 or -ENOMEM, with nothing changed.
 * => the lock of the table that holds *pb */
int fdbody_own(struct fdbody **pb, u32 i, struct fdslice **out);
/* A whole copy that shares nothing, without the descriptors that are only reserved. NULL without memory. => the lock */
struct fdbody *fdbody_copy(const struct fdbody *b);
/* Drops a holder; with the last one its files are put. May sleep. */
void fdbody_put(struct fdbody *b);
/* The lowest free descriptor from `from` upwards. */
u32 fdbody_next_free(const struct fdbody *b, u32 from);
/* The lowest one with a file from `from` upwards, or -1. */
s64 fdbody_next_file(const struct fdbody *b, u32 from);

static inline struct fdslice *fdbody_slice(const struct fdbody *b, u32 fd) { return fd / SLICE_FDS < b->nr ? b->slice[fd / SLICE_FDS] : NULL; }

#endif
