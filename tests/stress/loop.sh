#!/bin/sh
# loop.sh N: N times fork, exec, wait, from a shell.
i=0
while [ $i -lt "$1" ]; do
	/bin/busybox true || { echo "loop: number $i failed with $?" >&2; exit 1; }
	i=$((i + 1))
done
[ "$(/bin/busybox echo done)" = done ]
