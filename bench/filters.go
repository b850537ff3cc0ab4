package main

import (
	"fmt"

	"quiver/bench/dataset"
)

// filterQueries is how many queries the recall under a filter is taken from: the mean
// of 200 has a standard error of 0.006.
const filterQueries = 1000

// filter is a condition beside the search.
type filter struct {
	name, where string
	// more is the second parameter for a query; nil if there is none.
	more func(s *dataset.Set, q int) string
	pass func(s *dataset.Set, q int, id int32) bool
	// atLeast is the rate asked for over pgvector's.
	atLeast float64
}

func below(name string, bucket int, atLeast float64) filter {
	return filter{name: name, where: fmt.Sprintf("bucket < %d", bucket), atLeast: atLeast,
		pass: func(s *dataset.Set, _ int, id int32) bool { return s.Buckets[id] < int32(bucket) }}
}

// another is a label that is not the query's.
func another(label byte) byte { return 'a' + (label-'a'+13)%26 }

// label keeps the rows of one label for each query.
func label(name string, of func(byte) byte) filter {
	want := func(s *dataset.Set, q int) byte { return of(s.QueryLabels[q]) }
	return filter{name: name, where: "label = $2",
		more: func(s *dataset.Set, q int) string { return string(rune(want(s, q))) },
		pass: func(s *dataset.Set, q int, id int32) bool { return s.Labels[id] == want(s, q) }}
}

var conditions = []filter{
	below("keeps 50%", 500, 3), below("keeps 10%", 100, 5), below("keeps 1%", 10, 20), below("keeps 0.1%", 1, 80),
	label("label = the query's own", func(l byte) byte { return l }),
	label("label = another's", another),
}

// truth finds the nearest rows that pass.
func (f *filter) truth(s *dataset.Set) *dataset.Truth {
	var shared []byte
	return s.Exact(min(filterQueries, s.NumQueries()), neighbors, func(q int) []byte {
		if f.more == nil && shared != nil {
			return shared
		}
		keep := make([]byte, (s.Len()+7)/8)
		for i := range s.Len() {
			if f.pass(s, q, int32(i)) {
				keep[i/8] |= 1 << (i % 8)
			}
		}
		shared = keep
		return keep
	})
}

// filtered is recall and rate under conditions, no setting touched but pgvector's
// iterative scan, which it is made to use.
func (b *bench) filtered() error {
	if err := b.indexWords(); err != nil {
		return err
	}
	for _, f := range conditions {
		truth := f.truth(b.set)
		var all []engine
		var recalls []float64
		for _, s := range b.servers() {
			var settings []string
			if s.name == "pgvector" {
				settings = append(settings, "SET hnsw.iterative_scan = relaxed_order", "SET enable_seqscan = off")
			}
			w, err := b.newWire(s.name, s.dsn, "SELECT id FROM vectors WHERE "+f.where+" ORDER BY embedding <=> $1 LIMIT 10", b.set, settings...)
			if err != nil {
				return err
			}
			defer w.close()
			if f.more != nil {
				w.more = func(q int) string { return f.more(b.set, q) }
			}
			r, err := recallOf(w, b.set, truth, min(filterQueries, b.set.NumQueries()), func(q int, id int32) bool { return f.pass(b.set, q, id) })
			if err != nil {
				return err
			}
			all, recalls = append(all, w), append(recalls, r)
		}
		rates, err := b.inTurns(all, 1, slice)
		if err != nil {
			return err
		}
		q := len(all) - 1
		if err := b.profileSearch(all[q].(*wire), "filter "+f.name, 1); err != nil {
			return err
		}
		right := figure{what: "Filter " + f.name, quiver: recalls[q], unit: "recall@10", least: 0.95}
		rate := figure{what: "Filter " + f.name, quiver: rates[q], unit: "QPS"}
		if q > 0 {
			right.peer, right.peerIs = recalls[0], "pgvector, iterative scan"
			rate.peer, rate.peerIs, rate.atLeast = rates[0], right.peerIs, f.atLeast
		}
		b.add(right)
		b.add(rate)
	}
	return nil
}
