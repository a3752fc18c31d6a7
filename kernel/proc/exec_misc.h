/* binfmt_misc: formats that programs register, each with an interpreter. exec_misc.c keeps them, fs/binfmt_misc.c shows them as files. */
#ifndef PANDO_PROC_EXEC_MISC_H
#define PANDO_PROC_EXEC_MISC_H

#include "lib/atomic.h"
#include "lib/list.h"

struct file;

#define MISC_KEEP_ARGV0 1u  /* P */
#define MISC_OPEN_BINARY 2u /* O: the program gets the file as a descriptor, AT_EXECFD */
#define MISC_CREDENTIALS 4u /* C: set-id bits and capabilities of the file count, not the interpreter's; implies O */
#define MISC_FIXED 8u       /* F: the interpreter was opened at registration */
#define MISC_TEXT_MAX 1920u

/* Constant but for the links and `enabled`. */
struct misc_format {
	struct list_head node; /* misc_lock */
	atomic_t refs;
	bool gone;             /* misc_lock: removed; its file still open somewhere */
	bool enabled;          /* lock-free */
	bool by_magic;         /* else by extension */
	u32 flags, id;
	u32 offset, size;      /* of the magic */
	const char *name, *interpreter, *extension;
	const u8 *magic, *mask; /* mask NULL = all bits */
	struct file *file;     /* MISC_FIXED: open for execution */
	char text[];           /* what the pointers point into */
};

/* Are there any, and may they be used? */
extern u32 misc_formats;
extern bool misc_enabled;

/* One registration, ":name:type:offset:magic:mask:interpreter:flags" with any delimiter. 0, -EINVAL, -EEXIST, -ENOMEM, or why the interpreter of an F entry
 * does not open. => may sleep */
int misc_register(const char *text, size_t len);
/* The first enabled format that the file's first EXEC_HEAD_SIZE bytes, or the end of its name, belong to; with a reference, or NULL. */
struct misc_format *misc_match(const u8 *head, const char *path);
struct misc_format *misc_find(const char *name);
/* The n-th in order, with a reference, or NULL. */
struct misc_format *misc_at(u64 n);
void misc_put(struct misc_format *f);
void misc_remove(struct misc_format *f);
void misc_remove_all(void);

#endif
