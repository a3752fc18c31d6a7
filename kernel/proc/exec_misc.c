/* The table of registered formats. Entry points: misc_register, misc_match and the rest of exec_misc.h; exec.c follows what misc_match finds. */
#include "proc/exec_misc.h"

#include <linux/fcntl.h>

#include "lib/string.h"
#include "mm/slab.h"
#include "proc/exec_plan.h"
#include "sched/spinlock.h"
#include "vfs/file.h"

static DEFINE_SPINLOCK(misc_lock, RANK_FS);
static LIST_HEAD(formats); /* misc_lock: the newest first */
static u32 next_id = 1; /* misc_lock */
u32 misc_formats;
bool misc_enabled = true;

/* --- references --------------------------------------------------------------------------------------------------------------------------- */

static void misc_get(struct misc_format *f) { atomic_inc(&f->refs); }

void misc_put(struct misc_format *f)
{
	if (!atomic_dec_and_test(&f->refs))
		return;
	if (f->file) {
		file_allow_write(f->file);
		file_put(f->file);
	}
	kfree(f);
}

/* --- a registration's text ----------------------------------------------------------------------------------------------------------------- */

struct parser {
	char *p; /* what is left, NUL-terminated */
	char mark; /* the delimiter */
};

/* The next field, or NULL: the delimiter is missing. Escaped: \xHH does not end it. */
static char *field(struct parser *s, bool escaped)
{
	char *start = s->p, *p = s->p;
	while (*p && *p != s->mark) {
		if (escaped && p[0] == '\\' && p[1] == 'x') {
			p += 2;
			if (!*p || !p[1])
				return NULL;
		}
		p++;
	}
	if (!*p)
		return NULL;
	*p = 0;
	s->p = p + 1;
	return start;
}

static int hex(char c) { return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1; }

/* In place: \xHH becomes a byte. The number of bytes. */
static u32 unescape(char *text)
{
	u32 n = 0;
	for (char *p = text; *p; p++, n++) {
		if (p[0] == '\\' && p[1] == 'x' && hex(p[2]) >= 0 && hex(p[3]) >= 0) {
			text[n] = (char)(hex(p[2]) << 4 | hex(p[3]));
			p += 3;
		} else {
			text[n] = *p;
		}
	}
	return n;
}

static int parse_magic(struct misc_format *f, struct parser *s)
{
	u64 offset = 0;
	char *at = field(s, false), *magic = at ? field(s, true) : NULL, *mask = magic ? field(s, true) : NULL;
	if (!mask || (*at && str_to_u64(at, 10, &offset)) || !*magic || offset > EXEC_SCRIPT_SIZE)
		return -EINVAL;
	f->by_magic = true;
	f->offset = (u32)offset;
	f->size = unescape(magic);
	f->magic = (const u8 *)magic;
	if (*mask) {
		if (unescape(mask) != f->size)
			return -EINVAL;
		f->mask = (const u8 *)mask;
	}
	return f->size > EXEC_SCRIPT_SIZE || f->offset > EXEC_SCRIPT_SIZE - f->size ? -EINVAL : 0;
}

static int parse_extension(struct misc_format *f, struct parser *s)
{
	/* Offset and mask have no meaning here, but their places. */
	char *extension = field(s, false) ? field(s, false) : NULL;
	if (!extension || !*extension || strchr(extension, '/') || !field(s, false))
		return -EINVAL;
	f->extension = extension;
	return 0;
}

static int parse_flags(struct misc_format *f, const char *p)
{
	for (;; p++) {
		switch (*p) {
		case 'P':
			f->flags |= MISC_KEEP_ARGV0;
			break;
		case 'O':
			f->flags |= MISC_OPEN_BINARY;
			break;
		case 'C':
			f->flags |= MISC_CREDENTIALS | MISC_OPEN_BINARY;
			break;
		case 'F':
			f->flags |= MISC_FIXED;
			break;
		case '\n':
			p++;
			return *p ? -EINVAL : 0;
		default:
			return *p ? -EINVAL : 0;
		}
	}
}

static int parse(struct misc_format *f, char *text)
{
	struct parser s = { text + 1, text[0] };
	char *name = field(&s, false), *type = name ? field(&s, false) : NULL;
	if (!type || !*name || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
		return -EINVAL;
	if ((*type != 'M' && *type != 'E') || type[1])
		return -EINVAL;
	f->name = name;
	int err = *type == 'M' ? parse_magic(f, &s) : parse_extension(f, &s);
	if (err)
		return err;
	f->interpreter = field(&s, false);
	if (!f->interpreter || !*f->interpreter)
		return -EINVAL;
	return parse_flags(f, s.p);
}

/* => misc_lock */
static struct misc_format *named(const char *name)
{
	struct misc_format *f;
	list_for_each (f, &formats, node)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

int misc_register(const char *text, size_t len)
{
	/* The shortest that could make sense has as many characters. */
	if (len < 11 || len > MISC_TEXT_MAX)
		return -EINVAL;
	struct misc_format *f = kzalloc(sizeof(*f) + len + 1);
	if (!f)
		return -ENOMEM;
	atomic_set(&f->refs, 1);
	f->enabled = true;
	memcpy(f->text, text, len);
	int err = parse(f, f->text);
	if (!err && (f->flags & MISC_FIXED))
		err = file_open_exec(AT_FDCWD, f->interpreter, 0, &f->file);
	if (err) {
		f->file = NULL;
		misc_put(f);
		return err;
	}
	spin_lock(&misc_lock);
	err = named(f->name) ? -EEXIST : 0;
	if (!err) {
		f->id = next_id++;
		list_add(&f->node, &formats);
		misc_formats++;
	}
	spin_unlock(&misc_lock);
	if (err)
		misc_put(f);
	return err;
}

/* --- looking up ----------------------------------------------------------------------------------------------------------------------------- */

static bool magic_fits(const struct misc_format *f, const u8 *head)
{
	for (u32 i = 0; i < f->size; i++)
		if ((head[f->offset + i] ^ f->magic[i]) & (f->mask ? f->mask[i] : 0xff))
			return false;
	return true;
}

struct misc_format *misc_match(const u8 *head, const char *path)
{
	struct misc_format *f, *found = NULL;
	const char *dot = strrchr(path, '.');
	spin_lock(&misc_lock);
	list_for_each (f, &formats, node) {
		if (!f->enabled || !(f->by_magic ? magic_fits(f, head) : dot && !strcmp(f->extension, dot + 1)))
			continue;
		found = f;
		misc_get(f);
		break;
	}
	spin_unlock(&misc_lock);
	return found;
}

struct misc_format *misc_find(const char *name)
{
	spin_lock(&misc_lock);
	struct misc_format *f = named(name);
	if (f)
		misc_get(f);
	spin_unlock(&misc_lock);
	return f;
}

struct misc_format *misc_at(u64 n)
{
	struct misc_format *f, *found = NULL;
	spin_lock(&misc_lock);
	list_for_each (f, &formats, node) {
		if (n--)
			continue;
		found = f;
		misc_get(f);
		break;
	}
	spin_unlock(&misc_lock);
	return found;
}

void misc_remove(struct misc_format *f)
{
	spin_lock(&misc_lock);
	bool was = !f->gone;
	if (was) {
		list_del(&f->node);
		f->gone = true;
		misc_formats--;
	}
	spin_unlock(&misc_lock);
	if (was)
		misc_put(f);
}

void misc_remove_all(void)
{
	struct misc_format *f;
	while ((f = misc_at(0))) {
		misc_remove(f);
		misc_put(f);
	}
}
