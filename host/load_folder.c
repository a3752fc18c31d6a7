/*
 * A folder of the host as an image. Names are walked in sorted order by descriptor, symbolic links are never followed; sockets are
 * left out, as archives do. Run by an ordinary user, that user's own files belong to root in the image, as in a user namespace.
 */
#define _GNU_SOURCE
#include "load.h"

#include "complain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Files with more than one name that have been seen. */
struct seen {
	dev_t dev;
	ino_t ino;
	char *path;
};

struct folder_load {
	struct tree *t;
	struct spool *s;
	const char *name; /* of the image, for messages */
	struct seen *seen;
	size_t seen_count, seen_room; /* seen_room is a power of two; the table is open-addressed */
	char path[PATH_MAX];          /* being loaded, relative to the image */
};

static void *must(void *p)
{
	if (!p) {
		complain("out of memory");
		exit(EXIT_PANDO);
	}
	return p;
}

static int complain_path(const struct folder_load *l, const char *why)
{
	return complain("%s%s: %s", l->name, l->path, why);
}

static struct seen *seen_slot(const struct folder_load *l, dev_t dev, ino_t ino)
{
	size_t i = ((size_t)ino * 0x9e3779b97f4a7c15ull ^ (size_t)dev) & (l->seen_room - 1);

	while (l->seen[i].path && (l->seen[i].ino != ino || l->seen[i].dev != dev))
		i = (i + 1) & (l->seen_room - 1);
	return &l->seen[i];
}

/* Returns the path under which this file was seen before, or NULL and remembers this one. */
static const char *seen_before(struct folder_load *l, const struct stat *st)
{
	struct seen *slot, *old = l->seen;
	size_t i, n = l->seen_room;

	if (l->seen_count * 2 >= l->seen_room) {
		l->seen_room = n ? n * 2 : 64;
		l->seen = must(calloc(l->seen_room, sizeof(*l->seen)));
		for (i = 0; i < n; i++)
			if (old[i].path)
				*seen_slot(l, old[i].dev, old[i].ino) = old[i];
		free(old);
	}
	slot = seen_slot(l, st->st_dev, st->st_ino);
	if (slot->path)
		return slot->path;
	*slot = (struct seen){ st->st_dev, st->st_ino, must(strdup(l->path)) };
	l->seen_count++;
	return NULL;
}

static int load_data(struct folder_load *l, int dirfd, const char *name, struct inode *meta)
{
	char what[PATH_MAX + 256];
	struct stat st;
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return complain_path(l, strerror(errno));
	snprintf(what, sizeof(what), "%s%s", l->name, l->path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return complain("%s: it changed while it was read", what);
	}
	meta->data = l->s->end;
	meta->size = (uint64_t)st.st_size;
	r = spool_copy(l->s, fd, meta->size, what);
	close(fd);
	return r;
}

static int load_link(struct folder_load *l, int dirfd, const char *name, struct inode *meta, char target[PATH_MAX])
{
	ssize_t n = readlinkat(dirfd, name, target, PATH_MAX - 1);

	if (n < 0)
		return complain_path(l, strerror(errno));
	target[n] = '\0';
	meta->target = target;
	return 0;
}

static void fill_meta(struct inode *meta, const struct stat *st)
{
	uid_t me = geteuid();

	*meta = (struct inode){
		.mode = st->st_mode,
		.uid = me && st->st_uid == me ? 0 : st->st_uid,
		.gid = me && st->st_uid == me ? 0 : st->st_gid,
		.mtime = st->st_mtime < 0 ? 0 : (uint32_t)st->st_mtime,
		.rdev_major = major(st->st_rdev),
		.rdev_minor = minor(st->st_rdev),
	};
}

static int load_entry(struct folder_load *l, int dirfd, const char *name);

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted. Returns their number, or -1 (errno). */
static ssize_t list_folder(int dirfd, char ***names)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = 0, room = 0;
	struct dirent *d;

	*names = NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while ((d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (n == room) {
			room = room ? room * 2 : 32;
			*names = must(realloc(*names, room * sizeof(**names)));
		}
		(*names)[n++] = must(strdup(d->d_name));
	}
	closedir(dir);
	if (n)
		qsort(*names, n, sizeof(**names), by_name);
	return (ssize_t)n;
}

/* Loads everything in the folder open as dirfd; l->path is its path. */
static int load_children(struct folder_load *l, int dirfd)
{
	size_t len = strlen(l->path);
	char **names;
	ssize_t i, n = list_folder(dirfd, &names);
	int r = 0;

	if (n < 0)
		return complain_path(l, strerror(errno));
	for (i = 0; i < n; i++) {
		if (r == 0 && len + strlen(names[i]) + 2 > sizeof(l->path))
			r = complain_path(l, "the paths below are too long");
		if (r == 0) {
			sprintf(l->path + len, "/%s", names[i]);
			r = load_entry(l, dirfd, names[i]);
			l->path[len] = '\0';
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static int load_entry(struct folder_load *l, int dirfd, const char *name)
{
	char target[PATH_MAX];
	struct inode meta, *made;
	struct stat st;
	const char *why, *first = NULL;
	int fd, r = 0;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return complain_path(l, strerror(errno));
	if (S_ISSOCK(st.st_mode))
		return 0;
	fill_meta(&meta, &st);
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
		first = seen_before(l, &st);
	if (first) {
		why = tree_link(l->t, l->path, first, &made);
		return why ? complain_path(l, why) : 0;
	}
	if (S_ISREG(st.st_mode))
		r = load_data(l, dirfd, name, &meta);
	else if (S_ISLNK(st.st_mode))
		r = load_link(l, dirfd, name, &meta, target);
	if (r != 0)
		return r;
	why = tree_add(l->t, l->path, &meta, NULL);
	if (why)
		return complain_path(l, why);
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return complain_path(l, strerror(errno));
	r = load_children(l, fd);
	close(fd);
	return r;
}

int load_folder(struct tree *t, struct spool *s, int dirfd, const char *name)
{
	struct folder_load *l = must(calloc(1, sizeof(*l)));
	struct inode meta;
	struct stat st;
	size_t i;
	int r;

	l->t = t;
	l->s = s;
	l->name = name;
	if (fstat(dirfd, &st) == 0) {
		fill_meta(&meta, &st);
		tree_add(t, "/", &meta, NULL);
	}
	r = load_children(l, dirfd);
	for (i = 0; i < l->seen_room; i++)
		free(l->seen[i].path);
	free(l->seen);
	free(l);
	return r;
}
