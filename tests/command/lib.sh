# Helpers of the command's tests. Each test file sources this, calls check and friends, and ends with finish.
# PANDO is the command; PANDO_KERNEL may name another kernel, so that the same tests run on Linux.
PANDO=${PANDO:-build/pando}
case $PANDO in /*) ;; *) PANDO=$PWD/$PANDO ;; esac
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
# QEMU inherits the environment: a mark in it finds what is left behind.
PANDO_TEST_MARK=mark.$$.$(basename "$work")
XDG_CACHE_HOME=${XDG_CACHE_HOME:-$HOME/.cache}
# The command prints UTF-8, and the tests match it by characters.
LC_ALL=C.UTF-8
export PANDO_TEST_MARK XDG_CACHE_HOME LC_ALL

ok() { echo "ok $1"; }
not_ok() { echo "not ok $1: $2"; failed=1; }
one_line() { tr '\n' '~' | cut -c 1-200; }

# check NAME STATUS STDOUT COMMAND...: runs the command with empty stdin; its stderr is left in $work/err.
check() {
	name=$1 want=$2 text=$3
	shift 3
	status=0
	got=$("$@" 2>"$work/err" </dev/null) || status=$?
	if [ "$status" != "$want" ]; then
		not_ok "$name" "status $status, not $want; stderr: $(one_line <"$work/err")"
	elif [ "$got" != "$text" ]; then
		not_ok "$name" "printed '$(printf %s "$got" | one_line)', not '$(printf %s "$text" | one_line)'"
	else
		ok "$name"
	fi
}

# check_error NAME PATTERN COMMAND...: status 125, nothing on stdout, exactly one line "pando: ..." with the pattern on stderr.
check_error() {
	name=$1 pattern=$2
	shift 2
	status=0
	got=$(timeout 60 "$@" 2>"$work/err" </dev/null) || status=$?
	if [ "$status" != 125 ]; then
		not_ok "$name" "status $status, not 125; stderr: $(one_line <"$work/err")"
	elif [ -n "$got" ]; then
		not_ok "$name" "printed '$(printf %s "$got" | one_line)'"
	elif [ "$(wc -l <"$work/err")" != 1 ]; then
		not_ok "$name" "not one line on stderr: $(one_line <"$work/err")"
	elif ! grep -q "^pando: .*$pattern" "$work/err"; then
		not_ok "$name" "stderr is '$(one_line <"$work/err")', without '$pattern'"
	else
		ok "$name"
	fi
}

# The processes that carry our mark in their environment, other than this shell's own.
left_behind() {
	for p in /proc/[0-9]*; do
		case $(readlink "$p/exe" 2>/dev/null) in
		*qemu* | */pando) tr '\0' '\n' <"$p/environ" 2>/dev/null | grep -q "^PANDO_TEST_MARK=$PANDO_TEST_MARK\$" && echo "${p#/proc/}" ;;
		esac
	done
	:
}

check_clean() {
	rest=$(left_behind)
	if [ -n "$rest" ]; then
		sleep 0.3
		rest=$(left_behind)
	fi
	if [ -n "$rest" ]; then not_ok "$1" "processes left behind: $rest"; else ok "$1"; fi
}

finish() { exit $failed; }
