/* Messages to the user: complain() and remark(). */
#include "complain.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool verbose;

/* File names from images end up in messages: what could drive a terminal is made harmless. */
static void say(const char *fmt, va_list ap)
{
	char line[1200] = "pando: ";
	size_t len = strlen(line), i;
	int n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);

	if (n < 0)
		return;
	i = len;
	len = strlen(line);
	for (; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

int complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	return -1;
}

void remark(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void remarks_on(void)
{
	verbose = true;
}
