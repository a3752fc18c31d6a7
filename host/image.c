/*
 * Images of all kinds to one cpio:
 *
 *     folder --------------------------+
 *     tar, cpio -----------------------+-> tree + spool -> [.pando/init, .pando/config, the tree] -> cpio in memory
 *     OCI layout, docker save: layers -+
 *     a packed image (this cpio, e.g. the built-in one) -> handed to QEMU as it is
 */
#define _GNU_SOURCE
#include "image.h"

#include "complain.h"
#include "cpio_writer.h"
#include "files.h"
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUR_FOLDER ".pando"
#define OUR_INIT OUR_FOLDER "/init"
#define OUR_CONFIG OUR_FOLDER "/config"
#define BUILT_IN "busybox.cpio"
#define INIT_PROGRAM "pando-init"
#define NEWC_HEADER 110u

/* What is being packed. */
struct packing {
	const char *name; /* of the image, for messages */
	struct tree *tree;
	struct spool spool;
	struct image_config config;
};

/* ---- reading a packed image ---------------------------------------------------------------------------------------------------------- */

static uint32_t hex8(const char *p)
{
	char digits[9];

	memcpy(digits, p, 8);
	digits[8] = '\0';
	return (uint32_t)strtoul(digits, NULL, 16);
}

/* The header of a cpio entry at `at`: its name and data. Returns false if there is none. */
static bool read_entry(int fd, uint64_t at, char name[64], uint64_t *data, uint32_t *size)
{
	char head[NEWC_HEADER];
	uint32_t namesize;

	if (pread_all(fd, head, sizeof(head), (off_t)at) != 0 || memcmp(head, "070701", 6) != 0)
		return false;
	*size = hex8(head + 54);
	namesize = hex8(head + 94);
	if (namesize < 1 || namesize > CPIO_PAGE)
		return false;
	memset(name, 0, 64);
	if (pread_all(fd, name, namesize < 63 ? namesize : 63, (off_t)(at + NEWC_HEADER)) != 0)
		return false;
	*data = (at + NEWC_HEADER + namesize + 3) & ~3ull;
	return true;
}

/* True if the file is an image this command has packed: it starts with our folder and configuration. Reads the configuration. */
static bool read_packed(int fd, const char *path, struct image_config *config, int *result)
{
	uint64_t data;
	uint32_t size;
	char name[64], *text;

	*result = 0;
	if (!read_entry(fd, 0, name, &data, &size) || strcmp(name, OUR_FOLDER) != 0)
		return false;
	if (!read_entry(fd, data, name, &data, &size) || strcmp(name, OUR_CONFIG) != 0 || size > 1u << 20)
		return false;
	text = malloc(size + 1u);
	if (!text || pread_all(fd, text, size, (off_t)data) != 0)
		*result = complain("%s: cannot read its configuration", path);
	else
		*result = image_config_parse(config, text, size, path);
	free(text);
	return true;
}

/* A packed image that lost its end would only make the kernel panic. */
static bool has_trailer(int fd, uint64_t size)
{
	char tail[1024];
	size_t len = size < sizeof(tail) ? (size_t)size : sizeof(tail);

	return pread_all(fd, tail, len, (off_t)(size - len)) == 0 && memmem(tail, len, "TRAILER!!!", 10);
}

/* ---- packing ------------------------------------------------------------------------------------------------------------------------- */

static const char *const init_paths[] = { "/init", "/sbin/init", "/etc/init", "/bin/init" };

/* Where the image's own init is, as Linux looks for it. */
static void find_init(struct packing *p)
{
	size_t i;

	for (i = 0; i < sizeof(init_paths) / sizeof(init_paths[0]) && !p->config.init; i++) {
		const struct node *n = tree_find(p->tree, init_paths[i], true);

		if (n && S_ISREG(n->inode->mode) && (n->inode->mode & 0111))
			p->config.init = strdup(init_paths[i]);
	}
}

