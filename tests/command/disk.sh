#!/bin/sh
# `pando run --root-disk FILE`: an EROFS image as the root, changes in memory; damaged images are refused or give errors, and never bring the machine down.
. "$(dirname "$0")/lib.sh"

check_error disk-missing "No such file" "$PANDO" run --root-disk "$work/none" -- true
head -c 8192 /dev/zero >"$work/zeroes"
check_error disk-no-erofs "not an EROFS image" "$PANDO" run --root-disk "$work/zeroes" -- true
: >"$work/empty"
check_error disk-empty "not an EROFS image" "$PANDO" run --root-disk "$work/empty" -- true
check_error disk-folder "not a file" "$PANDO" run --root-disk "$work" -- true
check_error disk-and-image "one root" "$PANDO" run --root-disk "$work/zeroes" "$work/empty" -- true
command -v mkfs.erofs >/dev/null || { echo "skip disk: no mkfs.erofs"; finish; }

mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/d/deep/er" "$work/root/many"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for c in sh cat ls md5sum find stat readlink sort mount umount grep rm mv cp ln mkdir rmdir sed wc tr head dd awk test cmp touch sleep; do ln -s busybox "$work/root/bin/$c"; done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
echo hello >"$work/root/d/hello"
ln "$work/root/d/hello" "$work/root/d/again"
ln -s hello "$work/root/d/link"
: >"$work/root/d/none"
head -c 4096 /dev/zero | tr '\0' p >"$work/root/d/page"
i=0
while [ $i -lt 20000 ]; do echo "line $i of a file that takes several blocks"; i=$((i + 1)); done >"$work/root/d/deep/er/large"
i=0
while [ $i -lt 500 ]; do echo $i >"$work/root/many/file-with-a-name-$i"; i=$((i + 1)); done
truncate -s 3M "$work/root/d/sparse"
echo end >>"$work/root/d/sparse"
mkfs.erofs --quiet "$work/plain.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet -T1000 --all-root "$work/extended.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet --chunksize=8192 "$work/chunk.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet -zlz4 "$work/lz4.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet -zlz4hc,12 -C65536 -Eztailpacking "$work/lz4hc.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet -zlz4 -Elegacy-compress "$work/legacy.img" "$work/root" >/dev/null 2>&1
mkfs.erofs --quiet -zlzma -C65536 "$work/lzma.img" "$work/root" >/dev/null 2>&1 && check_error disk-lzma "LZ4" "$PANDO" run --root-disk "$work/lzma.img" -- true

inspect='cd / && find d many -type f | sort | while read -r f; do md5sum "$f"; stat -c "%a %h %s" "$f"; done; readlink d/link; cat d/link'
expect=$(cd "$work/root" && find d many -type f | LC_ALL=C sort | while read -r f; do md5sum "$f"; stat -c "%a %h %s" "$f"; done; readlink d/link; cat d/link)
for i in plain extended chunk lz4 lz4hc legacy; do
	[ -e "$work/$i.img" ] && check disk-$i 0 "$expect" "$PANDO" run --root-disk "$work/$i.img" -- sh -c "$inspect"
done
check disk-4-cpus 0 "$expect" "$PANDO" run -c 4 --root-disk "$work/plain.img" -- sh -c "$inspect"
check disk-lz4-4-cpus 0 "$expect" "$PANDO" run -c 4 --root-disk "$work/lz4.img" -- sh -c "$inspect"
[ "$(stat -c %s "$work/lz4.img")" -lt "$(stat -c %s "$work/plain.img")" ] && ok disk-lz4-smaller || not_ok disk-lz4-smaller "$(stat -c %s "$work/lz4.img")"

