package executor

import (
	"context"
	"math"
)

// searchBatch makes the searches of many left rows of a lateral join at once: by
// several workers, each through segments opened once, or in one pass over the
// rows where there is no index.
type searchBatch struct {
	x      *execution
	search *vectorSearchOp
	// rows are what was found for the left rows from first to first+len(ends),
	// one after the other; ends is where those of each end.
	rows  *batch
	first int
	ends  []int
}

// A batch is of at most batchQueries searches that find batchRows rows together.
const batchQueries = 256

// prime hands the search what it finds for the left row at hand.
func (s *searchBatch) prime(ctx context.Context, o *lateralOp) error {
	if s.rows == nil || o.row >= s.first+len(s.ends) {
		if err := s.find(ctx, o); err != nil {
			return err
		}
	}
	if s.rows == nil {
		return nil // the search itself does it
	}
	from := 0
	if i := o.row - s.first; i > 0 {
		from = s.ends[i-1]
	}
	s.search.primed = s.rows.slice(from, s.ends[o.row-s.first])
	return nil
}

// find searches for the left rows from the one at hand on.
func (s *searchBatch) find(ctx context.Context, o *lateralOp) error {
	s.drop()
	s.search.kept = true
	k, err := s.search.count()
	if err != nil || k == 0 || k > math.MaxInt16 {
		return err
	}
	n := min(o.in.rows-o.row, batchQueries, max(batchRows/k, 1))
	searcher := s.search.searcher
	queries := make([][]byte, n)
	dims := -1
	for i := range queries {
		f := o.rowFrame(o.row + i)
		s.x.push(f)
		queries[i], err = searcher.queryVector()
		s.x.pop()
		releaseAll(f)
		if err != nil {
			return err
		}
		if queries[i] == nil {
			continue
		}
		if dims >= 0 && dims != searcher.space.Dim {
			return nil // each row for itself, up to the one that fails
		}
		dims = searcher.space.Dim
	}
	if dims >= 0 {
		searcher.space.Dim = dims
	}
	found, err := searcher.findAll(ctx, queries, k)
	if err != nil {
		return err
	}
	var all []foundRow
	for _, list := range found {
		all = append(all, list...)
		s.ends = append(s.ends, len(all))
	}
	s.first = o.row
	if len(all) == 0 {
		s.rows = &batch{}
		return nil
	}
	if s.rows, err = searcher.fetch(ctx, all); err != nil {
		return err
	}
	if s.search.node.Distance {
		s.rows.cols = append(s.rows.cols, distanceColumn(s.x, all))
	}
	return nil
}

func (s *searchBatch) drop() {
	if s.rows != nil {
		s.rows.release()
	}
	s.rows, s.ends = nil, s.ends[:0]
}

// end closes the segments.
func (s *searchBatch) end() {
	s.drop()
	s.search.kept = false
	s.search.close()
}
