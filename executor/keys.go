package executor

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/types"
)

// keyEncoder turns rows into byte strings that compare as ORDER BY, GROUP BY or
// join keys do: for each item a marker for null or not, then the type's key,
// inverted for DESC. Equal rows have equal keys.
type keyEncoder struct {
	items []keyItem
	keys  keys // reused
	nulls []bool
}

// hasNull says whether an item of row i of the last batch encoded is null: such
// rows equal none in a join.
func (enc *keyEncoder) hasNull(i int) bool { return enc.nulls[i] }

type keyItem struct {
	e                evaluator
	typ              *types.Type
	desc, nullsFirst bool
}

// The markers around values: nulls sort first or last.
const (
	nullFirstMarker byte = 0
	valueMarker     byte = 1
	nullLastMarker  byte = 2
)

// compileKeys compiles ORDER BY items.
func (b *builder) compileKeys(items []plan.SortKey) (*keyEncoder, error) {
	enc := &keyEncoder{}
	for _, k := range items {
		e, err := b.compile(k.Expr)
		if err != nil {
			return nil, err
		}
		typ := k.Expr.Type().Type()
		if typ.AppendKey == nil {
			return nil, noOrdering(typ)
		}
		enc.items = append(enc.items, keyItem{e, typ, k.Desc, k.NullsFirst})
	}
	return enc, nil
}

// compileGroupKeys compiles expressions compared for equality.
func (b *builder) compileGroupKeys(exprs []plan.Expr) (*keyEncoder, error) {
	enc := &keyEncoder{}
	for _, e := range exprs {
		ev, err := b.compile(e)
		if err != nil {
			return nil, err
		}
		typ := e.Type().Type()
		if typ.AppendKey == nil {
			return nil, noEquality(typ)
		}
		enc.items = append(enc.items, keyItem{e: ev, typ: typ})
	}
	return enc, nil
}

// columnKeys compares whole rows of the given types for equality.
func columnKeys(columns []plan.OutputColumn) (*keyEncoder, error) {
	enc := &keyEncoder{}
	for i, c := range columns {
		typ := c.Type.Type()
		if typ.AppendKey == nil {
			return nil, noEquality(typ)
		}
		enc.items = append(enc.items, keyItem{e: columnEval(i), typ: typ})
	}
	return enc, nil
}

// keys are the encoded rows of one batch.
type keys struct {
	data []byte
	ends []int
}

// at is the key of row i, valid until the next encode.
func (k *keys) at(i int) []byte {
	start := 0
	if i > 0 {
		start = k.ends[i-1]
	}
	return k.data[start:k.ends[i]]
}

// encode computes the keys of a batch.
func (enc *keyEncoder) encode(x *execution, in *batch) (*keys, error) {
	vecs := make([]types.Vec, len(enc.items))
	defer func() {
		for _, v := range vecs {
			if v.Array != nil {
				v.Array.Release()
			}
		}
	}()
	for i, item := range enc.items {
		var err error
		if vecs[i], err = item.e.eval(x, in); err != nil {
			return nil, err
		}
	}
	return enc.encodeVecs(vecs, in.rows), nil
}

// encodeVecs computes the keys of values at hand, one vector an item.
func (enc *keyEncoder) encodeVecs(vecs []types.Vec, n int) *keys {
	k := &enc.keys
	k.data, k.ends = k.data[:0], k.ends[:0]
	enc.nulls = enc.nulls[:0]
	for row := range n {
		null := false
		for i := range enc.items {
			v := vecs[i]
			null = null || v.IsNull(row)
			k.data = enc.items[i].append(k.data, v.Array, v.Row(row))
		}
		k.ends = append(k.ends, len(k.data))
		enc.nulls = append(enc.nulls, null)
	}
	return k
}

func (item *keyItem) append(dst []byte, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		if item.nullsFirst {
			return append(dst, nullFirstMarker)
		}
		return append(dst, nullLastMarker)
	}
	dst = append(dst, valueMarker)
	start := len(dst)
	dst = item.typ.AppendKey(dst, a, i)
	if item.desc {
		for k := start; k < len(dst); k++ {
			dst[k] = ^dst[k]
		}
	}
	return dst
}
