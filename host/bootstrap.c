/*
 * `pando image OUT.tar SUITE`: a Debian image made by mmdebstrap. Entry point: image_bootstrap().
 *
 * mmdebstrap writes the tar to a file without a name, which gets its name when it is whole. What it says is shown with --verbose; else it is kept, and of a
 * failure the line that tells most is passed on.
 */
#define _GNU_SOURCE
#include "bootstrap.h"

#include "complain.h"
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "mmdebstrap"
#define LOG_MAX (1u << 20)

struct report {
	char *text;
	size_t len;
};

/* Words a Debian suite, or a list of packages, may be made of: none of them is taken for an option, a path or a sources.list line. */
static bool plain_word(const char *s, const char *more)
{
	if (!*s || *s == '-')
		return false;
	for (; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.+", *s) && !strchr(more, *s))
			return false;
	return true;
}

static int check(const struct bootstrap *b)
{
	if (!plain_word(b->suite, ""))
		return complain("%s: not the name of a Debian suite (like bookworm or stable)", b->suite);
	if (b->include && !plain_word(b->include, ",_:=~"))
		return complain("--include %s: not a list of packages (like gcc,make)", b->include);
	if (b->mirror && !strstr(b->mirror, "://") && access(b->mirror, R_OK) != 0)
		return complain("--mirror %s: neither a URL nor a readable file", b->mirror);
	return 0;
}

static _Noreturn void become_mmdebstrap(const struct bootstrap *b, int out, int err, pid_t parent)
{
	char include[4096];
	const char *v[10];
	size_t n = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	v[n++] = PROGRAM;
	v[n++] = "--format=tar";
	v[n++] = b->minimal ? "--variant=minbase" : "--variant=apt";
	if (b->include) {
		snprintf(include, sizeof(include), "--include=%s", b->include);
		v[n++] = include;
	}
	v[n++] = b->suite;
	v[n++] = "-";
	if (b->mirror)
		v[n++] = b->mirror;
	v[n] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(PROGRAM, (char **)v);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Reads what mmdebstrap says until its end; passes it on if asked to. */
static void listen_to(int fd, bool show, struct report *r)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)) {
		if (n <= 0)
			continue;
		if (show && write_all(STDERR_FILENO, buf, (size_t)n) != 0)
			show = false;
		if (r->len + (size_t)n > LOG_MAX)
			continue;
		char *more = realloc(r->text, r->len + (size_t)n + 1);
		if (!more)
			continue;
		r->text = more;
		memcpy(r->text + r->len, buf, (size_t)n);
		r->len += (size_t)n;
		r->text[r->len] = '\0';
	}
}

/* The first line with `key` in it, cut to `size`. Returns false if there is none. */
static bool line_with(const struct report *r, const char *key, char *line, size_t size)
{
	const char *at = r->text ? strstr(r->text, key) : NULL, *start = at, *end;

	if (!at)
		return false;
	while (start > r->text && start[-1] != '\n' && start[-1] != '\r')
		start--;
	start += strspn(start, " ");
	end = at + strcspn(at, "\r\n");
	snprintf(line, size, "%.*s", (int)(end - start), start);
	return true;
}

/* Why it failed, from the surest sign to the vaguest. */
static int explain(const struct report *r, int status)
{
	static const char *const keys[] = { "Could not resolve", "Could not connect", "Unable to connect", "Connection refused",
		"does not have a Release file", "404 ", "Unable to locate package", "Failed to fetch", "NO_PUBKEY", "No space left", "newuidmap",
		"E: ", "W: " };
	char line[600];
	size_t i;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !r->len)
		return complain(PROGRAM " not found; on Debian: apt install " PROGRAM);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (line_with(r, keys[i], line, sizeof(line)))
			return complain(PROGRAM " failed: %s (--verbose shows all)", line);
	if (WIFSIGNALED(status))
		return complain(PROGRAM " was ended by signal %d", WTERMSIG(status));
	return complain(PROGRAM " failed with status %d", WEXITSTATUS(status));
}

/* Runs mmdebstrap with the tar going to `out`. Returns 0, or -1 after a complaint. */
static int run_mmdebstrap(const struct bootstrap *b, int out)
{
	struct report r = { NULL, 0 };
	pid_t parent = getpid(), pid;
	int err[2], status, result;

	if (pipe2(err, O_CLOEXEC) != 0)
		return complain("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_mmdebstrap(b, out, err[1], parent);
	close(err[1]);
	if (pid < 0) {
		close(err[0]);
		return complain("cannot start " PROGRAM ": %s", strerror(errno));
	}
	listen_to(err[0], b->verbose, &r);
	close(err[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	result = status == 0 ? 0 : explain(&r, status);
	free(r.text);
	return result;
}

int image_bootstrap(const struct bootstrap *b)
{
	int out, r;

	if (check(b) != 0)
		return -1;
	out = nameless_file(b->out);
	if (out < 0)
		return -1;
	r = run_mmdebstrap(b, out);
	if (r == 0 && lseek(out, 0, SEEK_END) <= 0)
		r = complain(PROGRAM " wrote nothing");
	if (r == 0)
		r = publish_file(out, b->out);
	close(out);
	return r;
}
