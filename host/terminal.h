/*
 * The user's terminal: raw while the guest has it, and always given back as it was, also when the command is ended by a signal.
 */
#ifndef HOST_TERMINAL_H
#define HOST_TERMINAL_H

#include <stdbool.h>

#include "user/ctl.h"

/* Makes the terminal `fd` raw. Returns 0 or -1 after a complaint. It is given back at exit at the latest. */
int terminal_raw(int fd);
/* Gives it back; harmless if it was not taken. */
void terminal_restore(void);
/* After a stop (SIGCONT): raw again if it was. */
void terminal_resume(void);
/* The size of the terminal behind fd 0, 1 or 2. Returns false if there is none. */
bool terminal_size(struct ctl_winsize *ws);

#endif
