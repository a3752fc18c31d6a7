/*
 * pando-init: process 1 of `pando run`. It mounts what programs expect, learns from the host over the control port which command to
 * run, runs it, carries its input and output to and from the host's virtio ports, reaps orphans, reports the status, and powers off.
 * It works on any Linux-compatible kernel that has virtio-console ports.
 *
 *   main.c   the order of events        ctl.c   control port        ports.c   finding ports by name
 *   setup.c  mounts, names, power off   users.c passwd and group    spawn.c   starting the command    pump.c  data and reaping
 */
#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The kernel gives process 1 the console as 0, 1 and 2; without one, these numbers must still not be handed to anything else. */
static void ensure_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	static struct config cfg;
	struct child child;
	struct ctl_status st = { 0 };
	int kind, err = 0;

	if (getpid() != 1) {
		fputs("pando-init: runs only as process 1 of a virtual machine\n", stderr);
		return 1;
	}
	if (argc > 2 && strcmp(argv[1], CTL_DISK_INIT) == 0)
		setup_disk_init(argv[2], argv + 2);
	setup_mounts();
	ensure_standard_fds();
	if (ctl_read_config(&cfg) != 0) {
		fputs("pando-init: no host answers on port " CTL_PORT "\n", stderr);
		setup_power_off();
	}
	if (cfg.root)
		setup_root(cfg.root);
	setup_names(cfg.hostname);
	setup_folders(cfg.folders);
	kind = spawn_command(&cfg, &child, &err);
	if (kind == 0) {
		pump_run(&cfg, &child, &st);
	} else {
		st.kind = (uint32_t)kind;
		st.value = (uint32_t)err;
	}
	ctl_send(CTL_STATUS, &st, sizeof(st));
	ctl_wait_bye();
	setup_power_off();
}
