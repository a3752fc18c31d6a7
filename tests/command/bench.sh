#!/bin/sh
# scripts/bench: its figures, their repeatability, its outputs, its refusals. On Pando alone; a Linux kernel is not at hand everywhere.
. "$(dirname "$0")/lib.sh"
[ -n "${PANDO_KERNEL-}" ] && { echo "ok bench # skipped: another kernel"; exit 0; }
bench() { O="$work/out" scripts/bench "$@"; }
mkdir -p "$work/out"
for f in pando.elf pando pando.debug.elf uapi busybox.cpio; do ln -s "$(cd build && pwd)/$f" "$work/out/$f"; done

bench --instructions --quick null_call fork_exit_wait 'fork_call_1*MiB' >"$work/table" 2>"$work/err" || not_ok bench-runs "status $?: $(one_line <"$work/err")"
if awk '$1 == "null_call" && $2 > 50 && $2 < 1000 { n++ } $1 == "fork_exit_wait" && $2 > 2000 && $2 < 130000 { n++ } $1 ~ /^fork_call_16?MiB$/ { n++ }
	END { exit n != 4 }' "$work/table"; then ok bench-figures; else not_ok bench-figures "$(one_line <"$work/table")"; fi
grep -q 'no Linux to compare with: name a kernel with --peer' "$work/err" && ok bench-no-peer || not_ok bench-no-peer "$(one_line <"$work/err")"

# Once more: within 1%.
cp "$work/out/bench/results" "$work/first"
bench --instructions --quick --json null_call fork_exit_wait 'fork_call_1*MiB' >"$work/json" 2>/dev/null
if awk '$1 == "about" { next } FNR == NR { was[$2] = $3; next } { n++; d = $3 / was[$2] - 1; if (d > 0.01 || d < -0.01) exit bad = 1 } END { exit bad || n != 4 }' \
	"$work/first" "$work/out/bench/results"; then ok bench-repeatable; else not_ok bench-repeatable "$(one_line <"$work/out/bench/results")"; fi
if python3 -c 'import json, sys; t = json.load(open(sys.argv[1])); r = t[0]["rows"]; sys.exit(not (len(t) == 1 and len(r) == 4 and r[0]["pando"] > 50 and
	r[0]["linux"] is None))' "$work/json"; then ok bench-json; else not_ok bench-json "$(one_line <"$work/json")"; fi
bench --from "$work/out/bench/results" --plot "$work/plot.svg" >/dev/null
if python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); sys.exit(len(d.getElementsByTagName("circle")) != 2)' "$work/plot.svg"
then ok bench-plot; else not_ok bench-plot "$(one_line <"$work/plot.svg")"; fi

# What a kept table reports.
printf 'compiler %s\nnull_call 50\nfork_exit_wait 1000000\nthat_is_gone 5\n' "$(gcc -dumpversion)" >"$work/kept"
awk -v compiler="$(gcc -dumpversion)" -f scripts/bench-check.awk "$work/kept" "$work/out/bench/results" >"$work/check"
if grep -q '^grew  *null_call ' "$work/check" && grep -q '^shrank  *fork_exit_wait ' "$work/check" && grep -q '^gone .*that_is_gone' "$work/check" &&
	grep -q '^new .*fork_call_1MiB' "$work/check" && grep -q '^2 rows compared .*: 1 grew by more than 3%, 1 shrank' "$work/check"
then ok bench-check; else not_ok bench-check "$(one_line <"$work/check")"; fi

# Where a row's instructions go.
bench --profile null_call >"$work/profile" 2>&1
if grep -q ' syscall_entry$' "$work/profile" && grep -q ' all$' "$work/profile"; then ok bench-profile; else not_ok bench-profile "$(one_line <"$work/profile")"; fi

# Refusals: one line, no figures.
refuses() { # NAME PATTERN ARGS...
	name=$1 pattern=$2
	shift 2
	status=0
	bench "$@" >"$work/o" 2>"$work/e" || status=$?
	if [ $status -ne 0 ] && [ ! -s "$work/o" ] && [ "$(wc -l <"$work/e")" = 1 ] && grep -q "$pattern" "$work/e"; then ok "$name"; else
		not_ok "$name" "status $status: $(cat "$work/o" "$work/e" | one_line)"; fi
}
refuses bench-unknown-row 'no row is called nonsense' nonsense
refuses bench-missing-peer '/nonexistent: cannot be read' --peer /nonexistent null_call
refuses bench-bad-peer 'not a Linux kernel' --peer /etc/passwd null_call
refuses bench-unknown-option 'unknown option --nonsense' --nonsense
refuses bench-profile-row 'no row is called' --profile nonsense

# Every row is described for the page, and nothing else.
"$work/out/bench/root/init" list | cut -d ' ' -f 1 | sort >"$work/rows"
grep -v '^#\|^outside' bench/rows.txt | cut -f 2 | sort -u >"$work/described"
cmp -s "$work/rows" "$work/described" && ok bench-described || not_ok bench-described "$(diff "$work/rows" "$work/described" | one_line)"
finish
