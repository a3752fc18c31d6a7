/* The user's terminal; see terminal.h. */
#include "terminal.h"

#include "complain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static int raw_fd = -1; /* the terminal that is raw now, -1: none */
static struct termios original, raw;

int terminal_raw(int fd)
{
	static bool registered;

	if (tcgetattr(fd, &original) != 0)
		return complain("terminal: %s", strerror(errno));
	raw = original;
	cfmakeraw(&raw);
	if (tcsetattr(fd, TCSADRAIN, &raw) != 0)
		return complain("terminal: %s", strerror(errno));
	raw_fd = fd;
	if (!registered)
		atexit(terminal_restore);
	registered = true;
	return 0;
}

void terminal_restore(void)
{
	if (raw_fd < 0)
		return;
	tcsetattr(raw_fd, TCSADRAIN, &original);
	raw_fd = -1;
}

void terminal_resume(void)
{
	if (raw_fd >= 0)
		tcsetattr(raw_fd, TCSADRAIN, &raw);
}

bool terminal_size(struct ctl_winsize *ws)
{
	struct winsize w;
	int fd;

	for (fd = 0; fd <= 2; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col) {
			ws->rows = w.ws_row;
			ws->cols = w.ws_col;
			return true;
		}
	}
	return false;
}
