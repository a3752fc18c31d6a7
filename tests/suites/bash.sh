# Bash's own tests from its source package, on the image's bash, as an ordinary user at a terminal at which nobody types: each run-NAME compares what it prints
# with NAME.right and shows the difference. What differs for other reasons than the kernel (locales) differs on the peer as well.
tar -C /tmp -xf /suite-source/bash.tar
chown -R nobody /tmp/bash*
cd /tmp/bash*/tests || exit 1
export THIS_SH=/bin/bash BASH_TSTOUT=/tmp/bash.out PATH="$PWD:$PATH" BUILD_DIR=.. TMPDIR=/tmp HOME=/home
said=$PWD/suite.said
# Two of them want to read what a build leaves.
cp ../config.h.in ../config.h
cp ../patchlevel.h ../version.h
for f in recho zecho printenv xcase; do
	[ -e ../support/$f.c ] && gcc -w -I.. -I../include -include stdio.h -include stdlib.h -include string.h -include unistd.h -o $f ../support/$f.c 2>>/out/bash.log
done
for t in ${*:-run-[a-z]*}; do
	t=${t#run-}
	case $t in all | minimal | gprof | *~ | *.orig) continue ;; esac
	echo "== $t" >>/out/bash.log
	timeout -k 10 "${SUITE_SECONDS:-300}" setpriv --reuid nobody --regid nogroup --clear-groups python3 /suite/at_terminal.py sh -c "sh ./run-$t >$said 2>&1"
	status=$?
	rm -f "$BASH_TSTOUT"
	cat "$said" >>/out/bash.log
	# Each ends with the diff of what it printed; some compare in several places, or speak beside it.
	if [ $status != 0 ] || grep -q '^[0-9,]*[acd][0-9,]*$\|^Binary files' "$said"; then
		echo "case fail $t"
	else
		echo "case pass $t"
	fi
done
