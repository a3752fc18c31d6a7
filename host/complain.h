/*
 * One clear line for the user. Functions of the command that can fail return -1 after they have complained; the caller passes -1 on.
 */
#ifndef HOST_COMPLAIN_H
#define HOST_COMPLAIN_H

#include <stdarg.h>

#define EXIT_PANDO 125 /* Pando's own error, as `docker run` has it */
#define EXIT_NO_EXEC 126
#define EXIT_NOT_FOUND 127

/* Writes "pando: ..." and a newline to standard error, in one write. Returns -1. Control characters in the text become '?'. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Like complain(), for what is said only with -v; silent otherwise. */
void remark(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Turns remarks on. */
void remarks_on(void);

#endif
