#!/bin/sh
# trace-cmd in the guest: start and show, and a recording that trace-cmd here reads. Skipped without trace-cmd.
. "$(dirname "$0")/lib.sh"
if ! command -v trace-cmd >/dev/null 2>&1; then
	echo "skip tracefs (no trace-cmd)"
	finish
fi
root=$work/root
mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" "$root/tmp"
cp "$(command -v busybox)" "$root/bin/busybox"
for a in sh cat sleep; do ln -s busybox "$root/bin/$a"; done
cp -L "$(command -v trace-cmd)" "$root/bin/"
ldd "$root/bin/trace-cmd" | grep -o '/[^ ]*' | while read -r lib; do mkdir -p "$root$(dirname "$lib")" && cp -L "$lib" "$root$lib"; done
in_guest() { timeout 120 "$PANDO" run -c 2 "$root" -- sh -c "$1" </dev/null; }

in_guest 'trace-cmd start -e sched -e pando:reap && /bin/busybox true; trace-cmd stop && trace-cmd show; trace-cmd reset' >"$work/show" 2>"$work/err" &&
	grep -q 'sched_process_exec: filename=/bin/busybox pid=' "$work/show" && ok tracefs-show || not_ok tracefs-show "$(one_line <"$work/err")"

# The script's own count of what it made, against what the recording says.
in_guest 'cd /tmp; exec 3>&1 >&2; trace-cmd record -e sched -e task -e pando -o x.dat \
	sh -c "i=0; while [ \$i -lt 50 ]; do /bin/busybox true; i=\$((i + 1)); done; echo mark >/sys/kernel/tracing/trace_marker" && cat x.dat >&3' >"$work/x.dat" 2>"$work/err"
if trace-cmd report "$work/x.dat" >"$work/report" 2>"$work/err2"; then ok tracefs-report; else not_ok tracefs-report "$(cat "$work/err" "$work/err2" | one_line)"; fi
count() { grep -c "$1" "$work/report" || true; }
equal() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1" "$2, not $3"; }
equal tracefs-execs "$(count 'sched_process_exec: *filename=/bin/busybox ')" 50
equal tracefs-exits "$(count 'sched_process_exit: *comm=busybox ')" 50
equal tracefs-forks "$(count 'sched_process_fork: *comm=sh .*child_comm=sh ')" 50
equal tracefs-newtasks "$(count 'task_newtask: .*comm=sh ')" 50
equal tracefs-steps "$(count 'clone_step: .* mm=COPY:')" "$(count 'sched_process_fork:')"
equal tracefs-marks "$(count ': mark')" 1
grep -q 'sched_switch: .* ==> ' "$work/report" && ok tracefs-switches || not_ok tracefs-switches
grep -qi 'cannot\|failed\|\[INVALID' "$work/report" "$work/err2" && not_ok tracefs-parsed "$(grep -i 'cannot\|failed\|\[INVALID' "$work/report" | head -n 1)" || ok tracefs-parsed
finish
