/* The vDSO's data page: written by the kernel (proc/vdso.c), read by the code in kernel/vdso in user mode. */
#ifndef PANDO_UAPI_VDSO_DATA_H
#define PANDO_UAPI_VDSO_DATA_H

#include <linux/types.h>

struct vdso_data {
	__u32 seq;         /* odd while it is being written */
	__u32 mult, shift; /* ns = base_ns + ((tsc - base_tsc) * mult >> shift); mult 0: no usable TSC, ask the kernel */
	__u32 rdtscp;      /* 1: TSC_AUX holds the CPU's number */
	__u64 base_tsc, base_ns;
	__u64 real_offset; /* ns; what makes the time since boot the time since 1970 */
};

#endif
