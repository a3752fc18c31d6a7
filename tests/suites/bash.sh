# Bash's own tests from its source package, on the image's bash: each run-NAME compares what it prints with NAME.right and shows the difference. What differs
# for other reasons than the kernel (locales) differs on the peer as well.
tar -C /tmp -xf /suite-source/bash.tar
cd /tmp/bash*/tests || exit 1
export THIS_SH=/bin/bash BASH_TSTOUT=/tmp/bash.out PATH="$PWD:$PATH"
for f in recho zecho printenv xcase; do
	[ -e ../support/$f.c ] && gcc -w -I.. -I../include -include stdio.h -include stdlib.h -include string.h -include unistd.h -o $f ../support/$f.c 2>>/out/bash.log
done
for t in ${*:-run-[a-z]*}; do
	t=${t#run-}
	case $t in all | minimal | gprof | *~ | *.orig) continue ;; esac
	echo "== $t" >>/out/bash.log
	timeout "${SUITE_SECONDS:-120}" sh ./run-"$t" >/tmp/bash.diff 2>&1 </dev/null
	status=$?
	cat /tmp/bash.diff >>/out/bash.log
	if [ $status = 124 ]; then
		echo "case fail $t"
	elif grep -q '^[0-9,]*[acd][0-9,]*$' /tmp/bash.diff; then
		echo "case fail $t"
	else
		echo "case pass $t"
	fi
done
