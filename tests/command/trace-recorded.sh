#!/bin/sh
# What a trace tells of one run of a program that is born, fails, execs, copies, waits and dies in every way.
. "$(dirname "$0")/lib.sh"
root=$work/root
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
ln -s busybox "$root/bin/sh"
printf '#!/bin/sh\nexec "$@"\n' >"$root/bin/inner"
printf '#!/bin/inner /bin/busybox\n' >"$root/bin/outer"
chmod 755 "$root/bin/inner" "$root/bin/outer"
cat >"$work/lives.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char area[100 * 4096];
static void *thread(void *x) { return x; }
static void wait_all(void) { while (wait(NULL) > 0 || errno == EINTR) ; }

int main(int argc, char **argv)
{
	pthread_t t;
	pid_t p;
	if (argc > 1) {
		for (;;)
			memset(malloc(1 << 20), 1, 1 << 20); /* until it is killed */
	}
	memset(area, 1, sizeof(area));
	if (!vfork()) { /* the parent waits */
		execl("/bin/nothing", "nothing", NULL);
		execl("/bin/busybox", "busybox", "true", NULL);
		_exit(1);
	}
	if (!fork()) { /* 100 pages are copied */
		memset(area, 2, sizeof(area));
		_exit(3);
	}
	if (!fork()) { /* a script's script */
		execl("/bin/outer", "outer", "true", NULL);
		_exit(1);
	}
	if (!(p = fork()))
		for (;;)
			pause();
	kill(p, SIGTERM);
	if (!fork()) { /* its child becomes an orphan */
		if (!fork()) {
			usleep(100000);
			_exit(0);
		}
		_exit(0);
	}
	wait_all();
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	if (syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) != -1 || errno != EINVAL)
		return 1;
	if (!fork()) {
		struct rlimit none = { 0, 0 };
		setrlimit(RLIMIT_NPROC, &none);
		if (setuid(1000) || fork() != -1 || errno != EAGAIN)
			_exit(1);
		_exit(0);
	}
	if (!fork()) {
		execl("/bin/lives", "lives", "hog", NULL);
		_exit(1);
	}
	usleep(150000);
	wait_all();
	return 0;
}
END
gcc -static -O1 -w -o "$root/bin/lives" "$work/lives.c" -lpthread
status=0
timeout 120 "$PANDO" trace -m 96M --steps --json "$work/json" "$root" -- /bin/lives >"$work/out" 2>"$work/tree" </dev/null || status=$?
[ $status = 0 ] && ok recorded-run || not_ok recorded-run "status $status: $(tail -n 4 "$work/tree" | one_line)"

tree() { # NAME PATTERN: a line of the tree
	if grep -q -- "$2" "$work/tree"; then ok "recorded-$1"; else not_ok "recorded-$1" "no line like $2"; fi
}
event() { # NAME PATTERN: an event
	if grep -q -- "$2" "$work/json"; then ok "recorded-$1"; else not_ok "recorded-$1" "no event like $2"; fi
}
tree vfork ' busybox true *vfork .*(parent waited [0-9.]* .s)  exec '
event vfork-wait '"event":"vfork_done","ns":[1-9][0-9]*,"child":'
tree exec-fail 'exec /bin/nothing: ENOENT after'
event exec-fail-event '"event":"exec_fail".*"path":"/bin/nothing","error_name":"ENOENT"'
tree interpreters 'exec /bin/outer, interpreter /bin/inner, interpreter /bin/sh: '
tree cow 'COW 1[0-9][0-9] pages, .*exit 3'
tree killed 'killed by SIGTERM from [1-9]'
event killed-event '"event":"killed","target":[0-9]*,"signal":15,"sender":[1-9].*"signal_name":"SIGTERM"'
tree orphan 'orphan, to 1$'
event reparent '"event":"reparent","child":[0-9]*,"old":[0-9]*,"parent":1'
tree thread ' thread [0-9.]* .s '
tree clone-fail '✗ clone failed: EINVAL (its arguments)'
tree fork-fail '✗ .* failed: EAGAIN in step limits'
event fork-fail-event '"event":"birth_fail".*"error_name":"EAGAIN","failed_step":"limits"'
tree oom 'killed by SIGKILL for want of memory'
event oom-event '"event":"oom_kill","rss":[1-9]'
tree zombie ', reaped by [1-9]'
tree times 'ran [0-9.]* .s, waited .* for a CPU, was blocked for '
event kernel-thread '"call_name":"kernel thread".*"comm":"k\|"comm":"k.*"call_name":"kernel thread"'
event boot '"event":"boot_phase".*"name":"initramfs"'
finish
