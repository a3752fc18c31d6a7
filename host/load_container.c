/*
 * Container images: OCI layouts (oci-layout, index.json, blobs/) and what `docker save` writes (manifest.json, one tar per layer), in a
 * folder or in an archive that has been loaded into a tree. Nothing a manifest names can lead outside.
 */
#define _GNU_SOURCE
#include "load.h"

#include "complain.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_JSON (16u << 20)
#define MAX_INDEX_DEPTH 4

/* Opens a file of the image. Returns 0 with *src (its fd is the caller's to close), or -1 (errno). */
static int blob_open(const struct container *c, const char *path, struct source *src)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT };
	struct node *n;
	struct stat st;

	src->name = c->name;
	src->stream = false;
	if (c->dirfd >= 0) {
		src->fd = (int)syscall(SYS_openat2, c->dirfd, path, &how, sizeof(how));
		if (src->fd < 0)
			return -1;
		if (fstat(src->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
			close(src->fd);
			errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
			return -1;
		}
		src->off = 0;
		src->len = (uint64_t)st.st_size;
		return 0;
	}
	n = tree_find(c->tree, path, true);
	errno = ENOENT;
	if (!n || !S_ISREG(n->inode->mode))
		return -1;
	src->fd = fcntl(c->spool->fd, F_DUPFD_CLOEXEC, 3);
	src->off = n->inode->data;
	src->len = n->inode->size;
	return src->fd < 0 ? -1 : 0;
}

/* Reads a JSON file. Returns NULL after a complaint, silently if `optional` and it is missing. */
static json_t *blob_json(const struct container *c, const char *path, bool optional)
{
	struct source src;
	json_error_t error;
	json_t *json = NULL;
	char *text;

	if (blob_open(c, path, &src) != 0) {
		if (!optional)
			complain("%s: %s: %s", c->name, path, strerror(errno));
		return NULL;
	}
	text = src.len <= MAX_JSON ? malloc(src.len + 1) : NULL;
	if (!text)
		complain("%s: %s: too large", c->name, path);
	else if (pread_all(src.fd, text, src.len, (off_t)src.off) != 0)
		complain("%s: %s: %s", c->name, path, strerror(errno));
	else if (!(json = json_loadb(text, src.len, 0, &error)) && !optional)
		complain("%s: %s: %s", c->name, path, error.text);
	free(text);
	close(src.fd);
	return json;
}

static bool is_docker_manifest(const json_t *json)
{
	return json_array_size(json_object_get(json_array_get(json, 0), "Layers")) > 0;
}

bool container_present(const struct container *c)
{
	struct source src;
	json_t *json;
	bool found;

	if (blob_open(c, "oci-layout", &src) == 0) {
		close(src.fd);
		return true;
	}
	json = blob_json(c, "manifest.json", true);
	found = is_docker_manifest(json);
	json_decref(json);
	return found;
}

static int apply_layer(struct tree *t, struct spool *s, const struct container *c, const char *path)
{
	char name[1024];
	struct source src;
	int r;

	if (blob_open(c, path, &src) != 0)
		return complain("%s: layer %s: %s", c->name, path, strerror(errno));
	snprintf(name, sizeof(name), "%s: layer %s", c->name, path);
	src.name = name;
	t->layer++;
	r = load_archive(t, s, &src, true);
	close(src.fd);
	return r;
}

static int read_config(const struct container *c, const char *path, struct image_config *config)
{
	char what[1024];
	json_t *json = blob_json(c, path, false);
	char *text;
	int r;

	if (!json)
		return -1;
	snprintf(what, sizeof(what), "%s: %s", c->name, path);
	text = json_dumps(json, JSON_ENCODE_ANY);
	r = text ? image_config_parse(config, text, strlen(text), what) : complain("out of memory");
	free(text);
	json_decref(json);
	return r;
}

