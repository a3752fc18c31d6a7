#!/bin/sh
# A core that Pando wrote, read by gdb on this side: the threads, their frames, the variables. Left out without gdb.
. "$(dirname "$0")/lib.sh"
for tool in gdb gcc; do
	command -v $tool >/dev/null || { echo "ok core # skipped: no $tool"; exit 0; }
done
mkdir -p "$work/root/bin" "$work/root/tmp" "$work/root/proc"
cat >"$work/crash.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
static volatile int waiting;
static double half = 0.5;
static void *sleeper(void *arg) { waiting = 1; for (;;) pause(); return arg; }
static int deep(int n, volatile int *where) { if (n) return deep(n - 1, where) + 1; *where = 7; return 0; }
int main(void)
{
	pthread_t t;
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };
	setrlimit(RLIMIT_CORE, &r);
	pthread_create(&t, NULL, sleeper, NULL);
	while (!waiting)
		usleep(1000);
	return deep(3, (int *)((long)(half * 2) + 4095));
}
END
gcc -g -O0 -static -pthread -o "$work/root/bin/crash" "$work/crash.c" || { echo "ok core # skipped: no static C library"; exit 0; }
cp "$(command -v busybox)" "$work/root/bin/sh"
ln -s sh "$work/root/bin/cat"
status=0
"$PANDO" run -c 2 --timeout 120 -w /tmp "$work/root" -- /bin/sh -c '/bin/crash 2>/dev/null; echo $? >&2; exec /bin/cat core' >"$work/core" 2>"$work/status" || status=$?
if grep -q '^139$' "$work/status" && [ $status = 0 ]; then ok core-status; else not_ok core-status "$status $(one_line <"$work/status")"; fi
gdb -nx -batch -ex 'info threads' -ex bt -ex 'print half' -ex 'thread 2' -ex bt "$work/root/bin/crash" "$work/core" >"$work/gdb" 2>&1 </dev/null
# reads NAME PATTERN
reads() {
	if grep -q "$2" "$work/gdb"; then ok "core-gdb-$1"; else not_ok "core-gdb-$1" "no '$2': $(tail -n 12 "$work/gdb" | one_line)"; fi
}
reads signal SIGSEGV
reads frame '#0  .*deep (n=0'
reads main '#4  .*main ()'
reads variable '= 0\.5'
reads thread 'sleeper (arg=0x0)'
finish
