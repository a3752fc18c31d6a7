#!/bin/sh
# `pando image FILE SUITE`: errors are one clear line; with a stand-in for mmdebstrap, what it writes becomes the image.
. "$(dirname "$0")/lib.sh"

check_error debian-no-suite "usage: pando image" "$PANDO" image "$work/x.tar"
check_error debian-bad-suite "not the name of a Debian suite" "$PANDO" image "$work/x.tar" --mirror http://localhost/ ../etc
check_error debian-bad-include "not a list of packages" "$PANDO" image --include 'a b' "$work/x.tar" bookworm
check_error debian-bad-mirror "neither a URL nor a readable file" "$PANDO" image --mirror /no/such/file "$work/x.tar" bookworm
check_error debian-bad-folder "No such file" "$PANDO" image "$work/none/x.tar" bookworm
check_error debian-pack-with-options "for making an image" "$PANDO" image --minimal "$work/x.tar" -o "$work/y.cpio"

mkdir "$work/path" "$work/root" "$work/root/bin"
check_error debian-no-tool "mmdebstrap not found" env PATH="$work/path" "$PANDO" image "$work/x.tar" bookworm
[ ! -e "$work/x.tar" ] && ok debian-nothing-left || not_ok debian-nothing-left "a file appeared"

# Stand-ins: one that fails as the real one does without its mirror, one that dies half-way, one that works.
tool() { { echo '#!/bin/sh'; cat; } >"$work/path/mmdebstrap"; chmod +x "$work/path/mmdebstrap"; }
tool <<'END'
echo 'I: bookworm is a stable release' >&2
echo 'W: Failed to fetch http://nowhere.invalid/debian/dists/bookworm/InRelease  Could not resolve nowhere.invalid' >&2
echo 'E: apt-get update --error-on=any failed: process exited with 100' >&2
exit 25
END
check_error debian-no-mirror "Could not resolve nowhere.invalid" env PATH="$work/path:$PATH" "$PANDO" image --mirror http://nowhere.invalid/debian "$work/x.tar" bookworm
tool <<'END'
echo half
kill -9 $$
END
check_error debian-killed "ended by signal 9" env PATH="$work/path:$PATH" "$PANDO" image "$work/x.tar" bookworm
[ ! -e "$work/x.tar" ] && ok debian-no-half || not_ok debian-no-half "half a file appeared"

cp "$(command -v busybox)" "$work/root/bin/busybox"
ln -s busybox "$work/root/bin/sh"
tar -C "$work/root" -cf "$work/root.tar" .
tool <<END
echo "\$*" >"$work/args"
cat "$work/root.tar"
END
check debian-made 0 "" env PATH="$work/path:$PATH" "$PANDO" image --include gcc,make --mirror http://m.example/debian "$work/x.tar" bookworm
check debian-arguments 0 "--format=tar --variant=apt --include=gcc,make bookworm - http://m.example/debian" cat "$work/args"
check debian-runs 0 "hello" "$PANDO" run "$work/x.tar" -- sh -c 'echo hello'
check debian-minimal 0 "" env PATH="$work/path:$PATH" "$PANDO" image "$work/x.tar" bookworm --minimal
check debian-minimal-arguments 0 "--format=tar --variant=minbase bookworm -" cat "$work/args"

# The real one, where it is and its mirror answers: PANDO_TEST_DEBIAN=yes, since it downloads a hundred megabytes.
if [ "${PANDO_TEST_DEBIAN:-no}" = yes ] && command -v mmdebstrap >/dev/null; then
	check debian-real 0 "" "$PANDO" image --include python3 "$work/debian.tar" bookworm
	check debian-python 0 "Linux" "$PANDO" run "$work/debian.tar" -- \
		bash -c 'python3 -c "import subprocess; print(subprocess.check_output([\"uname\",\"-s\"]).decode().strip())"'
fi
finish