/* A folder or archive may say itself how it wants to be run, where a packed image keeps it. */
static int own_config(struct packing *p)
{
	const struct node *n = tree_find(p->tree, "/" OUR_CONFIG, false);
	char *text;
	int r;

	if (!n || !S_ISREG(n->inode->mode) || n->inode->size > 1u << 20)
		return 0;
	text = malloc(n->inode->size + 1);
	if (!text || pread_all(p->spool.fd, text, n->inode->size, (off_t)n->inode->data) != 0)
		r = complain("%s: %s: cannot be read", p->name, OUR_CONFIG);
	else
		r = image_config_parse(&p->config, text, n->inode->size, p->name);
	free(text);
	return r;
}

/* Reads pando-init whole. Returns it (allocated), or NULL after a complaint. */
static char *read_init(size_t *size)
{
	char path[PATH_MAX], *data = NULL;
	struct stat st;
	int fd;

	if (find_companion(INIT_PROGRAM, path, sizeof(path)) != 0) {
		complain("%s is missing: it should be beside the command or in %s", INIT_PROGRAM, PANDO_DATADIR);
		return NULL;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < 1 << 24) {
		*size = (size_t)st.st_size;
		data = malloc(*size + 1);
		if (data && pread_all(fd, data, *size, 0) != 0) {
			free(data);
			data = NULL;
		}
	}
	if (fd >= 0)
		close(fd);
	if (!data)
		complain("%s: cannot be read", path);
	return data;
}

/* Writes the cpio: our own files first, so that a packed image is known by its beginning. `out` is what fd is called in messages. */
static int write_image(struct packing *p, int fd, const char *out, uint64_t *size)
{
	static struct cpio_writer w;
	struct inode folder = { .mode = S_IFDIR | 0755, .links = 1 };
	struct inode config = { .mode = S_IFREG | 0644, .links = 1 }, init = { .mode = S_IFREG | 0755, .links = 1 };
	struct node *old = tree_find(p->tree, "/" OUR_FOLDER, false);
	size_t init_size;
	char *text, *program = read_init(&init_size);
	int r;

	if (!program)
		return -1;
	if (old)
		tree_remove(old);
	find_init(p);
	text = image_config_text(&p->config);
	config.size = strlen(text);
	init.size = init_size;
	cpio_begin(&w, fd, out);
	r = cpio_put(&w, OUR_FOLDER, &folder, NULL, -1);
	if (r == 0)
		r = cpio_put(&w, OUR_CONFIG, &config, text, -1);
	if (r == 0)
		r = cpio_put(&w, OUR_INIT, &init, program, -1);
	if (r == 0)
		r = cpio_put_tree(&w, p->tree, p->spool.fd);
	if (r == 0)
		r = cpio_end(&w);
	free(text);
	free(program);
	*size = w.at;
	return r;
}

/* If what was loaded is a container image's files, replaces the tree by the image itself. */
static int unwrap_container(struct packing *p, uint64_t limit)
{
	struct tree *outer = p->tree;
	struct spool files = p->spool;
	struct container c = { .dirfd = -1, .tree = outer, .spool = &files, .name = p->name };
	int r;

	if (!container_present(&c))
		return own_config(p);
	p->tree = tree_new();
	r = spool_open(&p->spool, limit);
	if (r == 0)
		r = load_container(p->tree, &p->spool, &c, &p->config);
	tree_free(outer);
	spool_close(&files);
	return r;
}

static int load_any(struct packing *p, int fd, const struct stat *st, uint64_t limit)
{
	struct container c = { .dirfd = fd, .name = p->name };
	struct source src = { .fd = fd, .len = (uint64_t)st->st_size, .name = p->name };

	if (S_ISDIR(st->st_mode)) {
		if (container_present(&c))
			return load_container(p->tree, &p->spool, &c, &p->config);
		return load_folder(p->tree, &p->spool, fd, p->name) != 0 ? -1 : own_config(p);
	}
	src.stream = !S_ISREG(st->st_mode);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		return complain("%s: a device, not an image", p->name);
	if (load_archive(p->tree, &p->spool, &src, false) != 0)
		return -1;
	return unwrap_container(p, limit);
}

