#!/bin/sh
# init -> inittab -> getty -> login with a password -> shell with job control -> logout -> the next getty, typed at through a pseudo-terminal.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok login # skipped: another kernel"; exit 0; }
for p in python3 cpio; do
	command -v $p >/dev/null || { echo "ok login # skipped: no $p"; exit 0; }
done
busybox=$(command -v busybox || echo /bin/busybox)
here=$(cd "$(dirname "$0")" && pwd)
mkdir "$work/root"
(cd "$work/root" && cpio -idm --quiet <"$(dirname "$PANDO")/busybox.cpio" 2>/dev/null)
rm -rf "$work/root/.pando" "$work/root/dev"
mkdir -p "$work/root/dev" "$work/root/home/ada"
echo 'ada:x:1000:100:Ada:/home/ada:/bin/sh' >>"$work/root/etc/passwd"
echo "ada:$("$busybox" mkpasswd -m sha512 -S saltsalt secret):19000:0:99999:7:::" >>"$work/root/etc/shadow"
tar -C "$work/root" -cf "$work/root.tar" .

cat >"$work/user.py" <<'P'
import sys
from typist import Typist
user = Typist("login", sys.argv[1], "run", "-it", "--init", "--timeout", "100", sys.argv[2])
step = user.step
step("getty", b"", b"pando login: ")
step("name", b"ada\r", b"Password: ")
step("wrong-password", b"wrong\r", b"Login incorrect", b"login: ")
step("name-again", b"ada\r", b"Password: ")
step("password", b"secret\r", b"$ ")
step("who", b"id -un; pwd; tty\r", b"\nada", b"\n/home/ada", b"\n/dev/ttyS0", b"$ ")
step("permission", b"cat /etc/shadow\r", b"ermission denied", b"$ ")
step("session", b"set -- $(cat /proc/$$/stat); [ $6 = $PPID ] && [ $8 = $$ ] && echo lea'der'\r", b"\nleader", b"$ ")
step("interrupt", b"sleep 100\r", b"\n")
step("interrupt-status", b"\x03", b"$ ")
step("interrupt-130", b"echo st=$?\r", b"st=130", b"$ ")
step("quit", b"sleep 100\r", b"\n")
step("quit-status", b"\x1c", b"Quit", b"$ ")
step("start", b"sleep 50 | cat\r", b"\n")
step("stop", b"\x1a", b"Stopped", b"$ ")
step("bg", b"bg; jobs\r", b"Running", b"$ ")
step("fg", b"fg\r", b"sleep 50")
step("fg-interrupt", b"\x03", b"$ ")
step("background-read", b"cat &\r", b"$ ")
step("ttin", b"sleep 0.2; jobs\r", b"Stopped (tty input)", b"$ ")
step("kill", b"kill %1; kill -CONT %1; sleep 0.2\r", b"$ ")
step("erase", b"stty erase ^H; read x\r", b"\n")
step("erase-key", b"abcx\x08d\r", b"$ ")
step("erase-result", b"echo got=$x\r", b"got=abcd", b"$ ")
step("end-of-file", b"\x04", b"login: ")
step("root", b"root\r", b"# ")
step("logged-out", b"ps | grep -c '[a]da'\r", b"\n0", b"# ")
step("su", b"su ada -c 'id -u; tty'\r", b"\n1000", b"# ")
step("poweroff", b"poweroff\r", b"Requesting system poweroff", b"Power down")
user.end(0)
P
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here timeout 150 python3 "$work/user.py" "$PANDO" "$work/root.tar" || failed=1
check_clean login-leaves-nothing
finish
