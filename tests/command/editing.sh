#!/bin/sh
# A user at the terminal of `pando run -it`: line editing, window size, vi, less, top, stop and continue, large pastes.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok editing # skipped: another kernel"; exit 0; }
command -v python3 >/dev/null || { echo "ok editing # skipped: no python3"; exit 0; }
cat >"$work/user.py" <<'P'
import hashlib, random, sys
from typist import Typist
user = Typist("editing", sys.argv[1], "run", "-it", "--timeout", "120", "-e", "TERM=vt100", "--", "sh")
step = user.step
step("prompt", b"", b"# ")
step("line", b"echo ab" + b"\x1b[D" + b"x" + b"\x05" + b"y; echo on'e'\r", b"\r\naxby\r\none\r\n", b"# ")
step("history", b"\x1b[A\r", b"\r\naxby\r\none\r\n", b"# ")
step("completion", b"ls /etc/host\t\r", b"# ")
step("canonical", b"cat\r", b"\n")
step("erase-word", b"one two\x17three\r", b"\r\none three\r\n")
step("kill-line", b"gone\x15kept\r", b"\r\nkept\r\n")
step("literal", b"\x16\x03x\r", b"\r\n\x03x\r\n")
step("end-of-file", b"\x04", b"# ")
user.resize(33, 77)
step("size", b"stty size\r", b"\r\n33 77\r\n", b"# ")
step("winch", b"sh -c 'trap \"stty size\" WINCH; echo r\"ead\"y; while :; do sleep 0.1; done'\r", b"\r\nready\r\n")
user.resize(20, 66)
step("winch-seen", b"", b"20 66\r\n")
step("winch-end", b"\x03", b"# ")
user.resize(24, 80)
step("vi", b"vi /tmp/text\r", b"~")
step("vi-insert", b"ihello vi\rsecond line\x1b", b"second line")
step("vi-stop", b"\x1a", b"Stopped", b"# ")
step("vi-fg", b"fg\r", b"second line")
step("vi-write", b"yyp:wq\r", b"# ")
step("vi-result", b"cat /tmp/text\r", b"\r\nhello vi\r\nsecond line\r\nsecond line\r\n", b"# ")
step("less", b"seq 100 | less\r", b"23\r\n")
step("less-page", b" ", b"46\r\n")
step("less-search", b"/88\r", b"99\r\n")
step("less-quit", b"q", b"# ")
step("top", b"top\r", b"COMMAND", b"top", b"COMMAND")
step("top-quit", b"q", b"# ")
step("echo-off", b"read -s x; echo \"<$x>\"\r", b"\n")
step("echo-off-read", b"hidden\r", b"<hidden>", b"# ")
step("flow", b"yes\r", b"y\r\ny\r\ny\r\n")
step("flow-stopped", b"\x13\x11\x03", b"# ")
data = random.Random(1).randbytes(200000)
step("paste", b"stty raw -echo; echo r'ead'y; head -c 200000 | md5sum; stty sane\r", b"ready\n")
user.paste(data)
step("paste-whole", b"", hashlib.md5(data).hexdigest().encode(), b"# ")
text = b"".join(b"line %d of a text that is pasted\n" % i for i in range(3000))
step("paste-lines", b"stty -echo; cat | md5sum; stty echo\r", b"\n")
user.paste(text + b"\x04")
step("paste-lines-whole", b"", hashlib.md5(text).hexdigest().encode(), b"# ")
step("exit", b"exit 5\r", b"\n")
user.end(5)
P
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(cd "$(dirname "$0")" && pwd) timeout 150 python3 "$work/user.py" "$PANDO" || failed=1
check_clean editing-leaves-nothing
finish
