package storage

import (
	"bytes"
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"golang.org/x/sync/errgroup"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/growing"
	"quiver/storage/manifest"
	"quiver/storage/segment"
	"quiver/storage/wal"
)

// writeLoaded writes the objects of a segment of rows that are not committed yet,
// sorted by primary key.
func (e *Engine) writeLoaded(ctx context.Context, in *insertion, shard int, rows *bulkRows) (*flushedSegment, error) {
	table := in.schema.table
	fields, order, key := in.writerFields()
	out, err := segment.NewWriter(segment.WriterOptions{
		Name:  manifest.Segment{Table: table.Storage, Partition: in.partition.Storage, ID: catalog.SegmentID(e.newIDs(1))},
		Shard: shard, SchemaVersion: table.SchemaVersion, Fields: fields, KeyField: key, Rows: rows.count,
		Objects: e.opts.Objects, Scratch: e.opts.Scratch, NewLog: func() uint64 { return e.newIDs(1) }, Mem: e.mem.Unlimited(),
		Parallel: true,
	})
	if err != nil {
		return nil, err
	}
	defer out.Abort()
	for _, run := range rows.sorted(runRows(fields)) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := e.writeRun(out, rows, run, order); err != nil {
			return nil, err
		}
	}
	m, name, err := out.Finish(ctx, wal.Position{})
	if err != nil {
		return nil, err
	}
	opened, err := segment.OpenFlushed(m, e.shelf)
	if err != nil {
		return nil, err
	}
	return newFlushed(opened, descriptorOf(m, name)), nil
}

// writerFields are the fields of the rows, ascending, the column that each is of,
// and the first field of the primary key.
func (in *insertion) writerFields() (fields []segment.WriterField, columns []int, key catalog.FieldID) {
	s := in.schema
	options := in.partition.Options.Over(s.table.Options)
	for i, c := range s.columns {
		fields = append(fields, writerField(c, storageType(c), &options))
		columns = append(columns, i)
	}
	slices.SortFunc(columns, func(a, b int) int { return int(s.columns[a].Field - s.columns[b].Field) })
	slices.SortFunc(fields, func(a, b segment.WriterField) int { return int(a.ID - b.ID) })
	if len(s.key) > 0 {
		key = s.columns[s.key[0]].Field
		keepKeyPlain(fields, key, s.table)
	}
	return fields, columns, key
}

// runRows is how many rows are gathered at a time: as many as an event of the
// widest column takes, which then needs no copy to be put together.
func runRows(fields []segment.WriterField) int {
	rows, widest := flushBatchRows, 0
	for _, f := range fields {
		list, ok := f.Type.(*arrow.FixedSizeListType)
		if !ok || int(list.Len()) <= widest {
			continue
		}
		field := binlog.Field{Type: f.Type}
		if shift, fixed := field.Shift(); fixed {
			rows, widest = 1<<shift, int(list.Len())
		}
	}
	return rows
}

// bulkRun is rows to be written one after the other: rows [from, to) of a piece,
// or, if refs is set, those.
type bulkRun struct {
	piece, from, to int
	refs            []growing.Ref
}

// sorted returns the rows in the order of the primary key: whole pieces, if they
// came in that order, otherwise runs of some rows.
func (r *bulkRows) sorted(runRows int) (runs []bulkRun) {
	if r.pieces[0].Keys == nil || r.ascends() {
		for i := range r.pieces {
			runs = append(runs, bulkRun{piece: i, to: len(r.pieces[i].RowIDs)})
		}
		return runs
	}
	type keyed struct {
		prefix uint64
		ref    growing.Ref
	}
	all := make([]keyed, 0, r.count)
	for i := range r.pieces {
		for row := range r.pieces[i].RowIDs {
			all = append(all, keyed{keyPrefix(r.pieces[i].Keys.Value(row)), growing.Ref{Segment: uint32(i), Position: uint32(row)}})
		}
	}
	slices.SortFunc(all, func(x, y keyed) int {
		if x.prefix != y.prefix {
			if x.prefix < y.prefix {
				return -1
			}
			return 1
		}
		return bytes.Compare(r.key(x.ref), r.key(y.ref))
	})
	refs := make([]growing.Ref, len(all))
	for i := range all {
		refs[i] = all[i].ref
	}
	for part := range slices.Chunk(refs, runRows) {
		runs = append(runs, bulkRun{refs: part})
	}
	return runs
}

func (r *bulkRows) key(ref growing.Ref) []byte {
	return r.pieces[ref.Segment].Keys.Value(int(ref.Position))
}

func (r *bulkRows) ascends() bool {
	var last []byte
	for i := range r.pieces {
		keys := r.pieces[i].Keys
		for row := range keys.Len() {
			key := keys.Value(row)
			if last != nil && bytes.Compare(last, key) > 0 {
				return false
			}
			last = key
		}
	}
	return true
}

// writeRun writes a run; order has the columns in the order of the writer's fields.
func (e *Engine) writeRun(out *segment.Writer, rows *bulkRows, run bulkRun, order []int) error {
	refs := run.refs
	var columns []arrow.Array
	defer func() { releaseAll(columns) }()
	ids := array.NewUint64Builder(e.mem.Unlimited())
	defer ids.Release()
	var keys [][]byte
	if refs == nil {
		p := &rows.pieces[run.piece]
		for _, i := range order {
			columns = append(columns, array.NewSlice(p.Columns[i], int64(run.from), int64(run.to)))
		}
		ids.AppendValues(p.RowIDs[run.from:run.to], nil)
		for row := run.from; p.Keys != nil && row < run.to; row++ {
			keys = append(keys, p.Keys.Value(row))
		}
	} else {
		columns = make([]arrow.Array, len(order))
		var g errgroup.Group
		for k, i := range order {
			g.Go(func() (err error) {
				columns[k], err = rows.gather(refs, i, e.mem.Unlimited())
				return err
			})
		}
		for _, ref := range refs {
			ids.Append(rows.pieces[ref.Segment].RowIDs[ref.Position])
			keys = append(keys, rows.key(ref))
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	rowIDs := ids.NewUint64Array()
	defer rowIDs.Release()
	stamps := array.NewUint64Builder(e.mem.Unlimited())
	defer stamps.Release()
	stamps.AppendValues(make([]uint64, rowIDs.Len()), nil) // the commit's, which is not known
	none := stamps.NewUint64Array()
	defer none.Release()
	return out.Write(columns, rowIDs, none, keys)
}

// gather copies the values of a column.
func (r *bulkRows) gather(refs []growing.Ref, column int, mem memory.Allocator) (arrow.Array, error) {
	at := make([]rowAt, len(refs))
	for k, ref := range refs {
		at[k] = rowAt{r.pieces[ref.Segment].Columns[column], int(ref.Position)}
	}
	return gatherRows(at, mem)
}
