package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// partitionStage computes any window functions, a partition at a time: it keeps what
// they look at in memory, and the rows themselves, beyond work_mem, in a temporary
// file until the results are known.
type partitionStage struct {
	x     *execution
	input windowStream
	marks windowMarks
	calls []*windowCall

	ahead *batch // sorted rows of which a part is taken
	at    int
	rows  spool // of the partition
	// results are a column a call, of which those of resultAt rows are handed out;
	// nil: the partition is not known yet.
	results  []arrow.Array
	resultAt int
	looked   []partitionArgs
	held     heldMemory // the partition's peers and frames
	ended    bool
}

// partitionArgs are what one call looks at, batch by batch.
type partitionArgs struct {
	args     [][]arrow.Array // by argument; a constant once
	filtered []bool
}

// windowRowBytes is what a row of the partition at hand takes in lists of rows.
const windowRowBytes = 48

func (s *partitionStage) drop() {
	if s.ahead != nil {
		s.ahead.release()
		s.ahead = nil
	}
	s.dropLooked()
	s.rows.drop()
	releaseAll(s.results)
	s.results = nil
	s.input.drop()
}

func (s *partitionStage) dropLooked() {
	for _, l := range s.looked {
		for _, arrays := range l.args {
			releaseAll(arrays)
		}
	}
	s.looked = nil
	s.held.release(s.x)
}

func (s *partitionStage) next(ctx context.Context) (*batch, error) {
	for {
		if s.results != nil {
			b, err := s.rows.takeNext()
			if err != nil {
				return nil, err
			}
			if b != nil {
				for _, a := range s.results {
					b.cols = append(b.cols, array.NewSlice(a, int64(s.resultAt), int64(s.resultAt+b.rows)))
				}
				s.resultAt += b.rows
				return b, ctx.Err()
			}
			releaseAll(s.results)
			s.results, s.resultAt = nil, 0
			s.rows.drop()
		}
		if s.ended {
			return nil, nil
		}
		if err := s.partition(ctx); err != nil {
			return nil, err
		}
	}
}

// partition gathers the next one and computes its results.
func (s *partitionStage) partition(ctx context.Context) error {
	defer s.dropLooked()
	s.rows.init(s.x)
	s.looked = make([]partitionArgs, len(s.calls))
	for i, c := range s.calls {
		s.looked[i].args = make([][]arrow.Array, len(c.args))
	}
	rows := &funcs.WindowRows{}
	for whole := false; !whole; {
		if s.ahead == nil {
			b, err := s.input.next(ctx)
			if err != nil {
				return err
			}
			if b == nil {
				s.ended = true
				break
			}
			s.ahead, s.at = b, 0
			if err := s.marks.mark(s.x, b); err != nil {
				return err
			}
		}
		var err error
		if whole, err = s.gather(rows); err != nil {
			return err
		}
	}
	if rows.N == 0 {
		return nil
	}
	rows.PeerEnd = peerEnds(rows.PeerStart)
	return s.compute(ctx, rows)
}

// gather takes from the rows ahead those of the partition; whole once it has ended.
func (s *partitionStage) gather(rows *funcs.WindowRows) (whole bool, err error) {
	from, to := s.at, s.at
	for to < s.ahead.rows && (rows.N == 0 && to == from || !s.marks.newPartition[to]) {
		to++
	}
	if whole = to < s.ahead.rows; to > from {
		if err := s.held.grow(s.x, (to-from)*windowRowBytes); err != nil {
			return false, err
		}
		for i := from; i < to; i++ {
			if s.marks.newPeers[i] {
				rows.PeerStart = append(rows.PeerStart, int32(rows.N))
			} else {
				rows.PeerStart = append(rows.PeerStart, rows.PeerStart[rows.N-1])
			}
			rows.N++
		}
		part := s.ahead.slice(from, to)
		if err := s.look(part); err != nil {
			part.release()
			return false, err
		}
		if err := s.rows.add(part); err != nil {
			return false, err
		}
		s.at = to
	}
	if !whole {
		s.ahead.release()
		s.ahead = nil
	}
	return whole, nil
}

// look evaluates the arguments for rows of the partition.
func (s *partitionStage) look(part *batch) error {
	for i, c := range s.calls {
		l := &s.looked[i]
		for k, e := range c.args {
			if _, constant := c.plan.Args[k].(*plan.Const); constant && len(l.args[k]) > 0 {
				continue
			}
			a, err := evalFull(s.x, e, part)
			if err != nil {
				return err
			}
			l.args[k] = append(l.args[k], a)
		}
		filtered, err := c.filtered(s.x, part)
		if err != nil {
			return err
		}
		l.filtered = append(l.filtered, filtered...)
	}
	return nil
}

// peerEnds are the ends of the runs of rows that begin at starts.
func peerEnds(starts []int32) []int32 {
	ends := make([]int32, len(starts))
	end := int32(len(starts))
	for i := len(starts) - 1; i >= 0; i-- {
		ends[i] = end
		if int(starts[i]) == i {
			end = int32(i)
		}
	}
	return ends
}

func (s *partitionStage) compute(ctx context.Context, rows *funcs.WindowRows) error {
	var results []arrow.Array
	for i, c := range s.calls {
		args, err := s.looked[i].vecs(s.x, c)
		if err != nil {
			releaseAll(results)
			return err
		}
		a, err := c.compute(ctx, s.x, *rows, args, s.looked[i].filtered)
		releaseVecs(args)
		if err != nil {
			releaseAll(results)
			return err
		}
		results = append(results, a)
	}
	s.results = results
	return nil
}

// vecs joins the arguments of all rows.
func (l *partitionArgs) vecs(x *execution, c *windowCall) ([]types.Vec, error) {
	out := make([]types.Vec, len(l.args))
	for k, arrays := range l.args {
		a, err := concat(x.mem, arrays)
		if err != nil {
			releaseVecs(out)
			return nil, err
		}
		_, constant := c.plan.Args[k].(*plan.Const)
		out[k] = types.Vec{Array: a, Const: constant}
	}
	return out, nil
}
