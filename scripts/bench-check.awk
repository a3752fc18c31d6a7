# bench-check.awk KEPT RESULTS: what costs more instructions than kept, by more than 3%; what costs less, what is new or gone. A report, not a judgement.
FNR == NR { if ($1 == "compiler") was = $2; else kept[$1] = $2; next }
$1 == "about" { next }
{
	seen[$2] = 1
	if (!($2 in kept)) { new = new " " $2; next }
	rows++
	change = kept[$2] ? 100 * ($3 / kept[$2] - 1) : 0
	if (change > 3) { grew++; printf "grew    %-32s %12d -> %12d  %+.1f%%\n", $2, kept[$2], $3, change }
	if (change < -3) { shrank++; printf "shrank  %-32s %12d -> %12d  %+.1f%%\n", $2, kept[$2], $3, change }
}
END {
	for (name in kept) if (!(name in seen)) gone = gone " " name
	if (new) print "new    " new
	if (gone) print "gone   " gone
	if (was != compiler) print "The kept table is of gcc " was ", this kernel of gcc " compiler ": that moves figures too."
	printf "%d rows compared with bench/kept.txt: %d grew by more than 3%%, %d shrank by more\n", rows, grew, shrank
}
