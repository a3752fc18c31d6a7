/*
 * The log on the serial port. With console= naming only other devices the port stays silent until the machine panics: those words must
 * reach somebody. Entry points: boot_console_init(), boot_console_apply().
 */
#include "boot/boot.h"

#include "arch/x86_64/init.h"
#include "lib/format.h"
#include "lib/log.h"
#include "proc/task.h"

static bool silent; /* written at boot and by a panic */

/* A terminal wants CR LF. */
static void serial_sink(const char *s, size_t n)
{
	size_t from = 0;
	if (READ_ONCE(silent))
		return;
	for (size_t i = 0; i < n; i++) {
		if (s[i] != '\n')
			continue;
		arch_serial_write(s + from, i - from);
		arch_serial_write("\r\n", 2);
		from = i + 1;
	}
	arch_serial_write(s + from, n - from);
}
static struct log_sink sink = { .write = serial_sink };

/* The panic's own line about the current task; called before anything of it is printed. */
static void describe_task(char *buf, size_t size)
{
	WRITE_ONCE(silent, false);
	format_str(buf, size, "PID: %d Comm: %.15s", current_thread()->tid, current_thread()->comm);
}

void boot_console_init(void)
{
	panic_describe = describe_task;
	log_add_sink(&sink);
}

void boot_console_apply(void)
{
	silent = !boot_params.serial_console;
	log_console_level = boot_params.loglevel;
	panic_timeout = boot_params.panic_timeout;
}
