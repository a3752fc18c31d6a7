# suites-table.awk -v suite=NAME KNOWN PANDO PEER: the table of run-suites. KNOWN: "PATTERN reason"; the others: "pass|fail|skip CASE".

# python: test.test_os.PosixTests.test_x -> test_os; perl: ext/POSIX/t/waitpid.t:7 -> ext/POSIX; coreutils: misc/env.sh -> misc; others: cases.
function group(name,  n, part) {
	if (suite == "perl") {
		sub(/:[^:]*$/, "", name)
		sub(/\(ends\)$/, "", name)
	}
	if (suite == "perl" || suite == "coreutils") {
		sub(/\/[^\/]*$/, "", name)
		sub(/\/t$/, "", name)
		return name
	}
	if (suite != "python")
		return "cases"
	sub(/\(ends\)$/, "", name)
	n = split(name, part, ".")
	return part[1] == "test" && n > 2 ? part[2] : part[1] ~ /^setUp|^tearDown/ || name !~ /^test_/ ? "setup" : part[1]
}
function matches(name, pattern,  k, c, re) { # a shell pattern with * and ?
	re = "^"
	for (k = 1; k <= length(pattern); k++) {
		c = substr(pattern, k, 1)
		re = re (c == "*" ? ".*" : c == "?" ? "." : c == "^" || c == "\\" ? "\\" c : c ~ /[A-Za-z0-9_]/ ? c : "[" c "]")
	}
	return name ~ (re "$")
}
FILENAME == ARGV[1] { if ($0 !~ /^(#|$)/) { pattern[++patterns] = $1; sub(/^[^ \t]+[ \t]+/, ""); reason[patterns] = $0 } next }
FILENAME == ARGV[2] { here[$2] = $1; all[$2] = 1; next }
{ there[$2] = $1; all[$2] = 1 }
END {
	for (c in all) {
		g = group(c)
		groups[g] = 1
		if (c in here) h[g, here[c]]++
		if (c in there) t[g, there[c]]++
		mine = c in here ? here[c] : "missing"
		linux = c in there ? there[c] : "missing"
		if (with_peer == "no" ? mine == "fail" : linux == "pass" && mine != "pass") worse[++n] = c
		passes += linux == "pass"
		both += linux == "pass" && mine == "pass"
		if (with_peer != "no" && mine == "pass" && linux != "pass") better++
	}
	printf "%-36s %20s   %20s\n%-36s %6s %6s %6s   %6s %6s %6s\n", "", "Pando", "Linux", "", "pass", "fail", "skip", "pass", "fail", "skip"
	sorted = "LC_ALL=C sort"
	for (g in groups)
		printf "%-36s %6d %6d %6d   %6d %6d %6d\n", g, h[g, "pass"], h[g, "fail"], h[g, "skip"], t[g, "pass"], t[g, "fail"], t[g, "skip"] | sorted
	close(sorted)
	for (k = 1; k <= n; k++) {
		why = ""
		for (p = 1; p <= patterns; p++)
			if (matches(worse[k], pattern[p])) { why = reason[p]; needed[p] = 1 }
		if (why == "") unknown++
		printf "%s %s: %s here%s\n", why == "" ? "not ok" : "known ", worse[k], (worse[k] in here) ? here[worse[k]] : "missing", why == "" ? "" : ": " why | sorted
	}
	close(sorted)
	# A pattern whose cases ran and all pass has had its day.
	for (p = 1; p <= patterns; p++) {
		old = 0
		for (c in there)
			if (!needed[p] && there[c] == "pass" && matches(c, pattern[p])) old++
		if (old) print "no longer needed in " suite ".known: " pattern[p]
	}
	for (c in here) ran += here[c] != "skip"
	if (!ran) { print "not ok: no case ran here"; unknown++ }
	if (passes) printf "%d of the %d cases that pass on Linux pass here (%.1f %%)\n", both, passes, 100 * both / passes
	if (better) printf "%d cases pass here and not on Linux\n", better
	if (unknown) printf "what they said: %s.pando.log, %s.peer.log\n", logs, logs
	exit unknown > 0
}
