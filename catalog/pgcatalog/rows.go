package pgcatalog

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
)

// rows gathers the rows of a virtual relation.
type rows struct {
	ctx      context.Context
	view     catalog.View
	session  types.Session
	relation *catalog.Virtual
	fields   []arrow.Field
	builders []array.Builder
	n        int64
}

func newRows(ctx context.Context, mem memory.Allocator, v catalog.View, s types.Session, r *catalog.Virtual) *rows {
	b := &rows{ctx: ctx, view: v, session: s, relation: r}
	for _, c := range r.Columns {
		t := c.Type.Arrow()
		b.fields = append(b.fields, arrow.Field{Name: c.Name, Type: t, Nullable: !c.NotNull})
		b.builders = append(b.builders, types.NewBuilder(c.Type, mem))
	}
	return b
}

// add appends a row: a value for each column, in order; nil is null. What Go
// types go with which SQL types is said at appendValue.
func (b *rows) add(values ...any) {
	if len(values) != len(b.builders) {
		panic(fmt.Sprintf("pgcatalog: %d values for the %d columns of %s", len(values), len(b.builders), b.relation.Name))
	}
	for i, v := range values {
		appendValue(b.builders[i], b.relation.Columns[i], v)
	}
	b.n++
}

// appendValue appends v: numbers to numeric columns, a byte or a string to text
// ones, slices to arrays (from 0 for int2vector and oidvector), microseconds
// since 1970 (int64) to timestamps.
func appendValue(b array.Builder, c catalog.VirtualColumn, v any) {
	if isNil(v) {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(v.(bool))
	case *array.StringBuilder:
		if char, ok := v.(byte); ok {
			v = string(rune(char))
		}
		b.Append(v.(string))
	case *array.StructBuilder:
		appendArray(b, c.Type.OID, v)
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(v.(int64)))
	case *array.Float32Builder:
		b.Append(float32(v.(float64)))
	case *array.Float64Builder:
		b.Append(v.(float64))
	default:
		appendInteger(b, integer(v))
	}
}

// isNil says whether v is nil or a nil slice.
func isNil(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []string:
		return v == nil
	case []int16:
		return v == nil
	case []int32:
		return v == nil
	case []types.OID:
		return v == nil
	}
	return false
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case int64:
		return v
	case types.OID:
		return int64(v)
	}
	panic(fmt.Sprintf("pgcatalog: %T for a number", v))
}

func appendInteger(b array.Builder, v int64) {
	switch b := b.(type) {
	case *array.Int16Builder:
		b.Append(int16(v))
	case *array.Int32Builder:
		b.Append(int32(v))
	case *array.Int64Builder:
		b.Append(v)
	case *array.Uint32Builder:
		b.Append(uint32(v))
	default:
		panic(fmt.Sprintf("pgcatalog: a number for %T", b))
	}
}

func appendArray(b *array.StructBuilder, typ types.OID, v any) {
	elements := types.BeginArray(b)
	n := 0
	switch v := v.(type) {
	case []string:
		n = len(v)
		for _, s := range v {
			elements.(*array.StringBuilder).Append(s)
		}
	case []int16:
		n = len(v)
		for _, x := range v {
			appendInteger(elements, int64(x))
		}
	case []int32:
		n = len(v)
		for _, x := range v {
			appendInteger(elements, int64(x))
		}
	case []types.OID:
		n = len(v)
		for _, x := range v {
			appendInteger(elements, int64(x))
		}
	default:
		panic(fmt.Sprintf("pgcatalog: %T for an array", v))
	}
	var shape []byte
	if typ == types.Int2VectorOID || typ == types.OIDVectorOID {
		shape = types.ArrayShape([]int{n}, []int{0})
	}
	types.FinishArray(b, shape)
}

// text appends a row of COPY text: fields by tab, \N for null.
func (b *rows) text(fields []string) error {
	for i, field := range fields {
		if field == `\N` {
			b.builders[i].AppendNull()
			continue
		}
		t := b.relation.Columns[i].Type
		if err := t.Type().ParseText(b.builders[i], field, t.Mod, types.DefaultFormat()); err != nil {
			return err
		}
	}
	b.n++
	return nil
}

func (b *rows) record() arrow.Record {
	columns := make([]arrow.Array, len(b.builders))
	for i, builder := range b.builders {
		columns[i] = builder.NewArray()
		defer columns[i].Release()
	}
	return array.NewRecord(arrow.NewSchema(b.fields, nil), columns, b.n)
}

func (b *rows) release() {
	for _, builder := range b.builders {
		builder.Release()
	}
}

// role is the name of the one role: whoever the session is.
func (b *rows) role() string { return roleName(b.session) }

func roleName(s types.Session) string {
	if s == nil {
		return "postgres"
	}
	return s.SessionUser()
}

// eachRelation calls f with every relation of the database, schema by schema,
// in OID order.
func (b *rows) eachRelation(f func(s *catalog.Schema, r catalog.Relation)) {
	for _, s := range b.view.Schemas() {
		for _, r := range b.view.Relations(s.OID) {
			f(s, r)
		}
	}
}
