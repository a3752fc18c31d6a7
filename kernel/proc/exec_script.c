/* The #! line: exec_script_parse(). Pure. Rules: execve(2), Interpreter scripts. */
#include <asm-generic/errno.h>

#include "proc/exec_plan.h"

static bool blank(u8 c) { return c == ' ' || c == '\t'; }

/* The first position in [i, end) that is not blank, else end. */
static u32 skip_blanks(const u8 *b, u32 i, u32 end)
{
	while (i < end && blank(b[i]))
		i++;
	return i;
}

/* The first blank or NUL in [i, end), else end. */
static u32 word_end(const u8 *b, u32 i, u32 end)
{
	while (i < end && b[i] && !blank(b[i]))
		i++;
	return i;
}

/* The end of the line within the buffer; 0 when the line is cut off in the middle of the path. */
static u32 line_end(const u8 *b)
{
	for (u32 i = 2; i < EXEC_SCRIPT_SIZE; i++)
		if (b[i] == '\n')
			return i;
	u32 start = skip_blanks(b, 2, EXEC_SCRIPT_SIZE);
	if (start == EXEC_SCRIPT_SIZE || word_end(b, start, EXEC_SCRIPT_SIZE) == EXEC_SCRIPT_SIZE)
		return 0;
	return EXEC_SCRIPT_SIZE - 1;
}

int exec_script_parse(const u8 *b, struct exec_script *s)
{
	if (b[0] != '#' || b[1] != '!')
		return -ENOEXEC;
	u32 end = line_end(b);
	if (!end)
		return -ENOEXEC;
	while (end > 2 && blank(b[end - 1]))
		end--;
	u32 i = skip_blanks(b, 2, end);
	if (i == end)
		return -ENOEXEC;
	/* The line is only "#!" and the file ends there: Linux opens the empty path, which is the current directory, and may not execute that. */
	if (!b[i])
		return -EACCES;
	s->interp = i;
	u32 j = word_end(b, i, end);
	s->interp_len = j - i;
	s->arg = s->arg_len = 0;
	if (j == end || !b[j])
		return 0;
	s->arg = skip_blanks(b, j, end);
	/* A NUL ends the argument, as it ends any string. */
	u32 k = s->arg;
	while (k < end && b[k])
		k++;
	s->arg_len = k - s->arg;
	return 0;
}
