/* Devices in sysfs: sysfs_device_add(), sysfs_device_dir(), sysfs_fill_devices(). */
#include "fs/sysfs.h"
#include "lib/format.h"
#include "lib/string.h"
#include "vfs/vfs.h"

static struct sysfs_device *devices, **last = &devices; /* boot only, then constant */

void sysfs_device_add(struct sysfs_device *d)
{
	d->next = NULL;
	*last = d;
	last = &d->next;
}

struct sysfs_node *sysfs_device_dir(const char *subsystem, const char *name)
{
	char path[96], target[96];
	bool block = !strcmp(subsystem, "block");
	format_str(path, sizeof(path), "devices/virtual/%s/%s", subsystem, name);
	struct sysfs_node *dir = sysfs_dir(path);
	format_str(target, sizeof(target), "../../../../class/%s", subsystem);
	sysfs_link(dir, "subsystem", target);
	format_str(path, sizeof(path), "class/%s", subsystem);
	format_str(target, sizeof(target), "../../devices/virtual/%s/%s", subsystem, name);
	sysfs_link(sysfs_dir(path), name, target);
	if (block)
		sysfs_link(sysfs_dir("block"), name, target + 3);
	return dir;
}

static void show_uevent(struct text *t, void *data)
{
	const struct sysfs_device *d = data;
	text_printf(t, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", MAJOR(d->rdev), MINOR(d->rdev), d->name);
	if (d->mode)
		text_printf(t, "DEVMODE=0%o\n", d->mode);
	if (d->block)
		text_puts(t, "DEVTYPE=disk\n");
}

/* => fill_lock of sysfs.c. One filling serves every directory that leads to devices. */
void sysfs_fill_devices(struct sysfs_node *unused)
{
	static bool filled;
	char name[32], target[96];
	if (filled)
		return;
	filled = true;
	for (struct sysfs_device *d = devices; d; d = d->next) {
		struct sysfs_node *dir = sysfs_device_dir(d->subsystem, d->name);
		sysfs_file(dir, "dev", sysfs_show_dev, (void *)d->rdev);
		sysfs_file(dir, "uevent", show_uevent, d);
		format_str(name, sizeof(name), "%u:%u", MAJOR(d->rdev), MINOR(d->rdev));
		format_str(target, sizeof(target), "../../devices/virtual/%s/%s", d->subsystem, d->name);
		sysfs_link(sysfs_dir(d->block ? "dev/block" : "dev/char"), name, target);
		if (d->more)
			d->more(dir, d->data);
	}
}
