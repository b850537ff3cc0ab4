package segment

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSortedRows(t *testing.T) {
	const atOnce = 100
	random := rand.New(rand.NewPCG(1, 2))
	for _, test := range []struct {
		name string
		rows int
		id   func(i int) int // of the i-th row, unique
	}{
		{"none", 0, nil},
		{"one", 1, func(i int) int { return i }},
		{"in order", 3*atOnce + 5, func(i int) int { return i }},
		{"backwards", 3*atOnce + 5, func(i int) int { return 1<<20 - i }},
		{"in turn from three", 2 * atOnce, func(i int) int { return i%3<<20 + i }},
		{"a late run in order", 3 * atOnce, func(i int) int { return (i + atOnce) % (3 * atOnce) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rows []rowPosition
			for i := range test.rows {
				rows = append(rows, rowPosition{id: uint64(test.id(i)), position: uint32(i)})
			}
			checkSorted(t, rows, atOnce)
			random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			checkSorted(t, rows, atOnce)
		})
	}
}

// checkSorted compares sortedRows with a sort at once.
func checkSorted(t *testing.T, rows []rowPosition, atOnce int) {
	t.Helper()
	want := slices.SortedFunc(slices.Values(rows), func(a, b rowPosition) int { return cmp.Compare(a.id, b.id) })
	pauses := 0
	got := slices.Collect(sortedRows(slices.Clone(rows), atOnce, func() { pauses++ }))
	if !slices.Equal(got, want) {
		t.Fatalf("%d rows came out of %d in another order than sorted", len(got), len(want))
	}
	if least := len(rows) / atOnce; pauses < least {
		t.Fatalf("%d pauses, at least %d wanted", pauses, least)
	}
}
