/*
 * QEMU's command line and process. The machine is microvm with everything off that the kernel does not need: its start takes about
 * 30 ms, two thirds of which QEMU spends on loading itself.
 */
#define _GNU_SOURCE
#include "qemu.h"

#include "complain.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "qemu-system-x86_64"
#define MAX_ARGS 120

struct args {
	char *v[MAX_ARGS];
	size_t n;
};

static void arg(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void arg(struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (a->n + 1 >= MAX_ARGS || vasprintf(&a->v[a->n], fmt, ap) < 0) {
		complain("out of memory");
		exit(EXIT_PANDO);
	}
	va_end(ap);
	a->v[++a->n] = NULL;
}

int qemu_find(char path[PATH_MAX])
{
	const char *own = getenv("PANDO_QEMU"), *dir = getenv("PATH");

	if (own && *own) {
		if (access(own, X_OK) != 0)
			return complain("PANDO_QEMU=%s: %s", own, strerror(errno));
		snprintf(path, PATH_MAX, "%s", own);
		return 0;
	}
	while (dir && *dir) {
		size_t len = strcspn(dir, ":");

		if (len && snprintf(path, PATH_MAX, "%.*s/" PROGRAM, (int)len, dir) < PATH_MAX && access(path, X_OK) == 0)
			return 0;
		dir += len + (dir[len] == ':');
	}
	return complain(PROGRAM " not found; on Debian: apt install qemu-system-x86");
}

static void machine_args(struct args *a, const struct vm_spec *s)
{
	arg(a, "-M");
	arg(a, s->pci ? "microvm,acpi=on,pcie=on,pit=on,pic=on,rtc=on,usb=off" : "microvm,acpi=off,pit=off,pic=off,rtc=on,usb=off,x-option-roms=off");
	arg(a, "-nodefaults");
	arg(a, "-no-user-config");
	arg(a, "-display");
	arg(a, "none");
	arg(a, "-no-reboot");
	/* A guest that takes QEMU over still gets no new program, no privileges. */
	arg(a, "-sandbox");
	arg(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	arg(a, "-accel");
	arg(a, s->kvm ? "kvm" : "tcg");
	/* Under TCG, cmpxchg16b now and then corrupts the flags; under KVM, hiding this MSR costs nothing and some hosts refuse it. */
	arg(a, "-cpu");
	arg(a, s->kvm ? "host,-arch-capabilities" : "max,-cx16");
	arg(a, "-smp");
	arg(a, "%u", s->cpus);
	arg(a, "-m");
	arg(a, "%uM", s->mem_mib);
	arg(a, "-global");
	arg(a, "virtio-mmio.force-legacy=false");
}

static void port_args(struct args *a, const struct vm_spec *s)
{
	size_t i;

	if (s->ports == 0)
		return;
	arg(a, "-device");
	/* Port 0 is kept for a console of the older kind. */
	arg(a, "%s,max_ports=%zu", s->pci ? "virtio-serial-pci" : "virtio-serial-device", s->ports + 1);
	for (i = 0; i < s->ports; i++) {
		arg(a, "-chardev");
		arg(a, "socket,id=port%zu,fd=%d", i + 1, s->port[i].fd);
		arg(a, "-device");
		arg(a, "virtserialport,nr=%zu,chardev=port%zu,name=%s", i + 1, i + 1, s->port[i].name);
	}
}

/* A value within an option: its commas are doubled. Allocated. */
static char *quoted(const char *text)
{
	char *q = malloc(2 * strlen(text) + 1), *to = q;

	if (!q) {
		complain("out of memory");
		exit(EXIT_PANDO);
	}
	for (; *text; text++) {
		if (*text == ',')
			*to++ = ',';
		*to++ = *text;
	}
	*to = '\0';
	return q;
}

/*
 * Files that root makes get the owner the guest says; an ordinary user's are the user's own. Host inode numbers of several file systems in one folder are
 * kept apart.
 */
static void folder_args(struct args *a, const struct vm_spec *s)
{
	size_t i;

	for (i = 0; i < s->folders; i++) {
		char *path = quoted(s->folder[i].path);

		arg(a, "-fsdev");
		arg(a, "local,id=folder%zu,path=%s,security_model=%s,multidevs=remap%s", i, path, geteuid() == 0 ? "passthrough" : "none",
			s->folder[i].read_only ? ",readonly=on" : "");
		arg(a, "-device");
		arg(a, "%s,fsdev=folder%zu,mount_tag=" VM_FOLDER_TAG, s->pci ? "virtio-9p-pci" : "virtio-9p-device", i, i);
		free(path);
	}
}

static void disk_args(struct args *a, const struct vm_spec *s)
{
	char *path;

	if (!s->disk)
		return;
	path = quoted(s->disk);
	arg(a, "-blockdev");
	arg(a, "driver=raw,node-name=disk,read-only=on,file.driver=file,file.filename=%s,file.locking=off", path);
	arg(a, "-device");
	arg(a, "%s,drive=disk", s->pci ? "virtio-blk-pci" : "virtio-blk-device");
	free(path);
}

static void build_args(struct args *a, const char *qemu, const struct vm_spec *s)
{
	arg(a, "%s", qemu);
	machine_args(a, s);
	arg(a, "-kernel");
	arg(a, "%s", s->kernel);
	if (s->initrd_fd >= 0) {
		arg(a, "-initrd");
		arg(a, "/proc/self/fd/%d", s->initrd_fd);
	}
	arg(a, "-append");
	arg(a, "%s", s->cmdline);
	arg(a, "-chardev");
	arg(a, "socket,id=log,fd=%d", s->log_fd);
	arg(a, "-serial");
	arg(a, "chardev:log");
	port_args(a, s);
	disk_args(a, s);
	folder_args(a, s);
}

/* A descriptor that QEMU inherits under its number. */
static void inherit(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, 0);
}

/* In the child. The parent's death kills it, also if that came before prctl(). */
static _Noreturn void become_qemu(struct args *a, const struct vm_spec *s, int err_fd, pid_t parent, int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), err;
	sigset_t none;
	size_t i;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	dup2(null, 0);
	dup2(err_fd, 1);
	dup2(err_fd, 2);
	inherit(s->initrd_fd);
	inherit(s->log_fd);
	for (i = 0; i < s->ports; i++)
		inherit(s->port[i].fd);
	execv(a->v[0], a->v);
	err = errno;
	if (write(report, &err, sizeof(err)) < 0)
		_exit(126);
	_exit(127);
}

pid_t qemu_start(const char *qemu, const struct vm_spec *spec, int err_fd)
{
	struct args a = { .n = 0 };
	pid_t parent = getpid(), pid;
	int report[2], err = 0;
	ssize_t n;

	build_args(&a, qemu, spec);
	if (pipe2(report, O_CLOEXEC) != 0)
		return complain("cannot start QEMU: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_qemu(&a, spec, err_fd, parent, report[1]);
	err = errno;
	close(report[1]);
	while (a.n > 0)
		free(a.v[--a.n]);
	n = 0;
	if (pid > 0)
		do
			n = read(report[0], &err, sizeof(err));
		while (n < 0 && errno == EINTR);
	close(report[0]);
	if (pid > 0 && n <= 0)
		return pid;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return complain("cannot start %s: %s", qemu, strerror(err));
}

void qemu_kill(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = -1;
}
