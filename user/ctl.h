/*
 * The control channel between the `pando` command (host) and pando-init (guest): what travels over the virtio port "pando.ctl".
 *
 * Both directions carry frames: a struct ctl_frame, then `len` bytes. Numbers are little-endian (both ends are x86-64).
 * Host to guest: any number of CTL_ARG, CTL_ENV and CTL_FOLDER, the other settings at most once each, then CTL_START; later CTL_WINSIZE, and at the end CTL_BYE.
 * Guest to host: one CTL_STATUS or one CTL_FAIL. The guest stays alive until CTL_BYE comes, so that no output is lost in the VMM's queues:
 * the status says how many bytes of output were written, and the host waits for all of them.
 */
#ifndef USER_CTL_H
#define USER_CTL_H

#include <stdint.h>

#define CTL_VERSION 3
#define CTL_MAX_FRAME (4u << 20) /* of one frame; more is a broken peer */

#define CTL_PORT "pando.ctl"
#define CTL_PORT_STDIN "pando.stdin"
#define CTL_PORT_STDOUT "pando.stdout"
#define CTL_PORT_STDERR "pando.stderr"
#define CTL_PORT_TTY "pando.tty"

#define CTL_ROOT_DEVICE "/dev/vda"
/* pando-init as `pando-init --root-disk DEVICE [ARGUMENT...]`, without a control channel: makes the disk the root and becomes the init that is there. */
#define CTL_DISK_INIT "--root-disk"

struct ctl_frame {
	uint32_t type; /* enum ctl_type */
	uint32_t len;  /* bytes that follow */
};

enum ctl_type {
	CTL_ARG = 1,  /* text, without NUL: one argument of the command, in order */
	CTL_ENV,      /* text: NAME=VALUE */
	CTL_CWD,      /* text: working directory; made if it is missing */
	CTL_USER,     /* text: USER[:GROUP], names or numbers */
	CTL_HOSTNAME, /* text */
	CTL_TTY,      /* struct ctl_winsize: the command gets a terminal, connected to CTL_PORT_TTY */
	CTL_START,    /* uint32_t CTL_VERSION: everything has been said, run the command */
	CTL_WINSIZE,  /* struct ctl_winsize */
	CTL_BYE,      /* nothing: the host has all output, power off */
	CTL_ROOT,     /* text: a block device with the root file system; at most once */
	CTL_FOLDER,   /* text: "ro TAG DIR" or "rw TAG DIR"; a 9P device to mount */

	CTL_STATUS = 0x80, /* struct ctl_status */
	CTL_FAIL,          /* text: pando-init could not do its work */
};

struct ctl_winsize {
	uint16_t rows;
	uint16_t cols;
};

enum ctl_status_kind {
	CTL_EXITED = 1, /* value: exit status */
	CTL_SIGNALED,   /* value: signal */
	CTL_NO_EXEC,    /* value: errno of execve; the command never ran */
	CTL_NO_CWD,     /* value: errno; the working directory could not be entered */
	CTL_NO_USER,    /* value: 0; the user or group is not in the image */
};

struct ctl_status {
	uint32_t kind;      /* enum ctl_status_kind */
	uint32_t value;
	uint64_t out_bytes; /* written to CTL_PORT_STDOUT or CTL_PORT_TTY */
	uint64_t err_bytes; /* written to CTL_PORT_STDERR */
};

_Static_assert(sizeof(struct ctl_frame) == 8, "wire format");
_Static_assert(sizeof(struct ctl_winsize) == 4, "wire format");
_Static_assert(sizeof(struct ctl_status) == 24, "wire format");

#endif
