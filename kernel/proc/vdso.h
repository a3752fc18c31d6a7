/* The vDSO: a small shared object that the kernel maps into every program (kernel/vdso/), and its data page. */
#ifndef PANDO_PROC_VDSO_H
#define PANDO_PROC_VDSO_H

#include "mm/mm.h"

/* exec: maps [vvar] and [vdso] top-down into mm, sets mm->vdso. 0 or -errno. => mm is not yet in use */
int vdso_map(struct mm *mm);
/* The data page of mm becomes the one that sends the clocks to the kernel, or the plain one again. 0 or -ENOMEM.
 * => mm is in use by one task or none */
int vdso_switch(struct mm *mm, bool ask);
/* Copies the clock's parameters to the data page: call after the real-time clock was set. Any context. */
void vdso_update(void);

#endif