# The disk's own init.
mkdir -p "$work/root/sbin"
printf '#!/bin/busybox sh\necho "init is $$ with $* on $(awk "\\$2 == \\"/\\" { print \\$3 }" /proc/mounts 2>/dev/null || ls /dev/console)"\n/bin/busybox poweroff -f\n' >"$work/root/sbin/init"
chmod +x "$work/root/sbin/init"
mkfs.erofs --quiet -zlz4 "$work/init.img" "$work/root" >/dev/null 2>&1
status=0
"$PANDO" run --init --timeout 60 --root-disk "$work/init.img" -- one 'two three' >"$work/raw" 2>"$work/err" </dev/null || status=$?
tr -d '\r' <"$work/raw" | grep -q '^init is 1 with one two three on /dev/console$' && [ $status = 0 ] && ok disk-init || not_ok disk-init "$status $(one_line <"$work/raw") $(one_line <"$work/err")"
rm "$work/root/sbin/init"
status=0
"$PANDO" run --init --timeout 60 --root-disk "$work/plain.img" >"$work/raw" 2>"$work/err" </dev/null || status=$?
grep -q 'the disk has no init' "$work/raw" && [ $status = 125 ] && ok disk-no-init || not_ok disk-no-init "$status $(one_line <"$work/raw") $(one_line <"$work/err")"

# Changes stay in memory and are seen at once; the file on the computer is as it was.
sum=$(md5sum "$work/plain.img")
change='set -e; cd /d; echo more >>hello; cat again; rm again; stat -c %h hello; mv deep sunk; wc -l <sunk/er/large; echo x >sunk/er/new; ls sunk/er | tr "\n" " "
dd if=/dev/zero of=page bs=1 seek=100 count=1 conv=notrunc 2>/dev/null; tr -d p <page | wc -c; head -c 5 page >short; : >none; rm -r /many; ls / | grep many || echo gone
rmdir /etc 2>/dev/null || echo full; mkdir /many; ls /many | wc -l; ln sunk/er/large twice; stat -c %h twice; cp -a /d /copy; cmp /d/sunk/er/large /copy/sunk/er/large; cat /d/link'
want='hello
more
1
20000
large new 1
gone
full
0
2
hello
more'
check disk-changes 0 "$want" "$PANDO" run --root-disk "$work/plain.img" -- sh -c "$change"
[ "$sum" = "$(md5sum "$work/plain.img")" ] && ok disk-untouched || not_ok disk-untouched "the image has changed"
truncated='cd /d; n=$(stat -c %s deep/er/large); dd if=/dev/null of=deep/er/large bs=1 seek=5000 2>/dev/null; dd if=/dev/null of=deep/er/large bs=1 seek=$n 2>/dev/null
dd if=deep/er/large bs=1000 skip=5 2>/dev/null | tr -d "\0" | wc -c; head -c 5000 deep/er/large | md5sum'
check disk-truncate 0 "0
$(head -c 5000 "$work/root/d/deep/er/large" | md5sum)" "$PANDO" run --root-disk "$work/plain.img" -- sh -c "$truncated"

