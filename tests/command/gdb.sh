#!/bin/sh
# gdb inside, as one uses it: breakpoints, steps, watchpoints, calls, catchpoints, threads, attaching, cores. The programs and gdb are this computer's, its
# /usr is in the machine as a folder. With GDB_NATIVE=yes the same sessions run here, which says whether the test itself is right.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok gdb # skipped: another kernel"; exit 0; }
for p in gdb gcc; do
	command -v $p >/dev/null || { echo "ok gdb # skipped: no $p"; exit 0; }
done
root=$work/root
mkdir -p "$root/tmp" "$root/etc" "$root/usr" "$root/proc" "$root/dev" "$root/sys" "$root/root" "$root/t" "$work/out"
for d in bin sbin lib lib64; do ln -s usr/$d "$root/$d"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
[ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache "$root/etc/"

cat >"$root/t/steps.c" <<'C'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
volatile int total, seen;
struct point { int x, y; char name[8]; } origin = { 3, 4, "here" };
static void on_usr1(int sig) { seen = sig; }
int add(int n)
{
	total += n;
	return total;
}
int main(int argc, char **argv)
{
	if (argc > 1) {
		printf("second program, %s\n", argv[1]);
		return 7;
	}
	signal(SIGUSR1, on_usr1);
	for (int i = 1; i <= 3; i++)
		add(i);
	raise(SIGUSR1);
	printf("total %d seen %d\n", total, seen);
	fflush(stdout);
	pid_t p = fork();
	if (!p) {
		total = 1000;
		add(1);
		_exit(total == 1001 ? 5 : 6);
	}
	int st;
	waitpid(p, &st, 0);
	printf("child %d\n", WEXITSTATUS(st));
	fflush(stdout);
	if (!(p = vfork()))
		_exit(8);
	waitpid(p, &st, 0);
	printf("vfork child %d\n", WEXITSTATUS(st));
	fflush(stdout);
	execl("/proc/self/exe", "steps", "again", (char *)NULL);
	return 1;
}
C
cat >"$root/t/threads.c" <<'C'
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
static atomic_int turns[3], stop;
static void *worker(void *arg)
{
	while (!stop) {
		turns[(long)arg]++;
		usleep(1000);
	}
	return NULL;
}
int main(int argc, char **argv)
{
	pthread_t t[3];
	for (long i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	printf("running\n");
	fflush(stdout);
	if (argc > 1)
		getchar();
	else
		while (turns[0] < 50 || turns[1] < 50 || turns[2] < 50)
			usleep(1000);
	int before = turns[0];
	while (turns[0] < before + 10)
		usleep(1000);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("over\n");
	return 0;
}
C
cat >"$root/t/crash.c" <<'C'
static void inner(int *p) { *p = 1; }
static void outer(int n) { inner((int *)(long)n); }
int main(void) { outer(16); }
C
for p in steps threads crash; do
	(cd "$root/t" && gcc -g -O0 -o $p $p.c -lpthread) 2>"$work/err" || { echo "ok gdb # skipped: gcc does not link: $(one_line <"$work/err")"; exit 0; }
done

# The sessions. session NAME PROGRAM: the commands on the standard input; what gdb and the program say goes to the folder out, behind a line "== PART" to the
# file PART. As few as can be: it takes gdb long to start.
cat >"$root/t/run" <<'S'
cd "$1"
out=$2
export HOME=/root LC_ALL=C.UTF-8 DEBUGINFOD_URLS=
gdb="gdb -nx -q -batch -iex set\ debug-file-directory\ /none -ex set\ confirm\ off -ex set\ pagination\ off -ex set\ width\ 0 -ex handle\ SIGUSR1\ nostop\ noprint\ pass"
session() {
	part=$1
	shift
	cat >/tmp/gdb.commands
	eval "timeout 300 $gdb -x /tmp/gdb.commands \"\$@\"" >"$out/$part.raw" 2>&1 </dev/null
}
session step ./steps <<'G'
break add
run
bt
next
print total
finish
print origin
print $rip != 0
continue
print n
delete
next
stepi
stepi
call add(100)
print total
set var total = 50
continue
echo == watch\n
break main
run
watch total
continue
continue
continue
delete
rwatch seen
continue
info watchpoints
delete
hbreak add
tbreak fork
continue
kill
delete
echo == signal\n
handle SIGUSR1 stop print
run
print $_siginfo.si_signo
signal 0
handle SIGUSR1 nostop noprint pass
echo == fork\n
catch fork
catch vfork
catch exec
run
continue
continue
info program
continue
delete
echo == syscalls\n
catch syscall wait4
catch syscall exit_group
run
bt 1
kill
delete
echo == child\n
set follow-fork-mode child
break add if total >= 1000
run
bt
print total
continue
delete
set follow-fork-mode parent
echo == both\n
set detach-on-fork off
catch fork
run
next
info inferiors
kill inferiors 2
echo == done\n
print 1
G
session threads ./threads <<'G'
break worker
run
info threads
delete
thread apply all bt 1
continue
G
session crash ./crash <<'G'
run
bt
info registers rip
generate-core-file /tmp/core.of.crash
kill
echo == core\n
core-file /tmp/core.of.crash
bt
info frame
G
rm -f /tmp/in
mkfifo /tmp/in
./threads wait </tmp/in >"$out/victim" 2>&1 &
victim=$!
exec 9>/tmp/in
until grep -q running "$out/victim"; do sleep 0.1; done
sed "s/PID/$victim/" <<'G' | session attach -p $victim
info threads
thread apply all bt
thread 2
break usleep
continue
delete
detach
echo == again\n
attach PID
print turns
detach
G
echo >&9
exec 9>&-
wait $victim
echo "status $?" >>"$out/victim"
S
chmod +x "$root/t/run"

if [ "${GDB_NATIVE:-no}" = yes ]; then
	sh "$root/t/run" "$root/t" "$work/out"
else
	timeout 500 "$PANDO" run -c 2 -m 512M --timeout 480 -v /usr:/usr:ro -v "$work/out:/tmp/out" "$root" -- sh /t/run /t /tmp/out >"$work/log" 2>&1 </dev/null ||
		not_ok gdb-machine "status $?: $(one_line <"$work/log")"
fi

for f in "$work"/out/*.raw; do
	[ ! -e "$f" ] || awk -v part="${f%.raw}" -v out="$work/out" '/^== / { part = out "/" $2; next } { print >part }' "$f"
done

# says NAME SESSION PATTERN...: the session's output has lines with the patterns, in this order.
says() {
	name=$1 file=$work/out/$2
	shift 2
	at=1
	for want; do
		n=$(tail -n +$at "$file" 2>/dev/null | grep -n -m 1 -e "$want" | cut -d : -f 1)
		if [ -z "$n" ]; then
			not_ok "gdb-$name" "no '$want' from line $at on: $(tail -n +$at "$file" 2>&1 | one_line)"
			return
		fi
		at=$((at + n))
	done
	ok "gdb-$name"
}
says breakpoint step 'Breakpoint 1, add (n=1)' '#0  add (n=1)' '#1 .* main (argc=1' 'return total' '= 1$'
says finish step 'Value returned is .* = 1' 'x = 3, y = 4, name = "here' '= 1$' 'Breakpoint 1, add (n=2)' '= 2$'
says call step 'Breakpoint 1, add (n=2)' '= 103$' '= 103$' 'total 53 seen 10' 'child 5' 'vfork child 8' 'second program, again' 'exited with code 07'
says watch watch 'atchpoint .: total' 'Old value = 0' 'New value = 1' 'Old value = 1' 'New value = 3' 'Old value = 3' 'New value = 6'
says rwatch watch 'read watchpoint .: seen' 'read watchpoint .: seen' 'Value = 10'
says tbreak watch 'Temporary breakpoint' 'Temporary breakpoint .*fork' 'killed'
says signal signal 'Program received signal SIGUSR1' '= 10$' 'total 6 seen 0' 'exited with code 07'
says catch-fork fork '(forked process' '(vforked process' "(exec'd" 'second program, again' 'exited with code 07'
says catch-syscall syscalls 'Catchpoint .* (call to syscall' '#0 ' 'killed'
says child child 'add (n=1)' '#1 .* main' '= 1000$' 'exited with code 05'
says both both '(forked process' '  *process' '  *process'
says threads threads 'hit Breakpoint 1.*worker' 'Thread ' 'Thread ' 'running' 'over' 'exited normally'
says crash crash 'SIGSEGV' 'inner (p=0x10)' '#1 .* outer (n=16)' '#2 .* main ()' 'Saved corefile'
says core core 'SIGSEGV' 'inner (p=0x10)' '#1 .* outer (n=16)' '#2 .* main ()' 'inner'
says attach attach ' 1 .*Thread' ' 2 .*Thread' ' 3 .*Thread' ' 4 .*Thread' 'worker (arg' 'Breakpoint 1.*usleep' 'detached'
says attach-again again '= {' 'detached'
says goes-on victim 'running' 'over' 'status 0'
check_clean gdb-leaves-nothing
finish
