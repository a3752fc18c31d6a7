/* Image configurations as JSON; see image_config.h. */
#include "image_config.h"

#include "complain.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
	if (!p) {
		complain("out of memory");
		exit(EXIT_PANDO);
	}
	return p;
}

/* A JSON string into *out; NULL for "", null and what is not there. Returns false for anything else. */
static bool get_string(const json_t *object, const char *key, char **out)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (value && !json_is_null(value) && !text)
		return false;
	*out = text && *text ? must(strdup(text)) : NULL;
	return true;
}

/* A list of JSON strings into *out; NULL for an empty one, null and what is not there. Returns false for anything else. */
static bool get_list(const json_t *object, const char *key, char ***out)
{
	const json_t *array = json_object_get(object, key);
	size_t i, n = json_array_size(array);

	*out = NULL;
	if (array && !json_is_null(array) && !json_is_array(array))
		return false;
	for (i = 0; i < n; i++)
		if (!json_is_string(json_array_get(array, i)))
			return false;
	if (n == 0)
		return true;
	*out = must(calloc(n + 1, sizeof(**out)));
	for (i = 0; i < n; i++)
		(*out)[i] = must(strdup(json_string_value(json_array_get(array, i))));
	return true;
}

/* The first of them that is not what it should be, or NULL. */
static const char *get_all(const json_t *object, struct image_config *c)
{
	const struct {
		const char *key;
		char ***list; /* or: */
		char **text;
	} wanted[] = {
		{ "Env", &c->env, NULL },
		{ "Entrypoint", &c->entrypoint, NULL },
		{ "Cmd", &c->cmd, NULL },
		{ "WorkingDir", NULL, &c->cwd },
		{ "User", NULL, &c->user },
		{ "PandoInit", NULL, &c->init },
	};
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!(wanted[i].list ? get_list(object, wanted[i].key, wanted[i].list) : get_string(object, wanted[i].key, wanted[i].text)))
			return wanted[i].key;
	return NULL;
}

int image_config_parse(struct image_config *c, const char *text, size_t len, const char *what)
{
	json_error_t error;
	json_t *root = json_loadb(text, len, 0, &error);
	const json_t *inner;
	const char *wrong;

	if (!json_is_object(root)) {
		json_decref(root);
		return complain("%s: not an image configuration: %s", what, root ? "not a JSON object" : error.text);
	}
	inner = json_object_get(root, "config");
	if (!json_is_object(inner))
		inner = root;
	wrong = get_all(inner, c);
	json_decref(root);
	return wrong ? complain("%s: not an image configuration: %s is not of its type", what, wrong) : 0;
}

static void put_string(json_t *object, const char *key, const char *text)
{
	if (text && json_object_set_new(object, key, json_string_nocheck(text)) != 0)
		must(NULL);
}

static void put_list(json_t *object, const char *key, char **list)
{
	json_t *array = must(json_array());

	if (!list) {
		json_decref(array);
		return;
	}
	for (; *list; list++)
		if (json_array_append_new(array, json_string_nocheck(*list)) != 0)
			must(NULL);
	if (json_object_set_new(object, key, array) != 0)
		must(NULL);
}

char *image_config_text(const struct image_config *c)
{
	json_t *object = must(json_object());
	char *text;

	put_list(object, "Env", c->env);
	put_list(object, "Entrypoint", c->entrypoint);
	put_list(object, "Cmd", c->cmd);
	put_string(object, "WorkingDir", c->cwd);
	put_string(object, "User", c->user);
	put_string(object, "PandoInit", c->init);
	text = must(json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS));
	json_decref(object);
	return text;
}

static void free_list(char **list)
{
	char **p;

	for (p = list; p && *p; p++)
		free(*p);
	free(list);
}

void image_config_free(struct image_config *c)
{
	free_list(c->env);
	free_list(c->entrypoint);
	free_list(c->cmd);
	free(c->cwd);
	free(c->user);
	free(c->init);
	memset(c, 0, sizeof(*c));
}
