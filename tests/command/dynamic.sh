#!/bin/sh
# Programs of this computer, dynamically linked against its glibc, print in Pando what they print here. What is not installed is left out.
. "$(dirname "$0")/lib.sh"
root=$work/root
mkdir -p "$root/tmp" "$root/etc" "$root/usr/bin" "$root/proc" "$root/dev"
for d in bin sbin lib lib64; do mkdir -p "$root/usr/$d"; ln -s "usr/$d" "$root/$d"; done
echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"

# with_libraries FILE: the libraries that FILE needs, where it looks for them.
with_libraries() {
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		case $lib in
		/lib64/*) to=/usr$lib ;;
		*) to=/usr/lib/$(basename "$(dirname "$lib")")/$(basename "$lib") ;;
		esac
		mkdir -p "$root$(dirname "$to")"
		[ -e "$root$to" ] || cp -L "$lib" "$root$to"
	done
}
have() {
	for p; do
		file=/usr/bin/$p
		[ -x "$file" ] || file=/bin/$p
		[ -x "$file" ] || return 1
		[ -e "$root/usr/bin/$p" ] && continue
		cp -L "$file" "$root/usr/bin/$p"
		with_libraries "$file"
	done
}
# same NAME COMMAND...: the same standard output here and there.
same() {
	name=$1
	shift
	(cd /tmp && env -i PATH=/usr/bin:/bin HOME=/root LC_ALL=C "$@") >"$work/here" 2>"$work/err" </dev/null
	"$PANDO" run -c 2 --timeout 120 -w /tmp -e PATH=/usr/bin:/bin -e HOME=/root -e LC_ALL=C "$root" -- "$@" >"$work/there" 2>"$work/err" </dev/null
	if cmp -s "$work/here" "$work/there"; then
		ok "dynamic-$name"
	else
		not_ok "dynamic-$name" "$(diff "$work/here" "$work/there" | head -n 6 | one_line)"
	fi
}
have bash sh echo yes cat ls sort sed grep awk tr head tail wc seq cut uniq find xargs tar gzip mktemp rm mkdir ln touch stat md5sum sleep env true false \
	mkfifo diff || { echo "ok dynamic # skipped: no $p"; exit 0; }

same bash bash -c 'mapfile -t a < <(seq 5); echo "${a[@]}" "${#a[@]}"; declare -A h=([k]=v); echo ${h[k]}; [[ abc =~ b(.) ]] && echo ${BASH_REMATCH[1]}
	coproc cat; echo there >&${COPROC[1]}; read -u ${COPROC[0]} x; echo $x; trap "echo bye" EXIT; (exit 3) & wait $!; echo $?
	set -o pipefail; false | true; echo $?; exec 5<<<here; cat <&5; read -t 0.1 y < <(sleep 1); echo $?; kill -l 15; printf "%(%Y)T\n" 0; ulimit -n 50; ulimit -n
	for i in {1..200}; do (exit $((i % 7))) || ((n++)); done; echo $n; bash -c "kill -9 \$\$"; echo $?; echo $(( $(echo 6) * 7 )); time_() { local TIMEFORMAT=x; time true; }; time_'
same pipeline bash -c 'seq 50000 | sort -r | sort -n | tail -n 2; seq 20000 | sort -R | sort -n | md5sum; seq 3000 | awk "{ s += \$1 } END { print s }"
	seq 100 | grep -c 7; seq 9 | tr 1-9 a-i | sed -n "2,3p;\$s/i/end/p"; yes | head -n 70000 | uniq -c'
same files bash -c 'd=$(mktemp -d); cd $d; mkdir -p a/b; seq 1000 >a/f; ln a/f a/h; ln -s f a/l; mkfifo a/p; touch a/b/{1..30}; find . -type f | sort | head -n 4
	tar czf ../t.tgz .; mkdir ../o; tar xzf ../t.tgz -C ../o; diff -r --no-dereference a ../o/a 2>&1 | grep -v fifo; stat -c "%h %F" ../o/a/f ../o/a/p; find . -type f | xargs cat | md5sum
	rm -rf $d ../o ../t.tgz; ls nowhere; echo $?'
if have perl; then
	same perl perl -e '$| = 1; my $p = fork; if (!$p) { exit 3 } waitpid($p, 0); print $? >> 8, "\n"; print `echo back`; open(F, "-|", "seq 3"); print <F>; close F;
		$SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select(undef, undef, undef, 5); pipe(R, W); if (!fork) { print W "x" x 100000; exit }
		close W; my $n = 0; while (sysread(R, my $b, 4096)) { $n += length $b } print "$n\n"; system("exit 5"); print $? >> 8, "\n"; print join(",", sort { $b <=> $a } 1 .. 9), "\n"'
fi
if have python3; then
	lib=$(/usr/bin/python3 -c 'import os; print(os.path.dirname(os.__file__))')
	mkdir -p "$root$lib"
	(cd "$lib" && tar cf - --exclude=test --exclude=__pycache__ --exclude=dist-packages --exclude=site-packages --exclude=idlelib --exclude=tkinter \
		--exclude=lib2to3 --exclude='config-*' .) | tar xf - -C "$root$lib"
	for f in "$root$lib"/lib-dynload/*.so; do with_libraries "$f"; done
	gcc_s=lib/x86_64-linux-gnu/libgcc_s.so.1 # for pthread_exit, which loads it
	[ -e "$root/usr/$gcc_s" ] || cp -L "/$gcc_s" "$root/usr/$gcc_s"
	program=$(cat <<'P'
import asyncio, mmap, multiprocessing, os, select, signal, socket, subprocess, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
print(subprocess.run("cat | tr a-z A-Z", shell=True, input=b"hello\n", capture_output=True).stdout)
out = []
ts = [threading.Thread(target=out.append, args=(i,)) for i in range(50)]
[t.start() for t in ts]; [t.join() for t in ts]; print(sorted(out) == list(range(50)))
with ThreadPoolExecutor(8) as e: print(sum(e.map(lambda x: x * x, range(2000))))
def square(q, i): q.put(i * i)
q = multiprocessing.get_context("fork").Queue()
ps = [multiprocessing.get_context("fork").Process(target=square, args=(q, i)) for i in range(4)]
[p.start() for p in ps]; print(sorted(q.get() for p in ps)); [p.join() for p in ps]
a, b = socket.socketpair(); a.send(b"x" * 10); print(b.recv(100))
async def main():
    p = await asyncio.create_subprocess_exec("sh", "-c", "sleep 0.1; echo async; exit 4", stdout=-1)
    print((await p.communicate())[0], p.returncode)
asyncio.run(main())
f = tempfile.TemporaryFile(); f.truncate(8192); m = mmap.mmap(f.fileno(), 0); m[5000:5003] = b"abc"; f.seek(5000); print(f.read(3))
signal.signal(signal.SIGALRM, lambda *a: print("alarm")); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
r, w = os.pipe(); ep = select.epoll(); ep.register(r, select.EPOLLIN); print(ep.poll(0)); os.write(w, b"!"); print(len(ep.poll(1)))
try: subprocess.run(["sleep", "9"], timeout=0.1)
except subprocess.TimeoutExpired: print("timeout")
pid = os.fork()
if pid == 0: os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.path.exists("/proc/self/fd"))
P
	)
	same python python3 -B -c "$program"
fi
check_clean dynamic-leaves-nothing
finish