# ... also while their data is on the way from the disk.
mkdir -p "$work/cut/bin" "$work/cut/etc" "$work/cut/f"
cp "$work/root/bin/busybox" "$work/cut/bin/busybox"
ln -s busybox "$work/cut/bin/sh"
cp "$work/root/etc/passwd" "$work/cut/etc/passwd"
gcc -std=gnu11 -O2 -Wall -Wextra -static -o "$work/cut/bin/check" "$(dirname "$0")/disk_check.c" -lpthread
i=100
while [ $i -lt 160 ]; do head -c 200000 /dev/zero | tr '\0' x >"$work/cut/f/$i"; i=$((i + 1)); done
mkfs.erofs --quiet "$work/cut.img" "$work/cut" >/dev/null 2>&1
for n in 1 2; do check disk-truncate-race-$n 0 "" "$PANDO" run -c $n --root-disk "$work/cut.img" -- sh -c 'exec check /f/*'; done
check disk-truncate-race-native 0 "" "$work/cut/bin/check" "$work"/cut/f/*

# Read-only when mounted without "cow", and gone without a trace.
check disk-plain-mount 0 "ro,relatime
Read-only
0" "$PANDO" run --root-disk "$work/plain.img" -- sh -c 'mkdir /m && mount -t erofs /dev/vda /m && awk "\$2 == \"/m\" { print \$4 }" /proc/mounts
	{ echo x >/m/x; } 2>&1 | grep -o Read-only; find /m -type f | wc -l >/dev/null; cd /; umount /m; cat /proc/pando | sed -n "s/^warnings //p"'
check disk-device 0 "$(head -c 100000 "$work/plain.img" | md5sum)" "$PANDO" run --root-disk "$work/plain.img" -- sh -c 'head -c 100000 /dev/vda | md5sum'

# More on the disk than memory holds: what has been read makes room.
head -c 60000000 /dev/urandom >"$work/root/big"
mkfs.erofs --quiet "$work/big.img" "$work/root" >/dev/null 2>&1
check disk-larger-than-memory 0 "$(md5sum <"$work/root/big")
$(md5sum <"$work/root/big")" "$PANDO" run -m 40M --root-disk "$work/big.img" -- sh -c 'md5sum </big; md5sum </big'
rm -f "$work/root/big" "$work/big.img"

# Damaged images: whatever happens to the command, the machine ends by itself and the kernel says nothing of bugs.
seed=1
while [ $seed -le ${PANDO_DISK_SEEDS:-6} ]; do
	from=plain
	[ $((seed % 2)) = 1 ] || from=lz4hc
	cp "$work/$from.img" "$work/bad.img"
	awk -v seed=$seed -v size="$(stat -c %s "$work/$from.img")" 'BEGIN { srand(seed); for (i = 0; i < 400; i++) printf "%d %d\n", int(rand() * (i % 2 ? 40000 : size)), int(rand() * 256) }' |
		while read -r at byte; do
			[ "$at" -ge 1024 ] && [ "$at" -lt 1152 ] && continue
			printf "\\$(printf %03o "$byte")" | dd of="$work/bad.img" bs=1 seek="$at" conv=notrunc status=none
		done
	status=0
	timeout 100 "$PANDO" run --timeout 90 --verbose --root-disk "$work/bad.img" -- /bin/sh -c 'find / -xdev -exec cat {} + >/dev/null 2>&1; ls -laR / >/dev/null 2>&1; rm -rf /d; true' \
		>"$work/bad.out" 2>"$work/bad.log" </dev/null || status=$?
	if grep -qi 'Kernel panic\|BUG: \|assertion\|WARNING: ' "$work/bad.log"; then
		not_ok disk-damaged-$seed "$(grep -i -m 1 'Kernel panic\|BUG: \|assertion\|WARNING: ' "$work/bad.log")"
	elif [ $status = 124 ]; then
		not_ok disk-damaged-$seed "hangs"
	else
		ok disk-damaged-$seed
	fi
	seed=$((seed + 1))
done
# What groups have read can be reclaimed from them; memory.min and memory.low keep it.
mkdir -p "$work/groups/bin"
cp "$work/root/bin/busybox" "$work/groups/bin/"
for c in sh cat mkdir; do ln -s busybox "$work/groups/bin/$c"; done
head -c 8M /dev/urandom >"$work/groups/f"
head -c 4M /dev/urandom >"$work/groups/g"
mkfs.erofs --quiet "$work/groups.img" "$work/groups" >/dev/null 2>&1
check disk-memory-groups 0 "8 4
0: 4 4
1: 4 0
0: 2
low 1
0: 1" "$PANDO" run -m 256M --root-disk "$work/groups.img" -- sh -c 'cd /sys/fs/cgroup; echo +memory >cgroup.subtree_control; mkdir a b
mib() { for g; do echo $(($(cat $g/memory.current) + 524288 >> 20)); done; }
sh -c "echo \$\$ >a/cgroup.procs; cat /f >/dev/null"; sh -c "echo \$\$ >b/cgroup.procs; cat /g >/dev/null"; echo $(mib a b)
echo 4M >a/memory.reclaim; echo $?: $(mib a b)
echo max >a/memory.min; { echo 64M >memory.reclaim; } 2>/dev/null; echo $?: $(mib a b)
echo 0 >a/memory.min; echo max >a/memory.low; echo 2M >memory.reclaim; echo $?: $(mib a); read -r low <a/memory.events; echo $low
echo 1M >a/memory.reclaim; echo $?: $(mib a)'

check_clean disk-clean
finish
