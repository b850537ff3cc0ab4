package ivf

import (
	"cmp"
	"context"
	"math"
	"slices"

	"quiver/vector"
)

// reach says how far a search looks: so many lists at least, and further until
// so many kept rows were seen.
type reach struct {
	probes, rows int
}

// reach follows from the request: see the package comment.
func (x *index) reach(r *vector.SearchRequest) reach {
	lists := len(x.meta.lists)
	if r.Effort > 0 {
		return reach{probes: min(r.Effort, lists)}
	}
	out := reach{probes: x.effort.probes(float64(r.K), r.Recall, lists)}
	if r.Keep != nil && x.meta.rows > 0 {
		share := min(max(float64(r.Kept), 1)/float64(x.meta.rows), 1)
		wide := x.effort.probes(float64(r.K)/share, r.Recall, lists)
		out.rows = int(share * float64(wide) * float64(x.meta.rows) / float64(lists))
	}
	return out
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
	if err := s.probe(ctx, s.prune); err != nil {
		return dst, err
	}
	return s.finish(ctx, dst)
}

// probe scores lists as far as the reach goes.
func (s *searcher) probe(ctx context.Context, score func(list int, b []byte)) error {
	reach := s.x.reach(s.r)
	ranked := s.ranker.rank(s.wide, reach.probes)
	for done := 0; done < len(ranked); {
		if done >= reach.probes && s.seen >= reach.rows && s.seen >= s.r.K {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		next := reach.probes
		if done > 0 {
			next = min(done+max(reach.probes/2, 1), len(ranked))
			s.ranker.order(done, next)
		}
		if err := s.x.load(ctx, ranked[done:next], s.stats, score); err != nil {
			return err
		}
		done = next
	}
	return nil
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
