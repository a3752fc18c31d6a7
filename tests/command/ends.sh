#!/bin/sh
# However a run ends, its status is right and nothing is left behind.
. "$(dirname "$0")/lib.sh"

check_error ends-timeout "timed out after 1.5 s" "$PANDO" run --timeout 1.5 -- sleep 100
check_clean ends-timeout-clean

# ends_by SIGNAL STATUS
ends_by() {
	rm -f "$work/out" # of the run before
	"$PANDO" run -- sh -c 'echo up; sleep 100' >"$work/out" 2>"$work/err" </dev/null &
	pid=$!
	i=0
	while ! [ -s "$work/out" ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
	kill "-$1" $pid
	status=0
	wait $pid || status=$?
	[ $status = "$2" ] && ok "ends-$1" || not_ok "ends-$1" "status $status, not $2; $(one_line <"$work/err")"
	check_clean "ends-$1-clean"
}
ends_by TERM 143
# Under nohup and the like SIGHUP is ignored, and a run inherits that.
ignored=$(sed -n 's/^SigIgn:.*\(.\)$/\1/p' /proc/$$/status)
case $ignored in
[13579bdf]) echo "ok ends-HUP # skipped: SIGHUP is ignored here" ;;
*) ends_by HUP 129 ;;
esac
ends_by KILL 137

# A shell without job control starts background jobs with SIGINT ignored; a foreground child gets it.
if command -v timeout >/dev/null; then
	status=0
	timeout --foreground -s INT 2 "$PANDO" run -- sleep 100 </dev/null >/dev/null 2>"$work/err" || status=$?
	# timeout reports 124 when it had to act.
	[ $status = 124 ] && ok ends-INT || not_ok ends-INT "status $status; $(one_line <"$work/err")"
	check_clean ends-INT-clean
fi

# Before there is anything to show of a trace, a signal is the end all the same. A QEMU that says nothing is what it waits for.
printf '#!/bin/sh\ntouch "%s"\nexec sleep 100\n' "$work/started" >"$work/silent-qemu"
chmod +x "$work/silent-qemu"
PANDO_QEMU=$work/silent-qemu "$PANDO" trace --accel tcg -- true >"$work/out" 2>"$work/err" </dev/null &
pid=$!
i=0
while ! [ -e "$work/started" ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done
kill -TERM $pid
status=0
wait $pid || status=$?
[ $status = 143 ] && ! [ -s "$work/err" ] && ok ends-trace-early || not_ok ends-trace-early "status $status; $(one_line <"$work/err")"

# A reader that goes away: the command gets SIGPIPE.
status=$( (status=0; "$PANDO" run -- sh -c 'yes; exit 3' 2>"$work/err" </dev/null || status=$?; echo $status >"$work/status") | head -n 1 >/dev/null; cat "$work/status")
[ "$status" = 3 ] || [ "$status" = 141 ] && ok ends-closed-pipe || not_ok ends-closed-pipe "status $status; $(one_line <"$work/err")"
status=$( (status=0; "$PANDO" run -- yes 2>"$work/err" </dev/null || status=$?; echo $status >"$work/status") | head -n 1 >/dev/null; cat "$work/status")
[ "$status" = 141 ] && ok ends-sigpipe || not_ok ends-sigpipe "status $status; $(one_line <"$work/err")"
check_clean ends-sigpipe-clean

# An endless input does not keep it.
got=$(yes | "$PANDO" run -- head -n 1 2>"$work/err")
[ "$got" = y ] && ok ends-endless-input || not_ok ends-endless-input "'$got' $(one_line <"$work/err")"

# Standard output, error and input that are closed or cannot be used: output that is lost is an error, silence is not, nor is 2>&-.
# stdio NAME STATUS PATTERN COMMAND: a line on standard error matches the pattern; none, if that is empty.
stdio() {
	status=0
	(export PANDO; timeout 60 sh -c "$4") 2>"$work/err" || status=$?
	if [ $status != "$2" ]; then
		not_ok "$1" "status $status, not $2; $(one_line <"$work/err")"
	elif [ -z "$3" ] && [ -s "$work/err" ]; then
		not_ok "$1" "$(one_line <"$work/err")"
	elif [ -n "$3" ] && ! grep -qx "pando: $3" "$work/err"; then
		not_ok "$1" "no line '$3': $(one_line <"$work/err")"
	else
		ok "$1"
	fi
}
stdio ends-closed-output 125 "standard output: Bad file descriptor" '"$PANDO" run -- echo hi >&-'
stdio ends-output-for-reading 125 "standard output: Bad file descriptor" '"$PANDO" run -- echo hi 1</dev/null'
stdio ends-closed-output-unused 3 "" '"$PANDO" run -- sh -c "exit 3" >&-'
stdio ends-full-output 125 "standard output: No space left on device" '"$PANDO" run -- echo hi >/dev/full'
stdio ends-closed-error 3 "" '"$PANDO" run -- sh -c "echo hi >&2; exit 3" 2>&-'
stdio ends-closed-input 0 "" '"$PANDO" run -- cat <&-'
stdio ends-folder-as-input 125 "standard input: Is a directory" '"$PANDO" run -- cat </'
stdio ends-input-for-writing 125 "standard input: Bad file descriptor" '"$PANDO" run -- cat 0>/dev/null'
stdio ends-json-closed 125 "standard output: Bad file descriptor" '"$PANDO" trace --json - -- true >&-'
stdio ends-json-full 125 "/dev/full: No space left on device" '"$PANDO" trace --json /dev/full -- true'
stdio ends-endless-recording 125 "/dev/zero: it is no trace" '"$PANDO" trace --from /dev/zero'
stdio ends-help-full 125 "standard output: No space left on device" '"$PANDO" --help >/dev/full'
check_clean ends-stdio-clean

# A kernel panic: 125, and its text.
status=0
"$PANDO" run --append "rdinit=/no/such/init init=/no/such/init" -- true >"$work/out" 2>"$work/err" </dev/null || status=$?
if [ $status = 125 ] && grep -q '^pando: the guest.s kernel panicked: Kernel panic - not syncing' "$work/err"; then
	ok ends-panic
else
	not_ok ends-panic "status $status; $(one_line <"$work/err")"
fi
check_clean ends-panic-clean
ls -la "${TMPDIR:-/tmp}" | grep -q 'pando-\(spool\|image\|probe\)' && not_ok ends-no-files "files in ${TMPDIR:-/tmp}" || ok ends-no-files
finish
