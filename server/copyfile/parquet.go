package copyfile

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"quiver/sql/types"
)

// parquetBatchRows is how many rows of a row group are decoded at a time.
const parquetBatchRows = 8192

// parquetSource reads row groups, several at a time, and yields them in order.
type parquetSource struct {
	o      Options
	reader *file.Reader
	fields []int        // of the file, for each column of the table
	leaves map[int]bool // of those fields

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

func openParquet(ctx context.Context, r RandomReader, o Options) (_ Source, err error) {
	reader, err := file.NewParquetReader(r, file.WithReadProps(parquet.NewReaderProperties(o.Mem)))
	if err != nil {
		return nil, broken("parquet", err)
	}
	dropArrowSchema(reader)
	s := &parquetSource{o: o, reader: reader}
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
	ctx, s.cancel = context.WithCancel(ctx)
	s.groups, s.ended = make(chan chan parquetBatch, o.workers()), make(chan struct{})
	go s.run(ctx)
	return s, nil
}

// dropArrowSchema forgets the Arrow schema that some writers add: types are those
// of Parquet. By it a list of fixed size could not have a null.
func dropArrowSchema(r *file.Reader) {
	meta := r.MetaData().FileMetaData
	kept := meta.KeyValueMetadata[:0]
	for _, kv := range meta.KeyValueMetadata {
		if kv.Key != "ARROW:schema" {
			kept = append(kept, kv)
		}
	}
	meta.KeyValueMetadata = kept
}

func (s *parquetSource) fileReader() (*pqarrow.FileReader, error) {
	r, err := pqarrow.NewFileReader(s.reader, pqarrow.ArrowReadProperties{BatchSize: parquetBatchRows}, s.o.Mem)
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
	readers := make([]*pqarrow.ColumnReader, len(s.fields))
	for k, field := range s.fields {
		readers[k], err = files.GetFieldReader(ctx, field, s.leaves, []int{i})
		if err != nil {
			return broken("parquet", err)
		}
	}
	for rows := int64(0); rows < total; {
		columns, n, err := s.readBatch(readers)
		if err != nil {
			return err
		}
		if rows += n; n == 0 || rows > total {
			releaseAll(columns)
			return malformed("parquet file has %d rows in a row group of %d", rows, total)
		}
		if !s.send(ctx, to, parquetBatch{columns: columns}) {
			return ctx.Err()
		}
	}
	s.done.Add(s.reader.MetaData().RowGroup(i).TotalByteSize())
	return nil
}

// readBatch reads and converts the next rows of every column.
func (s *parquetSource) readBatch(readers []*pqarrow.ColumnReader) (columns []arrow.Array, rows int64, err error) {
	defer func() {
		if err != nil {
			releaseAll(columns)
			columns = nil
		}
	}()
	columns = make([]arrow.Array, len(readers))
	for k, r := range readers {
		chunks, err := r.NextBatch(parquetBatchRows)
		if err != nil {
			return columns, 0, broken("parquet", err)
		}
		if k > 0 && int64(chunks.Len()) != rows {
			chunks.Release()
			return columns, 0, malformed("the columns of a parquet file have different numbers of rows")
		}
		rows = int64(chunks.Len())
		columns[k], err = convertChunks(chunks, &s.o, k)
		chunks.Release()
		if err != nil {
			return columns, 0, err
		}
	}
	return columns, rows, nil
}

func convertChunks(chunks *arrow.Chunked, o *Options, k int) (arrow.Array, error) {
	if len(chunks.Chunks()) == 1 {
		return convertColumn(chunks.Chunk(0), o, k)
	}
	if len(chunks.Chunks()) == 0 {
		return types.EmptyArray(o.Columns[k].Type, o.Mem), nil
	}
	whole, err := array.Concatenate(chunks.Chunks(), o.Mem)
	if err != nil {
		return nil, broken("parquet", err)
	}
	defer whole.Release()
	return convertColumn(whole, o, k)
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
