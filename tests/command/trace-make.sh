#!/bin/sh
# `make -j4` of a small C project with this computer's make and gcc, traced losslessly: as many births, execs and exits as strace counts for the same here.
. "$(dirname "$0")/lib.sh"
for p in make gcc strace; do
	command -v $p >/dev/null 2>&1 || { echo "skip trace-make (no $p)"; finish; }
done
root=$work/root
mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/lib64" "$root/tmp" "$root/dev" "$root/proc" "$root/project" "$root/usr/include"
: >"$root/usr/include/stdc-predef.h" # gcc wants it
for d in bin lib lib64; do ln -s "usr/$d" "$root/$d"; done

# with_libraries FILE: copies it and the libraries that it needs to where they are here.
with_libraries() {
	for file in "$1" $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		case $file in /lib/* | /lib64/* | /bin/*) file=/usr$file ;; esac
		[ -e "$root$file" ] && continue
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
}
tools=$(dirname "$(gcc -print-prog-name=cc1)")
for p in make gcc as ld sh; do with_libraries "$(command -v $p)"; done
for p in cc1 collect2; do with_libraries "$tools/$p"; done
[ ! -e "$tools/liblto_plugin.so" ] || cp -L "$tools/liblto_plugin.so" "$root$tools/"

i=0
while [ $i -lt 8 ]; do
	echo "int f$i(int x) { return x * $i + 1; }" >"$root/project/f$i.c"
	i=$((i + 1))
done
printf 'int f0(int);\nint main(void) { return f0(0); }\n' >"$root/project/main.c"
cat >"$root/project/Makefile" <<'END'
objects := $(patsubst %.c,%.o,$(wildcard *.c))
program: $(objects)
	ld -r -o $@ $^
%.o: %.c
	gcc -O1 -c -o $@ $<
	@test -s $@ && echo built $@ >>log
END
cp -r "$root/project" "$work/here"
(cd "$work/here" && env -i PATH=/usr/bin:/bin strace -f -qq -e trace=%process -e signal=none -o "$work/strace" make -j4) >"$work/out" 2>&1 || not_ok trace-make-here "$(one_line <"$work/out")"

start=$(date +%s%N)
timeout 300 "$PANDO" trace -m 1G -c 2 --json "$work/json" -w /project -e PATH=/usr/bin:/bin "$root" -- make -j4 >"$work/out" 2>"$work/err" </dev/null &&
	ok trace-make || not_ok trace-make "$(one_line <"$work/out") $(tail -n 3 "$work/err" | one_line)"
traced=$(($(date +%s%N) - start))

count() { grep -c "$1" "$2" || true; }
equal() { [ "$2" = "$3" ] && ok "$1" || not_ok "$1" "$2, not $3"; }
# Of the machine's own births that of make, by process 1, is not strace's; nor is the exec by which it begins, which strace sees as well.
make_pid=$(sed -n 's/.*"tid":\([0-9]*\),"event":"exec_commit".*"argv":\["make","-j4"\].*/\1/p' "$work/json" | head -n 1)
births=$(sed -n 's/.*"tid":\([0-9]*\),"event":"birth".*/\1/p' "$work/json" | awk -v first="${make_pid:-0}" '$1 >= first' | wc -l)
equal trace-make-births "$births" "$(grep -c -E ' (clone|clone3|fork|vfork)\(.*= [0-9]+$|<\.\.\. (clone|clone3|fork|vfork) resumed>.*= [0-9]+$' "$work/strace")"
equal trace-make-execs "$(sed -n 's/.*"tid":\([0-9]*\),"event":"exec_commit".*/\1/p' "$work/json" | awk -v first="${make_pid:-0}" '$1 >= first' | wc -l)" \
	"$(grep -c -E ' execve\(.*= 0$|<\.\.\. execve resumed>.*= 0$' "$work/strace")"
equal trace-make-exits "$(sed -n 's/.*"tid":\([0-9]*\),"event":"exit".*/\1/p' "$work/json" | awk -v first="${make_pid:-0}" '$1 >= first' | wc -l)" "$((births + 1))"
equal trace-make-exits-strace "$(count 'exit_group(' "$work/strace")" "$((births + 1))"
equal trace-make-gaps "$(count '"event":"gap"' "$work/json")" 0
grep -q '"lost":0,"complete":true' "$work/json" && ok trace-make-complete || not_ok trace-make-complete "$(head -n 1 "$work/json")"
echo "make -j4: $births births, traced in $((traced / 1000000)) ms" >&2
finish
