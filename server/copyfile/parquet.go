package copyfile

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"quiver/sql/types"
)

// parquetBatchRows is how many rows of a row group are decoded at a time, if they
// have no wide vectors: those of a batch are of about parquetBatchBytes.
const (
	parquetBatchRows  = 8192
	parquetBatchBytes = 4 << 20
)

func batchRowsOf(columns []Column) int64 {
	rows := int64(parquetBatchRows)
	for _, c := range columns {
		if (c.Type.OID == types.VectorOID || c.Type.OID == types.HalfvecOID) && c.Type.Mod > 0 {
			rows = min(rows, max(1, parquetBatchBytes/(4*int64(c.Type.Mod))))
		}
	}
	return rows
}

// parquetSource reads row groups, several at a time, and yields them in order.
type parquetSource struct {
	o         Options
	in        RandomReader
	reader    *file.Reader
	fields    []int        // of the file, for each column of the table
	leaves    map[int]bool // of those fields
	batchRows int64

	cancel context.CancelFunc
	groups chan chan parquetBatch // of one row group each, in order
	group  chan parquetBatch
	done   atomic.Int64
	ended  chan struct{} // closed when every goroutine has ended
}

type parquetBatch struct {
	columns []arrow.Array
	err     error
}

func openParquet(ctx context.Context, r RandomReader, o Options) (Source, error) {
	return openParquetBy(ctx, r, o, batchRowsOf(o.Columns))
}

