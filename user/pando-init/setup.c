/*
 * What a program expects of the machine before it runs: mounts, device links, host name; and the way out, power off.
 * Nothing here is fatal: an image or a kernel may lack a piece, and most programs never ask for it.
 */
#include "init.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct mount_row {
	const char *type, *where;
	unsigned long flags;
	const char *data;
	mode_t mode; /* of the mount point, if it must be made */
} mounts[] = {
	{ "proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0555 },
	{ "sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0555 },
	{ "devtmpfs", "/dev", MS_NOSUID, "mode=0755", 0755 },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666", 0755 },
	{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", 01777 },
	{ "mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 01777 },
	{ "cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0755 },
};

static const struct {
	const char *to, *from;
} links[] = {
	{ "/proc/self/fd", "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
};

static void mount_one(const struct mount_row *m)
{
	if (mount(m->type, m->where, m->type, m->flags, m->data) == 0)
		return;
	if (errno == ENOENT && mkdir(m->where, m->mode) == 0) {
		chmod(m->where, m->mode);
		if (mount(m->type, m->where, m->type, m->flags, m->data) == 0)
			return;
	}
	if (errno == EINVAL && m->data)
		mount(m->type, m->where, m->type, m->flags, NULL);
}

void setup_mounts(void)
{
	size_t i;

	umask(0);
	for (i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		mount_one(&mounts[i]);
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		symlink(links[i].to, links[i].from);
	if (mkdir("/tmp", 01777) == 0)
		chmod("/tmp", 01777);
	umask(022);
}

void setup_names(const char *hostname)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;

	if (hostname)
		sethostname(hostname, strlen(hostname));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) == 0) {
		ifr.ifr_flags |= IFF_UP;
		ioctl(fd, SIOCSIFFLAGS, &ifr);
	}
	close(fd);
}

int setup_mkdirs(const char *path)
{
	char buf[4096];
	size_t i, len = strlen(path);

	if (len == 0 || len >= sizeof(buf)) {
		errno = len ? ENAMETOOLONG : ENOENT;
		return -1;
	}
	memcpy(buf, path, len + 1);
	for (i = 1; i <= len; i++) {
		if (buf[i] != '/' && buf[i] != '\0')
			continue;
		buf[i] = '\0';
		if (mkdir(buf, 0755) != 0 && errno != EEXIST)
			return -1;
		if (i < len)
			buf[i] = '/';
	}
	return 0;
}

#define NEW_ROOT "/.pando/root"

/* Mounts the disk, changeable, and makes it the root. NULL, or what failed, with errno. */
static const char *switch_root(const char *device)
{
	if (mkdir(NEW_ROOT, 0755) != 0 && errno != EEXIST)
		return NEW_ROOT;
	if (mount(device, NEW_ROOT, "erofs", 0, "cow") != 0)
		return errno == EINVAL ? "--root-disk: the kernel cannot read this EROFS image" : "--root-disk: cannot be mounted";
	if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
		return "--root-disk: cannot become the root";
	return NULL;
}

void setup_root(const char *device)
{
	const char *failed = switch_root(device);

	if (failed)
		ctl_fail(failed, errno);
	setup_mounts();
}

/* QEMU's microvm puts where its devices are behind everything else, so behind the "--" of init's arguments, too. */
static void drop_device_words(char **argv)
{
	size_t n = 0;

	while (argv[n])
		n++;
	while (n && strncmp(argv[n - 1], "virtio_mmio.device=", 19) == 0)
		argv[--n] = NULL;
}

void setup_disk_init(const char *device, char **argv)
{
	static const char *const places[] = { "/init", "/sbin/init", "/etc/init", "/bin/init" };
	static const struct mount_row dev = { "devtmpfs", "/dev", MS_NOSUID, "mode=0755", 0755 };
	const char *failed;
	size_t i;

	drop_device_words(argv);
	/* The disk's node; then, on the disk's root, what a kernel gives its first program: devices, and nothing else. */
	mount_one(&dev);
	failed = switch_root(device);
	if (!failed)
		mount_one(&dev);
	for (i = 0; !failed && i < sizeof(places) / sizeof(places[0]); i++) {
		argv[0] = (char *)places[i];
		execv(places[i], argv);
		if (errno != ENOENT)
			break;
	}
	if (failed)
		dprintf(2, "pando: %s: %s\n", failed, strerror(errno));
	else if (i < sizeof(places) / sizeof(places[0]))
		dprintf(2, "pando: %s on the disk: %s\n", places[i], strerror(errno));
	else
		dprintf(2, "pando: the disk has no init (/init, /sbin/init, /etc/init, /bin/init)\n");
	_exit(1); /* the end of process 1 is the machine's */
}

static void mount_folder(const char *text)
{
	char tag[32], what[160];
	int at = 0, err;
	bool read_only = strncmp(text, "ro ", 3) == 0;

	if (sscanf(text, "%*2s %31s %n", tag, &at) != 1 || text[at] != '/')
		ctl_fail("folder: nonsense from the host", 0);
	if (setup_mkdirs(text + at) == 0 &&
		mount(tag, text + at, "9p", MS_NODEV | (read_only ? MS_RDONLY : 0), "trans=virtio,version=9p2000.L,cache=none,access=any") == 0)
		return;
	err = errno;
	snprintf(what, sizeof(what), "-v: %s: %.120s", err == ENODEV ? "this kernel cannot mount it at" : "cannot be mounted", text + at);
	ctl_fail(what, err);
}

void setup_folders(char **folders)
{
	for (; folders && *folders; folders++)
		mount_folder(*folders);
}

void setup_power_off(void)
{
	fflush(NULL);
	reboot(RB_POWER_OFF);
	/* A kernel that cannot power off may still reset, and the VMM takes a reset for the end. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
