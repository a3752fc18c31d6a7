#!/bin/sh
# initramfs.sh [COUNT [SEED]]: boots the kernel with archives that have been damaged at random. Each must end in a clean start of its init, or in one of
# the panics that name the archive or the init; never in another one, and never in silence. KERNEL names the kernel.
set -u
count=${1:-40} seed=${2:-1}
kernel=${KERNEL:-build/pando.elf}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/bin" "$work/root/a/b/c" "$work/root/dev"
cp "$(command -v busybox)" "$work/root/bin/busybox"
printf '#!/bin/busybox sh\nbusybox find / -xdev | busybox wc -l\nbusybox cat /a/* >/dev/null 2>&1\necho STARTED\nbusybox poweroff -f\n' >"$work/root/init"
chmod +x "$work/root/init"
for i in 1 2 3 4 5 6 7 8; do head -c $((i * 1500)) /dev/urandom >"$work/root/a/f$i"; ln -s "f$i" "$work/root/a/l$i"; ln "$work/root/a/f$i" "$work/root/a/b/h$i"; done
(cd "$work/root" && find . | cpio -o -H newc --quiet) >"$work/good"
started=0 refused=0 bad=0 i=0
while [ $i -lt "$count" ]; do
	python3 - "$work/good" "$work/bad" $((seed * 1000 + i)) <<'P'
import random, re, sys
data = bytearray(open(sys.argv[1], 'rb').read())
r = random.Random(int(sys.argv[3]))
heads = [m.start() for m in re.finditer(b'07070[12]', data)]
for _ in range(r.choice([1, 1, 2, 4, 16])):
    at = r.choice(heads)
    kind = r.randrange(9)
    if kind < 3:                                  # one field of a header
        f = at + 6 + 8 * r.randrange(13)
        data[f:f + 8] = r.choice([b'00000000', b'FFFFFFFF', b'80000000', b'7FFFFFFF', b'00001000', b'0000A1FF', b'000041ED', b'00002180', b'%08X' % r.getrandbits(32)])
    elif kind == 3: data[at + r.randrange(120)] = r.randrange(256)
    elif kind == 4: data[r.randrange(len(data))] = r.randrange(256)
    elif kind == 5: data[at + 110:at + 112] = r.choice([b'..', b'//', b'\0\0', b'a/', b'\xff\xff'])
    elif kind == 6: del data[at:at + r.randrange(1, 300)]
    elif kind == 7: data[at:at] = bytes(r.randrange(256) for _ in range(r.randrange(1, 64)))
    else: data[at:at] = data[r.choice(heads):][:r.randrange(1, 5000)]
if r.randrange(6) == 0: del data[r.randrange(len(data)):]
open(sys.argv[2], 'wb').write(data)
P
	status=0
	timeout 60 qemu-system-x86_64 -M microvm,acpi=off -nodefaults -no-user-config -display none -no-reboot -accel tcg -cpu max,-cx16 -m 128M -smp 2 -kernel "$kernel" \
		-initrd "$work/bad" -append "console=ttyS0 panic=-1" -serial stdio </dev/null >"$work/out" 2>&1 || status=$?
	if [ $status = 0 ] && grep -q '^STARTED' "$work/out"; then
		started=$((started + 1))
	elif [ $status = 0 ] && grep -q 'Kernel panic - not syncing: \(initramfs: unpacking failed\|No working init\|Attempted to kill init\)' "$work/out" && ! grep -q 'BUG\|Oops' "$work/out"; then
		refused=$((refused + 1))
	else
		echo "not ok initramfs-fuzz-$seed-$i: status $status"
		tail -n 20 "$work/out"
		cp "$work/bad" "/tmp/initramfs-fuzz-$seed-$i.cpio"
		bad=$((bad + 1))
	fi
	i=$((i + 1))
done
[ $bad = 0 ] && echo "ok initramfs-fuzz: $started started, $refused refused"
[ $bad = 0 ]
