# suites-table.awk KNOWN PANDO PEER: the table of run-suites. KNOWN: "PATTERN reason"; the others: "pass|fail|skip CASE".
function group(name,  n, part) { # test.test_os.PosixTests.test_x -> test_os; others: all
	sub(/\(ends\)$/, "", name)
	n = split(name, part, ".")
	return part[1] == "test" && n > 2 ? part[2] : part[1] ~ /^setUp|^tearDown/ || name !~ /^test_/ ? (name ~ /test\./ ? "setup" : "cases") : part[1]
}
function matches(name, pattern,  p, k, c, re) { # a shell pattern with * and ?
	re = "^"
	for (k = 1; k <= length(pattern); k++) {
		c = substr(pattern, k, 1)
		re = re (c == "*" ? ".*" : c == "?" ? "." : c ~ /[A-Za-z0-9_]/ ? c : "[" c "]")
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
		if (with_peer == "no" ? here[c] == "fail" : there[c] == "pass" && here[c] != "pass") worse[++n] = c
		if (with_peer != "no" && here[c] == "pass" && there[c] != "pass") better++
	}
	printf "%-36s %20s   %20s\n%-36s %6s %6s %6s   %6s %6s %6s\n", "", "Pando", "Linux", "", "pass", "fail", "skip", "pass", "fail", "skip"
	sorted = "LC_ALL=C sort"
	for (g in groups)
		printf "%-36s %6d %6d %6d   %6d %6d %6d\n", g, h[g, "pass"], h[g, "fail"], h[g, "skip"], t[g, "pass"], t[g, "fail"], t[g, "skip"] | sorted
	close(sorted)
	for (k = 1; k <= n; k++) {
		why = ""
		for (p = 1; p <= patterns; p++)
			if (matches(worse[k], pattern[p])) why = reason[p]
		if (why == "") unknown++
		printf "%s %s: %s here%s\n", why == "" ? "not ok" : "known ", worse[k], (worse[k] in here) ? here[worse[k]] : "missing", why == "" ? "" : ": " why | sorted
	}
	close(sorted)
	for (c in here) ran += here[c] != "skip"
	if (!ran) { print "not ok: no case ran here"; unknown++ }
	if (better) printf "%d cases pass here and not on Linux\n", better
	if (unknown) printf "what they said: %s.pando.log, %s.peer.log\n", logs, logs
	exit unknown > 0
}
