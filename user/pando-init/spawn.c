/*
 * Starting the command: its environment, its pipes or its terminal, its identity; fork, exec, and word back if exec fails.
 */
#define _GNU_SOURCE
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the child reports through the close-on-exec pipe if it does not get to the command. */
struct failure {
	int kind; /* enum ctl_status_kind */
	int err;
};

static const char *env_get(const struct config *cfg, const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < cfg->envc; i++)
		if (strncmp(cfg->envp[i], name, len) == 0 && cfg->envp[i][len] == '=')
			return cfg->envp[i] + len + 1;
	return NULL;
}

/* Adds NAME=VALUE unless NAME is there. envp has no spare room of its own: it is copied, once for each default. */
static void env_default(struct config *cfg, const char *name, const char *value)
{
	char **more;
	char *entry;

	if (env_get(cfg, name))
		return;
	more = malloc((cfg->envc + 2) * sizeof(*more));
	entry = malloc(strlen(name) + strlen(value) + 2);
	if (!more || !entry)
		ctl_fail("environment", ENOMEM);
	sprintf(entry, "%s=%s", name, value);
	if (cfg->envc)
		memcpy(more, cfg->envp, cfg->envc * sizeof(*more));
	more[cfg->envc++] = entry;
	more[cfg->envc] = NULL;
	cfg->envp = more;
}

static void fill_environment(struct config *cfg, const struct identity *id)
{
	char name[256] = "";

	env_default(cfg, "PATH", DEFAULT_PATH);
	gethostname(name, sizeof(name) - 1);
	env_default(cfg, "HOSTNAME", name);
	if (cfg->tty)
		env_default(cfg, "TERM", "xterm");
	env_default(cfg, "HOME", id->home);
}

/* The three descriptors that become the command's 0, 1 and 2, and the ends that stay here (in *child). Returns 0 or an errno. */
static int make_pipes(int theirs[3], struct child *child)
{
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		return errno;
	theirs[0] = in[0];
	theirs[1] = out[1];
	theirs[2] = err[1];
	child->in = in[1];
	child->out = out[0];
	child->err = err[0];
	fcntl(child->in, F_SETFL, O_NONBLOCK);
	fcntl(child->out, F_SETFL, O_NONBLOCK);
	fcntl(child->err, F_SETFL, O_NONBLOCK);
	return 0;
}

static int make_terminal(int theirs[3], struct child *child, const struct config *cfg, const struct identity *id)
{
	struct winsize ws = { .ws_row = cfg->winsize.rows, .ws_col = cfg->winsize.cols };
	int unlock = 0, number, slave;
	char path[32];

	child->out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (child->out < 0)
		return errno;
	child->in = child->err = -1;
	if (ioctl(child->out, TIOCSPTLCK, &unlock) || ioctl(child->out, TIOCGPTN, &number))
		return errno;
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return errno;
	ioctl(slave, TIOCSWINSZ, &ws);
	if (id->uid && fchown(slave, id->uid, (gid_t)-1))
		return errno;
	theirs[0] = theirs[1] = theirs[2] = slave;
	return 0;
}

/* execvpe() with the command's own PATH. Returns the errno that says most. */
static int exec_in_path(const struct config *cfg)
{
	const char *dir = env_get(cfg, "PATH"), *name = cfg->argv[0];
	char path[4096];
	int best = ENOENT;

	if (strchr(name, '/')) {
		execve(name, cfg->argv, cfg->envp);
		return errno;
	}
	if (!*name)
		return ENOENT;
	for (;;) {
		size_t len = strcspn(dir, ":");

		if ((size_t)snprintf(path, sizeof(path), "%.*s%s%s", (int)len, dir, len ? "/" : "./", name) < sizeof(path)) {
			execve(path, cfg->argv, cfg->envp);
			/* A hit that cannot be run is remembered, but a later folder may have a better one. */
			if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
				return errno;
			if (errno == EACCES && access(path, F_OK) == 0)
				best = EACCES;
		}
		if (!dir[len])
			return best;
		dir += len + 1;
	}
}

static _Noreturn void child_main(const struct config *cfg, const struct identity *id, const int theirs[3], int report)
{
	struct failure f = { CTL_NO_EXEC, 0 };
	const char *cwd = cfg->cwd && *cfg->cwd ? cfg->cwd : "/";
	sigset_t none;
	int i;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	setsid();
	if (cfg->tty)
		ioctl(theirs[0], TIOCSCTTY, 0);
	for (i = 0; i < 3; i++)
		dup2(theirs[i], i);
	if (chdir(cwd) != 0 && (setup_mkdirs(cwd) != 0 || chdir(cwd) != 0)) {
		f.kind = CTL_NO_CWD;
		f.err = errno;
	} else if (setgroups(id->ngroups, id->groups) || setgid(id->gid) || setuid(id->uid)) {
		f.kind = CTL_NO_USER;
		f.err = errno;
	} else {
		f.err = exec_in_path(cfg);
	}
	while (write(report, &f, sizeof(f)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* Waits for the exec: the pipe closes, or brings the failure. Returns 0 or its kind. */
static int await_exec(int report, int *err)
{
	struct failure f;
	ssize_t n;

	do
		n = read(report, &f, sizeof(f));
	while (n < 0 && errno == EINTR);
	close(report);
	if (n != sizeof(f))
		return 0;
	*err = f.err;
	return f.kind;
}

int spawn_command(struct config *cfg, struct child *child, int *err)
{
	struct identity id;
	int theirs[3], report[2], kind, i;

	if (user_lookup(cfg->user, &id) != 0)
		return CTL_NO_USER;
	fill_environment(cfg, &id);
	*err = cfg->tty ? make_terminal(theirs, child, cfg, &id) : make_pipes(theirs, child);
	if (*err)
		ctl_fail(cfg->tty ? "terminal for the command" : "pipes for the command", *err);
	if (pipe2(report, O_CLOEXEC))
		ctl_fail("pipe", errno);
	child->pid = fork();
	if (child->pid < 0)
		ctl_fail("fork", errno);
	if (child->pid == 0)
		child_main(cfg, &id, theirs, report[1]);
	close(report[1]);
	for (i = 0; i < 3; i++)
		if (i == 0 || theirs[i] != theirs[0])
			close(theirs[i]);
	kind = await_exec(report[0], err);
	if (kind)
		waitpid(child->pid, NULL, 0);
	return kind;
}