static int load_docker(struct tree *t, struct spool *s, const struct container *c, const json_t *manifest, struct image_config *config)
{
	const json_t *image = json_array_get(manifest, 0), *layers = json_object_get(image, "Layers");
	const char *path = json_string_value(json_object_get(image, "Config"));
	size_t i;

	if (json_array_size(manifest) > 1)
		remark("%s holds %zu images; the first is used", c->name, json_array_size(manifest));
	for (i = 0; i < json_array_size(layers); i++) {
		const char *layer = json_string_value(json_array_get(layers, i));

		if (!layer)
			return complain("%s: manifest.json: a layer without a name", c->name);
		if (apply_layer(t, s, c, layer) != 0)
			return -1;
	}
	return path ? read_config(c, path, config) : 0;
}

/* What was cut off can still look whole; the descriptor knows how long it was. A blob that is missing is whole: who opens it complains. */
static int check_size(const struct container *c, const json_t *descriptor, const char *path)
{
	const json_t *said = json_object_get(descriptor, "size");
	struct source src;

	if (!json_is_integer(said) || blob_open(c, path, &src) != 0)
		return 0;
	close(src.fd);
	if (json_integer_value(said) == (json_int_t)src.len)
		return 0;
	return complain("%s: %s: it has %llu bytes, not the %lld of its descriptor", c->name, path, (unsigned long long)src.len,
			(long long)json_integer_value(said));
}

/* "sha256:abc" -> "blobs/sha256/abc". Returns 0, or -1 after a complaint. */
static int blob_path(const struct container *c, const json_t *descriptor, char *buf, size_t size)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));
	const char *colon = digest ? strchr(digest, ':') : NULL;

	if (!colon || strchr(digest, '/') || (size_t)snprintf(buf, size, "blobs/%.*s/%s", (int)(colon - digest), digest, colon + 1) >= size)
		return complain("%s: a descriptor without a usable digest", c->name);
	return check_size(c, descriptor, buf);
}

/* The entry for this machine: linux/amd64, else the first without a platform, else (a single entry) that one. */
static const json_t *choose_manifest(const json_t *index)
{
	const json_t *list = json_object_get(index, "manifests"), *fallback = NULL;
	size_t i, n = json_array_size(list);

	for (i = 0; i < n; i++) {
		const json_t *m = json_array_get(list, i), *p = json_object_get(m, "platform");
		const char *os = json_string_value(json_object_get(p, "os")), *arch = json_string_value(json_object_get(p, "architecture"));

		if (os && arch && strcmp(os, "linux") == 0 && strcmp(arch, "amd64") == 0)
			return m;
		if (!p && !fallback)
			fallback = m;
	}
	return fallback;
}

/* Follows indexes down to a manifest. Returns it (owned), or NULL after a complaint. */
static json_t *find_manifest(const struct container *c)
{
	json_t *json = blob_json(c, "index.json", false), *next;
	char path[512];
	int depth;

	for (depth = 0; json && depth < MAX_INDEX_DEPTH; depth++) {
		const json_t *m;

		if (json_object_get(json, "layers"))
			return json;
		m = choose_manifest(json);
		if (!m)
			complain("%s: no image for linux/amd64 in it", c->name);
		next = m && blob_path(c, m, path, sizeof(path)) == 0 ? blob_json(c, path, false) : NULL;
		json_decref(json);
		json = next;
	}
	if (json) {
		complain("%s: indexes nested too deeply", c->name);
		json_decref(json);
	}
	return NULL;
}

static int load_oci(struct tree *t, struct spool *s, const struct container *c, struct image_config *config)
{
	json_t *manifest = find_manifest(c);
	const json_t *layers = json_object_get(manifest, "layers");
	char path[512];
	size_t i;
	int r = manifest ? 0 : -1;

	for (i = 0; r == 0 && i < json_array_size(layers); i++) {
		r = blob_path(c, json_array_get(layers, i), path, sizeof(path));
		if (r == 0)
			r = apply_layer(t, s, c, path);
	}
	if (r == 0)
		r = blob_path(c, json_object_get(manifest, "config"), path, sizeof(path));
	if (r == 0)
		r = read_config(c, path, config);
	json_decref(manifest);
	return r;
}

int load_container(struct tree *t, struct spool *s, const struct container *c, struct image_config *config)
{
	json_t *manifest = blob_json(c, "manifest.json", true);
	int r;

	r = is_docker_manifest(manifest) ? load_docker(t, s, c, manifest, config) : load_oci(t, s, c, config);
	json_decref(manifest);
	return r;
}
