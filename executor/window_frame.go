package executor

import (
	"math"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
)

// The bits of WindowCall.FrameOptions, as in gram.y.
const (
	frameRange                   = 0x2
	frameRows                    = 0x4
	frameGroups                  = 0x8
	frameStartUnboundedPreceding = 0x20
	frameEndUnboundedFollowing   = 0x100
	frameStartCurrentRow         = 0x200
	frameEndCurrentRow           = 0x400
	frameStartOffsetPreceding    = 0x800
	frameEndOffsetPreceding      = 0x1000
	frameStartOffsetFollowing    = 0x2000
	frameEndOffsetFollowing      = 0x4000
	frameExclusion               = 0x8000 | 0x10000 | 0x20000
)

// frameBounds is the frame of a window call.
type frameBounds struct {
	options    int
	start, end evaluator
}

func (b *builder) compileFrame(c *plan.WindowCall) (frameBounds, error) {
	f := frameBounds{options: c.FrameOptions}
	if f.options&(frameRange|frameRows|frameGroups) == 0 { // none written
		f.options = frameRange | frameStartUnboundedPreceding | frameEndCurrentRow
	}
	offsets := frameStartOffsetPreceding | frameStartOffsetFollowing | frameEndOffsetPreceding | frameEndOffsetFollowing
	if f.options&frameRange != 0 && f.options&offsets != 0 {
		return f, sqlerr.Unsupported("RANGE with offset PRECEDING or FOLLOWING")
	}
	if f.options&frameExclusion != 0 {
		return f, sqlerr.Unsupported("EXCLUDE in a window frame")
	}
	var err error
	if f.start, err = b.compileOptional(c.Start); err != nil {
		return f, err
	}
	f.end, err = b.compileOptional(c.End)
	return f, err
}

// level says when a frame is known that begins with the partition; atLength of
// others.
func (f *frameBounds) level() windowLevel {
	switch {
	case f.options&frameStartUnboundedPreceding == 0:
		return atLength
	case f.options&frameEndUnboundedFollowing != 0:
		return atPartition
	case f.options&frameEndCurrentRow == 0:
		return atLength
	case f.options&frameRows != 0:
		return atRow
	}
	return atPeers
}

// offset evaluates a bound.
func (f *frameBounds) offset(x *execution, e evaluator, which string) (int64, error) {
	if e == nil {
		return 0, nil
	}
	v, null, err := evalInt(x, e)
	switch {
	case err != nil:
		return 0, err
	case null:
		return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "frame %s offset must not be null", which)
	case v < 0:
		return 0, sqlerr.New(sqlerr.InvalidPrecedingOrFollowingSize, "frame %s offset must not be negative", which)
	}
	return min(v, math.MaxInt32), nil
}

// set computes the frame of each row of a partition.
func (f *frameBounds) set(x *execution, w *funcs.WindowRows) error {
	start, err := f.offset(x, f.start, "starting")
	if err != nil {
		return err
	}
	end, err := f.offset(x, f.end, "ending")
	if err != nil {
		return err
	}
	w.FrameStart, w.FrameEnd = make([]int32, w.N), make([]int32, w.N)
	groups := newPeerGroups(w)
	for i := range w.N {
		from := f.bound(w, groups, i, start, frameStartUnboundedPreceding, frameStartCurrentRow, frameStartOffsetPreceding, frameStartOffsetFollowing, false)
		to := f.bound(w, groups, i, end, 0, frameEndCurrentRow, frameEndOffsetPreceding, frameEndOffsetFollowing, true)
		from = min(max(from, 0), int64(w.N))
		w.FrameStart[i] = int32(from)
		w.FrameEnd[i] = int32(max(min(max(to, 0), int64(w.N)), from))
	}
	return nil
}

// bound is one end of the frame of row i; isEnd bounds are one past the last row.
func (f *frameBounds) bound(w *funcs.WindowRows, groups *peerGroups, i int, offset int64, unbounded, current, preceding, following int, isEnd bool) int64 {
	last := int64(0)
	if isEnd {
		last = 1
	}
	switch {
	case f.options&current != 0 && f.options&frameRows != 0:
		return int64(i) + last
	case f.options&current != 0 && isEnd:
		return int64(w.PeerEnd[i])
	case f.options&current != 0:
		return int64(w.PeerStart[i])
	case f.options&(preceding|following) != 0:
		if f.options&preceding != 0 {
			offset = -offset
		}
		if f.options&frameRows != 0 {
			return int64(i) + offset + last
		}
		return groups.bound(int64(groups.of[i])+offset, isEnd)
	case !isEnd && f.options&unbounded != 0:
		return 0
	}
	return int64(w.N) // UNBOUNDED FOLLOWING
}

// peerGroups numbers the groups of rows equal in order.
type peerGroups struct {
	of     []int32 // by row
	starts []int32
	n      int
}

func newPeerGroups(w *funcs.WindowRows) *peerGroups {
	g := &peerGroups{of: make([]int32, w.N), n: w.N}
	for i := range w.N {
		if int(w.PeerStart[i]) == i {
			g.starts = append(g.starts, int32(i))
		}
		g.of[i] = int32(len(g.starts) - 1)
	}
	return g
}

// bound is where group k begins, or one past its end.
func (g *peerGroups) bound(k int64, isEnd bool) int64 {
	if isEnd {
		k++
	}
	switch {
	case k < 0:
		return 0
	case k >= int64(len(g.starts)):
		return int64(g.n)
	}
	return int64(g.starts[k])
}
