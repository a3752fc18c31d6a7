/*
 * QEMU: finding it, building its command line, starting and ending it.
 */
#ifndef HOST_QEMU_H
#define HOST_QEMU_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define VM_MAX_PORTS 5
#define VM_MAX_FOLDERS 6
#define VM_FOLDER_TAG "pando%zu"

struct vm_spec {
	const char *kernel;
	bool pci; /* virtio on PCI instead of virtio-mmio (Linux's distribution kernels) */
	bool kvm;
	unsigned mem_mib, cpus;
	int initrd_fd; /* -1: none */
	const char *cmdline; /* of the kernel */
	int log_fd; /* QEMU's end of the serial console */
	struct {
		const char *name;
		int fd; /* QEMU's end */
	} port[VM_MAX_PORTS];
	size_t ports;
	const char *disk; /* a file that is the machine's only disk, for reading; NULL: none */
	/* Folders, as 9P devices tagged "pando0", "pando1" ... */
	struct {
		const char *path;
		bool read_only;
	} folder[VM_MAX_FOLDERS];
	size_t folders;
};

/* Finds qemu-system-x86_64 ($PANDO_QEMU, else in PATH). Returns 0, or -1 after a complaint. */
int qemu_find(char path[PATH_MAX]);
/*
 * Starts QEMU in a session of its own; it dies with this process. Its own messages go to err_fd. The descriptors of `spec` stay open
 * here. Returns the process id, or -1 after a complaint.
 */
pid_t qemu_start(const char *qemu, const struct vm_spec *spec, int err_fd);
/* Kills QEMU and waits for its end. *pid becomes -1; nothing happens if it is that already. */
void qemu_kill(pid_t *pid);

#endif
