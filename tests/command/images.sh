#!/bin/sh
# Images of every kind give the same machine.
. "$(dirname "$0")/lib.sh"
busybox=$(command -v busybox || echo /bin/busybox)

# A small root folder with what archives get wrong: hard links, symbolic links, modes, times, empty and page-sized files.
make_root() {
	mkdir -p "$1/bin" "$1/etc" "$1/data/deep/er" "$1/tmp"
	cp "$busybox" "$1/bin/busybox"
	for c in sh cat ls wc md5sum find stat readlink test sort; do ln -s busybox "$1/bin/$c"; done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo hello >"$1/data/hello"
	ln "$1/data/hello" "$1/data/again"
	ln -s /etc/passwd "$1/data/absolute"
	ln -s ../../../../../../etc/passwd "$1/data/upward"
	: >"$1/data/empty"
	head -c 4096 /dev/zero >"$1/data/page"
	head -c 100001 /dev/zero | tr '\0' x >"$1/data/deep/er/large"
	chmod 600 "$1/data/page"
	chmod 1777 "$1/tmp"
}
make_root "$work/root"
inspect='cd /data && cat hello again && md5sum deep/er/large page && stat -c "%a %h %s" hello page empty && readlink absolute && readlink upward && cat upward'
expect=$(cd "$work/root/data" && cat hello again && md5sum deep/er/large page && stat -c "%a %h %s" hello page empty && readlink absolute && readlink upward && cat ../etc/passwd)

check images-folder 0 "$expect" "$PANDO" run "$work/root" -- sh -c "$inspect"
tar -C "$work/root" -cf "$work/root.tar" .
check images-tar 0 "$expect" "$PANDO" run "$work/root.tar" -- sh -c "$inspect"
for z in gzip xz zstd bzip2; do
	command -v $z >/dev/null || continue
	$z -c <"$work/root.tar" >"$work/root.tar.$z"
	check "images-tar-$z" 0 "$expect" "$PANDO" run "$work/root.tar.$z" -- sh -c "$inspect"
done
if command -v cpio >/dev/null; then
	(cd "$work/root" && find . | cpio -o -H newc 2>/dev/null) >"$work/root.cpio"
	check images-cpio 0 "$expect" "$PANDO" run "$work/root.cpio" -- sh -c "$inspect"
	gzip -c <"$work/root.cpio" >"$work/root.cpio.gz"
	check images-cpio-gzip 0 "$expect" "$PANDO" run "$work/root.cpio.gz" -- sh -c "$inspect"
fi

# A packed image starts as it is, and packing is repeatable.
check images-pack 0 "" "$PANDO" image "$work/root" -o "$work/packed.cpio"
check images-packed 0 "$expect" "$PANDO" run "$work/packed.cpio" -- sh -c "$inspect"
"$PANDO" image "$work/root" -o "$work/packed2.cpio"
cmp -s "$work/packed.cpio" "$work/packed2.cpio" && ok images-pack-repeatable || not_ok images-pack-repeatable "two packings differ"
"$PANDO" image "$work/packed.cpio" -o "$work/packed3.cpio"
cmp -s "$work/packed.cpio" "$work/packed3.cpio" && ok images-pack-again || not_ok images-pack-again "packing a packed image changes it"
if command -v cpio >/dev/null; then
	mkdir "$work/unpacked"
	(cd "$work/unpacked" && cpio -idm --quiet <"$work/packed.cpio" 2>"$work/err")
	rm -rf "$work/unpacked/.pando"
	diff -r --no-dereference "$work/root" "$work/unpacked" >"$work/diff" 2>&1 && ok images-cpio-readable || not_ok images-cpio-readable "$(one_line <"$work/diff")"
fi

# ---- container images: two layers, the second with whiteouts -----------------------------------------------------------------------------
digest() { sha256sum "$1" | cut -d ' ' -f 1; }
mkdir -p "$work/layer2/data/deep" "$work/layer2/etc"
echo second >"$work/layer2/etc/layer"
: >"$work/layer2/data/.wh.empty"
: >"$work/layer2/data/deep/.wh..wh..opq"
echo kept >"$work/layer2/data/deep/kept"
tar -C "$work/layer2" -cf "$work/layer2.tar" data etc
config='{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin","GREETING=good day"],"Cmd":["sh","-c","echo $GREETING from $PWD"],"WorkingDir":"/data"},"rootfs":{"type":"layers","diff_ids":[]}}'
container_expect='hello
kept
second
gone'
container_look='cat /data/hello /data/deep/kept /etc/layer; test -e /data/empty || test -e /data/deep/er || echo gone'

