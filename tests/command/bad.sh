#!/bin/sh
# What is wrong is said in one clear line, with status 125; nothing hangs.
. "$(dirname "$0")/lib.sh"

check_error bad-nothing "nothing to do" "$PANDO"
check_error bad-verb "what is 'frobnicate'" "$PANDO" frobnicate
check_error bad-option "unknown" "$PANDO" run --frobnicate -- true
check_error bad-short-option "unknown option -Z" "$PANDO" run -Z -- true
check_error bad-missing-value "needs a value" "$PANDO" run -m
check_error bad-two-images "goes after '--'" "$PANDO" run one two -- true
for m in 0 1 -5 abc 1M 999999G 99999999999999999999 4X "" 1e9; do
	check_error "bad-memory-$m" "-m" "$PANDO" run -m "$m" -- true
done
for c in 0 9 -1 1000000 x "" 2x; do
	check_error "bad-cpus-$c" "-c" "$PANDO" run -c "$c" -- true
done
check_error bad-timeout "timeout" "$PANDO" run --timeout soon -- true
check_error bad-timeout-negative "timeout" "$PANDO" run --timeout -1 -- true
check_error bad-accel "accel" "$PANDO" run --accel warp -- true
check_error bad-workdir "absolute" "$PANDO" run -w tmp -- true
check_error bad-hostname "host name" "$PANDO" run --hostname 'a b' -- true
check_error bad-env "NAME=VALUE" "$PANDO" run -e =x -- true
check_error bad-init-env "init" "$PANDO" run --init -e A=b
check_error bad-init-tty "not a TTY" "$PANDO" run --init -it
check_error bad-tty "not a TTY" "$PANDO" run -it -- true

check_error bad-image-missing "No such file" "$PANDO" run "$work/no-such-image" -- true
check_error bad-image-empty-name "empty" "$PANDO" run "" -- true
: >"$work/empty"
check_error bad-image-empty "not an image" "$PANDO" run "$work/empty" -- true
head -c 100000 /dev/urandom >"$work/random"
check_error bad-image-random "not an image" "$PANDO" run "$work/random" -- true
check_error bad-image-device "device" "$PANDO" run /dev/null -- true
mkdir "$work/root"
head -c 300000 /dev/zero | tr '\0' x >"$work/root/file"
tar -C "$work/root" -cf "$work/good.tar" file
head -c 150000 "$work/good.tar" >"$work/cut.tar"
check_error bad-image-cut-tar "cut.tar" "$PANDO" run "$work/cut.tar" -- true
gzip -c "$work/good.tar" | head -c 300 >"$work/cut.tgz"
check_error bad-image-cut-gzip "cut.tgz" "$PANDO" run "$work/cut.tgz" -- true
{ head -c 257 "$work/good.tar"; head -c 20000 /dev/urandom; } >"$work/damaged.tar"
check_error bad-image-damaged "damaged.tar" "$PANDO" run "$work/damaged.tar" -- true
printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08Xhuge\0\0' 1 33188 0 0 1 0 4294967295 0 0 0 0 5 0 >"$work/huge.cpio"
check_error bad-image-huge-header "huge" "$PANDO" run "$work/huge.cpio" -- true
check_error bad-image-no-command "no command" "$PANDO" run "$work/good.tar"
check_error bad-image-no-init "no init" "$PANDO" run --init "$work/good.tar"
head -c 20000000 /dev/zero >"$work/root/large"
tar -C "$work/root" -cf "$work/large.tar" file large
check_error bad-image-too-large "does not fit" "$PANDO" run -m 16M "$work/large.tar" -- true
if [ "$(id -u)" != 0 ]; then
	echo secret >"$work/root/unreadable"
	chmod 0 "$work/root/unreadable"
	check_error bad-image-unreadable "unreadable: Permission denied" "$PANDO" run "$work/root" -- true
	rm -f "$work/root/unreadable"
fi
# A hard link to what is not there.
mkdir "$work/links"
echo x >"$work/links/a"
ln "$work/links/a" "$work/links/b"
tar -C "$work/links" -cf "$work/links.tar" a b
tar --delete -f "$work/links.tar" a 2>/dev/null && check_error bad-image-hard-link "hard link" "$PANDO" run "$work/links.tar" -- true

