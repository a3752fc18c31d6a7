/*
 * USER[:GROUP] -> numbers, as container tools do it: a name or a number for each; a number need not be in the files; without GROUP
 * the user's own group and all groups that list the user.
 */
#define _GNU_SOURCE
#include "init.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* True if all of `text` is a decimal number that fits an id. */
static bool parse_id(const char *text, unsigned *id)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	if (*end || v > 0xfffffffeul)
		return false;
	*id = (unsigned)v;
	return true;
}

/* Finds a user by name, or by number if `name` is one. Returns false if /etc/passwd has no such row. */
static bool find_user(const char *name, struct identity *id, char *login, size_t login_size)
{
	unsigned number;
	bool numeric = parse_id(name, &number), found = false;
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;

	while (f && !found && (pw = fgetpwent(f))) {
		if (strcmp(pw->pw_name, name) != 0 && !(numeric && pw->pw_uid == number))
			continue;
		id->uid = pw->pw_uid;
		id->gid = pw->pw_gid;
		snprintf(id->home, sizeof(id->home), "%s", pw->pw_dir && *pw->pw_dir ? pw->pw_dir : "/");
		snprintf(login, login_size, "%s", pw->pw_name);
		found = true;
	}
	if (f)
		fclose(f);
	if (!found && numeric)
		id->uid = number;
	return found;
}

/* Walks /etc/group: either looks up `name` (then the result says whether it is there), or collects the groups that list `login`. */
static bool walk_groups(const char *name, const char *login, struct identity *id)
{
	FILE *f = fopen("/etc/group", "re");
	bool found = false;
	struct group *gr;
	char **m;

	while (f && (gr = fgetgrent(f))) {
		if (name && strcmp(gr->gr_name, name) == 0) {
			id->gid = gr->gr_gid;
			found = true;
		}
		for (m = gr->gr_mem; login && m && *m; m++)
			if (strcmp(*m, login) == 0 && id->ngroups < sizeof(id->groups) / sizeof(id->groups[0]))
				id->groups[id->ngroups++] = gr->gr_gid;
	}
	if (f)
		fclose(f);
	return found;
}

int user_lookup(const char *spec, struct identity *id)
{
	char user[256], login[256] = "";
	const char *group = NULL;
	unsigned number;

	memset(id, 0, sizeof(*id));
	snprintf(id->home, sizeof(id->home), "/");
	snprintf(user, sizeof(user), "%s", spec && *spec ? spec : "0");
	if (strchr(user, ':')) {
		*strchr(user, ':') = '\0';
		group = spec + strlen(user) + 1;
	}
	if (!find_user(user[0] ? user : "0", id, login, sizeof(login))) {
		if (user[0] && !parse_id(user, &number))
			return -1;
		if (id->uid == 0)
			snprintf(id->home, sizeof(id->home), "/root");
	}
	if (group && *group) {
		if (walk_groups(group, NULL, id))
			return 0;
		if (!parse_id(group, &number))
			return -1;
		id->gid = number;
		return 0;
	}
	if (login[0])
		walk_groups(NULL, login, id);
	return 0;
}
