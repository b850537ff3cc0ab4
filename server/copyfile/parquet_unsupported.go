package copyfile

import (
	"slices"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"quiver/sql/sqlerr"
)

// byteStreamSplit is an encoding that the library has no name for: it finds no values
// in such pages.
const byteStreamSplit parquet.Encoding = 9

// readable answers, before a row is read, for what the library does not read of the
// chosen columns, or reads as something else.
func (s *parquetSource) readable() error {
	meta := s.reader.MetaData()
	for leaf := range s.leaves {
		column := meta.Schema.Column(leaf)
		if _, ok := column.LogicalType().(schema.IntervalLogicalType); ok {
			return unreadable("parquet interval", column)
		}
		for group := range s.reader.NumRowGroups() {
			chunk, err := meta.RowGroup(group).ColumnChunk(leaf)
			if err != nil {
				return broken("parquet", err)
			}
			if _, err := compress.GetCodec(chunk.Compression()); err != nil {
				return unreadable("compression "+chunk.Compression().String()+" of parquet files", column)
			}
			if encoded(chunk, byteStreamSplit) {
				return unreadable("encoding BYTE_STREAM_SPLIT of parquet files", column)
			}
		}
	}
	return nil
}

func unreadable(what string, column *schema.Column) error {
	return sqlerr.Unsupported("%s", what).WithDetail(`The column "%s" of the file has it.`, column.Path())
}

// encoded says whether values of a column of a row group are encoded so.
func encoded(chunk *metadata.ColumnChunkMetaData, e parquet.Encoding) bool {
	return slices.Contains(chunk.Encodings(), e)
}

// deltaFails makes what happens to a column that the library may fail at an error about
// its encoding: of lists of numbers packed as deltas it reads some, and those right, but
// loses count in others.
func deltaFails(column *schema.Column, chunk *metadata.ColumnChunkMetaData) func(err *error) {
	if column.MaxRepetitionLevel() == 0 || !encoded(chunk, parquet.Encodings.DeltaBinaryPacked) {
		return func(*error) {}
	}
	return func(err *error) {
		if recover() != nil || *err != nil && sqlerr.CodeOf(*err) == sqlerr.BadCopyFileFormat {
			*err = unreadable("encoding DELTA_BINARY_PACKED of such lists in parquet files", column)
		}
	}
}