oci=$work/oci
mkdir -p "$oci/blobs/sha256"
gzip -nc <"$work/root.tar" >"$work/l1.gz"
cp "$work/l1.gz" "$oci/blobs/sha256/$(digest "$work/l1.gz")"
cp "$work/layer2.tar" "$oci/blobs/sha256/$(digest "$work/layer2.tar")"
printf %s "$config" >"$work/config.json"
cp "$work/config.json" "$oci/blobs/sha256/$(digest "$work/config.json")"
cat >"$work/manifest" <<J
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
 "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:$(digest "$work/config.json")","size":$(stat -c %s "$work/config.json")},
 "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:$(digest "$work/l1.gz")","size":$(stat -c %s "$work/l1.gz")},
           {"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:$(digest "$work/layer2.tar")","size":$(stat -c %s "$work/layer2.tar")}]}
J
cp "$work/manifest" "$oci/blobs/sha256/$(digest "$work/manifest")"
echo '{"imageLayoutVersion":"1.0.0"}' >"$oci/oci-layout"
cat >"$oci/index.json" <<J
{"schemaVersion":2,"manifests":[
 {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0000","size":1,"platform":{"os":"linux","architecture":"arm64"}},
 {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:$(digest "$work/manifest")","size":$(stat -c %s "$work/manifest"),"platform":{"os":"linux","architecture":"amd64"}}]}
J
check images-oci 0 "$container_expect" "$PANDO" run "$oci" -- sh -c "$container_look"
check images-oci-config 0 "good day from /data" "$PANDO" run "$oci"
check images-oci-override 0 "hi from /" "$PANDO" run -e GREETING=hi -w / "$oci"
tar -C "$oci" -cf "$work/oci.tar" .
check images-oci-tar 0 "$container_expect" "$PANDO" run "$work/oci.tar" -- sh -c "$container_look"

docker=$work/docker
mkdir -p "$docker/one" "$docker/two"
cp "$work/root.tar" "$docker/one/layer.tar"
cp "$work/layer2.tar" "$docker/two/layer.tar"
printf %s '{"config":{"Env":["PATH=/bin"],"Entrypoint":["sh","-c"],"Cmd":["echo default"]}}' >"$docker/config.json"
printf %s '[{"Config":"config.json","RepoTags":["test:latest"],"Layers":["one/layer.tar","two/layer.tar"]}]' >"$docker/manifest.json"
tar -C "$docker" -cf "$work/docker.tar" .
check images-docker 0 "$container_expect" "$PANDO" run "$work/docker.tar" -- "$container_look"
check images-docker-entrypoint 0 default "$PANDO" run "$work/docker.tar"
check images-docker-folder 0 default "$PANDO" run "$docker"
check images-docker-pack 0 "" "$PANDO" image "$work/docker.tar" -o "$work/docker.cpio"
check images-docker-packed 0 default "$PANDO" run "$work/docker.cpio"

# ---- names that try to leave the image ---------------------------------------------------------------------------------------------------
mkdir -p "$work/evil/a/b"
echo evil >"$work/evil/payload"
cp -a "$work/root/." "$work/evil/a/b/"
(cd "$work/evil/a/b" && tar -P -cf "$work/evil.tar" --transform 's,^payload-up$,../../../escaped,;s,^payload-abs$,/tmp/pando-escaped,' . 2>/dev/null
	cp ../../payload payload-up && cp ../../payload payload-abs
	tar -P -rf "$work/evil.tar" --transform 's,^payload-up$,../../../escaped,;s,^payload-abs$,/data/pando-escaped,' payload-up payload-abs)
check images-traversal 0 "evil
evil" "$PANDO" run "$work/evil.tar" -- sh -c 'cat /escaped /data/pando-escaped'
[ ! -e "$work/escaped" ] && [ ! -e /data/pando-escaped ] && [ ! -e "$work/../escaped" ] && ok images-traversal-host || not_ok images-traversal-host "a file appeared on the host"
# A symbolic link to the host's root, then a file through it: it stays in the image.
mkdir "$work/link1" "$work/link2" "$work/link2/out"
cp -a "$work/root/." "$work/link1/"
ln -s "$work" "$work/link1/out"
echo inside >"$work/link2/out/through"
tar -C "$work/link1" -cf "$work/link.tar" .
tar -C "$work/link2" -rf "$work/link.tar" out/through
check images-through-link 0 inside "$PANDO" run "$work/link.tar" -- cat "$work/through"
[ ! -e "$work/through" ] && ok images-through-link-host || not_ok images-through-link-host "a file appeared on the host"
check_clean images-leave-nothing
finish
