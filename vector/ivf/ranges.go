package ivf

import (
	"cmp"
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"quiver/vector"
)

// gapBytes are read along rather than asked for separately; rangeBytes bounds
// one request; readsAtOnce runs side by side.
const (
	gapBytes    = 16 << 10
	rangeBytes  = 4 << 20
	readsAtOnce = 16
)

// span is lists that one request brings.
type span struct {
	from, to int64 // in the payload
	lists    []int // indexes into the ranked lists
}

// spans joins lists that lie near each other.
func (x *index) spans(ranked []scoredID) []span {
	order := make([]int, len(ranked))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ranked[a].id(), ranked[b].id()) })
	var out []span
	for _, i := range order {
		l := x.meta.lists[ranked[i].id()]
		if l.rows == 0 {
			continue
		}
		if last := len(out) - 1; last >= 0 && l.offset-out[last].to <= gapBytes && l.offset+l.bytes-out[last].from <= rangeBytes {
			out[last].to = l.offset + l.bytes
			out[last].lists = append(out[last].lists, i)
			continue
		}
		out = append(out, span{from: l.offset, to: l.offset + l.bytes, lists: []int{i}})
	}
	return out
}

// load calls visit with each list, in the order of rank. What it views is valid
// until it returns.
func (s *searcher) load(ctx context.Context, ranked []scoredID, visit func(id int, l *list)) error {
	x, stats := s.x, s.stats
	if x.ranges == nil {
		var l, next list
		for i, r := range ranked {
			if l = next; i == 0 {
				l = s.inMemory(r.id())
			}
			if i+1 < len(ranked) {
				next = s.inMemory(ranked[i+1].id())
				next.prefetch()
			}
			if !x.k.blocks {
				if err := x.verify(r.id(), x.mapped(r.id())); err != nil {
					return err
				}
			}
			stats.BytesRead += int64(len(l.factors)*(x.layout.blockBytes+x.layout.factorsBytes) + len(l.positions)*x.layout.rowBytes)
			visit(r.id(), &l)
		}
		return nil
	}
	spans := x.spans(ranked)
	lists := make([][]byte, len(ranked))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readsAtOnce)
	for _, s := range spans {
		stats.Requests++
		stats.BytesRead += s.to - s.from
		group.Go(func() error {
			b := alignedBytes(int(s.to - s.from))
			if err := x.ranges.ReadRange(ctx, b, headerBytes+s.from); err != nil {
				return err
			}
			for _, i := range s.lists {
				l := x.meta.lists[ranked[i].id()]
				lists[i] = b[l.offset-s.from:][:l.bytes:l.bytes]
				if err := x.verify(ranked[i].id(), lists[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, r := range ranked {
		list := x.layout.open(lists[i], x.positionsOf(r.id()))
		visit(r.id(), &list)
	}
	return nil
}

// alignedBytes are bytes at an address that floats may have.
func alignedBytes(n int) []byte {
	return vector.EncodeFloat32s(make([]float32, (n+3)/4))[:n]
}
