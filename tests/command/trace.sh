#!/bin/sh
# `pando trace`: the command's own streams and status, the tree, the files, and that no birth is lost.
. "$(dirname "$0")/lib.sh"

says() { # NAME PATTERN FILE
	if grep -q -- "$2" "$3"; then ok "$1"; else not_ok "$1" "no '$2' in: $(one_line <"$3")"; fi
}
count() { grep -c "$1" "$2" || true; }
equal() { # NAME GOT WANT
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "$2, not $3"; fi
}

check trace-pipe 0 HELLO "$PANDO" trace -- sh -c 'echo hello | tr a-z A-Z'
says trace-tree-root '^1 .*boot' "$work/err"
says trace-tree-shell '^└─ [0-9]* sh -c ' "$work/err"
says trace-tree-child '^   [├└]─ [0-9]* tr a-z A-Z .*fork .*exec .*alive .*exit 0' "$work/err"
check trace-status 7 "" "$PANDO" trace -- sh -c 'exit 7'
says trace-tree-status 'exit 7' "$work/err"
check trace-signal 137 "" "$PANDO" trace -- sh -c 'kill -9 $$'
says trace-tree-signal 'killed by SIGKILL' "$work/err"
check trace-not-found 127 "" "$PANDO" trace -- no-such-command
check trace-steps 0 "" "$PANDO" trace --steps -- true
says trace-steps-mm 'mm copied [0-9.]* .s' "$work/err"
pid=$(sed -n 's/^└─ \([0-9]*\) true .*/\1/p' "$work/err")
check trace-pid 0 "" "$PANDO" trace --pid "$pid" --html "$work/page.html" --json "$work/json" -- true
says trace-pid-tree "^$pid true" "$work/err"
equal trace-pid-page "$(grep -c '"lives":\|^{"t":' "$work/page.html")" 2
equal trace-pid-events "$(grep -v "\"tid\":$pid," "$work/json" | grep -vc '"event":"\(trace\|boot_phase\|step_name\|end\)"')" 0
check trace-depth 0 "" "$PANDO" trace --depth 0 -- true
says trace-depth-rest 'more below' "$work/err"

# The boot itself: a machine whose init powers it off.
mkdir -p "$work/root/dev"
cp "$(command -v busybox)" "$work/root/busybox"
printf '#!/busybox sh\n/busybox poweroff -f\n' >"$work/root/init"
chmod 755 "$work/root/init"
timeout 60 "$PANDO" trace "$work/root" --init >/dev/null 2>"$work/err" </dev/null && ok trace-init || not_ok trace-init "$(one_line <"$work/err")"
says trace-init-swapper '^0 swapper' "$work/err"
says trace-init-one '^├─ 1 .*boot' "$work/err"
says trace-init-threads '\[kthreadd\] .*kernel thread' "$work/err"
says trace-init-phases ' initramfs [0-9]' "$work/err"

# A hundred commands on one CPU, three hundred on two: the shell's own count, the tree's and the events' agree.
for n in 1 2; do
	many=$((n * 200 - 100))
	script="i=0; while [ \$i -lt $many ]; do /bin/busybox true; i=\$((i + 1)); done; echo \$i"
	check "trace-many-$n" 0 $many "$PANDO" trace -c $n --json "$work/json" --raw "$work/raw" -- sh -c "$script"
	sh=$(sed -n 's/.*"tid":\([0-9]*\),"event":"exec_commit".*"argv":\["sh",.*/\1/p' "$work/json" | head -n 1)
	equal "trace-many-births-$n" "$(count "\"tid\":$sh,\"event\":\"birth\"" "$work/json")" $many
	equal "trace-many-execs-$n" "$(count '"event":"exec_commit".*"argv":\["/bin/busybox","true"\]' "$work/json")" $many
	equal "trace-many-reaps-$n" "$(count "\"tid\":$sh,\"event\":\"reap\"" "$work/json")" $many
	equal "trace-many-exits-$n" "$(count '"event":"exit"' "$work/json")" $((many + 1))
	equal "trace-many-gaps-$n" "$(count '"event":"gap"' "$work/json")" 0
	says "trace-many-complete-$n" '"lost":0,"complete":true' "$work/json"
	cp "$work/err" "$work/tree"
	check "trace-from-$n" 0 "" "$PANDO" trace --from "$work/raw"
	if cmp -s "$work/err" "$work/tree"; then ok "trace-from-tree-$n"; else not_ok "trace-from-tree-$n" "the recorded trace shows another tree"; fi
