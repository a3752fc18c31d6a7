/*
 * What an image says about running it: the part of an OCI image configuration that `pando run` honours, and where the image's init is.
 */
#ifndef HOST_IMAGE_CONFIG_H
#define HOST_IMAGE_CONFIG_H

#include <stddef.h>

/* Every pointer is allocated or NULL; lists end with NULL. */
struct image_config {
	char **env;
	char **entrypoint;
	char **cmd;
	char *cwd;
	char *user;
	char *init; /* path of the image's own init */
};

/* Reads JSON text: an image configuration ({"config": {...}}) or the bare inner object. Returns 0 or -1 after a complaint naming `what`. */
int image_config_parse(struct image_config *c, const char *text, size_t len, const char *what);
/* The inner object as JSON text, allocated. Exits when out of memory. */
char *image_config_text(const struct image_config *c);
void image_config_free(struct image_config *c);

#endif
