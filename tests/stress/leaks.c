/*
 * leaks SHOTS COMMAND...: runs the command once to warm the caches, then SHOTS times, and compares all counts of /proc/pando before and after. Counts that
 * only say how the same memory is spread over caches are left out; pages are compared as those that are neither free, nor in
 * slab caches, nor kept as kernel stacks.
 * Some ends come late (a process that nobody waits for, a CPU that lets go of an address space), so it looks again for a few seconds.
 * Exit status: the command's if it failed, 98 for a leak.
 */
#define OWN_MAIN
#include "stress.h"

#define MAX 128
#define PATIENCE 8.0

struct counts {
	int n;
	struct {
		char name[40];
		long v;
	} c[MAX];
};

static long *slot(struct counts *s, const char *name)
{
	for (int i = 0; i < s->n; i++)
		if (!strcmp(s->c[i].name, name))
			return &s->c[i].v;
	CHECK(s->n < MAX);
	snprintf(s->c[s->n].name, sizeof(s->c[0].name), "%s", name);
	s->c[s->n].v = 0;
	return &s->c[s->n++].v;
}
/* A sum of the others, a spread over caches, or the slab whose freed objects are kept for the next fork: "sighands" counts those in use. */
static int says_nothing(const char *name)
{
	static const char *const names[] = { "pages_zeroed", "forks", "slab_objects", "slab.sighand" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return 1;
	return 0;
}
static int look(struct counts *s)
{
	static char buf[16384];
	int fd = open("/proc/pando", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t n = 0;
	for (ssize_t k; (k = read(fd, buf + n, sizeof(buf) - 1 - n)) > 0;)
		n += (size_t)k;
	close(fd);
	buf[n] = 0;
	s->n = 0;
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		char name[40];
		long v;
		if (sscanf(line, "%39s %ld", name, &v) != 2)
			continue;
		if (!strcmp(name, "pages_total"))
			*slot(s, "pages_used") += v;
		else if (!strcmp(name, "pages_free") || !strcmp(name, "pages_slab") || !strcmp(name, "pages_kept_stacks"))
			*slot(s, "pages_used") -= v;
		else if (!strcmp(name, "pages_kept_tables"))
			*slot(s, "pages_used") -= v, *slot(s, "pages_tables") -= v;
		else if (!strcmp(name, "pages_tables"))
			*slot(s, name) += v;
		else if (!says_nothing(name))
			*slot(s, name) = v;
	}
	return 0;
}
/* Prints the differences if told to; returns their number. */
static int compare(struct counts *a, struct counts *b, int print)
{
	int bad = 0;
	for (int i = 0; i < b->n; i++) {
		long before = *slot(a, b->c[i].name), after = b->c[i].v;
		if (before == after && strcmp(b->c[i].name, "warnings"))
			continue;
		if (before == after && !after)
			continue;
		bad++;
		if (print)
			fprintf(stderr, "leaks: %s: %ld before, %ld after\n", b->c[i].name, before, after);
	}
	return bad;
}
static int run(char **argv)
{
	pid_t c = fork_ok();
	if (!c) {
		execv(argv[0], argv);
		complain("%s", argv[0]);
	}
	int st = reap(c);
	return WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st);
}
/* The counts once they stand still. */
static void settled(struct counts *s)
{
	static struct counts again;
	double limit = now() + PATIENCE;
	for (int same = 0; same < 3 && now() < limit;) {
		look(s);
		msleep(5);
		look(&again);
		same = compare(s, &again, 0) ? 0 : same + 1;
	}
}

int main(int argc, char **argv)
{
	static struct counts before, after;
	stress_name = "leaks";
	CHECK(argc > 2);
	int shots = atoi(argv[1]), st = run(argv + 2), counted = !look(&before);
	/* Its own pages are all touched before the first count. */
	memset(&after, 0, sizeof(after));
	look(&after);
	if (!st && counted)
		settled(&before);
	for (int i = 0; i < shots && !st; i++)
		st = run(argv + 2);
	if (st || !counted)
		return st;
	double limit = now() + PATIENCE;
	do {
		msleep(5);
		look(&after);
	} while (compare(&before, &after, 0) && now() < limit);
	return compare(&before, &after, 1) ? 98 : 0;
}
