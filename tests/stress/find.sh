#!/bin/sh
# find.sh SUM N: what the host found to be the sum of all files of the image (the command's own apart), N times.
i=0
while [ $i -lt "$2" ]; do
	sum=$(find / -xdev -type f | grep -v -e '^/\.pando' -e '^/tmp/' | sort | xargs cat | md5sum)
	[ "${sum%% *}" = "$1" ] || { echo "find: the sum is $sum, not $1" >&2; exit 1; }
	i=$((i + 1))
done
