package storage

import (
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/storage/growing"
	"quiver/storage/wal"
)

// tableSchema is what writing to a table needs of its descriptor.
type tableSchema struct {
	table   *catalog.Table
	columns []*catalog.Column // live, in order
	growing *growing.Schema
	fields  []int32
	// key has the primary key's columns, as indexes into columns.
	key      []int
	keyTypes []types.T
	walKey   []wal.KeyColumn
	index    *catalog.Index
}

// keyNumbers are the numbers of the primary key's columns.
func (s *tableSchema) keyNumbers() []int16 {
	numbers := make([]int16, len(s.key))
	for i, k := range s.key {
		numbers[i] = s.columns[k].Number
	}
	return numbers
}

// schemaCache keeps the schema of the newest descriptor of each table.
type schemaCache struct {
	mu     sync.Mutex
	tables map[catalog.OID]*tableSchema
}

// of returns the schema of a descriptor as view has its indexes.
func (c *schemaCache) of(table *catalog.Table, view catalog.View) (*tableSchema, error) {
	c.mu.Lock()
	s := c.tables[table.OID]
	c.mu.Unlock()
	index := primaryKey(table, view)
	if s != nil && s.table == table && s.index == index {
		return s, nil
	}
	s, err := newTableSchema(table, index)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tables == nil {
		c.tables = map[catalog.OID]*tableSchema{}
	}
	c.tables[table.OID] = s
	return s, nil
}

func primaryKey(table *catalog.Table, view catalog.View) *catalog.Index {
	if table.PrimaryKey == 0 {
		return nil
	}
	for _, x := range view.Indexes(table.OID) {
		if x.OID == table.PrimaryKey {
			return x
		}
	}
	return nil
}

func newTableSchema(table *catalog.Table, index *catalog.Index) (*tableSchema, error) {
	s := &tableSchema{table: table, index: index}
	var fields []growing.Field
	for i := range table.Columns {
		c := &table.Columns[i]
		if c.Dropped() {
			continue
		}
		s.columns = append(s.columns, c)
		s.fields = append(s.fields, int32(c.Field))
		fields = append(fields, growing.Field{ID: c.Field, Type: storageType(c)})
	}
	if index != nil {
		for _, k := range index.Columns {
			for i, c := range s.columns {
				if c.Number == k.Number {
					s.key = append(s.key, i)
					s.keyTypes = append(s.keyTypes, c.Type)
					s.walKey = append(s.walKey, wal.KeyColumn{Field: uint32(i), Type: uint32(c.Type.OID)})
				}
			}
		}
	}
	var err error
	s.growing, err = growing.NewSchema(table.SchemaVersion, fields, len(s.key) > 0)
	return s, err
}

// arrowType is the Arrow type of a column as statements see it, storageType as
// segments, the log and objects hold it (types.Stored).
func arrowType(c *catalog.Column) arrow.DataType { return c.Type.Arrow() }

func storageType(c *catalog.Column) arrow.DataType { return c.Type.StorageArrow() }

// toStorage returns columns in the form in which they are held. The caller
// releases them.
func (s *tableSchema) toStorage(columns []arrow.Array) ([]arrow.Array, error) {
	stored := make([]arrow.Array, 0, len(columns))
	for i, a := range columns {
		a, err := s.columns[i].Type.ToStorage(a, memory.DefaultAllocator)
		if err != nil {
			releaseAll(stored)
			return nil, err
		}
		stored = append(stored, a)
	}
	return stored, nil
}

// restored returns a, whose reference it takes over, in the form in which c is held
// today: logs and objects of older versions may have another.
func restored(c *catalog.Column, a arrow.Array) (arrow.Array, error) {
	if arrow.TypeEqual(a.DataType(), storageType(c)) {
		return a, nil
	}
	plain := c.Type.FromStorage(a, memory.DefaultAllocator)
	defer plain.Release()
	stored, err := c.Type.ToStorage(plain, memory.DefaultAllocator)
	if err != nil {
		return a, err
	}
	a.Release()
	return stored, nil
}

// encodeKeys returns the encoded primary keys of rows.
func encodeKeys(columns []arrow.Array, key []int, keyTypes []types.T, rows int) *array.Binary {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Reserve(rows)
	b.ReserveData(rows * 9 * len(key))
	var buf []byte
	kinds := make([]*types.Type, len(key))
	for i, t := range keyTypes {
		kinds[i] = t.Type()
	}
	for row := range rows {
		buf = buf[:0]
		for i, k := range key {
			buf = kinds[i].AppendKey(buf, columns[k], row)
		}
		b.Append(buf)
	}
	return b.NewBinaryArray()
}