mkdir -p "$work/oci/blobs"
echo '{}' >"$work/oci/oci-layout"
check_error bad-oci-no-index "index.json" "$PANDO" run "$work/oci" -- true
echo 'not json' >"$work/oci/index.json"
check_error bad-oci-index "index.json" "$PANDO" run "$work/oci" -- true
echo '{"manifests":[{"digest":"sha256:../../../../etc/passwd"}]}' >"$work/oci/index.json"
check_error bad-oci-digest "digest" "$PANDO" run "$work/oci" -- true
echo '{"manifests":[{"digest":"sha256:00","platform":{"os":"linux","architecture":"riscv64"}}]}' >"$work/oci/index.json"
check_error bad-oci-platform "linux/amd64" "$PANDO" run "$work/oci" -- true
# A blob that was cut off between two members of its tar looks whole; and a configuration whose parts are of other types.
tar -C "$work/root" -cf "$work/oci/blobs/layer" file
config='{"config":{"Cmd":["true"]}}' manifest='{"config":{"digest":"blob:config"},"layers":[{"digest":"blob:layer","size":%s}]}'
mkdir "$work/oci/blobs/blob"
mv "$work/oci/blobs/layer" "$work/oci/blobs/blob/layer"
echo "$config" >"$work/oci/blobs/blob/config"
echo '{"manifests":[{"digest":"blob:manifest"}]}' >"$work/oci/index.json"
# shellcheck disable=SC2059
printf "$manifest" 400000 >"$work/oci/blobs/blob/manifest"
check_error bad-oci-cut-layer "blobs/blob/layer: it has .* bytes, not the 400000" "$PANDO" run "$work/oci" -- true
# shellcheck disable=SC2059
printf "$manifest" "$(wc -c <"$work/oci/blobs/blob/layer")" >"$work/oci/blobs/blob/manifest"
for wrong in '"Env":"A=B"' '"Cmd":[1]' '"Entrypoint":{}' '"User":5' '"WorkingDir":["/"]'; do
	echo "{\"config\":{$wrong}}" >"$work/oci/blobs/blob/config"
	check_error "bad-oci-config-$wrong" "not of its type" "$PANDO" run "$work/oci" -- true
done
rm "$work/oci/blobs/blob/layer"
mkdir "$work/oci/blobs/blob/layer"
check_error bad-oci-layer-folder "layer: Is a directory" "$PANDO" run "$work/oci" -- true
mkdir "$work/docker"
echo '[{"Config":"c.json","Layers":["../../../../../../../../../etc/passwd"]}]' >"$work/docker/manifest.json"
check_error bad-docker-layer "layer" "$PANDO" run "$work/docker" -- true

check_error bad-kernel-missing "No such file" "$PANDO" run --kernel "$work/no-such-kernel" -- true
check_error bad-kernel-folder "folder" "$PANDO" run --kernel "$work" -- true
check_error bad-kernel-empty "not a kernel" "$PANDO" run --kernel "$work/empty" -- true
check_error bad-kernel-text "not a kernel" "$PANDO" run --kernel "$work/random" -- true
check_error bad-kernel-program "PVH" "$PANDO" run --kernel "$PANDO" -- true
check_error bad-append-long "too long" "$PANDO" run --append "$(head -c 3000 /dev/zero | tr '\0' a)" -- true
check_error bad-qemu-missing "qemu-system-x86_64 not found" env PATH=/nonexistent "$PANDO" run -- true
check_error bad-qemu-env "PANDO_QEMU" env PANDO_QEMU="$work/no-such-qemu" "$PANDO" run -- true
printf '#!/bin/sh\necho "no machine today" >&2\nexit 1\n' >"$work/fake-qemu"
chmod +x "$work/fake-qemu"
check_error bad-qemu-fails "no machine today" env PANDO_QEMU="$work/fake-qemu" "$PANDO" run --accel tcg -- true
cp "$PANDO" "$work/alone"
check_error bad-alone "missing" env -u PANDO_KERNEL "$work/alone" run -- true

check_error bad-pack-usage "usage" "$PANDO" image "$work/good.tar"
check_error bad-pack-out "No such file" "$PANDO" image "$work/good.tar" -o "$work/no/such/folder/out"
[ ! -e "$work/half" ] && "$PANDO" image "$work/cut.tar" -o "$work/half" 2>/dev/null
[ ! -e "$work/half" ] && ok bad-pack-nothing-left || not_ok bad-pack-nothing-left "a half-written image was left"
# What an image is written to: a pipe (or a device) stays one, and so does a symbolic link; a folder is none.
check_error bad-pack-folder "Is a directory" "$PANDO" image "$work/good.tar" -o "$work/root"
mkfifo "$work/pipe"
timeout 20 cat "$work/pipe" >"$work/through-pipe" &
status=0
timeout 20 "$PANDO" image "$work/good.tar" -o "$work/pipe" || status=$?
wait $!
"$PANDO" image "$work/good.tar" -o "$work/packed" || status=$?
ln -s packed "$work/packed-link"
"$PANDO" image "$work/links" -o "$work/packed-link" || status=$?
if [ $status != 0 ]; then
	not_ok pack-to-pipe-and-link "status $status"
elif [ ! -p "$work/pipe" ] || [ ! -L "$work/packed-link" ]; then
	not_ok pack-to-pipe-and-link "one of them was replaced"
elif ! head -c 6 "$work/through-pipe" | grep -q 070701 || cmp -s "$work/through-pipe" "$work/packed"; then
	not_ok pack-to-pipe-and-link "the bytes did not arrive"
else
	ok pack-to-pipe-and-link
fi

check_clean bad-leaves-nothing
finish
