# kernels.awk makes a table of the benchmarks Roofline and Panels: a line a kernel, side
# by side the forms that this machine runs, the fastest last, and how many times as fast
# as the other that is.
/^Benchmark/ {
	sub(/-[0-9]+$/, "", $1)
	n = split($1, name, "/")
	form = name[n]
	kernel = name[3]
	for (i = 4; i < n - 1; i++) kernel = kernel " " name[i]
	gsub(/_/, " ", kernel)
	key = "| " name[2] " | " kernel " | " name[n - 1] " |"
	delete metric
	for (i = 3; i < NF; i += 2) metric[$(i + 1)] = $i
	if (!(form in seen)) {
		seen[form] = 1
		forms[++formCount] = form
	}
	if (!(key in row)) {
		order[++count] = key
		row[key] = ("GB/s-read" in metric) ? sprintf(" %.1f |", metric["GB/s-read"]) : " |"
	}
	row[key] = row[key] sprintf(" %.1f | %.1f | %.2f |", metric["GB/s"], metric["GB/s-arithmetic"], metric["of-roofline"])
	faster[key] = metric["times-as-fast"]
}
END {
	header = "| Rows in | Kernel | Dimensions | reading alone |"
	rule = "|---|---|---|---|"
	for (i = 1; i <= formCount; i++) {
		header = header " " forms[i] " | arithmetic alone | of roofline |"
		rule = rule "---|---|---|"
	}
	if (formCount > 1) {
		header = header " times as fast |"
		rule = rule "---|"
	}
	print header
	print rule
	for (i = 1; i <= count; i++)
		print order[i] row[order[i]] (formCount > 1 ? sprintf(" %.2f |", faster[order[i]]) : "")
}
