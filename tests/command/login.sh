#!/bin/sh
# init -> inittab -> getty -> login with a password -> shell with job control -> logout -> the next getty, typed at through a pseudo-terminal.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok login # skipped: another kernel"; exit 0; }
for p in python3 cpio; do
	command -v $p >/dev/null || { echo "ok login # skipped: no $p"; exit 0; }
done
busybox=$(command -v busybox || echo /bin/busybox)
mkdir "$work/root"
(cd "$work/root" && cpio -idm --quiet <"$(dirname "$PANDO")/busybox.cpio" 2>/dev/null)
rm -rf "$work/root/.pando" "$work/root/dev"
mkdir -p "$work/root/dev" "$work/root/home/ada"
echo 'ada:x:1000:100:Ada:/home/ada:/bin/sh' >>"$work/root/etc/passwd"
echo "ada:$("$busybox" mkpasswd -m sha512 -S saltsalt secret):19000:0:99999:7:::" >>"$work/root/etc/shadow"
tar -C "$work/root" -cf "$work/root.tar" .

cat >"$work/user.py" <<'P'
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
	os.execv(sys.argv[1], [sys.argv[1], "run", "-it", "--init", "--timeout", "100", sys.argv[2]])
seen = b""
def until(word, limit=40):
	global seen
	end = time.time() + limit
	while word not in seen and time.time() < end:
		if select.select([fd], [], [], 0.2)[0]:
			try: seen += os.read(fd, 4096)
			except OSError: break
	found = word in seen
	if found: seen = seen[seen.find(word) + len(word):]
	return found
def step(name, keys, *words):
	time.sleep(0.3)
	os.write(fd, keys)
	for w in words:
		if not until(w):
			print("not ok login-%s: no %r in %r" % (name, w, seen[-200:]))
			os.kill(pid, 9)
			sys.exit(1)
	print("ok login-%s" % name)
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
_, status = os.waitpid(pid, 0)
print("ok login-end" if status == 0 else "not ok login-end: status %d" % status)
P
timeout 150 python3 "$work/user.py" "$PANDO" "$work/root.tar" || failed=1
check_clean login-leaves-nothing
finish
