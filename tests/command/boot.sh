#!/bin/sh
# The kernel without the command: any QEMU user's boot, with Linux's parameters, on microvm (with and without ACPI) and q35.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok boot # skipped: another kernel"; exit 0; }
command -v cpio >/dev/null || { echo "ok boot # skipped: no cpio"; exit 0; }
kernel=$(dirname "$PANDO")/pando.elf
qemu=${PANDO_QEMU:-qemu-system-x86_64}
busybox=$(command -v busybox || echo /bin/busybox)

mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/sbin"
cp "$busybox" "$work/root/bin/busybox"
cat >"$work/root/init" <<'I'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
kib=$(/bin/busybox awk '/MemTotal/ { print $2 }' /proc/meminfo)
echo "UP $0 cpus=$(/bin/busybox nproc) mib=$((kib / 1024)) args=[$*] env=[$word|$HOME|$TERM] tty=$(/bin/busybox tty) va=$(/bin/busybox cat /proc/sys/kernel/randomize_va_space)"
case $end in
exit) exit 3 ;;
reboot) /bin/busybox reboot -f ;;
esac
/bin/busybox poweroff -f
I
chmod +x "$work/root/init"
cp "$work/root/init" "$work/root/other"
cp "$work/root/init" "$work/root/sbin/init"
(cd "$work/root" && find . | cpio -o -H newc --quiet >"$work/root.cpio")
initrd=$work/root.cpio

# boot NAME STATUS PATTERN PARAMETERS QEMU-ARGUMENTS...: boots; the serial port's text must match.
boot() {
	name=$1 want=$2 pattern=$3 parameters=$4
	shift 4
	status=0
	timeout "${limit:-40}" "$qemu" -nodefaults -no-user-config -display none -no-reboot -accel tcg -kernel "$kernel" -initrd "$initrd" \
		-append "$parameters" -serial stdio "$@" </dev/null >"$work/raw" 2>"$work/err" || status=$?
	tr -d '\r' <"$work/raw" >"$work/out"
	if [ $status != "$want" ]; then
		not_ok "boot-$name" "status $status, not $want; $(tail -n 4 "$work/out" | one_line) $(one_line <"$work/err")"
	elif ! grep -q -e "$pattern" "$work/out"; then
		not_ok "boot-$name" "no '$pattern'; $(tail -n 4 "$work/out" | one_line)"
	else
		ok "boot-$name"
	fi
}
up='^UP /init cpus=1 mib=1[0-9]* args=\[\] env=\[|/|linux\] tty=/dev/console'
for machine in microvm microvm,acpi=off q35; do
	boot "$machine" 0 "$up" "console=ttyS0 quiet" -M $machine
	boot "$machine-4-cpus" 0 "^UP /init cpus=4 " "console=ttyS0 quiet" -M $machine -smp 4
	boot "$machine-8-cpus" 0 "^UP /init cpus=8 " "console=ttyS0 quiet" -M $machine -smp 8
	boot "$machine-32M" 0 "^UP /init cpus=1 mib=\(29\|3[01]\) " "console=ttyS0 quiet" -M $machine -m 32M
	boot "$machine-6M" 0 "^UP /init cpus=1 mib=[45] " "console=ttyS0 quiet" -M $machine -m 6M
	boot "$machine-5G" 0 "^UP /init cpus=1 mib=5[01][0-9]. " "console=ttyS0 quiet" -M $machine -m 5G
	boot "$machine-mem" 0 "^UP /init cpus=1 mib=6[0-3] " "console=ttyS0 quiet mem=64M" -M $machine -m 256M
	boot "$machine-panic" 0 "^\[.*Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000300" "console=ttyS0 panic=-1 end=exit" -M $machine
	boot "$machine-reboot" 0 "^\[.*reboot: Restarting system" "console=ttyS0 end=reboot" -M $machine
done
# 16 GiB of address space is not everywhere to be had.
[ "$(ulimit -v)" = unlimited ] && boot 16G 0 "^UP /init cpus=2 mib=1[56]... " "console=ttyS0 quiet" -M q35 -m 16G -smp 2

boot maxcpus 0 "^UP /init cpus=2 " "console=ttyS0 maxcpus=2" -M microvm -smp 4
boot rdinit 0 "^UP /other .* args=\[a b c d\] env=\[w|/|linux\]" 'console=ttyS0 rdinit=/other word=w -- a b "c d"' -M microvm
boot rdinit-missing 0 "^UP /other " "console=ttyS0 rdinit=/none init=/other" -M microvm
boot init-missing 0 "Kernel panic - not syncing: Requested init /none failed" "console=ttyS0 panic=-1 rdinit=/none init=/none" -M microvm
boot no-console 0 "^UP /init " "quiet" -M microvm
boot console-speed 0 "^UP /init " "console=ttyS0,115200n8 quiet" -M microvm
boot randmaps 0 "^UP /init .* va=2" "console=ttyS0" -M microvm
boot notice 0 "^\[.*Kernel command line: console=ttyS0\$" "console=ttyS0" -M microvm
boot norandmaps 0 "^UP /init .* args=\[\] .* va=0" "console=ttyS0 norandmaps" -M microvm
boot loglevel-7 0 "^\[.*Run /init as init process" "console=ttyS0 loglevel=7" -M microvm
boot loglevel-0 0 "^UP " "console=ttyS0 loglevel=0" -M microvm
grep -q '^\[' "$work/out" && not_ok boot-loglevel-0-silent "$(one_line <"$work/out")" || ok boot-loglevel-0-silent
limit=4
boot panic-stays 124 "end Kernel panic - not syncing: Attempted to kill init" "console=ttyS0 end=exit" -M microvm
limit=

# Bad archives: the reason, and a panic.
bad() {
	initrd=$work/bad.cpio
	boot "bad-$1" 0 "$2" "console=ttyS0 panic=-1" -M microvm
	grep -q "Kernel panic - not syncing: initramfs: unpacking failed" "$work/out" && ok "boot-bad-$1-panic" || not_ok "boot-bad-$1-panic" "no panic"
}
gzip -c "$work/root.cpio" >"$work/bad.cpio"
bad gzip "initramfs is gzip-compressed"
head -c 100000 "$work/root.cpio" >"$work/bad.cpio"
bad truncated "initramfs is cut off"
head -c 100000 /dev/urandom >"$work/bad.cpio"
bad random "initramfs is no cpio archive"
printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08Xhuge\0\0' 1 33188 0 0 1 0 4294967295 0 0 0 0 5 0 >"$work/bad.cpio"
bad huge "initramfs is cut off"
check_clean boot-leaves-nothing
finish
