package bind

// fuzzyMax is the largest edit distance at which a column is suggested.
const fuzzyMax = 3

// guess keeps the nearest column names; more than two equally near ones suggest
// nothing.
type guess struct {
	distance int
	names    []string
}

func (g *guess) consider(table, column, wanted string, penalty int) {
	d := levenshtein(column, wanted)
	if d > len(wanted)/2 {
		return
	}
	d += penalty
	switch {
	case d < g.distance:
		g.distance, g.names = d, []string{table + "." + column}
	case d > g.distance || d > fuzzyMax:
	case len(g.names) == 2:
		g.distance, g.names = d-1, nil
	case len(g.names) == 1:
		g.names = append(g.names, table+"."+column)
	}
}

// levenshtein is the edit distance between two names.
func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(diagonal+cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
