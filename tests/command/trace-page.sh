#!/bin/sh
# The page of `pando trace --html` in a browser: rows, a click on a birth, search, keys, no errors; and with 10,000 processes. Skipped without Chromium, node or
# playwright-core (`./dev setup` gets them).
. "$(dirname "$0")/lib.sh"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
modules=${O:-build}/page/node_modules
if [ -z "$browser" ] || ! command -v node >/dev/null 2>&1 || [ ! -d "$modules/playwright-core" ]; then
	echo "skip trace-page (no Chromium, no node or no playwright-core)"
	finish
fi

# visit PAGE: what tests/page/drive.js saw, in $work/seen.
visit() { NODE_PATH=$PWD/$modules timeout 300 node tests/page/drive.js "$browser" "$1" >"$work/seen" 2>"$work/err" </dev/null || cat "$work/err" >&2; }
seen() { sed -n "s/^$1=//p" "$work/seen"; }
expect() { # NAME KEY WANT
	got=$(seen "$2")
	[ "$got" = "$3" ] && ok "$1" || not_ok "$1" "'$got', not '$3'"
}

"$PANDO" trace --html "$work/page.html" --json "$work/json" -- sh -c 'X=/bin/busybox; for i in 1 2 3; do $X true; done' 2>/dev/null </dev/null
visit "$work/page.html"
# All lives but the kernel threads, which are folded: process 0, kthreadd, and those born of others.
rows=$(grep '"event":"birth"' "$work/json" | grep -vc '"call_name":"kernel thread"')
expect page-rows rows $((rows + 2))
case $(seen info) in *"made by"*STEPS*"mm copied"*"exit 0"*) ok page-birth ;; *) not_ok page-birth "$(seen info | cut -c 1-200)" ;; esac
[ "$(seen step-marks)" -gt 10 ] 2>/dev/null && ok page-steps || not_ok page-steps "$(seen step-marks)"
expect page-search found "3 found"
expect page-marks marked 3
expect page-search-none none "0 found"
case $(seen first) in *"0 swapper"*) ok page-home ;; *) not_ok page-home "$(seen first)" ;; esac
case $(seen second) in *"1 "*) ok page-down ;; *) not_ok page-down "$(seen second)" ;; esac
expect page-unselect unselected 0
expect page-mark mark true
expect page-zoom zoomed true
expect page-pan panned true
expect page-theme theme dark
expect page-fold folded 1
expect page-unfold unfolded $((rows + 2))
expect page-errors errors ""
template=${O:-build}/gen/host/trace_page.html
size=$(($(wc -c <"$template")))
[ $size -lt 307200 ] && ok page-size || not_ok page-size "$size bytes"

# Ten thousand processes: made up, each fifth the child of the one before.
awk 'BEGIN {
	printf "{\"title\":\"many\",\"cpus\":4,\"first\":0,\"last\":10000000000,\"births\":9999,\"execs\":0,\"exits\":9999,\"lost\":0,\"complete\":true,\"sched\":true,\"steps\":[\"mm\"],"
	printf "\"mem\":{\"from\":0,\"step\":5000000000,\"shared\":[1,2],\"copied\":[3,4]},\"lives\":["
	for (i = 0; i < 10000; i++) {
		b = i * 990000
		printf "%s{\"t\":%d,\"g\":%d,\"p\":%d,\"b\":%d,\"n\":\"prog %d\",\"cm\":\"prog\",\"c\":[0,0,0,0,0,0,0]", i ? "," : "", i, i, i == 0 ? -1 : i % 5 ? i - 1 - (i - 1) % 5 : 0, b, i
		if (i) printf ",\"k\":1,\"f\":\"0\",\"e\":%d,\"x\":17,\"a\":1,\"u\":1,\"tb\":1,\"vm\":1,\"fd\":1,\"m\":\"2\",\"st\":[5],\"d\":%d,\"s\":0,\"z\":%d", b + 50000, b + 90000000, b + 95000000
		printf ",\"q\":[%d,%d],\"r\":[%d,%d,%d,%d]}", b + 5000000, b + 9000000, b + 60000, b + 5000000, b + 30000000, b + 60000000
	}
	printf "]}"
}' >"$work/many.json"
awk -v data="$work/many.json" '{ at = index($0, "@DATA@"); if (at) { getline json < data; print substr($0, 1, at - 1) json substr($0, at + 6) } else print }' "$template" >"$work/many.html"
visit "$work/many.html"
expect page-many-rows rows 10000
expect page-many-errors errors ""
frame=$(seen frame-ms)
echo "page: with 10,000 processes a frame takes $frame ms, the worst $(seen frame-worst-ms) ms; frames come $(seen frames-apart-ms) ms apart" >&2
awk -v f="${frame:-999}" 'BEGIN { exit f > 16 }' && ok page-many-frame || not_ok page-many-frame "$frame ms"
finish