done

script='i=0; while [ $i -lt 100 ]; do /bin/busybox true; i=$((i + 1)); done; echo $i'
# A reader that is slower than the machine: the writers wait, nothing is lost.
"$PANDO" trace -c 2 --only fork,exec,exit,cow,sched --raw - -- sh -c "$script >&2" 2>/dev/null </dev/null | (sleep 2; cat >"$work/slow")
check trace-slow-reader 0 "" "$PANDO" trace --from "$work/slow" --json "$work/json"
equal trace-slow-gaps "$(count '"event":"gap"' "$work/json")" 0
equal trace-slow-execs "$(count '"event":"exec_commit".*"argv":\["/bin/busybox","true"\]' "$work/json")" 100
# The same with --lossy: nobody waits, what did not fit is counted, and the gaps say where.
"$PANDO" trace --lossy -m 100M -c 2 --only fork,exec,exit,cow,sched --raw - -- sh -c 'i=0; while [ $i -lt 1500 ]; do (:); i=$((i + 1)); done' 2>/dev/null </dev/null |
	(sleep 6; cat >"$work/slow")
check trace-lossy 0 "" "$PANDO" trace --from "$work/slow" --json "$work/json"
says trace-lossy-told '^trace: [1-9][0-9]* events were lost' "$work/err"
equal trace-lossy-gaps "$(sed -n 's/.*"event":"gap","lost":\([0-9]*\).*/\1/p' "$work/json" | awk '{ n += $1 } END { print n + 0 }')" \
	"$(sed -n '1s/.*"lost":\([0-9]*\).*/\1/p' "$work/json")"

# The files.
check trace-files 0 "" "$PANDO" trace --html "$work/page.html" --perfetto "$work/p" -- sh -c '/bin/busybox true; /bin/busybox true'
says trace-html-data '"n":"/bin/busybox true"' "$work/page.html"
grep -q '@DATA@\|src=\|href=\|https*:' "$work/page.html" && not_ok trace-html-alone "the page refers to something outside" || ok trace-html-alone
if command -v protoc >/dev/null 2>&1; then
	protoc --decode=perfetto.Trace host/perfetto.proto <"$work/p" >"$work/text" 2>"$work/err" && ok trace-perfetto-decodes || not_ok trace-perfetto-decodes "$(one_line <"$work/err")"
	equal trace-perfetto-flows "$(count '^ *flow_ids:' "$work/text")" "$(count '^ *terminating_flow_ids:' "$work/text")"
	equal trace-perfetto-execs "$(count 'name: "exec /bin/busybox"' "$work/text")" 2
	# Against the program's own log.
	"$PANDO" trace -c 2 --perfetto "$work/p" -- sh -c 'echo $$; for i in 1 2 3 4 5 6 7 8; do /bin/busybox usleep $i & echo $!; done; wait' >"$work/log" 2>"$work/err" </dev/null
	protoc --decode=perfetto.Trace host/perfetto.proto <"$work/p" >"$work/text"
	shell=$(sed -n 1p "$work/log")
	sed -i 1d "$work/log"
	if python3 tests/command/perfetto.py "$shell" "$work/log" <"$work/text" 2>"$work/err"; then ok trace-perfetto-log; else not_ok trace-perfetto-log "$(one_line <"$work/err")"; fi
else
	echo "skip trace-perfetto-decodes (no protoc)"
fi

check_error trace-bad-only "not one of fork" "$PANDO" trace --only forks -- true
check_error trace-bad-file "no/such/folder" "$PANDO" trace --json no/such/folder/x -- true
check_error trace-bad-recording "it is no trace" "$PANDO" trace --from "$0"
check_error trace-two-stdouts "standard output" "$PANDO" trace --json - --raw - -- true
check_error trace-from-and-command "recorded" "$PANDO" trace --from "$work/raw" -- true
check_clean trace-leaves-nothing
finish
