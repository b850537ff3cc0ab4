package copyfile

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"quiver/sql/types"
)

// parquetColumn reads one column of one row group: by its pages, as long as they
// suit that, then by the library.
type parquetColumn struct {
	o      *Options
	k      int // of o.Columns
	pages  *pageVectors
	open   func() (*pqarrow.ColumnReader, error)
	values *pqarrow.ColumnReader
	rows   int64 // given out
	fails  func(err *error)
}

// column begins to read a column of a row group.
func (s *parquetSource) column(ctx context.Context, files *pqarrow.FileReader, group, k int) *parquetColumn {
	c := &parquetColumn{o: &s.o, k: k, fails: func(*error) {}}
	c.open = func() (*pqarrow.ColumnReader, error) {
		return files.GetFieldReader(ctx, s.fields[k], s.leaves, []int{group})
	}
	if leaf := s.onlyLeaf(s.fields[k]); leaf >= 0 {
		if chunk, err := s.reader.MetaData().RowGroup(group).ColumnChunk(leaf); err == nil {
			c.fails = deltaFails(s.reader.MetaData().Schema.Column(leaf), chunk)
		}
		c.pages = newPageVectors(s.in, s.reader, group, leaf, s.o.Columns[k].Type, s.batchRows, s.o.Mem)
	}
	return c
}

// onlyLeaf is the leaf of a field that has one; -1 for others.
func (s *parquetSource) onlyLeaf(field int) int {
	found := -1
	meta := s.reader.MetaData().Schema
	for leaf := range meta.NumColumns() {
		if meta.Root().FieldIndexByField(meta.ColumnRoot(leaf)) != field {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = leaf
	}
	return found
}

// next returns the next n values, of the table's type.
func (c *parquetColumn) next(n int64) (arrow.Array, error) {
	if c.pages != nil {
		a, suited, err := c.pages.next(n)
		if err != nil {
			return nil, atColumn(err, c.o.Columns[c.k].Name)
		}
		if suited {
			c.rows += n
			return a, nil
		}
		c.pages.close()
		c.pages = nil
	}
	if c.values == nil {
		var err error
		if c.values, err = c.open(); err != nil {
			return nil, broken("parquet", err)
		}
		for skipped := int64(0); skipped < c.rows; {
			chunks, err := c.read(min(c.rows-skipped, n))
			if err != nil {
				return nil, err
			}
			skipped += int64(chunks.Len())
			chunks.Release()
		}
	}
	chunks, err := c.read(n)
	if err != nil {
		return nil, err
	}
	defer chunks.Release()
	c.rows += n
	return convertChunks(chunks, c.o, c.k)
}

// read has the library read n values.
func (c *parquetColumn) read(n int64) (_ *arrow.Chunked, err error) {
	defer c.fails(&err)
	chunks, err := c.values.NextBatch(n)
	if err != nil {
		return nil, broken("parquet", err)
	}
	if int64(chunks.Len()) != n {
		chunks.Release()
		return nil, malformed(`column "%s" of a parquet file has fewer rows than its row group`, c.o.Columns[c.k].Name)
	}
	return chunks, nil
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

func (c *parquetColumn) close() {
	if c.pages != nil {
		c.pages.close()
	}
}
