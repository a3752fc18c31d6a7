/*
 * `pando run` and the machine of `pando trace`: image, kernel, QEMU and accelerator are settled first, so that what is wrong with them is said before anything starts;
 * then sockets, the control channel's first frames, QEMU, and the session.
 */
#define _GNU_SOURCE
#include "run.h"

#include "accel.h"
#include "complain.h"
#include "files.h"
#include "image.h"
#include "kernel_file.h"
#include "qemu.h"
#include "session.h"
#include "terminal.h"
#include "kernel/uapi/trace_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1ull << 20)
#define DEFAULT_MIB 512u
#define KERNEL_MIB 3u /* what a machine needs beside its image */
#define MAX_CMDLINE 1800 /* of Linux's 2047; QEMU adds its own part */
#define DEFAULT_HOSTNAME "pando"

/* Everything one run owns. */
struct plan {
	const struct run_options *o;
	struct image image;
	struct kernel_file kernel;
	char qemu[PATH_MAX];
	struct vm_spec vm;
	char cmdline[2048];
	char **argv; /* the command: its own words, or the image's; NULL-terminated */
	const char *cwd, *user;
	const struct trace_sink *trace; /* NULL: none */
};

static uint64_t host_memory(void) { return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE); }

/* With no -m: enough for the image twice over and for the programs. */
static int choose_memory(struct plan *p)
{
	uint64_t image_mib = (p->image.size + MIB - 1) / MIB;

	if (p->o->mem_mib) {
		p->vm.mem_mib = p->o->mem_mib;
		if (image_mib + KERNEL_MIB > p->vm.mem_mib)
			return complain("the image takes %lluM, which does not fit into -m %uM", (unsigned long long)image_mib, p->vm.mem_mib);
		return 0;
	}
	p->vm.mem_mib = DEFAULT_MIB;
	if (image_mib > DEFAULT_MIB / 4)
		p->vm.mem_mib = (unsigned)((image_mib * 3 / 2 + DEFAULT_MIB + 63) / 64 * 64);
	return 0;
}