/* Loads `fd` and writes it as a cpio to `out`, which is called `out_name`. */
static int pack(const char *name, int fd, const struct stat *st, uint64_t limit, int out, const char *out_name, uint64_t *size, struct image_config *config)
{
	struct packing p = { .name = name, .tree = tree_new() };
	int r = spool_open(&p.spool, limit);

	if (r == 0)
		r = load_any(&p, fd, st, limit);
	if (r == 0)
		r = write_image(&p, out, out_name, size);
	tree_free(p.tree);
	spool_close(&p.spool);
	if (r == 0)
		*config = p.config;
	else
		image_config_free(&p.config);
	return r;
}

/* ---- entry points -------------------------------------------------------------------------------------------------------------------- */

/* Opens what the user named. Returns the descriptor or -1 after a complaint. */
static int open_named(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return complain("image %s: %s", path, strerror(errno));
	/* Non-blocking was for the open alone: a FIFO without a writer must not hang it, but reading may wait. */
	fcntl(fd, F_SETFL, 0);
	if (fstat(fd, st) == 0)
		return fd;
	complain("image %s: %s", path, strerror(errno));
	close(fd);
	return -1;
}

/* The built-in image's path, or -1 after a complaint. */
static int built_in(char buf[PATH_MAX])
{
	if (find_companion(BUILT_IN, buf, PATH_MAX) == 0)
		return 0;
	return complain("the built-in image %s is missing: it should be beside the command or in %s; or name an image", BUILT_IN, PANDO_DATADIR);
}

int image_open(const char *path, uint64_t limit, struct image *img)
{
	char own[PATH_MAX];
	struct stat st;
	int fd, r = 0;

	memset(img, 0, sizeof(*img));
	img->fd = -1;
	if (!path) {
		if (built_in(own) != 0)
			return -1;
		path = own;
	}
	fd = open_named(path, &st);
	if (fd < 0)
		return -1;
	if (S_ISREG(st.st_mode) && read_packed(fd, path, &img->config, &r)) {
		img->fd = fd;
		img->size = (uint64_t)st.st_size;
		if (r == 0 && !has_trailer(fd, img->size))
			r = complain("%s: the image is cut off", path);
		if (r == 0 && img->size > limit)
			r = complain("%s: the image does not fit into the memory of the machine (give it more with -m)", path);
	} else {
		img->fd = memory_file("pando-image");
		r = img->fd < 0 ? -1 : pack(path, fd, &st, limit, img->fd, path, &img->size, &img->config);
		close(fd);
	}
	if (r != 0)
		image_close(img);
	return r;
}

int image_bare(struct image *img)
{
	struct packing p = { .name = "root disk", .tree = tree_new() };
	int r;

	memset(img, 0, sizeof(*img));
	img->fd = memory_file("pando-image");
	r = img->fd < 0 ? -1 : spool_open(&p.spool, 1 << 20);
	if (r == 0) {
		r = write_image(&p, img->fd, p.name, &img->size);
		spool_close(&p.spool);
	}
	tree_free(p.tree);
	image_config_free(&p.config);
	if (r != 0)
		image_close(img);
	return r;
}

void image_close(struct image *img)
{
	if (img->fd >= 0)
		close(img->fd);
	img->fd = -1;
	image_config_free(&img->config);
}

int image_pack(const char *path, const char *out)
{
	struct image_config config;
	struct stat st;
	uint64_t size;
	int fd = open_named(path, &st), to, r;

	if (fd < 0)
		return -1;
	to = nameless_file(out);
	if (to < 0) {
		close(fd);
		return -1;
	}
	memset(&config, 0, sizeof(config));
	r = pack(path, fd, &st, UINT64_MAX / 4, to, out, &size, &config);
	if (r == 0)
		r = publish_file(to, out);
	image_config_free(&config);
	close(to);
	close(fd);
	return r;
}
