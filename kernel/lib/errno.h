/* Linux's errno numbers (from the UAPI headers) and the four kernel-internal restart codes. */
#ifndef PANDO_LIB_ERRNO_H
#define PANDO_LIB_ERRNO_H

#include <asm-generic/errno.h>

/* Seen only between a system call and the return to user mode (signal.c); never by user programs. What becomes of them: signal_deliver.c */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ERESTART_RESTARTBLOCK 516

#endif
