/* Restartable sequences: rseq.c. */
#ifndef PANDO_PROC_RSEQ_H
#define PANDO_PROC_RSEQ_H

#include "proc/proc.h"

#define RSEQ_FEATURE_SIZE 28
#define RSEQ_ALIGN 32

/* current is on its way to user mode with TIF_RSEQ_WORK: brings its area up to date, aborts a sequence. May queue SIGSEGV. */
void rseq_resume(struct regs *regs);
/* A handler is about to be entered: what it interrupts must not be a sequence. false: the area is bad. */
bool rseq_signal(struct regs *regs);
/* A child's registration: its creator's, unless they share memory. */
void rseq_fork(struct task *child, bool shares_memory);
/* exec. */
void rseq_forget(struct task *t);

#endif
