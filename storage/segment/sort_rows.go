package segment

import (
	"cmp"
	"container/heap"
	"iter"
	"slices"
)

// sortedAtOnce is how many rows are sorted between two pauses: some milliseconds.
const sortedAtOnce = 1 << 15

// sortedRows yields rows by their ids. It sorts them in place, in runs of atOnce rows
// between which it pauses, and merges the runs: a sort of millions of rows at once
// would keep a processor from others for a second.
func sortedRows(rows []rowPosition, atOnce int, pause func()) iter.Seq[rowPosition] {
	var runs rowRuns
	begin := 0 // of the last run
	for from := 0; from < len(rows); from += atOnce {
		end := min(from+atOnce, len(rows))
		slices.SortFunc(rows[from:end], func(a, b rowPosition) int { return cmp.Compare(a.id, b.id) })
		pause()
		if from > 0 && rows[from-1].id < rows[from].id {
			runs[len(runs)-1] = rows[begin:end]
			continue
		}
		begin = from
		runs = append(runs, rows[from:end])
	}
	heap.Init(&runs)
	return func(yield func(rowPosition) bool) {
		for len(runs) > 0 {
			if !yield(runs[0][0]) {
				return
			}
			if runs[0] = runs[0][1:]; len(runs[0]) == 0 {
				heap.Pop(&runs)
			} else {
				heap.Fix(&runs, 0)
			}
		}
	}
}

// rowRuns is a heap of sorted runs, that with the least id first.
type rowRuns [][]rowPosition

func (h rowRuns) Len() int           { return len(h) }
func (h rowRuns) Less(i, j int) bool { return h[i][0].id < h[j][0].id }
func (h rowRuns) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *rowRuns) Push(x any)        { *h = append(*h, x.([]rowPosition)) }

func (h *rowRuns) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
