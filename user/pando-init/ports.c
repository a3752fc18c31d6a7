/*
 * Finding virtio ports by name. Pando's kernel names them in /dev/virtio-ports; on Linux that folder is made by udev, which is not
 * here, so /sys/class/virtio-ports tells which /dev/vportNpM carries which name.
 */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORT_FLAGS (O_RDWR | O_NONBLOCK | O_CLOEXEC)

static bool sysfs_name_is(const char *device, const char *name)
{
	char path[300], text[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

int port_open(const char *name)
{
	char path[300];
	struct dirent *d;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/dev/virtio-ports/%s", name);
	fd = open(path, PORT_FLAGS);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	dir = opendir("/sys/class/virtio-ports");
	if (!dir)
		return -1;
	errno = ENOENT;
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.' || !sysfs_name_is(d->d_name, name))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", d->d_name);
		fd = open(path, PORT_FLAGS);
		break;
	}
	closedir(dir);
	return fd;
}
