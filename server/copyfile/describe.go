package copyfile

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Describe returns columns that a table for the rows of a file could have: of one with
// names those of the file, of a file of vectors a number and the vector. Lists of floats
// are vectors if those that come first are all of one length.
func Describe(ctx context.Context, r RandomReader, size int64, format Format) (_ []Column, err error) {
	defer recovered(&err)
	d := &description{ctx: ctx, r: r, size: size, format: format}
	var schema *arrow.Schema
	switch {
	case format == Parquet:
		reader, err := openFile(r, memory.DefaultAllocator)
		if err != nil {
			return nil, err
		}
		s := &parquetSource{reader: reader, o: Options{Mem: memory.DefaultAllocator}}
		files, err := s.fileReader()
		if err != nil {
			return nil, err
		}
		if schema, err = files.Schema(); err != nil {
			return nil, broken("parquet", err)
		}
	case format == Arrow:
		s, err := openArrow(r, size, Options{Mem: memory.DefaultAllocator})
		if err != nil {
			return nil, err
		}
		schema = s.(*arrowSource).schema
		if err := s.Close(); err != nil {
			return nil, err
		}
	case format == Ivecs:
		return []Column{{"id", types.Of(types.Int8OID)}, {"neighbors", types.Of(types.Int4ArrayOID)}}, nil
	case format.IsVectors():
		column, err := d.list(Column{Name: "embedding", Type: types.Of(types.Float4ArrayOID)})
		return []Column{{"id", types.Of(types.Int8OID)}, column}, err
	default:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "files of rows do not say the types of their columns").
			WithHint("Create the table first.")
	}
	columns := make([]Column, len(schema.Fields()))
	for i, f := range schema.Fields() {
		columns[i] = Column{f.Name, typeFor(f.Type)}
		if oid := columns[i].Type.OID; oid == types.Float4ArrayOID || oid == types.Float8ArrayOID {
			if columns[i], err = d.list(columns[i]); err != nil {
				return nil, err
			}
		}
	}
	return columns, nil
}

// description looks into a file.
type description struct {
	ctx    context.Context
	r      RandomReader
	size   int64
	format Format
}

// list makes a column of lists one of vectors, if the first lists of the file could be.
func (d *description) list(c Column) (Column, error) {
	vector := Column{c.Name, types.Of(types.VectorOID)}
	s, err := Open(d.ctx, d.r, d.size, Options{Format: d.format, Columns: []Column{vector}, Text: types.DefaultFormat(), Mem: memory.DefaultAllocator, Workers: 1})
	if err != nil {
		return c, err
	}
	defer s.Close()
	batch, err := s.Next(d.ctx)
	switch {
	case err != nil && d.format.IsVectors():
		return c, err
	case err != nil || batch == nil:
		return c, d.ctx.Err() // with an element that no vector has, or none at all
	}
	defer releaseAll(batch)
	for i := range batch[0].Len() {
		if batch[0].IsNull(i) {
			continue
		}
		switch n := int32(len(types.VectorAt(batch[0], i))); {
		case vector.Type.Mod < 0:
			vector.Type.Mod = n
		case vector.Type.Mod != n:
			return c, nil
		}
	}
	if vector.Type.Mod < 0 {
		return c, nil
	}
	return vector, nil
}

// typeFor is the SQL type whose values an Arrow type has; text for those that have
// none of their own.
func typeFor(t arrow.DataType) types.T {
	switch t := t.(type) {
	case *arrow.BooleanType:
		return types.Of(types.BoolOID)
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Uint8Type:
		return types.Of(types.Int2OID)
	case *arrow.Int32Type, *arrow.Uint16Type:
		return types.Of(types.Int4OID)
	case *arrow.Int64Type, *arrow.Uint32Type:
		return types.Of(types.Int8OID)
	case *arrow.Uint64Type, *arrow.Decimal128Type, *arrow.Decimal256Type:
		return types.Of(types.NumericOID)
	case *arrow.Float16Type, *arrow.Float32Type:
		return types.Of(types.Float4OID)
	case *arrow.Float64Type:
		return types.Of(types.Float8OID)
	case *arrow.BinaryType, *arrow.LargeBinaryType:
		return types.Of(types.ByteaOID)
	case *arrow.FixedSizeBinaryType:
		if t.ByteWidth == 16 {
			return types.Of(types.UUIDOID)
		}
		return types.Of(types.ByteaOID)
	case *arrow.Date32Type, *arrow.Date64Type:
		return types.Of(types.DateOID)
	case *arrow.Time32Type, *arrow.Time64Type:
		return types.Of(types.TimeOID)
	case *arrow.TimestampType:
		if t.TimeZone != "" {
			return types.Of(types.TimestamptzOID)
		}
		return types.Of(types.TimestampOID)
	case *arrow.DictionaryType:
		return typeFor(t.ValueType)
	case arrow.ExtensionType:
		return typeFor(t.StorageType())
	case *arrow.StructType, *arrow.MapType:
		return types.Of(types.JSONBOID)
	case arrow.ListLikeType:
		elem := typeFor(t.Elem())
		if elem.OID == types.JSONBOID || elem.Type().Category == types.CategoryArray {
			return types.Of(types.JSONBOID) // of lists within lists
		}
		return types.Of(elem.Type().Array)
	}
	return types.Of(types.TextOID)
}
