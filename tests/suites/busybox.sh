# BusyBox's testsuite from its source package, on the image's busybox. Its lines are "PASS: name", "FAIL: name", "SKIPPED: name", "UNTESTED: name".
# Left out are the calculators, bc and dc: minutes of arithmetic in an emulator, and nothing of the kernel.
command -v busybox >/dev/null || { echo 'the image has no busybox' >&2; exit 1; }
tar -C /tmp -xf /suite-source/busybox.tar
cd /tmp/busybox*/testsuite || exit 1
rm -rf bc bc.tests bc_* dc.tests
cp "$(command -v busybox)" ../busybox
export SHELL=/bin/sh LANG=C.UTF-8 # whatever this computer's are
bindir=$(cd .. && pwd) SKIP_KNOWN_BUGS=1 timeout "${SUITE_SECONDS:-3600}" ./runtest ${*:+"$@"} 2>>/out/busybox.log | tee -a /out/busybox.log |
	sed -un 's/ /_/g; s/^PASS:_/case pass /p; s/^FAIL:_/case fail /p; s/^SKIPPED:_/case skip /p; s/^UNTESTED:_/case skip /p'
