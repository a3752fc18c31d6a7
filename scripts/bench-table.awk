# The figures of scripts/bench ("part name pando linux" a line) as tables, or with -v as=json as JSON.
function unit(part) { return part == "instructions" ? "guest instructions, one CPU" : part == "wall" ? "nanoseconds, TCG" : "measured from outside" }
function begin(part) {
	if (as == "json") printf "%s\n{\"part\":\"%s\",\"unit\":\"%s\",\"rows\":[", (parts++ ? "\n]}," : ""), part, unit(part)
	else printf "%s%-32s %13s %13s %8s   (%s)\n", (parts++ ? "\n" : ""), part, "Pando", "Linux", "ratio", unit(part)
}
function number(v) { return v == "-" ? "null" : v }
function ratio(a, b) { return a == "-" || b == "-" || b + 0 == 0 ? "-" : sprintf(a / b < 0.001 ? "%.6f" : "%.4f", a / b) }
BEGIN { if (as == "json") printf "[" }
$1 == "about" { next }
$1 != part { begin(part = $1); rows = 0 }
as == "json" { printf "%s\n{\"name\":\"%s\",\"pando\":%s,\"linux\":%s}", (rows++ ? "," : ""), $2, number($3), number($4) }
as != "json" { printf "%-32s %13s %13s %8s\n", $2, $3, $4, ratio($3, $4) }
END { if (as == "json") print parts ? "\n]}\n]" : "]" }
