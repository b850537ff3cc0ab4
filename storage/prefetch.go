package storage

import (
	"context"

	"golang.org/x/sync/errgroup"

	"quiver/catalog"
)

// segmentsAhead is how many segments after the one that a scan begins are brought
// from the object store or the disk meanwhile.
const segmentsAhead = 2

// prefetch begins, when a unit is the first of its segment, to bring the files that
// the segment and those after it will be read from: of the filter alone, if there
// is one, for nothing else may be needed.
func (p *scanPlan) prefetch(i int) {
	if len(p.ahead) == 0 || i > 0 && p.units[i-1].src == p.units[i].src {
		return
	}
	src, n := p.units[i].src, 0
	for {
		if f, flushed := src.(*flushedSegment); flushed {
			f.Prefetch(p.ahead...)
		}
		if n++; n > segmentsAhead {
			return
		}
		for ; i < len(p.units) && p.units[i].src == src; i++ {
		}
		if i == len(p.units) {
			return
		}
		src = p.units[i].src
	}
}

// fieldsAhead are the fields that a scan reads of every segment.
func (p *scanPlan) fieldsAhead() []catalog.FieldID {
	if p.spec.Filter == nil {
		fields := p.schema.fields[:len(p.schema.fields):len(p.schema.fields)]
		if p.spec.WithRowID {
			fields = append(fields, catalog.RowIDField)
		}
		return fields
	}
	var fields []catalog.FieldID
	for _, i := range p.schema.filter {
		fields = append(fields, p.schema.fields[i])
	}
	return fields
}

// indexesAtOnce is how many indexes of segments are opened at a time.
const indexesAtOnce = 4

// openIndexes opens the indexes of segments; those in an object store side by
// side, while the vectors of the first segments are copied too.
func (s *snapshot) openIndexes(ctx context.Context, segments []SearchSegment, target *targetIndex) error {
	if !s.t.e.shelf.Files.Remote() || len(segments) < 2 {
		for _, x := range segments {
			if err := x.(*searchSegment).openIndex(ctx, target); err != nil {
				return err
			}
		}
		return nil
	}
	var group errgroup.Group
	group.SetLimit(indexesAtOnce)
	for i, x := range segments {
		x := x.(*searchSegment)
		if f, flushed := x.src.(*flushedSegment); flushed && target.column != nil && i <= segmentsAhead {
			f.Prefetch(target.column.Field, catalog.RowIDField)
		}
		group.Go(func() error { return x.openIndex(ctx, target) })
	}
	return group.Wait()
}
