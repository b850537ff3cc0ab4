package executor

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"

	"quiver/storage"
	"quiver/vector"
)

// What the ways through a segment with a filter cost, measured in rows: see
// segmentSearch.filtered.
const (
	// sampledRows are tested to learn what share of them passes.
	sampledRows = 128
	// afterShare is the share of passing rows from which on the index is searched
	// first and what it finds is tested.
	afterShare = 0.25
	// exactRows are compared one by one in the time of an index search that
	// keeps few rows.
	exactRows = 8192
	// afterFactor is how many times more rows than expected are tested before
	// the filter is evaluated for all rows instead.
	afterFactor = 8
)

// The ways, as EXPLAIN ANALYZE names them.
const (
	rowByRow     = "Row by Row"
	underBitmap  = "by Index under a Bitmap"
	beforeFilter = "by Index before the Filter"
)

// compareFound orders by distance, then by row; rows without a distance come
// last.
func compareFound(a, b foundRow) int {
	if a.null != b.null {
		if a.null {
			return 1
		}
		return -1
	}
	return cmp.Or(vector.Compare(a.distance, b.distance), cmp.Compare(a.id, b.id))
}

// segmentSearch finds the k nearest rows of one segment that pass the filter, for
// one worker and one query after the other.
type segmentSearch struct {
	o       *vectorSearcher
	segment storage.SearchSegment
	number  int32
	index   vector.Index // nil if the segment has it not
	indexed int          // positions that the index covers
	q       []byte
	k       int
	// known, if not nil, is what the search has found in all segments.
	known *knownRows
	// elsewhere, if not nil, is for the index to call while it is searched.
	elsewhere func(ctx context.Context, near []vector.Candidate) ([]float32, error)

	column vector.Column
	// matching are the positions that pass the filter, kept of them, once they
	// have been asked for.
	matching storage.Bitmap
	kept     int
	matched  bool
	// beyond are the positions after those of the index that pass, once tailed.
	beyond storage.Bitmap
	tailed bool

	found []foundRow
	// left: rows that pass are not among the found, and not in the index.
	left bool
	// covered are the positions that the last run looked at, from 0 on: those of
	// the index, and the few after them that it does not have yet.
	covered  int
	passing  float64
	way      string
	runs     int64
	compared int64
	stats    vector.SearchStats

	candidates []vector.Candidate
	positions  []uint32
	ids        []storage.RowID
	distances  []float32
}

// tailMax is how many positions beyond those of the index a run compares: more are
// shared among workers.
const tailMax = 4096

func (s *segmentSearch) run(ctx context.Context) (err error) {
	s.runs++
	s.found, s.left, s.covered = s.found[:0], false, s.indexed
	if s.column == nil {
		if s.column, err = s.segment.Column(ctx); err != nil {
			return err
		}
	}
	if s.o.spec.Filter != nil {
		err = s.filtered(ctx)
	} else {
		err = s.unfiltered(ctx)
	}
	if err != nil {
		return err
	}
	if rows := s.segment.Rows(); rows > s.indexed && rows-s.indexed <= tailMax {
		return s.tail(ctx, rows)
	}
	return nil
}

func (s *segmentSearch) unfiltered(ctx context.Context) error {
	keep, kept, err := s.segment.Visible(ctx)
	if err != nil {
		return err
	}
	return s.searchKept(ctx, keep, kept)
}

// tail compares the rows from the end of the index on.
func (s *segmentSearch) tail(ctx context.Context, to int) error {
	if !s.tailed {
		var err error
		if s.o.spec.Filter != nil {
			s.beyond, _, err = s.segment.Matching(ctx, s.indexed, to)
		} else {
			s.beyond, _, err = s.segment.Visible(ctx)
		}
		if err != nil {
			return err
		}
		s.tailed = true
	}
	n := newNearest(s.o.space, s.q, s.k)
	if bound, bounded := s.known.bound(); bounded {
		n.search.Within(float64(bound))
	} else if len(s.found) == s.k {
		if last := s.found[s.k-1]; !last.null && !math.IsNaN(last.distance) {
			n.search.Within(last.distance)
		}
	}
	s.positions, s.ids = s.positions[:0], s.ids[:0]
	var failed error
	offered, nulls := n.search.AddColumn(s.column, s.indexed, to, s.beyond, func(position int) uint64 {
		return s.rowID(ctx, uint32(position), &failed)
	})
	if failed != nil {
		return failed
	}
	s.compared += int64(offered)
	s.left = s.left || nulls > 0
	s.covered = to
	near := n.sorted()
	s.locate(near)
	s.found = append(s.found, near...)
	slices.SortFunc(s.found, compareFound)
	s.found = s.found[:min(s.k, len(s.found))]
	return nil
}

