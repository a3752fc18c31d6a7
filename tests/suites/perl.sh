# Perl's own tests, from its source package, on the image's perl: those about processes, files, signals, threads and what they need. Each is run as t/TEST runs
# it; a case is one line of what it prints, "FILE:NUMBER", and "FILE(ends)" says that it ended well and printed all it had planned.
tar -C /tmp -xf /suite-source/perl.tar
top=$(cd /tmp/perl* && pwd)
# The tests look for the built library in lib: it is the image's.
perl -e 'print map { "$_\n" } grep { -d } @INC' | while read -r d; do cp -an "$d/." "$top/lib/"; done
ln -s "$(command -v perl)" "$top/perl"
ln -s ../perl "$top/t/perl"
in_t="op/alarm op/chdir op/die_except op/die_exit op/exec op/fh op/filetest op/filetest_stack_ok op/fork op/getpid op/getppid op/glob op/groups op/kill0 op/lfs op/magic
	op/mkdir op/open op/readline op/require_errors op/select op/sigdispatch op/signame_canonical op/sigsystem op/sleep op/sselect op/stat op/stat_errors op/symlink op/sysio
	op/threads op/threads-dirh op/time op/time_loop op/umask op/warn op/write
	io/argv io/closepid io/data io/defout io/dup io/eintr io/eintr_print io/errno io/errnosig io/fflush io/fs io/inplace io/iofile io/msg io/nargv io/open io/openpid io/perlio
	io/perlio_fail io/perlio_leaks io/perlio_open io/pipe io/print io/read io/say io/sem io/shm io/socket io/socketpair io/tell io/through
	run/cloexec run/exit run/fresh_perl run/runenv run/script run/switches"
in_lib="DirHandle File/Basename File/Compare File/Copy File/stat FileHandle SelectSaver User/grent User/pwent"
packages="ext/POSIX ext/IPC-Open3 ext/Fcntl ext/File-Find ext/File-Glob ext/Sys-Hostname ext/FileCache dist/threads dist/threads-shared dist/Thread-Queue
	dist/Thread-Semaphore dist/IO dist/Time-HiRes dist/PathTools cpan/IPC-SysV cpan/IPC-Cmd cpan/Socket cpan/File-Temp cpan/File-Path"

all() { # the tests there are, as paths from the top
	for t in $in_t; do echo "t/$t.t"; done
	for t in $in_lib; do echo "lib/$t.t"; done
	# io_utf8 is 16,406 lines about nothing but Perl's own reading.
	for p in $packages; do (cd "$top" && ls "$p"/t/*.t | grep -v /io_utf8.t); done
}
one() { # TEST LOG OUTPUT
	case $1 in
	t/*) place=t file=${1#t/} perl=./perl switches='-I.. -MTestInit' ;;
	lib/*) place=t file=../$1 perl=./perl switches='-I.. -MTestInit=U1' ;;
	ext/File-Glob/*) place=t file=../$1 perl=./perl switches='-I.. -MTestInit' ;;
	cpan/IPC-*) place=${1%/t/*} file=t/${1##*/} perl=../../t/perl switches='-I../.. -MTestInit=U2T,A' ;;
	*) place=${1%/t/*} file=t/${1##*/} perl=../../t/perl switches='-I../.. -MTestInit=U2T' ;;
	esac
	cd "$top/$place" || return 1
	case $(sed -n '1s/^#!.*perl.* -[a-zA-Z]*\([tT]\).*/\1/p' "$file") in
	t) switches="$switches -t" ;;
	T) switches="$switches -T" ;;
	esac
	echo "== $1" >>"$2"
	# shellcheck disable=SC2086
	timeout -k 10 "${SUITE_SECONDS:-300}" $perl $switches "$file" >"$3" 2>>"$2" </dev/null
	status=$?
	[ $status = 0 ] || echo "status $status" >>"$2"
	grep -av '^ok ' "$3" >>"$2"
	awk -v name="$1" -v status=$status '
		/^1\.\.[0-9]/ { plan = substr($1, 4); planned = 1; if (plan == 0) skipped = 1 }
		/^(not )?ok [0-9]/ {
			bad = $1 == "not"
			number = bad ? $3 : $2
			seen++
			print "case", $0 ~ /# *(SKIP|skip)/ ? "skip" : bad && $0 !~ /# *TODO/ ? "fail" : "pass", name ":" number
		}
		END {
			if (skipped) print "case skip " name "(ends)"
			else print "case", status == 0 && planned && seen == plan ? "pass" : "fail", name "(ends)"
		}' "$3"
}
# Two at a time, as there are two CPUs.
for t in ${*:-$(all)}; do [ ! -f "$top/$t" ] || echo "$t"; done >/tmp/list
for worker in 0 1; do
	awk -v w=$worker 'NR % 2 == w' /tmp/list | while read -r t; do (one "$t" /out/perl.$worker.log /tmp/tap.$worker) >/tmp/cases.$worker; flock /tmp/list cat /tmp/cases.$worker; done &
done
wait
