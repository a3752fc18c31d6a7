/*
 * pando-init: process 1 of a machine that runs one command. main.c says how the parts meet.
 */
#ifndef PANDO_INIT_H
#define PANDO_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../ctl.h"

/* What the host asked for; filled by ctl_read_config(), constant afterwards. */
struct config {
	char **argv; /* NULL-terminated */
	size_t argc;
	char **envp; /* NULL-terminated */
	size_t envc;
	char *cwd;      /* NULL: "/" */
	char *user;     /* NULL: root */
	char *hostname; /* NULL: leave the kernel's */
	char *root;     /* a block device, or NULL */
	char **folders; /* as CTL_FOLDER has them; NULL-terminated, or NULL */
	size_t nr_folders;
	bool tty;
	struct ctl_winsize winsize;
};

/* Who the command runs as. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t groups[64];
	size_t ngroups;
	char home[256];
};

/* The running command; pipe and pty ends are non-blocking and close on exec, -1 where there is none. */
struct child {
	pid_t pid;
	int in;  /* its standard input, write end */
	int out; /* its standard output, read end; or the master of its terminal, both ways */
	int err; /* its standard error, read end */
};

/* ctl.c: the control port. */

/* Opens the control port (waits for it) and reads frames up to CTL_START. Returns 0, or -1 if there is no host to talk to. */
int ctl_read_config(struct config *cfg);
/* The port's descriptor, for poll(). */
int ctl_fd(void);
/* Reads what has come. Returns 1 and *ws if a window size came, 0 if nothing, -1 if the host said goodbye or has gone. */
int ctl_poll(struct ctl_winsize *ws);
/* Sends one frame; waits until the host has taken it. */
void ctl_send(uint32_t type, const void *data, uint32_t len);
/* Sends CTL_FAIL with a text, waits for the goodbye and powers off. */
_Noreturn void ctl_fail(const char *what, int err);
/* Waits for CTL_BYE, or for the host to vanish. */
void ctl_wait_bye(void);

/* ports.c */

/* Opens the port called `name`, non-blocking. Returns the descriptor or -1 (errno). */
int port_open(const char *name);

/* setup.c */

/* Mounts what programs expect (/proc /sys /dev /dev/pts /dev/shm ...); what the kernel or image already has is left as it is. */
void setup_mounts(void);
/* Host name, loopback interface. */
void setup_names(const char *hostname);
/* Makes the EROFS on a block device the root, changes to it in memory, with all that setup_mounts() has. What fails ends the machine. */
void setup_root(const char *device);
/* The same without a host: then the disk's own init is executed with argv (argv[0] becomes its path). A failure is said on standard error. */
_Noreturn void setup_disk_init(const char *device, char **argv);
/* Mounts the host's folders. What cannot be mounted ends the machine. */
void setup_folders(char **folders);
/* Makes a directory and its parents, mode 0755. Returns 0 or -1 (errno). */
int setup_mkdirs(const char *path);
/* Powers the machine off; does not return. */
_Noreturn void setup_power_off(void);

/* users.c */

/* Looks `spec` (USER[:GROUP]; NULL for root) up in the image's /etc/passwd and /etc/group. Returns 0 or -1 (not found). */
int user_lookup(const char *spec, struct identity *id);

/* spawn.c */

/*
 * Starts the command. Returns 0 with *child filled; or the kind of failure (enum ctl_status_kind) with *err the errno. The
 * command's first instruction has been reached when this returns 0.
 */
int spawn_command(struct config *cfg, struct child *child, int *err);

/* pump.c */

/* Moves data between the command and the host's ports until the command has ended and its output is out; fills *st. */
void pump_run(const struct config *cfg, struct child *child, struct ctl_status *st);

#endif
