#!/bin/sh
# BusyBox's applets print in Pando what the same BusyBox prints here.
. "$(dirname "$0")/lib.sh"
busybox=$(command -v busybox || echo /bin/busybox)
mkdir -p "$work/bin" "$work/here/top" "$work/root/bin" "$work/root/etc"
cp "$busybox" "$work/bin/busybox"
for a in $("$busybox" --list); do
	[ "$a" = busybox ] || ln -s busybox "$work/bin/$a"
done
(cd "$work/here/top" && exec env -i PATH="$work/bin" HOME=/root SHLVL=1 "$work/bin/sh" -s) \
	<"$(dirname "$0")/busybox-applets" >"$work/here.out" 2>&1
"$PANDO" run -e PATH=/bin:/sbin:/usr/bin:/usr/sbin -e HOSTNAME -w /tmp/top --timeout 300 ${CPUS:+-c "$CPUS"} -- sh -s \
	<"$(dirname "$0")/busybox-applets" >"$work/pando.out" 2>&1 || not_ok busybox-run "status $?"
# compare NAME: the part of both outputs under that heading.
compare() {
	for side in here pando; do
		awk -v want="== $1" '/^== / { on = $0 == want } on' "$work/$side.out" | sed "s,$work/here/,/tmp/,g; s,$work/bin/,,g; s,/bin/,,g" >"$work/part.$side"
	done
	if cmp -s "$work/part.here" "$work/part.pando"; then
		ok "busybox-$(echo "$1" | tr -c 'a-z0-9\n' -)"
	else
		not_ok "busybox-$(echo "$1" | tr -c 'a-z0-9\n' -)" "$(diff "$work/part.here" "$work/part.pando" | grep '^[<>]' | head -n 6 | one_line)"
	fi
}
sed -n "s/^section '\(.*\)'\$/\1/p" "$(dirname "$0")/busybox-applets" >"$work/names"
while read -r name; do compare "$name"; done <"$work/names"
check_clean busybox-leaves-nothing
finish
