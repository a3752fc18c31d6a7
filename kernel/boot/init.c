/*
 * Process 1 before it is a program: brings up the other CPUs and the devices, unpacks the initramfs, opens the console and executes init,
 * trying the same places in the same order as Linux's kernel_init(). Entry points: kernel_init(), kernel_init_release().
 */
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "arch/x86_64/init.h"
#include "boot/boot.h"
#include "drivers/virtio/virtio.h"
#include "fs/cgroupfs.h"
#include "fs/binfmt_misc.h"
#include "fs/devpts.h"
#include "fs/devtmpfs.h"
#include "fs/erofs.h"
#include "fs/initramfs.h"
#include "fs/memdev.h"
#include "fs/p9.h"
#include "fs/procfs.h"
#include "fs/sysfs.h"
#include "fs/tracefs.h"
#include "lib/log.h"
#include "lib/string.h"
#include "proc/exec.h"
#include "proc/proc.h"
#include "sched/wait.h"
#include "tty/tty.h"
#include "vfs/file.h"
#include "vfs/vfs.h"

static struct completion kthreadd_done = { 0, WAIT_QUEUE_INIT(kthreadd_done.wait) };

void kernel_init_release(void) { complete(&kthreadd_done); }

/* One idle task for each other CPU that is wanted; then they start. */
static void start_cpus(void)
{
	u32 n = min(arch_cpus_present(), boot_params.max_cpus);
	for (u32 cpu = 1; cpu < n; cpu++) {
		struct task *idle;
		if (fork_idle(cpu, &idle)) {
			pr_err("smp: no memory for CPU %u", cpu);
			n = cpu;
			break;
		}
		arch_set_idle(cpu, task_thread(idle));
	}
	arch_smp_start(n);
	if (n > 1)
		pr_info("smp: Brought up 1 node, %u CPUs", nr_cpus);
}

/* What Linux's built-in archive holds: a place for devices and the node of the console, whatever the initramfs brings. */
static void default_root(void)
{
	vfs_mkdir(AT_FDCWD, "/dev", 0755);
	vfs_mknod(AT_FDCWD, "/dev/console", S_IFCHR | 0600, MKDEV(5, 1));
	vfs_mkdir(AT_FDCWD, "/root", 0700);
}

static void unpack_root(void)
{
	if (!boot_info.initrd)
		return;
	int err = initramfs_unpack(boot_info.initrd, boot_info.initrd_size);
	if (err)
		panic("initramfs: unpacking failed (error %d)", err);
}

static void open_console(void)
{
	struct file *f;
	int err = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0, &f);
	if (err) {
		pr_err("Warning: unable to open an initial console.");
		return;
	}
	file_get(f);
	file_get(f);
	for (int i = 0; i < 3; i++)
		fd_install_new(f, false);
}

/* May process 1 execute it? */
static bool accessible(const char *path)
{
	struct path p;
	if (path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p))
		return false;
	bool ok = inode_permission(p.dentry->inode, 1) == 0;
	path_put(&p);
	return ok;
}

/* Returns only when it failed, with -errno. */
static int run_init(const char *path)
{
	boot_params.argv[0] = path;
	pr_info("Run %s as init process", path);
	for (u32 i = 0; boot_params.argv[i]; i++)
		pr_debug("  with argument: %s", boot_params.argv[i]);
	for (u32 i = 0; boot_params.envp[i]; i++)
		pr_debug("  with environment: %s", boot_params.envp[i]);
	int err = kernel_execve(path, boot_params.argv, boot_params.envp);
	if (err)
		return err;
	arch_enter_user();
}

static void run_first_program(void)
{
	static const char *const places[] = { "/sbin/init", "/etc/init", "/bin/init", "/bin/sh" };
	int err;
	if (boot_params.fixed_addresses)
		randomize_va_space = 0;
	if (accessible(boot_params.rdinit)) {
		err = run_init(boot_params.rdinit);
		pr_err("Failed to execute %s (error %d)", boot_params.rdinit, err);
	} else if (boot_params.rdinit_given) {
		pr_warn("check access for rdinit=%s failed: %d, ignoring", boot_params.rdinit, -ENOENT);
	}
	if (boot_params.init) {
		err = run_init(boot_params.init);
		panic("Requested init %s failed (error %d).", boot_params.init, err);
	}
	for (u32 i = 0; i < ARRAY_SIZE(places); i++) {
		err = run_init(places[i]);
		if (err != -ENOENT)
			pr_err("Starting init: %s exists but couldn't execute it (error %d)", places[i], err);
	}
	panic("No working init found.  Try passing init= option to kernel. See Linux Documentation/admin-guide/init.rst for guidance.");
}

void hook_machine_down(void) { virtio_trace_flush(); }

static void find_devices(void) { virtio_init(boot_info.cmdline); }

/* Everything that may sleep, in order: file systems before the drivers whose nodes they hold, the root's contents, then process 1's descriptors. */
static const struct boot_row late_order[] = {
	{ "CPUs", start_cpus },
	{ "devtmpfs", devtmpfs_init },
	{ "procfs", procfs_init },
	{ "binfmt_misc", binfmt_misc_init },
	{ "sysfs", sysfs_init },
	{ "cgroup2", cgroupfs_init },
	{ "tracefs", tracefs_init },
	{ "devpts", devpts_init },
	{ "9P", p9_init },
	{ "EROFS", erofs_init },
	{ "memory devices", memdev_init },
	{ "terminals", tty_init },
	{ "devices", find_devices },
	{ "root directory", default_root },
	{ "initramfs", unpack_root },
	{ "device ports", virtio_wait_ports },
	{ "trace", virtio_trace_start },
	{ "console", open_console },
};

void kernel_init(void *unused)
{
	wait_for_completion(&kthreadd_done);
	if (DEBUG_BUILD)
		kthread_check();
	if (boot_params.too_many)
		panic("Too many boot init vars at `%s'", boot_params.too_many);
	for (u32 i = 0; i < ARRAY_SIZE(late_order); i++)
		boot_run_row(&late_order[i]);
	run_first_program();
}
