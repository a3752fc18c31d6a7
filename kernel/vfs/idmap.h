/* Maps between the ids of a user namespace and the kernel's: up to 340 ranges. Pure: idmap_test.c runs it on the host. */
#ifndef PANDO_VFS_IDMAP_H
#define PANDO_VFS_IDMAP_H

#include "lib/types.h"

#define IDMAP_RANGES_MAX 340u
#define IDMAP_NONE (~0u)

struct id_range {
	u32 first; /* inside the namespace */
	u32 lower; /* kernel id; while a map is being written: id in the parent namespace */
	u32 count;
};
/* Empty until it is written, then constant: the writer sets `range`, then n with release order; readers acquire n. */
struct id_map {
	u32 n;
	struct id_range *range;
};

/* Inside -> kernel, kernel -> inside; IDMAP_NONE when no range has the id. */
u32 idmap_down(const struct id_map *m, u32 id);
u32 idmap_up(const struct id_map *m, u32 id);
/* All of [first, first + count) inside one range: the kernel id of first, else IDMAP_NONE. */
u32 idmap_down_range(const struct id_map *m, u32 first, u32 count);
/*
 * Parses what is written to /proc/PID/uid_map: lines of "inside outside count". Fills up to IDMAP_RANGES_MAX ranges; their number, or -EINVAL (bad
 * number, empty range, ids that wrap, ranges that overlap on either side, too many or no lines). Modifies text.
 */
int idmap_parse(char *text, struct id_range *out);

#endif