static size_t list_len(char **list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* As `docker run`: the entrypoint, then the user's words or else the image's. */
static int choose_command(struct plan *p)
{
	char **entry = p->image.config.entrypoint, **cmd = p->o->command_len ? p->o->command : p->image.config.cmd;
	size_t i, n = 0;

	p->argv = calloc(list_len(entry) + list_len(cmd) + 1, sizeof(*p->argv));
	if (!p->argv)
		return complain("out of memory");
	for (i = 0; i < list_len(entry); i++)
		p->argv[n++] = entry[i];
	for (i = 0; i < list_len(cmd); i++)
		p->argv[n++] = cmd[i];
	p->cwd = p->o->cwd ? p->o->cwd : p->image.config.cwd;
	p->user = p->o->user ? p->o->user : p->image.config.user;
	return n ? 0 : complain("no command: the %s, so give one after '--'", p->vm.disk ? "disk has none" : "image names none");
}

/* ---- the kernel's command line ------------------------------------------------------------------------------------------------------- */

static int cmdline_add(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int cmdline_add(struct plan *p, const char *fmt, ...)
{
	size_t len = strlen(p->cmdline);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p->cmdline + len, sizeof(p->cmdline) - len, fmt, ap);
	va_end(ap);
	if (n < 0 || len + (size_t)n > MAX_CMDLINE)
		return complain("the kernel's command line is too long");
	return 0;
}

/* An argument for the image's init; the kernel knows quotes, but no quote within them. */
static int cmdline_argument(struct plan *p, const char *text)
{
	if (strchr(text, '"') || strchr(text, '\n'))
		return complain("an argument for init cannot have a quote or a line end in it: %s", text);
	return cmdline_add(p, strpbrk(text, " \t") || !*text ? " \"%s\"" : " %s", text);
}

static int build_cmdline(struct plan *p)
{
	const struct run_options *o = p->o;
	const char *init = o->init && !o->root_disk ? p->image.config.init : "/.pando/init";
	size_t i;

	if (!init)
		return complain("the image has no init (/init, /sbin/init, /etc/init, /bin/init)");
	/* A panic must end the machine; -no-reboot turns the reset into QEMU's end. */
	if (cmdline_add(p, "console=ttyS0 %s panic=-1 rdinit=%s", o->verbose ? "loglevel=7" : "quiet", init) != 0)
		return -1;
	/* Linux cannot calibrate its TSC on this machine under TCG. */
	if (p->kernel.linux_image && !p->vm.kvm && cmdline_add(p, " tsc_early_khz=2000000 reboot=t") != 0)
		return -1;
	if (p->trace && p->kernel.linux_image)
		return complain("only Pando's own kernel can be traced");
	if (p->trace && cmdline_add(p, " pando.trace=%s", p->trace->param) != 0)
		return -1;
	if (o->append && cmdline_add(p, " %s", o->append) != 0)
		return -1;
	if (!o->init || (o->command_len == 0 && !o->root_disk))
		return 0;
	if (cmdline_add(p, " --%s", o->root_disk ? " " CTL_DISK_INIT " " CTL_ROOT_DEVICE : "") != 0)
		return -1;
	for (i = 0; i < o->command_len; i++)
		if (cmdline_argument(p, o->command[i]) != 0)
			return -1;
	return 0;
}

/* ---- the control channel's first frames ---------------------------------------------------------------------------------------------- */

/* True if a later -e sets the same name as `entry`. */
static bool overridden(const struct run_options *o, const char *entry, size_t from)
{
	size_t len = strcspn(entry, "="), i;

	for (i = from; i < o->env_len; i++)
		if (strncmp(o->env[i], entry, len) == 0 && (o->env[i][len] == '=' || o->env[i][len] == '\0'))
			return true;
	return false;
}

/* -e NAME passes our own variable on, if it is set. */
static int put_env(struct ctl_link *c, const char *entry)
{
	const char *value;
	char *text;
	int r;

	if (strchr(entry, '='))
		return ctl_put_text(c, CTL_ENV, entry);
	value = getenv(entry);
	if (!value)
		return 0;
	if (asprintf(&text, "%s=%s", entry, value) < 0)
		return complain("out of memory");
	r = ctl_put_text(c, CTL_ENV, text);
	free(text);
	return r;
}

static int put_environment(struct plan *p, struct ctl_link *c)
{
	const struct run_options *o = p->o;
	char **e;
	size_t i;

	for (e = p->image.config.env; e && *e; e++)
		if (strchr(*e, '=') && !overridden(o, *e, 0) && ctl_put_text(c, CTL_ENV, *e) != 0)
			return -1;
	for (i = 0; i < o->env_len; i++)
		if (!overridden(o, o->env[i], i + 1) && put_env(c, o->env[i]) != 0)
			return -1;
	return 0;
}

static int put_folders(struct plan *p, struct ctl_link *c)
{
	char *text;
	size_t i;
	int r = 0;

	for (i = 0; i < p->o->volumes && r == 0; i++) {
		if (asprintf(&text, "%s " VM_FOLDER_TAG " %s", p->o->volume[i].read_only ? "ro" : "rw", i, p->o->volume[i].guest) < 0)
			return complain("out of memory");
		r = ctl_put_text(c, CTL_FOLDER, text);
		free(text);
	}
	return r;
}

static int put_config(struct plan *p, struct ctl_link *c)
{
	const uint32_t version = CTL_VERSION;
	struct ctl_winsize ws = { 24, 80 };
	char **a;

	for (a = p->argv; *a; a++)
		if (ctl_put_text(c, CTL_ARG, *a) != 0)
			return -1;
	if (put_environment(p, c) != 0)
		return -1;
	if (p->cwd && ctl_put_text(c, CTL_CWD, p->cwd) != 0)
		return -1;
	if (p->user && ctl_put_text(c, CTL_USER, p->user) != 0)
		return -1;
	if (ctl_put_text(c, CTL_HOSTNAME, p->o->hostname ? p->o->hostname : DEFAULT_HOSTNAME) != 0)
		return -1;
	if (p->vm.disk && ctl_put_text(c, CTL_ROOT, CTL_ROOT_DEVICE) != 0)
		return -1;
	if (put_folders(p, c) != 0)
		return -1;
	if (p->o->tty) {
		terminal_size(&ws);
		if (ctl_put(c, CTL_TTY, &ws, sizeof(ws)) != 0)
			return -1;
	}
	return ctl_put(c, CTL_START, &version, sizeof(version));
}

/* ---- the machine --------------------------------------------------------------------------------------------------------------------- */

/* A pair of sockets: ours (non-blocking) is returned, QEMU's goes to *theirs. -1 after a complaint. */
static int socket_pair(int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return complain("sockets: %s", strerror(errno));
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*theirs = pair[1];
	return pair[0];
}

static int add_port(struct plan *p, const char *name)
{
	int theirs, ours = socket_pair(&theirs);

	if (ours < 0)
		return -1;
	p->vm.port[p->vm.ports].name = name;
	p->vm.port[p->vm.ports++].fd = theirs;
	return ours;
}

/* --init: the user's terminal is the machine's serial console. */
static void connect_console(struct session *s)
{
	s->console = true;
	stream_input(&s->in, STDIN_FILENO, s->log_fd, false);
	stream_output(&s->out, s->log_fd, STDOUT_FILENO);
	s->out.full_close = false;
	s->out.tap = &s->log;
	s->log.echo = false;
	s->log_fd = -1;
	s->tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* A command: the ports for its data, the control port last, so that the guest knows all others by the time it hears from it. */
static int connect_ports(struct plan *p, struct session *s)
{
	int in, out, err;

	if (p->o->tty) {
		in = out = add_port(p, CTL_PORT_TTY);
		if (in < 0)
			return -1;
		s->tty = isatty(STDIN_FILENO);
		if (s->tty)
			stream_input(&s->in, STDIN_FILENO, in, false);
		stream_output(&s->out, out, STDOUT_FILENO);
	} else {
		in = add_port(p, CTL_PORT_STDIN);
		out = in < 0 ? -1 : add_port(p, CTL_PORT_STDOUT);
		err = out < 0 ? -1 : add_port(p, CTL_PORT_STDERR);
		if (err < 0)
			return -1;
		stream_input(&s->in, STDIN_FILENO, in, true);
		stream_output(&s->out, out, STDOUT_FILENO);
		stream_output(&s->err, err, STDERR_FILENO);
	}
	s->ctl.fd = add_port(p, CTL_PORT);
	return s->ctl.fd < 0 ? -1 : put_config(p, &s->ctl);
}

static int connect_all(struct plan *p, struct session *s)
{
	s->log_fd = socket_pair(&p->vm.log_fd);
	if (s->log_fd < 0)
		return -1;
	s->log.echo = p->o->verbose;
	s->polite = p->o->verbose || p->trace;
	s->trace = p->trace;
	if (p->trace) {
		s->trace_fd = add_port(p, TRACE_PORT_NAME);
		if (s->trace_fd < 0)
			return -1;
	}
	s->command = p->argv ? p->argv[0] : "";
	s->cwd = p->cwd ? p->cwd : "/";
	s->user = p->user ? p->user : "root";
	if (!p->o->init)
		return connect_ports(p, s);
	connect_console(s);
	return 0;
}

/* Starts QEMU and gives our copies of its descriptors up. */
static int start(struct plan *p, struct session *s)
{
	int err[2];
	size_t i;

	if (pipe2(err, O_CLOEXEC) != 0)
		return complain("pipe: %s", strerror(errno));
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	s->err_fd = err[0];
	p->vm.kernel = p->kernel.path;
	p->vm.pci = p->kernel.linux_image;
	p->vm.initrd_fd = p->image.fd;
	p->vm.cmdline = p->cmdline;
	s->qemu = qemu_start(p->qemu, &p->vm, err[1]);
	close(err[1]);
	close(p->vm.log_fd);
	for (i = 0; i < p->vm.ports; i++)
		close(p->vm.port[i].fd);
	return s->qemu < 0 ? -1 : 0;
}

/* The folders must be there and usable now: QEMU's own words about one are not for the user. */
static int choose_folders(struct plan *p)
{
	const struct run_options *o = p->o;
	struct stat st;
	size_t i;

	for (i = 0; i < o->volumes; i++) {
		const struct volume *v = &o->volume[i];

		if (stat(v->host, &st) != 0)
			return complain("--volume %s: %s", v->host, strerror(errno));
		if (!S_ISDIR(st.st_mode))
			return complain("-v %s: not a directory", v->host);
		if (access(v->host, R_OK | X_OK) != 0)
			return complain("-v %s: %s", v->host, strerror(errno));
		p->vm.folder[i].path = v->host;
		p->vm.folder[i].read_only = v->read_only;
	}
	p->vm.folders = o->volumes;
	return 0;
}

#define EROFS_SUPER 1024
#define EROFS_MAGIC 0xe0f5e1e2u
#define EROFS_CONFIG 2u /* of super[20]: super[21] has a set of algorithms */
#define EROFS_LZ4 1u

/* What the kernel would refuse is said here, where the file has a name. */
static int check_disk(const char *path)
{
	uint32_t super[32];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return complain("--root-disk %s: %s", path, strerror(errno));
	r = fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) ? 0 : complain("--root-disk %s: not a file", path);
	if (r == 0 && (pread_all(fd, super, sizeof(super), EROFS_SUPER) != 0 || super[0] != EROFS_MAGIC))
		r = complain("--root-disk %s: not an EROFS image (make one with mkfs.erofs)", path);
	if (r == 0 && (super[20] & EROFS_CONFIG) && (super[21] & 0xffff & ~EROFS_LZ4))
		r = complain("--root-disk %s: of compressed EROFS images those by LZ4 can be read (mkfs.erofs -zlz4)", path);
	close(fd);
	return r;
}

static int choose_root(struct plan *p)
{
	const struct run_options *o = p->o;

	if (!o->root_disk)
		return image_open(o->image, o->mem_mib ? o->mem_mib * MIB : host_memory() / 2, &p->image);
	if (check_disk(o->root_disk) != 0)
		return -1;
	p->vm.disk = o->root_disk;
	return image_bare(&p->image);
}

static int prepare(struct plan *p)
{
	const struct run_options *o = p->o;
	const char *why;

	if (kernel_find(o->kernel, &p->kernel) != 0 || qemu_find(p->qemu) != 0 || choose_folders(p) != 0)
		return -1;
	if (choose_root(p) != 0)
		return -1;
	if (choose_memory(p) != 0 || (!o->init && choose_command(p) != 0))
		return -1;
	if (accel_choose(o->accel, p->qemu, &p->vm.kvm, &why) != 0)
		return -1;
	p->vm.cpus = o->cpus;
	if (build_cmdline(p) != 0)
		return -1;
	remark("accelerator: %s (%s)", p->vm.kvm ? "kvm" : "tcg", why);
	remark("kernel: %s%s", p->kernel.path, p->kernel.linux_image ? " (a Linux image)" : "");
	remark("machine: %uM, %u CPU%s, image %llu bytes", p->vm.mem_mib, p->vm.cpus, p->vm.cpus > 1 ? "s" : "", (unsigned long long)p->image.size);
	remark("command line: %s", p->cmdline);
	return 0;
}

static int run_session(struct plan *p)
{
	static struct session s;
	int status = EXIT_PANDO;

	session_init(&s);
	if (p->o->timeout > 0) {
		s.timeout = p->o->timeout;
		s.deadline = now_ms() + (int64_t)(p->o->timeout * 1000) + 1;
	}
	s.signals = session_signals();
	if (s.signals >= 0 && prepare(p) == 0 && connect_all(p, &s) == 0 && start(p, &s) == 0) {
		if (s.tty && terminal_raw(STDIN_FILENO) != 0)
			qemu_kill(&s.qemu);
		else
			status = session_run(&s);
	}
	ctl_free(&s.ctl);
	return status;
}

int run(const struct run_options *o) { return run_traced(o, NULL); }

int run_traced(const struct run_options *o, const struct trace_sink *trace)
{
	struct plan p = { .o = o, .image = { .fd = -1 }, .trace = trace };
	int status;

	if (o->verbose)
		remarks_on();
	if (o->tty && o->interactive && !isatty(STDIN_FILENO)) {
		complain("the input device is not a TTY (leave -t away, or -i)");
		return EXIT_PANDO;
	}
	status = run_session(&p);
	free(p.argv);
	image_close(&p.image);
	return status;
}
