# Draws the rows that grow with something, both kernels in one picture: awk -f bench-plot.awk -v linux=FILE pando-figures > out.svg
# Three panels side by side: the fork call over memory and over mappings, the whole round over processes alive. Both axes are logarithmic.
function lg(v) { return log(v < 1 ? 1 : v) / log(10) }
function take(line, who,    f, m, n) {
	split(line, f, " ")
	for (p = 1; p <= 3; p++)
		if (f[1] ~ ("^" stem[p] "_[0-9]+" unit[p] "$")) {
			n = f[1]
			sub("^" stem[p] "_", "", n)
			sub(unit[p] "$", "", n)
			m = ++count[who, p]
			x[who, p, m] = n + 0
			y[who, p, m] = f[2] + 0
			if (lg(f[2]) > top) top = lg(f[2])
			if (lg(f[2]) < bottom) bottom = lg(f[2])
			if (lg(n + 1) > right[p]) right[p] = lg(n + 1)
		}
}
function px(p, v) { return left[p] + lg(v + 1) / (right[p] ? right[p] : 1) * W }
function py(v) { return 40 + (top - lg(v)) / (top - bottom) * H }
function short(v) { return v >= 1e9 ? v / 1e9 "G" : v >= 1e6 ? v / 1e6 "M" : v >= 1000 ? v / 1000 "k" : v }
function series(who, p, colour,    i, path) {
	for (i = 1; i <= count[who, p]; i++)
		path = path (i > 1 ? " L" : "M") sprintf("%.1f %.1f", px(p, x[who, p, i]), py(y[who, p, i]))
	if (!path) return
	printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, colour
	for (i = 1; i <= count[who, p]; i++)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"><title>%s %d: %d</title></circle>\n", px(p, x[who, p, i]), py(y[who, p, i]), colour, who, x[who, p, i], y[who, p, i]
	printf "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">%s</text>\n", px(p, x[who, p, i - 1]) - 40, py(y[who, p, i - 1]) - 8, colour, who
}
BEGIN {
	stem[1] = "fork_call"; unit[1] = "MiB"; title[1] = "the fork call, over MiB touched"
	stem[2] = "fork_call"; unit[2] = "maps"; title[2] = "the fork call, over mappings"
	stem[3] = "fork_exit_wait"; unit[3] = "procs"; title[3] = "fork, exit, wait, over processes alive"
	W = 260; H = 260; bottom = 99
	while ((getline line < linux) > 0) take(line, "Linux")
}
{ take($0, "Pando") }
END {
	top = int(top + 1); bottom = int(bottom)
	for (p = 1; p <= 3; p++) left[p] = 60 + (p - 1) * (W + 70)
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1010 350\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"1010\" height=\"350\" fill=\"#fff\"/>"
	for (p = 1; p <= 3; p++) {
		printf "<text x=\"%d\" y=\"22\" font-size=\"14\">%s</text>\n", left[p], title[p]
		for (d = bottom; d <= top; d++) {
			printf "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", left[p], left[p] + W, py(10 ^ d), py(10 ^ d)
			printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left[p] - 6, py(10 ^ d) + 4, short(10 ^ d)
		}
		for (i = 1; i <= count["Pando", p]; i++)
			printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", px(p, x["Pando", p, i]), 40 + H + 18, x["Pando", p, i]
		series("Linux", p, "#c0392b")
		series("Pando", p, "#2471a3")
	}
	print "<text x=\"60\" y=\"340\" fill=\"#555\">guest instructions; both axes logarithmic</text>"
	print "</svg>"
}
