#!/bin/sh
# --init: the image's own init, on the serial console.
. "$(dirname "$0")/lib.sh"

# getty, login and a shell, typed at as a user would.
type_in() {
	sleep "${1:-2}"
	for line in root 'echo in-$((40 + 2))' 'tty' poweroff; do
		printf '%s\n' "$line"
		sleep 0.7
	done
	sleep 30
}
delay=2
[ -n "${PANDO_KERNEL-}" ] && delay=9
status=0
type_in $delay | timeout 60 "$PANDO" run --init --timeout 55 >"$work/raw" 2>"$work/err" || status=$?
tr -d '\r' <"$work/raw" >"$work/out"
grep -q '^in-42' "$work/out" && ok init-login || not_ok init-login "$(tail -n 5 "$work/out" | one_line) $(one_line <"$work/err")"
grep -q '^/dev/ttyS0' "$work/out" && ok init-tty || not_ok init-tty "$(tail -n 5 "$work/out" | one_line)"
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
