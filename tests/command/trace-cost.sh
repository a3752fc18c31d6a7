#!/bin/sh
# What tracing a fork, exec, exit and wait costs, in guest instructions: below 15% of them, also with the scheduler's events.
. "$(dirname "$0")/lib.sh"
row=fork_exec_wait_static
instructions() { scripts/bench --instructions --peer none "$@" $row 2>"$work/err" </dev/null | sed -n "s/^$row  *\([0-9]*\).*/\1/p"; }
without=$(instructions)
for classes in fork,exec,exit,cow fork,exec,exit,cow,sched; do
	with=$(instructions --trace $classes)
	percent=$(awk -v a="${without:-0}" -v b="${with:-0}" 'BEGIN { if (a > 0 && b > a) printf "%.1f", (b - a) * 100 / a; else print "unknown" }')
	echo "tracing $classes: $without instructions become $with, +$percent%" >&2
	case $percent in
	unknown) not_ok "trace-cost-$classes" "$without and $with instructions: $(one_line <"$work/err")" ;;
	*) awk -v p="$percent" 'BEGIN { exit p >= 15 }' && ok "trace-cost-$classes" || not_ok "trace-cost-$classes" "+$percent%" ;;
	esac
done
finish
