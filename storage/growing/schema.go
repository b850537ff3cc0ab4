package growing

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
)

// Field is a column of a segment.
type Field struct {
	ID   catalog.FieldID
	Type arrow.DataType
}

// Schema is what a segment's rows look like.
type Schema struct {
	Version uint32 // catalog.Table.SchemaVersion
	Fields  []Field
	// Keyed segments have an encoded primary key a row.
	Keyed bool

	chunkRows int // rows of a full chunk
}

// The sizes of chunks, in rows, and the bytes a column of one may have.
const (
	chunkRowsMin  = 64
	chunkRowsMax  = 4096
	chunkBytesMax = 8 << 20
)

// NewSchema checks that every type can be stored.
func NewSchema(version uint32, fields []Field, keyed bool) (*Schema, error) {
	s := &Schema{Version: version, Fields: fields, Keyed: keyed, chunkRows: chunkRowsMax}
	for _, f := range fields {
		if _, err := kindOf(f.Type); err != nil {
			return nil, fmt.Errorf("growing: field %d: %w", f.ID, err)
		}
		for s.chunkRows > chunkRowsMin && s.chunkRows*rowBytes(f.Type) > chunkBytesMax {
			s.chunkRows /= 2
		}
	}
	return s, nil
}

// Index returns the place of a field, or -1.
func (s *Schema) Index(id catalog.FieldID) int {
	for i := range s.Fields {
		if s.Fields[i].ID == id {
			return i
		}
	}
	return -1
}

// Equal says whether two schemas have the same fields in the same order.
func (s *Schema) Equal(o *Schema) bool {
	if s.Version != o.Version || s.Keyed != o.Keyed || len(s.Fields) != len(o.Fields) {
		return false
	}
	for i, f := range s.Fields {
		if f.ID != o.Fields[i].ID || !arrow.TypeEqual(f.Type, o.Fields[i].Type) {
			return false
		}
	}
	return true
}

// rowBytes is the fixed part of a value.
func rowBytes(t arrow.DataType) int {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		return int(t.Len()) * rowBytes(t.Elem())
	case *arrow.BooleanType:
		return 1
	case arrow.FixedWidthDataType:
		return t.Bytes()
	}
	return 8
}