// request is what the index is asked, for k candidates.
func (s *segmentSearch) request(k int) *vector.SearchRequest {
	settings := &s.o.x.env.Search
	r := &vector.SearchRequest{
		Query: s.q, K: k, Column: s.column,
		Recall: s.o.recall(), Effort: settings.Effort[s.index.Kind()],
		MaxLists: s.bounds().Lists,
	}
	if k == s.k {
		s.distances = s.known.distances(s.distances[:0])
		r.Known = s.distances
	}
	return r
}

// bounds are those of an iterative scan that were SET.
func (s *segmentSearch) bounds() SearchBounds { return s.o.x.env.Search.Bounds[s.index.Kind()] }

// tuplesMost is the segment's part of the rows that may be tested; 0 is no bound.
func (s *segmentSearch) tuplesMost() int {
	most := s.bounds().Tuples
	if most == 0 {
		return 0
	}
	return int(math.Ceil(float64(most) * float64(s.indexed) / float64(max(s.o.rows, s.indexed, 1))))
}

// searchKept searches the index for rows of a bitmap; nil is all of them.
func (s *segmentSearch) searchKept(ctx context.Context, keep storage.Bitmap, kept int) (err error) {
	r := s.request(s.k)
	r.Elsewhere = s.elsewhere
	if keep != nil {
		r.Keep, r.Kept = keep, kept
	}
	if s.candidates, err = s.index.Search(ctx, s.candidates[:0], r, &s.stats); err != nil {
		return err
	}
	// Where k rows are known from elsewhere, there may be more than were proposed.
	_, bounded := r.Bound()
	s.left = !bounded && len(s.candidates) < min(s.k, kept)
	s.positions = s.positions[:0]
	for _, c := range s.candidates {
		s.positions = append(s.positions, c.Position)
	}
	return s.score(ctx, s.positions)
}

// filtered chooses a way by the share of rows that pass, which the last
// execution saw or a sample tells: with many, the index is searched and what it
// finds is tested; else the filter is evaluated for all rows, and those that
// pass are compared, or, if they are many, searched by the index.
func (s *segmentSearch) filtered(ctx context.Context) error {
	if s.matched {
		return s.among(ctx)
	}
	if s.bounds() != (SearchBounds{}) {
		return s.bounded(ctx)
	}
	known, err := s.segment.Known(ctx)
	if err != nil {
		return err
	}
	if !known && s.passing == 0 {
		if err := s.sample(ctx); err != nil {
			return err
		}
	}
	if !known && s.passing >= afterShare {
		if enough, err := s.after(ctx); enough || err != nil {
			return err
		}
	}
	if s.matching, s.kept, err = s.segment.Matching(ctx, 0, s.indexed); err != nil {
		return err
	}
	s.matched = true
	// Never 0, which stands for not known.
	s.passing = max(float64(s.kept), 0.5) / float64(s.indexed)
	return s.among(ctx)
}

// among finds the nearest of the positions that are known to pass.
func (s *segmentSearch) among(ctx context.Context) error {
	if s.kept <= max(exactRows, s.k) {
		s.way = rowByRow
		return s.exact(ctx, s.matching, s.kept)
	}
	s.way = underBitmap
	return s.searchKept(ctx, s.matching, s.kept)
}

// bounded searches the index and tests what it finds, as far as the bounds go:
// what is found by then is the answer.
func (s *segmentSearch) bounded(ctx context.Context) error {
	if s.passing == 0 {
		if err := s.sample(ctx); err != nil {
			return err
		}
	}
	_, err := s.after(ctx)
	s.left = false
	return err
}

// sample estimates what share of the rows passes.
func (s *segmentSearch) sample(ctx context.Context) error {
	n := min(sampledRows, s.indexed)
	positions := make([]uint32, n)
	for i := range positions {
		positions[i] = uint32(i * s.indexed / n)
	}
	keep := make([]bool, n)
	if err := s.segment.Test(ctx, positions, keep); err != nil {
		return err
	}
	s.passing = max(float64(count(keep)), 0.5) / float64(n)
	return nil
}

func count(keep []bool) (n int) {
	for _, k := range keep {
		if k {
			n++
		}
	}
	return n
}

