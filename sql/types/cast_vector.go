package types

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
)

// vectorCast casts value i of a, whose target has modifier mod.
type vectorCast func(b array.Builder, a arrow.Array, i int, mod int32) error

// registerVectorCasts: the functions behind these casts heed the modifier, so
// that a wrong dimension is found before a wrong element.
func registerVectorCasts() {
	add := func(source, target OID, context CastContext, f vectorCast) {
		kernelFor := func(mod int32) Kernel {
			return castValues(target, func(_ *EvalContext, b array.Builder, a arrow.Array, i int) error { return f(b, a, i, mod) })
		}
		registerCast(&Cast{
			Source: source, Target: target, Context: context, Method: 'f', Kernel: kernelFor(NoMod), KernelFor: kernelFor,
		})
	}
	for _, source := range []OID{Int4ArrayOID, Float4ArrayOID, Float8ArrayOID, NumericArrayOID} {
		add(source, VectorOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			v, err := numbersOfArray(a, i, func(n int) error { return denseVector.checkDimensions(n, mod) })
			if err != nil {
				return err
			}
			return appendVectorOf(b, v, mod)
		})
		add(source, HalfvecOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			v, err := numbersOfArray(a, i, func(n int) error { return denseHalfvec.checkDimensions(n, mod) })
			if err != nil {
				return err
			}
			return appendHalfvecOf(b, v, mod)
		})
		add(source, SparsevecOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
			v, err := numbersOfArray(a, i, func(n int) error { return checkSparsevecDim(n, mod) })
			if err != nil {
				return err
			}
			return appendSparsevecOf(b, v, mod)
		})
	}
	add(VectorOID, Float4ArrayOID, CastImplicit, func(b array.Builder, a arrow.Array, i int, _ int32) error {
		appendFloat4Array(b, VectorAt(a, i))
		return nil
	})
	add(HalfvecOID, Float4ArrayOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, _ int32) error {
		appendFloat4Array(b, floatsOfHalves(HalfvecAt(a, i)))
		return nil
	})
	add(VectorOID, HalfvecOID, CastImplicit, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		return appendHalfvecOf(b, VectorAt(a, i), mod)
	})
	add(VectorOID, SparsevecOID, CastImplicit, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		return appendSparsevecOf(b, VectorAt(a, i), mod)
	})
	add(HalfvecOID, VectorOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		return appendVectorOf(b, floatsOfHalves(HalfvecAt(a, i)), mod)
	})
	add(HalfvecOID, SparsevecOID, CastImplicit, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		return appendSparsevecOf(b, floatsOfHalves(HalfvecAt(a, i)), mod)
	})
	add(SparsevecOID, VectorOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		v := SparsevecAt(a, i)
		if err := denseVector.checkDimensions(v.Dim, mod); err != nil {
			return err
		}
		return appendVectorOf(b, v.Dense(), mod)
	})
	add(SparsevecOID, HalfvecOID, CastAssignment, func(b array.Builder, a arrow.Array, i int, mod int32) error {
		v := SparsevecAt(a, i)
		if err := denseHalfvec.checkDimensions(v.Dim, mod); err != nil {
			return err
		}
		return appendHalfvecOf(b, v.Dense(), mod)
	})
	for _, oid := range []OID{VectorOID, HalfvecOID, SparsevecOID} {
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

func appendVectorOf(b array.Builder, v []float32, mod int32) error {
	if err := CheckVector(v, mod); err != nil {
		return err
	}
	AppendVector(b, v)
	return nil
}

// appendHalfvecOf rounds v and appends it.
func appendHalfvecOf(b array.Builder, v []float32, mod int32) error {
	if err := denseHalfvec.checkDimensions(len(v), mod); err != nil {
		return err
	}
	out, err := HalfvecOf(v)
	if err == nil {
		err = CheckHalfvec(out, mod)
	}
	if err == nil {
		AppendHalfvec(b, out)
	}
	return err
}

func appendSparsevecOf(b array.Builder, dense []float32, mod int32) error {
	if err := checkSparsevecDim(len(dense), mod); err != nil {
		return err
	}
	v, err := SparsevecOf(dense)
	if err == nil {
		AppendSparsevec(b, v)
	}
	return err
}

// numbersOfArray returns the elements of array i of a column of numbers, as
// pgvector's array_to_vector reads them. check looks at their number.
func numbersOfArray(a arrow.Array, i int, check func(n int) error) ([]float32, error) {
	v := ArrayAt(a, i)
	if v.NDims() > 1 {
		return nil, sqlerr.New(sqlerr.DataException, "array must be 1-D")
	}
	for k := v.Start; k < v.End; k++ {
		if v.Elements.IsNull(k) {
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "array must not contain nulls")
		}
	}
	if err := check(v.Len()); err != nil {
		return nil, err
	}
	out := make([]float32, 0, v.Len())
	for k := v.Start; k < v.End; k++ {
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
