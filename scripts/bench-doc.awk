# Rewrites the tables in a page: awk -f bench-doc.awk -v descriptions=bench/rows.txt RESULTS PAGE > NEW-PAGE. What stands between "<!-- bench TABLE -->" and
# "<!-- end -->" is replaced by the rows that `descriptions` puts into that table, with their figures in instructions and wall time, where there are any.
function commas(v,    s) {
	if (v == "-") return v
	s = ""
	v = sprintf("%d", v)
	while (length(v) > 3) { s = "," substr(v, length(v) - 2) s; v = substr(v, 1, length(v) - 3) }
	return v s
}
function ratio(a, b) { return a == "-" || b == "-" || b + 0 == 0 ? "-" : a / b < 0.01 ? sprintf("%.5f", a / b) : sprintf("%.2f", a / b) }
function us(v) { return v == "-" ? v : v < 100000 ? sprintf("%.1f", v / 1000) : commas(v / 1000) }
function figure(part, name, who) { return (part, name, who) in value ? value[part, name, who] : "-" }
function cells(part, name,    p, l) {
	p = figure(part, name, "Pando"); l = figure(part, name, "Linux")
	return part == "wall" ? us(p) " | " us(l) " | " ratio(p, l) : commas(p) " | " commas(l) " | " ratio(p, l)
}
function per_second(v) { return v == "-" ? v : commas(1e9 / v) }
function spawn(    i, k, f, alive, name, p, l) {
	print "| CPUs | processes alive | Pando | Linux | cost, ratio |\n|---:|---:|---:|---:|---:|"
	split("1 2 4", f, " ")
	split("0 1000 10000 30000", alive, " ")
	for (i = 1; i <= 3; i++)
		for (k = 1; k <= 4; k++) {
			name = "spawn_" f[i] "cpus_" alive[k] "procs"
			p = figure("wall", name, "Pando"); l = figure("wall", name, "Linux")
			if (p l != "--") print "| " f[i] " | " commas(alive[k]) " | " per_second(p) " | " per_second(l) " | " ratio(p, l) " |"
		}
}
function write_table(name,    i) {
	if (name == "about") { print about; return }
	if (name == "spawn") { spawn(); return }
	if (!(name in rows)) { print "bench-doc: no row belongs to the table " name > "/dev/stderr"; exit bad = 1 }
	if (name == "outside" || !walls) print "| | Pando | Linux | ratio |\n|---|---:|---:|---:|"
	else print "| | Pando | Linux | ratio | Pando, µs | Linux, µs | ratio |\n|---|---:|---:|---:|---:|---:|---:|"
	for (i = 1; i <= rows[name]; i++)
		if (name == "outside") print "| " text[name, i] " | " cells("outside", row[name, i]) " |"
		else print "| " text[name, i] " | " cells("instructions", row[name, i]) (walls ? " | " cells("wall", row[name, i]) : "") " |"
}
BEGIN {
	while ((getline line < descriptions) > 0) {
		if (line ~ /^#/ || split(line, f, "\t") != 3) continue
		n = ++rows[f[1]]
		row[f[1], n] = f[2]
		text[f[1], n] = f[3]
		described[f[2]] = 1
	}
}
FNR == NR && $1 == "about" { $1 = ""; about = about (about ? "," : "") $0; next }
FNR == NR {
	value[$1, $2, "Pando"] = $3
	walls += $1 == "wall"
	value[$1, $2, "Linux"] = $4
	if (!($2 in described) && $2 !~ /^spawn_/) { print "bench-doc: bench/rows.txt does not describe " $2 > "/dev/stderr"; exit bad = 1 }
	next
}
/^<!-- bench [a-z]+ -->$/ { print; write_table($3); skip = 1; next }
/^<!-- end -->$/ { skip = 0 }
!skip { print }
END { if (skip && !bad) { print "bench-doc: a table has no end mark" > "/dev/stderr"; exit 1 } }