// openParquetBy is openParquet for batches of so many rows.
func openParquetBy(ctx context.Context, r RandomReader, o Options, batchRows int64) (_ Source, err error) {
	reader, err := openFile(r, o.Mem)
	if err != nil {
		return nil, err
	}
	s := &parquetSource{o: o, in: r, reader: reader, batchRows: batchRows}
	files, err := s.fileReader()
	if err != nil {
		return nil, err
	}
	schema, err := files.Schema()
	if err != nil {
		return nil, broken("parquet", err)
	}
	names := make([]string, len(schema.Fields()))
	for i, f := range schema.Fields() {
		names[i] = f.Name
	}
	if s.fields, err = match(o.Columns, names); err != nil {
		return nil, err
	}
	s.leaves = map[int]bool{}
	root := reader.MetaData().Schema.Root()
	for leaf := range reader.MetaData().Schema.NumColumns() {
		if slices.Contains(s.fields, root.FieldIndexByField(reader.MetaData().Schema.ColumnRoot(leaf))) {
			s.leaves[leaf] = true
		}
	}
	if err := s.readable(); err != nil {
		return nil, err
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.groups, s.ended = make(chan chan parquetBatch, o.workers()), make(chan struct{})
	go s.run(ctx)
	return s, nil
}

// openFile reads the footer of a file, and makes its types what they are read as.
func openFile(r RandomReader, mem memory.Allocator) (*file.Reader, error) {
	reader, err := file.NewParquetReader(r, file.WithReadProps(parquet.NewReaderProperties(mem)))
	if err != nil {
		return nil, broken("parquet", err)
	}
	dropArrowSchema(reader)
	root, err := withoutZones(reader.MetaData().Schema.Root())
	if err != nil {
		return nil, broken("parquet", err)
	}
	reader.MetaData().Schema = schema.NewSchema(root.(*schema.GroupNode))
	return reader, nil
}

// arrowSchemaKey is where writers keep the Arrow schema of a file.
const arrowSchemaKey = "ARROW:schema"

// dropArrowSchema forgets the Arrow schema that some writers add: types are those
// of Parquet. By it a list of fixed size could not have a null.
func dropArrowSchema(r *file.Reader) {
	meta := r.MetaData().FileMetaData
	kept := meta.KeyValueMetadata[:0]
	for _, kv := range meta.KeyValueMetadata {
		if kv.Key != arrowSchemaKey {
			kept = append(kept, kv)
		}
	}
	meta.KeyValueMetadata = kept
}

// withoutZones makes timestamps that are not adjusted to UTC ones of the sort that the
// library reads without a zone: by itself it gives UTC to all that have a logical type.
func withoutZones(n schema.Node) (schema.Node, error) {
	switch n := n.(type) {
	case *schema.GroupNode:
		fields := make(schema.FieldList, n.NumFields())
		for i := range fields {
			var err error
			if fields[i], err = withoutZones(n.Field(i)); err != nil {
				return nil, err
			}
		}
		return schema.NewGroupNodeConverted(n.Name(), n.RepetitionType(), fields, n.ConvertedType(), n.FieldID())
	case *schema.PrimitiveNode:
		if t, ok := n.LogicalType().(*schema.TimestampLogicalType); ok && !t.IsAdjustedToUTC() {
			local := schema.NewTimestampLogicalTypeWithOpts(schema.WithTSTimeUnitType(t.TimeUnit()), schema.WithTSFromConverted())
			return schema.NewPrimitiveNodeLogical(n.Name(), n.RepetitionType(), local, n.PhysicalType(), n.TypeLength(), n.FieldID())
		}
	}
	return n, nil
}

func (s *parquetSource) fileReader() (*pqarrow.FileReader, error) {
	r, err := pqarrow.NewFileReader(s.reader, pqarrow.ArrowReadProperties{BatchSize: s.batchRows}, s.o.Mem)
	return r, broken("parquet", err)
}

// run hands out the row groups to as many goroutines as may work at a time.
func (s *parquetSource) run(ctx context.Context) {
	defer close(s.ended)
	workers := make(chan struct{}, s.o.workers())
	defer func() {
		for range cap(workers) { // every one has ended
			workers <- struct{}{}
		}
	}()
	defer close(s.groups)
	for i := range s.reader.NumRowGroups() {
		select {
		case workers <- struct{}{}:
		case <-ctx.Done():
			return
		}
		group := make(chan parquetBatch, 2)
		go func() {
			defer func() { <-workers }()
			defer close(group)
			if err := s.readGroup(ctx, i, group); err != nil {
				s.send(ctx, group, parquetBatch{err: err})
			}
		}()
		select {
		case s.groups <- group:
		case <-ctx.Done():
			for b := range group {
				releaseAll(b.columns)
			}
			return
		}
	}
}

func (s *parquetSource) send(ctx context.Context, to chan parquetBatch, b parquetBatch) bool {
	select {
	case to <- b:
		return true
	case <-ctx.Done():
		releaseAll(b.columns)
		return false
	}
}

func (s *parquetSource) readGroup(ctx context.Context, i int, to chan parquetBatch) (err error) {
	defer recovered(&err)
	files, err := s.fileReader()
	if err != nil {
		return err
	}
	total := s.reader.MetaData().RowGroup(i).NumRows()
	columns := make([]*parquetColumn, len(s.fields))
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.close()
			}
		}
	}()
	for k := range columns {
		columns[k] = s.column(ctx, files, i, k)
	}
	for rows := int64(0); rows < total; {
		n := min(total-rows, s.batchRows)
		batch, err := s.readBatch(columns, n)
		if err != nil {
			return err
		}
		if rows += n; !s.send(ctx, to, parquetBatch{columns: batch}) {
			return ctx.Err()
		}
	}
	s.done.Add(s.reader.MetaData().RowGroup(i).TotalByteSize())
	return nil
}

// readBatch reads and converts the next n rows of every column.
func (s *parquetSource) readBatch(columns []*parquetColumn, n int64) (batch []arrow.Array, err error) {
	batch = make([]arrow.Array, len(columns))
	for k, c := range columns {
		if batch[k], err = c.next(n); err != nil {
			releaseAll(batch)
			return nil, err
		}
	}
	return batch, nil
}

func (s *parquetSource) Next(ctx context.Context) ([]arrow.Array, error) {
	for {
		if s.group == nil {
			group, ok := <-s.groups
			if !ok {
				return nil, ctx.Err()
			}
			s.group = group
		}
		b, ok := <-s.group
		if ok {
			return b.columns, b.err
		}
		s.group = nil
	}
}

func (s *parquetSource) Done() int64 { return s.done.Load() }

func (s *parquetSource) Close() error {
	s.cancel()
	drain := func(group chan parquetBatch) {
		for b := range group {
			releaseAll(b.columns)
		}
	}
	if s.group != nil {
		drain(s.group)
	}
	for group := range s.groups {
		drain(group)
	}
	<-s.ended
	return nil
}
