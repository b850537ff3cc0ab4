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
	if segment := o.onlySegment(found); segment != nil {
		return o.take(ctx, segment, found, nil, o.rowID)
	}
	var rows []*batch
	defer func() {
		for _, b := range rows {
			b.release()
		}
	}()
	refs := make([]rowRef, len(found))
	bySegment := make([][]int, o.opened())
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
		b, err := o.take(ctx, o.sets[0][s].segment, found, at, true)
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
	if out, err = gatherRows(o.x.mem, refs); err != nil {
		return nil, err
	}
	if !o.rowID {
		out.cols[o.width].Release()
		out.cols = out.cols[:o.width]
	}
	return out, nil
}

// onlySegment is the segment that has all rows found; nil if there is none such.
func (o *vectorSearcher) onlySegment(found []foundRow) storage.SearchSegment {
	if len(found) == 0 {
		return nil
	}
	for _, f := range found {
		if f.segment < 0 || f.segment != found[0].segment {
			return nil
		}
	}
	return o.sets[0][found[0].segment].segment
}

// take reads rows of one segment by position: those that at counts, in its order,
// or all if it is nil. Their row ids follow if they are wanted.
func (o *vectorSearcher) take(ctx context.Context, segment storage.SearchSegment, found []foundRow, at []int, withIDs bool) (*batch, error) {
	if at != nil {
		some := make([]foundRow, len(at))
		for i, f := range at {
			some[i] = found[f]
		}
		found = some
	}
	positions := o.positions[:0]
	for _, f := range found {
		positions = append(positions, f.position)
	}
	o.positions = positions
	columns, err := segment.Take(ctx, o.fields[:o.width], positions)
	if err != nil {
		return nil, err
	}
	if withIDs {
		ids := array.NewInt64Builder(o.x.mem) // as visibleBatch has them
		defer ids.Release()
		ids.Reserve(len(found))
		for _, f := range found {
			ids.Append(int64(f.id))
		}
		columns = append(columns, ids.NewArray())
	}
	return &batch{cols: columns, rows: len(found)}, nil
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
