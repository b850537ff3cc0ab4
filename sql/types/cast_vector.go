package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerVectorCasts() {
	add := func(source, target OID, context CastContext, f func(*EvalContext, array.Builder, arrow.Array, int) error) {
		registerCast(&Cast{Source: source, Target: target, Context: context, Method: 'f', Kernel: castValues(target, f)})
	}
	for _, source := range []OID{Int4ArrayOID, Float4ArrayOID, Float8ArrayOID, NumericArrayOID} {
		add(source, VectorOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v, err := numbersOfArray(a, i)
			if err == nil {
				err = CheckVector(v, NoMod)
			}
			if err == nil {
				AppendVector(b, v)
			}
			return err
		})
		add(source, HalfvecOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			v, err := numbersOfArray(a, i)
			if err != nil {
				return err
			}
			return appendHalfvecOf(b, v)
		})
	}
	add(VectorOID, Float4ArrayOID, CastImplicit, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		appendFloat4Array(b, VectorAt(a, i))
		return nil
	})
	add(HalfvecOID, Float4ArrayOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		appendFloat4Array(b, floatsOfHalves(HalfvecAt(a, i)))
		return nil
	})
	add(VectorOID, HalfvecOID, CastImplicit, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		return appendHalfvecOf(b, VectorAt(a, i))
	})
	add(HalfvecOID, VectorOID, CastAssignment, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
		AppendVector(b, floatsOfHalves(HalfvecAt(a, i)))
		return nil
	})
	for _, oid := range []OID{VectorOID, HalfvecOID} {
		registerCast(&Cast{Source: oid, Target: oid, Context: CastImplicit, Method: 'f', Kernel: identity})
	}
}

func appendFloat4Array(b array.Builder, v []float32) {
	BeginArray(b).(*array.Float32Builder).AppendValues(v, nil)
	FinishArray(b, nil)
}

func floatsOfHalves(v []Half) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = x.Float32()
	}
	return out
}

// appendHalfvecOf rounds v and appends it.
func appendHalfvecOf(b array.Builder, v []float32) error {
	if err := denseHalfvec.checkDimensions(len(v), NoMod); err != nil {
		return err
	}
	out, err := HalfvecOf(v)
	if err == nil {
		err = CheckHalfvec(out, NoMod)
	}
	if err == nil {
		AppendHalfvec(b, out)
	}
	return err
}

// numbersOfArray returns the elements of array i of a column of numbers, as
// pgvector's array_to_vector reads them.
func numbersOfArray(a arrow.Array, i int) ([]float32, error) {
	v := ArrayAt(a, i)
	if v.NDims() > 1 {
		return nil, sqlerr.New(sqlerr.DataException, "array must be 1-D")
	}
	out := make([]float32, 0, v.Len())
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsNull(k) {
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "array must not contain nulls")
		}
		x, err := float32At(v.Elements, k)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// float32At converts value i of a numeric array of any kind, as C does: too
// large becomes infinite, which a vector refuses.
func float32At(a arrow.Array, i int) (float32, error) {
	switch a := a.(type) {
	case *array.Int32:
		return float32(a.Value(i)), nil
	case *array.Float32:
		return a.Value(i), nil
	case *array.Float64:
		return float32(a.Value(i)), nil
	}
	return NumericAt(a, i).Float32()
}
