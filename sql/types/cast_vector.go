package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

func registerVectorCasts() {
	for _, source := range []OID{Int4ArrayOID, Float4ArrayOID, Float8ArrayOID, NumericArrayOID} {
		registerCast(&Cast{
			Source: source, Target: VectorOID, Context: CastAssignment, Method: 'f',
			Kernel: castValues(VectorOID, arrayToVector),
		})
	}
	registerCast(&Cast{
		Source: VectorOID, Target: Float4ArrayOID, Context: CastImplicit, Method: 'f',
		Kernel: castValues(Float4ArrayOID, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
			BeginArray(b).(*array.Float32Builder).AppendValues(VectorAt(a, i), nil)
			FinishArray(b, nil)
			return nil
		}),
	})
	registerCast(&Cast{Source: VectorOID, Target: VectorOID, Context: CastImplicit, Method: 'f', Kernel: identity})
}

// arrayToVector is pgvector's array_to_vector.
func arrayToVector(_ *EvalContext, b array.Builder, a arrow.Array, i int) error {
	v := ArrayAt(a, i)
	if v.NDims() > 1 {
		return sqlerr.New(sqlerr.DataException, "array must be 1-D")
	}
	out := make([]float32, 0, v.Len())
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsNull(k) {
			return sqlerr.New(sqlerr.NullValueNotAllowed, "array must not contain nulls")
		}
		x, err := float32At(v.Elements, k)
		if err != nil {
			return err
		}
		out = append(out, x)
	}
	if err := CheckVector(out, NoMod); err != nil {
		return err
	}
	AppendVector(b, out)
	return nil
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
