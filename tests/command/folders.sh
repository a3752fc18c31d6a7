#!/bin/sh
# `pando run -v HOSTDIR:GUESTDIR[:ro]`: what the machine writes is on the host, what the host writes is in the machine, and the host's errors reach the program.
. "$(dirname "$0")/lib.sh"

check_error folders-no-colon "not HOSTDIR:GUESTDIR" "$PANDO" run --volume /tmp -- true
check_error folders-relative "absolute GUESTDIR" "$PANDO" run -v /tmp:mnt -- true
check_error folders-empty "not HOSTDIR:GUESTDIR" "$PANDO" run -v :/mnt -- true
check_error folders-missing "No such file" "$PANDO" run -v "$work/none:/mnt" -- true
: >"$work/file"
check_error folders-file "not a directory" "$PANDO" run -v "$work/file:/mnt" -- true
check_error folders-guest-file "/etc/passwd/x" "$PANDO" run -v "$work:/etc/passwd/x" -- true
check_error folders-init "not for it" "$PANDO" run --init -v "$work:/mnt"
check_error folders-too-many "more than" "$PANDO" run -v /a:/a -v /a:/a -v /a:/a -v /a:/a -v /a:/a -v /a:/a -v /a:/a -- true

mkdir -p "$work/root/bin" "$work/root/etc" "$work/native" "$work/share/with space,comma:colon" "$work/second"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for c in sh cat echo ls mkdir cp cmp sleep id touch stat mount dd sync; do ln -s busybox "$work/root/bin/$c"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$work/root/etc/passwd"
gcc -std=gnu11 -O2 -Wall -Wextra -static -o "$work/root/bin/check" "$(dirname "$0")/folder_check.c"
check folders-calls-native 0 "" "$work/root/bin/check" "$work/native"
check folders-calls 0 "" "$PANDO" run -v "$work/native:/s" "$work/root" -- /bin/check /s 9p
check folders-calls-4-cpus 0 "" "$PANDO" run -c 4 -v "$work/native:/s" "$work/root" -- /bin/check /s 9p
[ -z "$(ls -A "$work/native")" ] && ok folders-nothing-left || not_ok folders-nothing-left "$(ls -A "$work/native")"

echo from-host >"$work/share/a"
check folders-both-ways 0 "from-host" "$PANDO" run -v "$work/share:/deep/er/mnt" "$work/root" -- sh -c 'cat /deep/er/mnt/a; echo from-guest >/deep/er/mnt/b'
check folders-result 0 "from-guest" cat "$work/share/b"
check folders-odd-name 0 "" "$PANDO" run -v "$work/share/with space,comma:colon:/mnt" "$work/root" -- touch /mnt/here
[ -e "$work/share/with space,comma:colon/here" ] && ok folders-odd-name-result || not_ok folders-odd-name-result "no file"
check folders-two 0 "from-host" "$PANDO" run -v "$work/share:/one:ro" -v "$work/second:/two:rw" "$work/root" -- sh -c 'cp /one/a /two/a && cat /two/a'
check folders-read-only 1 "sh: can't create /mnt/c: Read-only file system" "$PANDO" run -v "$work/share:/mnt:ro" "$work/root" -- sh -c 'echo x 2>&1 >/mnt/c' 2>&1
check folders-mounts 0 "9p" "$PANDO" run -v "$work/share:/mnt" -- sh -c "awk '\$2 == \"/mnt\" { print \$3 }' /proc/mounts"

# Both at once: the machine sees what the host does while it runs.
"$PANDO" run -v "$work/share:/mnt" "$work/root" -- sh -c 'exec 3</mnt/a; echo ready >/mnt/ready; while [ ! -e /mnt/go ]; do sleep 0.05; done; cat /mnt/new <&3; cat <&3' \
	>"$work/live" 2>&1 &
pid=$!
n=0
while [ ! -e "$work/share/ready" ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n + 1)); done
echo more >>"$work/share/a"
echo fresh >"$work/share/new"
: >"$work/share/go"
wait $pid
[ "$(tr '\n' ' ' <"$work/live")" = "fresh from-host more " ] && ok folders-live || not_ok folders-live "$(one_line <"$work/live")"

if [ "$(id -u)" = 0 ]; then
	# A full disk.
	mkdir "$work/full"
	if mount -t tmpfs -o size=256k pando-test "$work/full" 2>/dev/null; then
		check folders-full 1 "dd: error writing '/mnt/big': No space left on device" "$PANDO" run -v "$work/full:/mnt" "$work/root" -- \
			sh -c 'dd if=/dev/zero of=/mnt/big bs=4k count=1000 2>&1 | { while read -r l; do case $l in *space*) echo "$l"; s=1;; esac; done; exit $s; }'
		[ "$(stat -c %s "$work/full/big")" = 262144 ] && ok folders-full-size || not_ok folders-full-size "$(stat -c %s "$work/full/big")"
		umount "$work/full"
	else
		echo "skip folders-full: cannot mount"
	fi
	# Owners are the guest's.
	check folders-owner 0 "" "$PANDO" run -v "$work/second:/mnt" -u 1234:567 --append "" "$work/root" -- sh -c '[ "$(stat -c %u:%g /mnt)" = 0:0 ]'
	chmod 777 "$work/second"
	check folders-user 0 "" "$PANDO" run -v "$work/second:/mnt" -u 1234:567 "$work/root" -- touch /mnt/theirs
	check folders-user-owner 0 "1234:567" stat -c %u:%g "$work/second/theirs"
	mkdir "$work/second/closed"
	chmod 700 "$work/second/closed"
	check folders-denied 1 "touch: /mnt/closed/x: Permission denied" "$PANDO" run -v "$work/second:/mnt" -u 1234:567 "$work/root" -- sh -c 'touch /mnt/closed/x 2>&1'
	# What an ordinary user of the host may not do, root of the machine may not do either.
	chmod 755 "$work"
	if command -v setpriv >/dev/null && setpriv --reuid 65534 --clear-groups test -x "$PANDO" -a -r "$work/root/bin/busybox"; then
		check folders-host-denies 1 "sh: can't create /mnt/closed/x: Permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_CACHE_HOME="$work/second" \
			"$PANDO" run --accel tcg -v "$work/second:/mnt" "$work/root" -- sh -c 'echo x 2>&1 >/mnt/closed/x'
		check folders-host-user 0 "65534" setpriv --reuid 65534 --regid 65534 --clear-groups env XDG_CACHE_HOME="$work/second" \
			"$PANDO" run --accel tcg -v "$work/second:/mnt" "$work/root" -- sh -c 'echo x >/mnt/mine; stat -c %u /mnt/mine'
	else
		echo "skip folders-host-denies: the command is not within reach of another user"
	fi
fi
check_clean folders-clean
finish
