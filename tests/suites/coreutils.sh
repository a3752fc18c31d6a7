# Coreutils' own tests, from the source package, on the image's programs. Nothing is built: what the tests want to know of a build is
# said here. A test says how it went by its exit status: 0, 77 for "cannot be run here", anything else.
tar -C /tmp -xf /suite-source/coreutils.tar
cd /tmp/coreutils* || exit 1
top=$PWD
programs='[ arch b2sum base32 base64 basename basenc cat chcon chgrp chmod chown chroot cksum comm cp csplit cut date dd df dir dircolors dirname du echo env expand
	expr factor false fmt fold ginstall groups head hostid id install join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk
	pinky pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha224sum sha256sum sha384sum sha512sum shred shuf sleep sort split stat stdbuf
	stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes'
for p in $programs; do
	for d in /usr/sbin /usr/bin; do [ ! -x "$d/$p" ] || ln -sf "$d/$p" "src/$p"; done
done
ln -sf install src/ginstall
# What src/getlimits prints when it is built: the limits of the C types, and one beyond.
python3 - >/tmp/limits <<'END'
types = {"CHAR": (-128, 127), "SCHAR": (-128, 127), "UCHAR": (0, 255), "SHRT": (-2**15, 2**15 - 1), "INT": (-2**31, 2**31 - 1), "UINT": (0, 2**32 - 1),
    "LONG": (-2**63, 2**63 - 1), "ULONG": (0, 2**64 - 1), "SIZE": (0, 2**64 - 1), "SSIZE": (-2**63, 2**63 - 1), "TIME_T": (-2**63, 2**63 - 1),
    "UID_T": (0, 2**32 - 1), "GID_T": (0, 2**32 - 1), "PID_T": (-2**31, 2**31 - 1), "OFF_T": (-2**63, 2**63 - 1), "OFF64_T": (-2**63, 2**63 - 1),
    "INTMAX": (-2**63, 2**63 - 1), "UINTMAX": (0, 2**64 - 1)}
for name, (low, high) in types.items():
    print("%s_MAX=%d\n%s_OFLOW=%d" % (name, high, name, high + 1))
    if low < 0:
        print("%s_MIN=%d\n%s_UFLOW=%d" % (name, low, name, low - 1))
print("SIGRTMIN=34\nSIGRTMAX=64\nIO_BUFSIZE=131072")
END
printf '#!/bin/sh\ncat /tmp/limits\n' >src/getlimits
chmod +x src/getlimits
for have in HAVE_CAP HAVE_GETMNTENT HAVE_INOTIFY HAVE_LINKAT HAVE_MNTENT_H HAVE_OPENAT HAVE_PTHREAD_T HAVE_SETGROUPS HAVE_UTIMENSAT USE_ACL USE_XATTR; do
	echo "#define $have 1"
done >config.h
echo '/* #undef LINKAT_SYMLINK_NOTSUP */' >>config.h
built=$(cd src && for p in $programs; do [ ! -x "$p" ] || printf '%s ' "$p"; done)
export srcdir=. top_srcdir=. abs_srcdir="$top" abs_top_srcdir="$top" abs_top_builddir="$top" built_programs="$built" CONFIG_HEADER="$top/config.h" PACKAGE_VERSION=9.1 \
	VERSION=9.1 LOCALE_FR=none LOCALE_FR_UTF8=none host_os=linux-gnu host_triplet=x86_64-pc-linux-gnu CC=gcc AWK=awk EGREP='grep -E' EXEEXT='' MAKE=make PERL=perl \
	SHELL=/bin/bash PREFERABLY_POSIX_SHELL=/bin/bash TMPDIR=/tmp NON_ROOT_USERNAME=nobody PATH="$top/src:$PATH" LC_ALL=C LANG=C
unset POSIXLY_CORRECT TIME_STYLE LS_COLORS COLUMNS TABSIZE

# All of its tests; those that it names so run as root, the others as an ordinary user, and those that want a terminal have one at which nobody types.
grep -o 'tests/[^ ]*\.x\{0,1\}[ps][hl]' tests/local.mk | grep -v '^tests/init\.sh$' | LC_ALL=C sort -u >/tmp/all
sed -n '/^all_root_tests *=/,/^$/p' tests/local.mk | grep -o 'tests/[^ ]*\.x\{0,1\}[ps][hl]' >/tmp/root
chown -R nobody:nogroup .
one() { # TEST LOG
	echo "== $1" >>"$2"
	t=${1#tests/} log=$2
	case $1 in
	*.pl) set -- perl -w -I./tests -MCuSkip -MCoreutils -M"CuTmpdir qw($1)" "$1" ;;
	*.xpl) set -- perl -w -T -I./tests -MCuSkip -MCoreutils -M"CuTmpdir qw($1)" "$1" ;;
	*) set -- bash "$1" ;;
	esac
	! grep -q require_controlling_input_terminal_ "tests/$t" || set -- python3 /suite/at_terminal.py sh -c 'exec "$@" >>"$0" 2>&1 9>&2' "$log" "$@"
	grep -qx "tests/$t" /tmp/root || set -- setpriv --reuid nobody --regid nogroup --groups nogroup,users "$@"
	timeout -k 10 "${SUITE_SECONDS:-300}" "$@" >>"$log" 2>&1 </dev/null 9>&2
	status=$?
	echo "status $status" >>"$log"
	case $status in
	0) echo "case pass $t" ;;
	77) echo "case skip $t" ;;
	*) echo "case fail $t" ;;
	esac
}
# Two at a time, as there are two CPUs.
for t in ${*:-$(cat /tmp/all)}; do
	t=tests/${t#tests/}
	[ ! -f "$t" ] || echo "$t"
done >/tmp/list
for worker in 0 1; do
	touch /out/coreutils.$worker.log && chmod 666 /out/coreutils.$worker.log
	awk -v w=$worker 'NR % 2 == w' /tmp/list | while read -r t; do one "$t" /out/coreutils.$worker.log; done &
done
wait
