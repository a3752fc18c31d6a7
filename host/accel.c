/*
 * Choosing the accelerator. That /dev/kvm opens proves nothing: nested or emulated hypervisors exist on which QEMU aborts or the guest
 * stops at the first instruction that is not covered. So QEMU runs a guest of some twenty instructions (probe_guest.S) under KVM, on
 * the machine and CPU model of the real run, and must bring back its one byte in time. The verdict is kept in the user's cache folder
 * for as long as the computer and QEMU stay the same, so that only the first run pays.
 */
#define _GNU_SOURCE
#include "accel.h"

#include "complain.h"
#include "files.h"
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_MS 500

extern const char probe_guest_start[], probe_guest_end[];

static const char works[] = "a guest runs under /dev/kvm";
static const char broken[] = "a test guest does not run under /dev/kvm";

/* What QEMU says on the way decides nothing, except this: the guest has stopped and will not go on. */
static bool says_error(int err)
{
	char text[4096];
	ssize_t n = read(err, text, sizeof(text));

	return n > 0 && memmem(text, (size_t)n, "internal error", strlen("internal error"));
}

/* Waits for the guest's byte. */
static bool await_byte(int serial, int err)
{
	int64_t end = now_ms() + PROBE_MS, left;
	char c;

	while ((left = end - now_ms()) > 0) {
		struct pollfd p[2] = { { .fd = serial, .events = POLLIN }, { .fd = err, .events = POLLIN } };

		if (poll(p, 2, (int)left) < 0 && errno != EINTR)
			return false;
		if (p[0].revents)
			return read(serial, &c, 1) == 1 && c == 'P';
		if (p[1].revents && (says_error(err) || (p[1].revents & POLLHUP)))
			return false;
	}
	return false;
}

/* Runs the test guest. Returns 1 if it works, 0 if not. */
static int probe(const char *qemu)
{
	struct vm_spec spec = { .kvm = true, .mem_mib = 64, .cpus = 1, .initrd_fd = -1, .cmdline = "" };
	int serial[2] = { -1, -1 }, err[2] = { -1, -1 }, file = memory_file("pando-probe"), result = 0;
	char kernel[64];
	pid_t pid = -1;

	if (file >= 0 && write_all(file, probe_guest_start, (size_t)(probe_guest_end - probe_guest_start)) == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, serial) == 0 && pipe2(err, O_CLOEXEC) == 0) {
		/* QEMU opens the file through this process, which outlives it. */
		snprintf(kernel, sizeof(kernel), "/proc/%ld/fd/%d", (long)getpid(), file);
		spec.kernel = kernel;
		spec.log_fd = serial[1];
		pid = qemu_start(qemu, &spec, err[1]);
		close(err[1]);
		close(serial[1]);
		err[1] = serial[1] = -1;
		result = pid > 0 && await_byte(serial[0], err[0]);
	}
	qemu_kill(&pid);
	close(file);
	close(serial[0]);
	close(serial[1]);
	close(err[0]);
	close(err[1]);
	return result;
}

/* Cheap reasons against KVM. Returns NULL if there is none. */
static const char *obstacle(void)
{
	static char text[128];
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		snprintf(text, sizeof(text), "/dev/kvm: %s", strerror(errno));
		return text;
	}
	text[0] = '\0';
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		snprintf(text, sizeof(text), "/dev/kvm has another version");
	close(fd);
	return text[0] ? text : NULL;
}

/* ---- the kept verdict ---------------------------------------------------------------------------------------------------------------- */

/* What the verdict depends on: this boot of the computer, and which QEMU. Returns false if it cannot be told. */
static bool verdict_key(const char *qemu, char *key, size_t size)
{
	char boot[64] = "";
	struct stat st;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, boot, sizeof(boot) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n <= 0 || stat(qemu, &st) != 0)
		return false;
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(key, size, "1 %s %llu %lld", boot, (unsigned long long)st.st_ino, (long long)st.st_mtime);
	return true;
}

/* The folder and file of the verdict. Returns false if the user has no cache folder. */
static bool verdict_path(char *dir, size_t size, char *file, size_t file_size)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int n = -1;

	if (cache && *cache == '/')
		n = snprintf(dir, size, "%s/pando", cache);
	else if (home && *home == '/')
		n = snprintf(dir, size, "%s/.cache/pando", home);
	return n > 0 && (size_t)n < size && (size_t)snprintf(file, file_size, "%s/kvm", dir) < file_size;
}

/* Returns 1 or 0 as kept, -1 if nothing is. */
static int recall(const char *file, const char *key)
{
	char line[256] = "";
	size_t len = strlen(key);
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)len + 3 || strncmp(line, key, len) != 0 || line[len] != ' ' || line[len + 2] != '\n')
		return -1;
	return line[len + 1] == '1';
}

static void keep(const char *dir, const char *file, const char *key, int verdict)
{
	char parent[PATH_MAX], line[256], *slash;
	int fd;

	snprintf(parent, sizeof(parent), "%s", dir);
	slash = strrchr(parent, '/');
	*slash = '\0';
	mkdir(parent, 0700);
	mkdir(dir, 0700);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	snprintf(line, sizeof(line), "%s %d\n", key, verdict);
	if (write_all(fd, line, strlen(line)) != 0)
		unlink(file);
	close(fd);
}

/* The verdict for this computer, kept or fresh. */
static bool kvm_works(const char *qemu, bool fresh)
{
	char key[192], dir[PATH_MAX], file[PATH_MAX + 8];
	bool keyed = verdict_key(qemu, key, sizeof(key)) && verdict_path(dir, sizeof(dir), file, sizeof(file));
	int verdict = keyed && !fresh ? recall(file, key) : -1;

	if (verdict >= 0)
		return verdict;
	verdict = probe(qemu);
	if (keyed)
		keep(dir, file, key, verdict);
	return verdict;
}

int accel_choose(enum accel_choice wanted, const char *qemu, bool *kvm, const char **why)
{
	const char *obs;

	*kvm = false;
	*why = "asked for";
	if (wanted == ACCEL_TCG)
		return 0;
	obs = obstacle();
	if (!obs && !kvm_works(qemu, wanted == ACCEL_KVM))
		obs = broken;
	*kvm = !obs;
	*why = obs ? obs : works;
	return obs && wanted == ACCEL_KVM ? complain("--accel kvm: %s", obs) : 0;
}
