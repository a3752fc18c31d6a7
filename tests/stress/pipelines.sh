#!/bin/sh
# pipelines.sh N: N pipelines of four processes, all at once. Each must deliver its own number.
dir=/tmp/pipelines.$$
mkdir $dir || exit 1
i=0
while [ $i -lt "$1" ]; do
	echo $i | /bin/busybox cat | /bin/busybox tr 0-9 a-j | /bin/busybox cat >$dir/$i &
	i=$((i + 1))
done
wait
i=0 bad=0
while [ $i -lt "$1" ]; do
	[ "$(tr a-j 0-9 <$dir/$i)" = $i ] || { echo "pipelines: number $i gave '$(cat $dir/$i)'" >&2; bad=1; }
	i=$((i + 1))
done
rm -r $dir
exit $bad
