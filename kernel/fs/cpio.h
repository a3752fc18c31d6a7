/* Reader of cpio archives in the "newc" format. Pure: builds on the host; never reads outside the bytes it was given. */
#ifndef PANDO_FS_CPIO_H
#define PANDO_FS_CPIO_H

#include "lib/types.h"

#define CPIO_NAME_MAX 4095u  /* bytes of a name */
#define CPIO_NAME_FIELD 8192u /* name with its padding: packers align the data that follows by NULs after the name */

struct cpio {
	const u8 *base;
	u64 size, pos;
	bool inside;        /* of an archive: between two archives zero bytes may lie */
	const char *error;  /* after -EINVAL: what is wrong, to follow "initramfs " */
	u64 error_at;       /* byte */
};
enum cpio_kind { CPIO_END, CPIO_ENTRY, CPIO_TRAILER };
struct cpio_entry {
	const char *name;   /* NUL-terminated; without leading "/" and "./" and trailing "/"; "" = the root directory. No "..", no component over 255 */
	u32 name_len;       /* may end before the NUL (trailing slashes) */
	u32 ino, mode, uid, gid, nlink, mtime, dev_major, dev_minor, rdev_major, rdev_minor;
	const u8 *data;
	u64 size;
};
void cpio_init(struct cpio *c, const void *base, u64 size);
/* The next entry: enum cpio_kind, or -EINVAL with c->error set (then there is no going on). CPIO_TRAILER ends one archive; another may follow. */
int cpio_next(struct cpio *c, struct cpio_entry *e);

#endif
