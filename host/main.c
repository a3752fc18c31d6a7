/*
 * The `pando` command. Its parts, from the outside in:
 *
 *     main.c options.c run.c     what the user wants          image.c load_*.c tree.c spool.c cpio_writer.c image_config.c bootstrap.c   images
 *     trace.c trace_*.c          what is made of a trace
 *     session.c stream.c         the running machine          kernel_file.c qemu.c accel.c                                   the machine
 *     ctl_link.c guest_log.c terminal.c                       complain.c files.c                                             small things
 */
#include "bootstrap.h"
#include "complain.h"
#include "image.h"
#include "options.h"
#include "run.h"
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
	"pando runs a command in a virtual machine of its own.\n"
	"\n"
	"  pando run [OPTIONS] [IMAGE] -- COMMAND [ARG...]   run a command (without IMAGE: in the built-in BusyBox image)\n"
	"  pando run --init [OPTIONS] [IMAGE] [-- ARG...]    boot the image's own init; Ctrl-A x leaves\n"
	"  pando trace [OPTIONS] [IMAGE] -- COMMAND [ARG...]  run it and show how every process came to be\n"
	"  pando image IMAGE -o FILE                         pack an image once, to start it faster\n"
	"  pando image FILE SUITE [--include PACKAGES]       make a Debian image (a tar) with mmdebstrap; --mirror URL, --minimal, --verbose\n"
	"  pando help, pando --version\n"
	"\n"
	"IMAGE is a folder, a tar (also compressed), a cpio, an OCI layout, a `docker save` archive, or what `pando image` made.\n"
	"\n"
	"  -m, --memory SIZE     memory, like 512M or 4G             -i, --interactive     (input is always connected; with -t: as docker)\n"
	"  -c, --cpus N          CPUs, 1 to 8                        -t, --tty             a terminal for the command\n"
	"  -e, --env K=V         environment variable (K: ours)      -w, --workdir DIR     working directory\n"
	"  -u, --user U[:G]      user and group                      --hostname NAME       host name\n"
	"  --timeout SECONDS     end the machine after that time     --accel auto|kvm|tcg  how the machine is run\n"
	"  --kernel FILE         another kernel                      --append STRING       more kernel parameters\n"
	"\n"
	"With trace:\n"
	"  --steps               every step of every birth           --json FILE           events, one a line\n"
	"  --pid N, --depth N    only that process and what it made   --html FILE           a page with timeline and tree\n"
	"  --only CLASSES        of fork,exec,exit,cow,sched         --perfetto FILE       for ui.perfetto.dev\n"
	"  --lossy               lose events rather than wait        --raw FILE, --from FILE   record a trace, show a recorded one\n"
	"\n"
	"  -v, --volume HOSTDIR:GUESTDIR[:ro]                       a folder of this computer in the machine; what is written is there at once\n"
	"  --root-disk FILE      an EROFS image as the root instead of IMAGE; changes stay in memory\n"
	"  -v, --verbose         show the kernel's log and what was chosen\n"
	"\n"
	"The exit status is the command's; 128+N if signal N ended it; 125 if pando failed, 126 if the command cannot be executed, 127 if it\n"
	"is not in the image.\n";

/* 0, 1 and 2 must be open, or a socket would take their place. A closed output stays unusable: writing to it fails. */
static void ensure_standard_fds(void)
{
	int fd;

	for (fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(EXIT_PANDO);
}

static int print(const char *text)
{
	if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
		return 0;
	complain("standard output: %s", strerror(errno));
	return EXIT_PANDO;
}

static int command_run(int argc, char **argv)
{
	struct run_options o;
	bool help;
	int status = EXIT_PANDO;

	if (options_parse_run(argc, argv, &o, &help) == 0)
		status = help ? print(help_text) : run(&o);
	options_free(&o);
	return status;
}

static int command_trace(int argc, char **argv)
{
	struct run_options o;
	struct trace_options t;
	bool help;
	int status = EXIT_PANDO;

	if (options_parse_trace(argc, argv, &o, &t, &help) == 0)
		status = help ? print(help_text) : trace(&o, &t);
	options_free(&o);
	return status;
}

static int command_image(int argc, char **argv)
{
	struct image_options o;
	bool help;

	if (options_parse_image(argc, argv, &o, &help) != 0)
		return EXIT_PANDO;
	if (help)
		return print(help_text);
	return (o.image ? image_pack(o.image, o.out) : image_bootstrap(&o.debian)) == 0 ? 0 : EXIT_PANDO;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	ensure_standard_fds();
	if (strcmp(verb, "run") == 0)
		return command_run(argc - 1, argv + 1);
	if (strcmp(verb, "trace") == 0)
		return command_trace(argc - 1, argv + 1);
	if (strcmp(verb, "image") == 0)
		return command_image(argc - 1, argv + 1);
	if (strcmp(verb, "--version") == 0 || strcmp(verb, "version") == 0 || strcmp(verb, "-V") == 0)
		return print("pando " PANDO_VERSION "\n");
	if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
		return print(help_text);
	complain(*verb ? "what is '%s'? (see pando --help)" : "nothing to do%s (see pando --help)", verb);
	return EXIT_PANDO;
}
