package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/storage"
)

// fetch reads the columns of rows found, in their order; the caller releases
// them. The row id follows the columns if row ids are wanted.
func (o *vectorSearcher) fetch(ctx context.Context, found []foundRow) (*batch, error) {
	var rows []*batch
	defer func() {
		for _, b := range rows {
			b.release()
		}
	}()
	refs := make([]rowRef, len(found))
	bySegment := make([][]int, len(o.segments()))
	var scanned []int
	for i, f := range found {
		if f.segment >= 0 {
			bySegment[f.segment] = append(bySegment[f.segment], i)
		} else {
			scanned = append(scanned, i)
		}
	}
	for s, at := range bySegment {
		if len(at) == 0 {
			continue
		}
		b, err := o.take(ctx, o.segments()[s], found, at)
		if err != nil {
			return nil, err
		}
		rows = append(rows, b)
		for i, f := range at {
			refs[f] = rowRef{b, int32(i)}
		}
	}
	if len(scanned) > 0 {
		read, err := o.readRows(ctx, found, scanned, refs)
		rows = append(rows, read...)
		if err != nil {
			return nil, err
		}
	}
	var out *batch
	var err error
	if len(rows) == 1 && len(scanned) == 0 {
		out, rows = rows[0], nil // in order
	} else if out, err = gatherRows(o.x.mem, refs); err != nil {
		return nil, err
	}
	if !o.rowID {
		out.cols[o.width].Release()
		out.cols = out.cols[:o.width]
	}
	return out, nil
}

// take reads rows of one segment by position, in the order of at, and their
// row ids.
func (o *vectorSearcher) take(ctx context.Context, segment storage.SearchSegment, found []foundRow, at []int) (*batch, error) {
	positions := make([]uint32, len(at))
	ids := array.NewInt64Builder(o.x.mem) // as visibleBatch has them
	defer ids.Release()
	ids.Reserve(len(at))
	for i, f := range at {
		positions[i] = found[f].position
		ids.Append(int64(found[f].id))
	}
	columns, err := segment.Take(ctx, o.fields[:o.width], positions)
	if err != nil {
		return nil, err
	}
	return &batch{cols: append(columns, ids.NewArray()), rows: len(at)}, nil
}

// readRows reads rows by row id and notes in refs where each is.
func (o *vectorSearcher) readRows(ctx context.Context, found []foundRow, which []int, refs []rowRef) (rows []*batch, err error) {
	place := make(map[storage.RowID]int, len(which)) // the first of those with the row id
	spec := o.spec
	spec.Filter, spec.Fields = nil, o.fields[:o.width]
	spec.RowIDs = make([]storage.RowID, 0, len(which))
	for _, f := range which {
		if _, known := place[found[f].id]; !known {
			place[found[f].id] = f
			spec.RowIDs = append(spec.RowIDs, found[f].id)
		}
	}
	scanner, err := o.x.snapshot().Scan(ctx, spec)
	if err != nil {
		return nil, err
	}
	defer scanner.Close()
	var scratch []int32
	for {
		in, err := scanner.Next(ctx)
		if err != nil {
			return rows, err
		}
		if in == nil {
			break
		}
		b := visibleBatch(o.x, in, true, &scratch)
		rows = append(rows, b)
		for i, id := range rowIDs(b.cols[o.width]) {
			refs[place[id]] = rowRef{b, int32(i)}
		}
	}
	o.figure.scan.BytesRead += scanner.Stats().BytesRead
	for _, f := range which {
		refs[f] = refs[place[found[f].id]]
		if refs[f].batch == nil {
			return rows, sqlerr.New(sqlerr.InternalError, "row %d of table %s is missing", found[f].id, quoted(o.spec.Table.Name))
		}
	}
	return rows, nil
}

// distanceColumn is the distances of rows found.
func distanceColumn(x *execution, found []foundRow) arrow.Array {
	b := array.NewFloat64Builder(x.mem)
	defer b.Release()
	b.Reserve(len(found))
	for _, f := range found {
		if f.null {
			b.AppendNull()
		} else {
			b.Append(f.distance)
		}
	}
	return b.NewArray()
}
