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
	first            int
	angle, trueAngle float32
}

// reach follows from the request: see the package comment.
func (x *index) reach(r *vector.SearchRequest) reach {
	if r.Effort > 0 {
		return reach{first: min(r.Effort, len(x.meta.lists)), angle: -2 * angleMax, trueAngle: -2 * angleMax}
	}
	k := float64(r.K)
	if r.Keep != nil {
		k *= float64(x.meta.rows) / float64(max(r.Kept, 1))
	}
	return x.reachFor(k, orDefault(r.Recall))
}

// reachFor is the reach for so many nearest of all rows.
func (x *index) reachFor(k, recall float64) reach {
	e := x.effort.at(min(k, float64(x.meta.rows)), recall, len(x.meta.lists))
	return reach{firstOf(int(e.lists)), e.angle, e.trueAngle}
}

// Search finds the nearest.
func (x *index) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	if r.K <= 0 || x.meta.rows == 0 {
		return dst, ctx.Err()
	}
	s := x.searcher(r, stats)
	defer s.close()
	if s.query == nil {
		return s.exactly(ctx, dst)
	}
	s.uppers.reset(r.K)
	s.nearest.reset(r.K)
	if err := s.probe(ctx, s.prune, s.kth); err != nil {
		return dst, err
	}
	return s.finish(ctx, dst)
}

// probe scores lists as far as the reach goes; kth is the score of the k-th row
// found so far, of package rabitq or of the same meaning. Under a filter the K
// rows kept are the nearest of many more, by the share that is kept of the rows
// passed: so far is looked.
func (s *searcher) probe(ctx context.Context, score func(id int, l *list), kth func() float64) error {
	reach := s.x.reach(s.r)
	next := reach.first
	rest := atMost(s.ranker.rank(s.wide, next), s.r.MaxLists)
	for done, passed := 0, 0; len(rest) > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch := rest[:min(next, len(rest))]
		rest = rest[len(batch):]
		done += len(batch)
		if s.r.Keep != nil {
			for _, l := range batch {
				passed += len(s.positionsOf(l.id()))
			}
		}
		if err := s.load(ctx, s.withKept(batch), score); err != nil {
			return err
		}
		next = batchOf(reach.first)
		if s.seen >= s.r.K {
			if s.r.Keep != nil && s.r.Effort <= 0 {
				reach = s.reachOf(passed)
			}
			if next = reach.first - done; next <= 0 {
				k, angle := kth(), reach.angle
				if bound := float64(s.bound); k >= bound {
					k, angle = bound, reach.trueAngle
				}
				if s.x.space.Distance == vector.Cosine {
					k *= 2
				}
				rest = s.ranker.within(rest, k, angle)
				next = batchOf(reach.first)
				if !s.x.k.blocks {
					next = max(len(rest), 1) // at once, rather than one wait after another
				}
			}
		}
		orderFirst(rest, next)
	}
	return nil
}

// reachOf is the reach under a filter, of so many rows passed. The nearest of the
// rows kept lie at no smaller angles than those of many rows; at the largest of
// all measured, if they are far away.
func (s *searcher) reachOf(passed int) reach {
	share, miss := float64(s.seen)/float64(passed), (1-orDefault(s.r.Recall))/filterMiss
	against := againstShare*share*float64(s.x.meta.rows) < float64(s.r.Kept)
	if against {
		miss /= againstMiss
	}
	out := s.x.reachFor(float64(s.r.K)/share, 1-miss)
	for _, k := range effortK {
		if against || k >= manyNearest {
			far := s.x.reachFor(float64(k), 1-miss)
			out.angle, out.trueAngle = max(out.angle, far.angle), max(out.trueAngle, far.trueAngle)
		}
	}
	return out
}

// Under a filter fewer rows are to be missed than without: the share that is kept
// is known roughly. Where only one in againstShare of the rows that were to be
// kept is, the filter is against the query.
const (
	filterMiss   = 1.5
	againstShare = 2
	againstMiss  = 27
)

// atMost are the nearest lists, so many of them; all with most 0.
func atMost(lists []scoredID, most int) []scoredID {
	if most <= 0 || most >= len(lists) {
		return lists
	}
	orderFirst(lists, most)
	return lists[:most]
}

// withKept are the lists of some that have rows to propose: the others need not
// be read.
func (s *searcher) withKept(lists []scoredID) []scoredID {
	if s.r.Keep == nil && !s.x.gone {
		return lists
	}
	s.wanted = s.wanted[:0]
	for _, r := range lists {
		if slices.ContainsFunc(s.positionsOf(r.id()), s.keeps) {
			s.wanted = append(s.wanted, r)
		}
	}
	return s.wanted
}

// exactly searches lists of vectors.
func (s *searcher) exactly(ctx context.Context, dst []vector.Candidate) ([]vector.Candidate, error) {
	search := vector.NewSpaceSearch(s.x.space, s.r.Query, s.r.K)
	err := s.probe(ctx, func(_ int, l *list) {
		kept := s.kept(l)
		if s.seen += kept; kept == 0 {
			return
		}
		rows := encodedRows(s.x.space, l.rows, len(l.positions))
		rows.Keep, rows.FirstID = s.keep, uint64(len(s.found))
		s.found = append(s.found, l.positions...)
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
		dst = append(dst, vector.Candidate{Position: s.found[n.Row], Distance: float32(n.Distance)})
	}
	return dst, nil
}

// finish compares candidates exactly, in the order of their bounds, until none
// that is left can be among the nearest k. Without a column, and where rows are
// far away, what the codes say is the answer: all that may be among them.
func (s *searcher) finish(ctx context.Context, dst []vector.Candidate) ([]vector.Candidate, error) {
	most := s.most()
	left := s.candidates[:0]
	for _, c := range s.candidates {
		if !(c.low > most) {
			left = append(left, c)
		}
	}
	if s.r.Column == nil || !s.x.k.blocks {
		slices.SortFunc(left, func(a, b candidate) int { return compareScores(a, b, a.score, b.score) })
		for _, c := range left {
			dst = append(dst, vector.Candidate{Position: c.position, Distance: s.distance(c.score)})
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
		row := s.r.Column.Row(int(c.position))
		if row == nil {
			continue // the column changed: not the one that was indexed
		}
		d := s.x.space.Exact(s.r.Query, row)
		s.stats.Reranked++
		s.stats.BytesRead += rowBytes
		if top.Push(vector.Neighbor{Row: uint64(c.position), Distance: d}) && top.Full() {
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
		return cmp.Compare(a.position, b.position)
	}
	return cmp.Or(vector.Compare(float64(x), float64(y)), cmp.Compare(a.position, b.position))
}
