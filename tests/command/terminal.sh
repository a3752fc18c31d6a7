#!/bin/sh
# -t: a terminal for the command; ours comes back as it was. script(1) plays the user's terminal.
. "$(dirname "$0")/lib.sh"
command -v script >/dev/null || { echo "ok terminal # skipped: no script(1)"; exit 0; }

# on_terminal COMMAND-LINE: runs it on a terminal of its own; the output, without carriage returns, goes to $work/out.
on_terminal() {
	status=0
	script -qec "$1" /dev/null >"$work/raw" 2>&1 </dev/null || status=$?
	tr -d '\r' <"$work/raw" >"$work/out"
}

on_terminal "stty rows 33 cols 77; '$PANDO' run -it -- sh -c 'test -t 0 && test -t 1 && test -t 2 && tty && stty size'"
# script(1) sends an end-of-file character when its own input is at its end, and the guest's terminal may echo that before the output.
grep -q '/dev/pts/0$' "$work/out" && grep -q '^33 77' "$work/out" && ok terminal-size || not_ok terminal-size "$(one_line <"$work/out")"
on_terminal "'$PANDO' run -it -- sh -c 'exit 9'"
[ $status = 9 ] && ok terminal-status || not_ok terminal-status "status $status"
on_terminal "stty -echo; stty -a >'$work/before'; '$PANDO' run -it -- true; stty -a >'$work/after'"
cmp -s "$work/before" "$work/after" && ok terminal-restored || not_ok terminal-restored "stty differs after a run"
on_terminal "stty -a >'$work/before'; '$PANDO' run --timeout 1.5 -it -- sleep 50; stty -a >'$work/after'"
cmp -s "$work/before" "$work/after" && ok terminal-restored-timeout || not_ok terminal-restored-timeout "stty differs after a timeout"
check terminal-without-input 0 "/dev/pts/0" sh -c '"$0" run -t -- tty | tr -d "\r"' "$PANDO"

# ^C reaches the guest, not us.
if command -v python3 >/dev/null; then
	got=$(python3 - "$PANDO" 2>&1 <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
	os.execv(sys.argv[1], [sys.argv[1], "run", "-it", "--", "sh"])
seen = b""
def until(word, limit=60):
	global seen
	end = time.time() + limit
	while word not in seen and time.time() < end:
		if select.select([fd], [], [], 0.2)[0]:
			try: seen += os.read(fd, 4096)
			except OSError: return word in seen
	found = word in seen
	seen = seen[seen.find(word) + len(word):] if found else seen
	return found
def say(text): os.write(fd, text.encode())
ok = until(b"# ")
say("echo re'ad'y; sleep 100\n"); ok = ok and until(b"ready")
time.sleep(0.3); say("\x03"); say("echo status=$?\n")
ok = ok and until(b"status=130")
say("sleep 100\n"); time.sleep(0.5); say("\x1a"); ok = ok and until(b"topped")
say("jobs | wc -l\n"); ok = ok and until(b"1")
say("fg\n"); time.sleep(0.5); say("\x03"); say("exit 5\n")
_, status = os.waitpid(pid, 0)
print("fine" if ok and os.WEXITSTATUS(status) == 5 else "bad: ok=%s status=%s seen=%r" % (ok, status, seen))
P
	)
	[ "$got" = fine ] && ok terminal-job-control || not_ok terminal-job-control "$(printf %s "$got" | one_line)"
fi
check_clean terminal-leaves-nothing
finish
