# The figures of scripts/bench that grow with something, as one picture: awk -f bench-plot.awk RESULTS > out.svg. Three panels: over memory touched, over
# mappings, over processes alive; in each both kernels, the fork call drawn full and fork+exit+wait dashed. Guest instructions; both axes are logarithmic.
# The picture has its own colours for light and for dark surroundings.
function lg(v) { return log(v < 1 ? 1 : v) / log(10) }
function px(p, v) { return left[p] + lg(v + 1) / lg(most[p] + 1) * W }
function py(v) { return Y + (top - lg(v)) / (top - bottom) * H }
function short(v) { return v >= 1e9 ? v / 1e9 "G" : v >= 1e6 ? v / 1e6 "M" : v >= 1000 ? v / 1000 "k" : v "" }
function point(who, p, whole, n, v,    k) {
	if (v == "-") return
	k = ++count[who, p, whole]
	x[who, p, whole, k] = n
	y[who, p, whole, k] = v
	if (lg(v) > top) top = lg(v)
	if (lg(v) < bottom) bottom = lg(v)
	if (n > most[p]) most[p] = n
	if (!((p, n) in tick)) { tick[p, n] = 1; ticks[p, ++nticks[p]] = n }
}
function line(who, p, whole,    i, path) {
	for (i = 1; i <= count[who, p, whole]; i++)
		path = path (i > 1 ? " L" : "M") sprintf("%.1f %.1f", px(p, x[who, p, whole, i]), py(y[who, p, whole, i]))
	if (!path) return
	printf "<path class=\"%s%s\" d=\"%s\"/>\n", who, (whole ? " whole" : ""), path
	for (i = 1; i <= count[who, p, whole]; i++)
		printf "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\"><title>%s, %s %s: %d</title></circle>\n", who, px(p, x[who, p, whole, i]), py(y[who, p, whole, i]), who, x[who, p, whole, i], unit[p], y[who, p, whole, i]
}
function legend(at, who, whole, text) {
	printf "<path class=\"%s%s\" d=\"M%d %d h34\"/><text x=\"%d\" y=\"%d\">%s</text>\n", who, (whole ? " whole" : ""), at, Y + H + 62, at + 42, Y + H + 66, text
}
BEGIN {
	unit[1] = "MiB"; title[1] = "over memory touched, MiB"
	unit[2] = "maps"; title[2] = "over mappings"
	unit[3] = "procs"; title[3] = "over processes alive"
	W = 250; H = 270; Y = 44; bottom = 99
	for (p = 1; p <= 3; p++) left[p] = 62 + (p - 1) * (W + 66)
}
$1 == "instructions" && $2 ~ /^fork_(call|exit_wait)_[0-9]+(MiB|maps|procs)$/ {
	whole = $2 ~ /exit_wait/
	n = $2
	gsub(/^[a-z_]*|[A-Za-z]*$/, "", n)
	for (p = 1; p <= 3; p++)
		if ($2 ~ (unit[p] "$")) {
			point("Pando", p, whole, n + 0, $3)
			point("Linux", p, whole, n + 0, $4)
		}
}
END {
	if (!top) { print "bench-plot: these figures hold none of the rows that are drawn" > "/dev/stderr"; exit 1 }
	top = int(top + 0.999)
	bottom = int(bottom)
	wide = left[3] + W + 24
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", wide, Y + H + 84
	print "<title>What fork costs on Pando and on Linux, in guest instructions</title>"
	print "<style>"
	print ".paper { fill: #fff } text { fill: #24292f } .grid { stroke: #d8dee4 } path { fill: none; stroke-width: 2 } .whole { stroke-dasharray: 6 4 }"
	print "path.Pando { stroke: #0b62c4 } circle.Pando { fill: #0b62c4 } path.Linux { stroke: #c4431c } circle.Linux { fill: #c4431c }"
	print "@media (prefers-color-scheme: dark) { .paper { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }"
	print "path.Pando { stroke: #6cb6ff } circle.Pando { fill: #6cb6ff } path.Linux { stroke: #ff9b70 } circle.Linux { fill: #ff9b70 } }"
	print "</style>"
	printf "<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n", wide, Y + H + 84
	for (p = 1; p <= 3; p++) {
		if (!nticks[p]) continue
		printf "<text x=\"%d\" y=\"24\" font-size=\"14\">%s</text>\n", left[p], title[p]
		for (d = bottom; d <= top; d++) {
			printf "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", left[p], left[p] + W, py(10 ^ d), py(10 ^ d)
			printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left[p] - 8, py(10 ^ d) + 4, short(10 ^ d)
		}
		for (i = 1; i <= nticks[p]; i++)
			printf "<text x=\"%.1f\" y=\"%d\" font-size=\"11\" text-anchor=\"middle\">%s</text>\n", px(p, ticks[p, i]), Y + H + 20, (p == 1 && ticks[p, i] >= 1024 ? ticks[p, i] / 1024 "Gi" : short(ticks[p, i]))
		for (whole = 0; whole <= 1; whole++) {
			line("Linux", p, whole)
			line("Pando", p, whole)
		}
	}
	legend(left[1], "Linux", 0, "Linux, the fork call")
	legend(left[1] + 200, "Linux", 1, "Linux, fork+exit+wait")
	legend(left[1] + 410, "Pando", 0, "Pando, the fork call")
	legend(left[1] + 610, "Pando", 1, "Pando, fork+exit+wait")
	printf "<text x=\"%d\" y=\"%d\">Guest instructions. Both axes are logarithmic.</text>\n", left[1], Y + H + 42
	print "</svg>"
}
