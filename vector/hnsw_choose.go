package vector

import (
	"context"
	"math"
)

// A graph is walked fast where the neighbours of neighbours are near, too. There are
// vectors for which that hardly holds: inner products of vectors of unequal lengths
// (the nearest are the long ones, whatever they are near to), Euclidean distances
// where lengths differ by much. Inverted lists of codes do not depend on it. Of
// 100,000 vectors each, at a recall of 0.95 or more, a search took
//
//	                                          sample visits   graph     lists
//	words, cosine                                  42          58 us   116 us
//	words made equally long, inner product         42          58      167
//	clusters, inner product                        42          29       53
//	words, Euclidean                               61         161      122
//	normal in 64 dimensions, Euclidean             97         338      191
//	normal in 64 dimensions, inner product        468         562      211
//	words, inner product                          723        2290      108
//	lengths log-normal, Euclidean                 418        1516      302
//	lengths log-normal, inner product            2431         517       89
//
// where the first column is how many nodes of a graph of 8,192 of the vectors a walk
// visits. It grows with the rows, faster the more there are of it, and so does what
// lists take, by their root: what is between the two ends is left to the graph.
const (
	trialRows    = 8192
	trialRowsMin = 4096
	trialVisits  = 256
	// chooseFrom is the number of rows from which on a choice pays for the trial.
	chooseFrom = 6 * trialRows
)

// listsName is the access method that takes over.
const listsName = "ivfflat"

// Choose implements Chooser: a small graph of some of the vectors tells whether walks
// are short. Who says how vectors are quantised gets a graph in any case.
func (k hnsw) Choose(ctx context.Context, s Space, column Column, o Options) (Kind, Options, error) {
	lists := KindByName(listsName)
	dense := s.Element == Float32 || s.Element == Float16
	if lists == nil || o.Quantization != "" || !dense || s.Distance == L1 || column.Len() < chooseFrom || k.Check(s, o) != nil {
		return k, o, nil
	}
	rows := trialRows
	// What the trial leaves behind may not have been collected when the build begins.
	for rows >= trialRowsMin && o.MemoryBytes > 0 && k.Estimate(s, rows, o).BuildBytes > o.MemoryBytes/4 {
		rows /= 2
	}
	if rows < trialRowsMin {
		return k, o, nil
	}
	trial := hnswDefaults(s, o)
	trial.Progress = nil
	b := &graphBuild{space: s, options: trial, column: thinned{column, rows}, codec: newGraphCodec(s, codeInt8), form: codeInt8}
	defer b.memory.free()
	if err := b.encode(ctx); err != nil {
		return k, o, err
	}
	if err := b.connect(ctx); err != nil {
		return k, o, err
	}
	if len(b.positions) < trialRowsMin || b.effort.visits[0][1] <= trialVisits {
		return k, o, nil
	}
	// As many as a list has rows: of 341,000 words, inner product, a search took 251,
	// 181, 243 and 296 us with 100, 400, 800 and 1,500 lists.
	o.Lists = int(math.Sqrt(float64(column.Len())))
	return lists, o, nil
}

// thinned is so many of a column's rows, evenly spread.
type thinned struct {
	Column
	rows int
}

// Len implements Column.
func (t thinned) Len() int { return t.rows }

// Row implements Column.
func (t thinned) Row(position int) []byte {
	return t.Column.Row(int(int64(position) * int64(t.Column.Len()) / int64(t.rows)))
}