// after searches the index and tests what it finds, until k rows pass. It gives
// up, and says so, when far fewer pass than expected.
func (s *segmentSearch) after(ctx context.Context) (enough bool, err error) {
	// A little more than what is needed on average, so that one round mostly does.
	need := float64(s.k) / s.passing
	most, bounded := s.tuplesMost(), s.bounds() != (SearchBounds{})
	r := s.request(int(math.Ceil(need + 2*math.Sqrt(need))))
	if bounded {
		r.K = min(r.K, max(most, s.k), max(s.indexed, 1))
	}
	it := s.index.Iterate(r, &s.stats)
	defer it.Close()
	s.positions = s.positions[:0]
	var keep []bool
	var batch []uint32
	// The index has looked far enough for the nearest sure candidates, twice as
	// many with each batch; the last row needed was the rank-th it proposed. A
	// filter against the query puts it behind candidates that are not sure.
	tested, sure, rank := 0, r.K, 0
	for rank == 0 || rank > sure {
		if bounded && most > 0 && tested >= most {
			break
		}
		if !bounded && tested > afterFactor*r.K {
			s.passing = min(s.passing, float64(len(s.positions)+1)/float64(tested))
			return false, nil
		}
		if s.candidates, err = it.Next(ctx, s.candidates[:0]); err != nil {
			return false, err
		}
		if len(s.candidates) == 0 {
			s.left = len(s.positions) < s.k
			break
		}
		if tested > 0 {
			sure *= 2
		}
		if bounded && most > 0 {
			s.candidates = s.candidates[:min(len(s.candidates), most-tested)]
		}
		batch, keep = batch[:0], slices.Grow(keep[:0], len(s.candidates))[:len(s.candidates)]
		for _, c := range s.candidates {
			batch = append(batch, c.Position)
		}
		if err := s.segment.Test(ctx, batch, keep); err != nil {
			return false, err
		}
		for i, k := range keep {
			if k {
				s.positions = append(s.positions, batch[i])
				if len(s.positions) == s.k {
					rank = tested + i + 1
				}
			}
		}
		tested += len(batch)
	}
	if tested > 0 {
		s.passing = max(float64(len(s.positions)), 0.5) / float64(tested)
	}
	s.way = beforeFilter
	return true, s.score(ctx, s.positions)
}

// exact compares the rows of a bitmap one by one.
func (s *segmentSearch) exact(ctx context.Context, keep storage.Bitmap, kept int) error {
	n := newNearest(s.o.space, s.q, s.k)
	s.positions, s.ids = s.positions[:0], s.ids[:0]
	var batch vector.Batch
	var rows [vector.BatchRows]uint32
	var failed error
	id := func(i int) uint64 { return s.rowID(ctx, rows[i], &failed) }
	for i, b := range keep {
		for ; b != 0; b &= b - 1 {
			position := uint32(i*8 + bits.TrailingZeros8(b))
			row := s.column.Row(int(position))
			if row == nil {
				n.nulls.Push(vector.Neighbor{Row: s.rowID(ctx, position, &failed)})
				continue
			}
			rows[batch.N] = position
			if batch.Add(row); batch.N == len(rows) {
				n.search.AddBatch(&batch, id)
			}
		}
	}
	n.search.AddBatch(&batch, id)
	if failed != nil {
		return failed
	}
	s.compared += int64(kept)
	s.found = n.sorted()
	s.locate(s.found)
	return nil
}

// locate notes where rows lie whose ids rowID has read.
func (s *segmentSearch) locate(found []foundRow) {
	if len(found) == 0 {
		return
	}
	at := make(map[storage.RowID]int, len(found))
	for i := range found {
		at[found[i].id] = i
	}
	for i, id := range s.ids {
		if f, ok := at[id]; ok {
			found[f].segment, found[f].position = s.number, s.positions[i]
		}
	}
}

// rowID reads one row id and notes it and the position. It is asked only of rows
// that are near: row ids lie in another file.
func (s *segmentSearch) rowID(ctx context.Context, position uint32, failed *error) uint64 {
	ids, err := s.segment.RowIDs(ctx, s.ids, []uint32{position})
	if err != nil {
		*failed = err
		return 0
	}
	s.ids, s.positions = ids, append(s.positions, position)
	return uint64(ids[len(ids)-1])
}

// score computes the exact distances of rows found and keeps the k nearest.
func (s *segmentSearch) score(ctx context.Context, positions []uint32) (err error) {
	if s.ids, err = s.segment.RowIDs(ctx, s.ids[:0], positions); err != nil {
		return err
	}
	s.found = slices.Grow(s.found[:0], len(positions))
	for i, position := range positions {
		d := s.o.space.Exact(s.q, s.column.Row(int(position)))
		s.found = append(s.found, foundRow{id: s.ids[i], distance: d, segment: s.number, position: position})
	}
	slices.SortFunc(s.found, compareFound)
	s.found = s.found[:min(s.k, len(s.found))]
	return nil
}
