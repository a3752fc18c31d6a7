#!/bin/sh
# `pando run` behaves like the command it runs: streams, status, arguments, environment, directory, user.
. "$(dirname "$0")/lib.sh"

check run-pipe 0 HELLO "$PANDO" run -- sh -c 'echo hello | tr a-z A-Z'
check run-true 0 "" "$PANDO" run -- true
check run-exit-7 7 "" "$PANDO" run -- sh -c 'exit 7'
check run-exit-255 255 "" "$PANDO" run -- sh -c 'exit 255'
check run-signal 137 "" "$PANDO" run -- sh -c 'kill -9 $$'
check run-signal-segv 139 "" "$PANDO" run -- sh -c 'kill -SEGV $$'
check run-not-found 127 "" "$PANDO" run -- no-such-command
check run-not-found-path 127 "" "$PANDO" run -- /no/such/command
check run-not-executable 126 "" "$PANDO" run -- /etc/passwd
check run-folder 126 "" "$PANDO" run -- /etc
grep -q '^pando: /etc: cannot be executed' "$work/err" && ok run-folder-message || not_ok run-folder-message "$(one_line <"$work/err")"
check run-default-command 0 "" "$PANDO" run

got=$(echo 'ls / | wc -l' | "$PANDO" run -- sh 2>"$work/err")
[ "$got" -gt 5 ] 2>/dev/null && ok run-stdin || not_ok run-stdin "printed '$got'; $(one_line <"$work/err")"

got=$("$PANDO" run -- sh -c 'echo out; echo err >&2' 2>"$work/err" </dev/null)
[ "$got" = out ] && [ "$(cat "$work/err")" = err ] && ok run-streams-apart || not_ok run-streams-apart "out '$got' err '$(cat "$work/err")'"

check run-arguments 0 'a b|c"d||$HOME|' "$PANDO" run -- sh -c 'printf "%s|" "$@"' sh 'a b' 'c"d' '' '$HOME'
check run-env 0 "one two" "$PANDO" run -e A=one -e B=wrong -e B=two -- sh -c 'echo $A $B'
FROM_HOST=yes
export FROM_HOST
check run-env-host 0 "yes" "$PANDO" run -e FROM_HOST -e NOT_SET_ANYWHERE -- sh -c 'echo $FROM_HOST${NOT_SET_ANYWHERE+set}'
check run-env-defaults 0 "/root pando /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
	"$PANDO" run -- sh -c 'echo $HOME $HOSTNAME $PATH'
check run-workdir 0 /tmp/new/place "$PANDO" run -w /tmp/new/place -- pwd
check run-hostname 0 box "$PANDO" run --hostname box -- hostname
check run-user 0 "uid=65534(nobody) gid=65534(nogroup)" "$PANDO" run -u nobody -- sh -c 'id | cut -d" " -f 1,2'
check run-user-numbers 0 "1234 5" "$PANDO" run -u 1234:tty -- sh -c 'echo $(id -u) $(id -g)'
check_error run-user-unknown "no-such-user" "$PANDO" run -u no-such-user -- true
check run-set-clock 0 2030 "$PANDO" run -- sh -c 'date -u -s "2030-01-02 03:04:05" >/dev/null; date -u +%Y'
# -v alone says what was chosen; before a word with a colon it is a folder (folders.sh).
check run-v 0 hi "$PANDO" run -v -- echo hi
says run-v-accelerator '^pando: accelerator: ' "$work/err"
check run-v-clustered 0 hi "$PANDO" run -iv -m 64M -- echo hi
says run-v-clustered-kernel '^pando: kernel: ' "$work/err"
check run-cpus 0 2 "$PANDO" run -c 2 -- nproc

# A long input comes back unharmed, both ways at once.
head -c 3000000 /dev/urandom >"$work/random"
sum=$(md5sum <"$work/random")
got=$("$PANDO" run -- cat <"$work/random" | md5sum)
[ "$got" = "$sum" ] && ok run-copy || not_ok run-copy "3000000 bytes through cat came back different"
got=$("$PANDO" run -- md5sum <"$work/random")
[ "$got" = "$sum" ] && ok run-input || not_ok run-input "md5sum in the guest: $got, here: $sum"
got=$("$PANDO" run -- sh -c 'head -c 2000000 /dev/zero' </dev/null | (sleep 1; wc -c))
[ "$got" -eq 2000000 ] && ok run-slow-reader || not_ok run-slow-reader "$got bytes of 2000000"

# A background process that holds the output does not keep the machine alive.
start=$(date +%s)
check run-orphan 0 done "$PANDO" run -- sh -c 'sleep 60 & echo done'
[ $(($(date +%s) - start)) -lt 30 ] && ok run-orphan-time || not_ok run-orphan-time "waited for the orphan"

check run-closed-stdin 0 "" sh -c '"$0" run -- cat <&-' "$PANDO"
check run-large-argument 0 100001 "$PANDO" run -- sh -c 'printf "%s\n" "$1" | wc -c' sh "$(head -c 100000 /dev/zero | tr '\0' a)"
check run-full-device 125 "" sh -c '"$0" run -- echo hello >/dev/full' "$PANDO"
grep -q "^pando: standard output: No space left" "$work/err" && ok run-full-device-message || not_ok run-full-device-message "$(one_line <"$work/err")"
check_clean run-leaves-nothing
finish
