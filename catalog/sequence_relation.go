package catalog

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

// SequenceColumns are the columns of a sequence read as a table.
var SequenceColumns = []VirtualColumn{
	{Name: "last_value", Type: types.Of(types.Int8OID), NotNull: true},
	{Name: "log_cnt", Type: types.Of(types.Int8OID), NotNull: true},
	{Name: "is_called", Type: types.Of(types.BoolOID), NotNull: true},
}

// Relation is the sequence as FROM reads it: one row with its state.
func (s *Sequence) Relation() *Virtual {
	return &Virtual{
		Object: s.Object, Schema: s.Schema, Columns: SequenceColumns, Live: true,
		Rows: func(ctx context.Context, mem memory.Allocator, v View, _ types.Session) (arrow.Record, error) {
			live := LiveOf(v)
			if live == nil {
				return nil, fmt.Errorf("catalog: sequence %s is read without a catalog", s.Name)
			}
			last, called, err := live.SequenceValue(ctx, s)
			if err != nil {
				return nil, err
			}
			return s.row(mem, last, called), nil
		},
	}
}

func (s *Sequence) row(mem memory.Allocator, last int64, called bool) arrow.Record {
	fields := make([]arrow.Field, len(SequenceColumns))
	for i, c := range SequenceColumns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow()}
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	b.Field(0).(*array.Int64Builder).Append(last)
	b.Field(1).(*array.Int64Builder).Append(0) // nothing is logged ahead
	b.Field(2).(*array.BooleanBuilder).Append(called)
	return b.NewRecord()
}
