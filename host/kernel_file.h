/*
 * Kernels: finding one and telling what it is before QEMU tries.
 */
#ifndef HOST_KERNEL_FILE_H
#define HOST_KERNEL_FILE_H

#include <limits.h>
#include <stdbool.h>

struct kernel_file {
	char path[PATH_MAX];
	bool linux_image; /* a bzImage or vmlinux: booted with its devices on PCI, for comparing with Linux */
};

/*
 * Finds the kernel (`wanted`, else $PANDO_KERNEL, else pando.elf that comes with the command) and checks that QEMU can start it.
 * Returns 0, or -1 after a complaint.
 */
int kernel_find(const char *wanted, struct kernel_file *k);

#endif
