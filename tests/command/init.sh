#!/bin/sh
# --init: the image's own init, on the serial console.
. "$(dirname "$0")/lib.sh"

# getty, login and a shell, typed at as a user would: a line when the text before it has come, on a pipe that stays open.
# type_in [TEXT N LINE]...: when N lines with TEXT have come, LINE is typed, and so on.
mkfifo "$work/keys"
seen() { tr -d '\r' <"$work/raw" | grep -c -e "$1" || true; }
type_in() {
	while [ $# -gt 1 ]; do
		i=0
		while [ "$(seen "$1")" -lt "$2" ] && [ $i -lt 400 ]; do sleep 0.1; i=$((i + 1)); done
		sleep 0.2
		printf '%s\n' "$3" >&3
		shift 3
	done
}
status=0
: >"$work/raw"
timeout 90 "$PANDO" run --init --timeout 80 <"$work/keys" >"$work/raw" 2>"$work/err" 3>&- &
pid=$!
exec 3>"$work/keys"
type_in 'login: ' 1 root 'pando:' 1 'echo in-$((40 + 2))' '^in-42' 1 tty '^/dev/ttyS0' 1 id 'groups=' 1 exit \
	'login: ' 2 root 'root login on' 2 'echo again-$((40 + 2))' '^again-42' 1 poweroff
wait $pid || status=$?
exec 3>&-
tr -d '\r' <"$work/raw" >"$work/out"
grep -q '^in-42' "$work/out" && ok init-login || not_ok init-login "$(tail -n 5 "$work/out" | one_line) $(one_line <"$work/err")"
grep -q '^/dev/ttyS0' "$work/out" && ok init-tty || not_ok init-tty "$(tail -n 5 "$work/out" | one_line)"
grep -q '^uid=0(root) gid=0(root) groups=0(root)' "$work/out" && ok init-id || not_ok init-id "$(grep uid= "$work/out")"
grep -q '^again-42' "$work/out" && ok init-respawn || not_ok init-respawn "$(tail -n 5 "$work/out" | one_line)"
# init's own words, after the session on its console has ended.
grep -q '^Sent SIGKILL to all processes' "$work/out" && ok init-words || not_ok init-words "$(tail -n 5 "$work/out" | one_line)"
[ $status = 0 ] && ok init-poweroff || not_ok init-poweroff "status $status; $(one_line <"$work/err")"

# The image's own init program, with arguments after "--".
busybox=$(command -v busybox || echo /bin/busybox)
mkdir -p "$work/root/sbin" "$work/root/bin" "$work/root/dev" "$work/root/proc"
cp "$busybox" "$work/root/bin/busybox"
printf '#!/bin/busybox sh\necho "init is $$ with $*"\n/bin/busybox poweroff -f\n' >"$work/root/sbin/init"
chmod +x "$work/root/sbin/init"
status=0
"$PANDO" run --init --timeout 40 "$work/root" -- one 'two three' >"$work/raw" 2>"$work/err" </dev/null || status=$?
tr -d '\r' <"$work/raw" | grep -q '^init is 1 with one two three' && [ $status = 0 ] && ok init-own || not_ok init-own "status $status; $(one_line <"$work/raw") $(one_line <"$work/err")"
check_clean init-leaves-nothing
finish
