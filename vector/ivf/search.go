package ivf

import (
	"cmp"
	"context"
	"math"
	"slices"

	"quiver/vector"
)

// reach says how far a search looks: so many lists first, then those within an
// angle of what was found; until k kept rows were seen all lists are.
type reach struct {
	first int
	angle float32
}

// reach follows from the request: see the package comment.
func (x *index) reach(r *vector.SearchRequest) reach {
	lists := len(x.meta.lists)
	if r.Effort > 0 {
		return reach{first: min(r.Effort, lists), angle: -2 * angleMax}
	}
	probes, angle := x.effort.at(float64(r.K), r.Recall, lists)
	if r.Keep != nil {
		// The nearest of many rows far away lie at larger angles than those of
		// the few near by that were measured.
		_, angle = x.effort.at(float64(r.K), 1-(1-orDefault(r.Recall))/40, lists)
		return reach{probes, angle}
	}
	return reach{(probes + 2) / 3, angle}
}

// Search finds the nearest.
func (x *index) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	if r.K <= 0 || x.meta.rows == 0 {
		return dst, ctx.Err()
	}
	s := x.searchers.Get().(*searcher)
	defer x.searchers.Put(s)
	s.begin(r, stats)
	if s.query == nil {
		return s.exactly(ctx, dst)
	}
	s.uppers.reset(r.K)
	s.nearest.reset(r.K)
	if err := s.probe(ctx, s.prune, func() float64 { return float64(s.nearest.most()) }); err != nil {
		return dst, err
	}
	return s.finish(ctx, dst)
}

// probe scores lists as far as the reach goes; kth is the score of the k-th row
// found so far, of package rabitq or of the same meaning.
func (s *searcher) probe(ctx context.Context, score func(list int, b []byte), kth func() float64) error {
	reach := s.x.reach(s.r)
	next := reach.first
	rest := atMost(s.ranker.rank(s.wide, next), s.r.MaxLists)
	for len(rest) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch := rest[:min(next, len(rest))]
		rest = rest[len(batch):]
		if err := s.x.load(ctx, s.withKept(batch), s.stats, score); err != nil {
			return err
		}
		if s.seen >= s.r.K {
			k := kth()
			if s.x.space.Distance == vector.Cosine {
				k *= 2
			}
			rest = s.ranker.within(rest, k, reach.angle)
			if s.x.ranges != nil {
				next = len(rest) // at once, rather than one wait after another
				continue
			}
		}
		next = max(reach.first/2, 1)
		orderFirst(rest, next)
	}
	return nil
}

// atMost are the nearest lists, so many of them; all with most 0.
func atMost(lists []rankedList, most int) []rankedList {
	if most <= 0 || most >= len(lists) {
		return lists
	}
	orderFirst(lists, most)
	return lists[:most]
}

// withKept are the lists of some that have rows to propose: the others need not
// be read.
func (s *searcher) withKept(lists []rankedList) []rankedList {
	if s.r.Keep == nil && !s.x.gone {
		return lists
	}
	s.wanted = s.wanted[:0]
	for _, r := range lists {
		l := &s.x.meta.lists[r.list]
		if slices.ContainsFunc(s.x.positions[l.first:l.first+l.rows], s.keeps) {
			s.wanted = append(s.wanted, r)
		}
	}
	return s.wanted
}

// exactly searches lists of vectors.
func (s *searcher) exactly(ctx context.Context, dst []vector.Candidate) ([]vector.Candidate, error) {
	search := vector.NewSpaceSearch(s.x.space, s.r.Query, s.r.K)
	err := s.probe(ctx, func(list int, b []byte) {
		kept := s.kept(list)
		if s.seen += kept; kept == 0 {
			return
		}
		l := &s.x.meta.lists[list]
		rows := encodedRows(s.x.space, b, l.rows)
		rows.Keep, rows.FirstID = s.keep, uint64(l.first)
		search.Add(rows)
	}, func() float64 {
		top := search.Top()
		if !top.Full() {
			return math.Inf(1)
		}
		d := top.Farthest().Distance
		if s.x.space.Distance == vector.L2 {
			d *= d
		}
		return d
	})
	s.stats.Distances += search.Scored
	if err != nil {
		return dst, err
	}
	for _, n := range search.Top().Sorted() {
		dst = append(dst, vector.Candidate{Position: s.x.positions[n.Row], Distance: float32(n.Distance)})
	}
	return dst, nil
}

// finish compares candidates exactly, in the order of their bounds, until none
// that is left can be among the nearest k. Without a column, and where rows are
// far away, what the codes say is the answer: all that may be among them.
func (s *searcher) finish(ctx context.Context, dst []vector.Candidate) ([]vector.Candidate, error) {
	most := s.uppers.most()
	left := s.candidates[:0]
	for _, c := range s.candidates {
		if !(c.low > most) {
			left = append(left, c)
		}
	}
	if s.r.Column == nil || !s.x.k.blocks {
		slices.SortFunc(left, func(a, b candidate) int { return compareScores(a, b, a.score, b.score) })
		for _, c := range left {
			dst = append(dst, vector.Candidate{Position: s.x.positions[c.ordinal], Distance: s.distance(c.score)})
		}
		return dst, nil
	}
	slices.SortFunc(left, func(a, b candidate) int { return compareScores(a, b, a.low, b.low) })
	top := vector.NewTopK(s.r.K)
	rowBytes := int64(s.x.space.RowBytes())
	limit := math.Inf(1)
	for i, c := range left {
		if float64(c.low) > limit {
			break
		}
		if i%256 == 255 {
			if err := ctx.Err(); err != nil {
				return dst, err
			}
		}
		position := s.x.positions[c.ordinal]
		row := s.r.Column.Row(int(position))
		if row == nil {
			continue // the column changed: not the one that was indexed
		}
		d := s.x.space.Exact(s.r.Query, row)
		s.stats.Reranked++
		s.stats.BytesRead += rowBytes
		if top.Push(vector.Neighbor{Row: uint64(position), Distance: d}) && top.Full() {
			limit = top.Farthest().Distance
			if s.x.space.Distance == vector.L2 {
				limit *= limit
			}
			if limit != limit {
				limit = math.Inf(1)
			}
		}
	}
	for _, n := range top.Sorted() {
		dst = append(dst, vector.Candidate{Position: uint32(n.Row), Distance: float32(n.Distance)})
	}
	return dst, nil
}

func compareScores(a, b candidate, x, y float32) int {
	if x == y {
		return cmp.Compare(a.ordinal, b.ordinal)
	}
	return cmp.Or(vector.Compare(float64(x), float64(y)), cmp.Compare(a.ordinal, b.ordinal))
}
