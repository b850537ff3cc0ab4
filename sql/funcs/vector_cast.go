package funcs

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/types"
)

// The functions behind pgvector's casts, called by name: the value, the type
// modifier (-1 for none) and whether the cast is explicit, which none of them
// heeds.
func init() {
	arrays := []string{"_int4", "_float4", "_float8", "_numeric"}
	for _, f := range []struct {
		name    string
		sources []string
		target  types.OID
	}{
		{"array_to_vector", arrays, types.VectorOID},
		{"array_to_halfvec", arrays, types.HalfvecOID},
		{"array_to_sparsevec", arrays, types.SparsevecOID},
		{"vector_to_float4", []string{"vector"}, types.Float4ArrayOID},
		{"vector_to_halfvec", []string{"vector"}, types.HalfvecOID},
		{"vector_to_sparsevec", []string{"vector"}, types.SparsevecOID},
		{"halfvec_to_float4", []string{"halfvec"}, types.Float4ArrayOID},
		{"halfvec_to_vector", []string{"halfvec"}, types.VectorOID},
		{"halfvec_to_sparsevec", []string{"halfvec"}, types.SparsevecOID},
		{"sparsevec_to_vector", []string{"sparsevec"}, types.VectorOID},
		{"sparsevec_to_halfvec", []string{"sparsevec"}, types.HalfvecOID},
		{"vector", []string{"vector"}, types.VectorOID},
		{"halfvec", []string{"halfvec"}, types.HalfvecOID},
		{"sparsevec", []string{"sparsevec"}, types.SparsevecOID},
	} {
		for _, source := range f.sources {
			specialized(f.name+"("+source+",int4,bool)", func(call Signature) (types.Kernel, error) {
				return castKernel(types.FindCast(call.Args[0].OID, f.target), f.target), nil
			})
		}
	}
}

// castKernel casts each row to the modifier that its second argument names.
func castKernel(cast *types.Cast, target types.OID) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		mods := open[int32](args[1])
		rows := make([]arrow.Array, 0, n)
		defer func() {
			for _, r := range rows {
				r.Release()
			}
		}()
		for i := range n {
			row, err := castRow(c, cast, target, args, i, &mods)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
		if n == 0 {
			b := types.NewBuilder(types.Of(target), c.Mem)
			defer b.Release()
			return b.NewArray(), nil
		}
		return array.Concatenate(rows, c.Mem)
	}
}

func castRow(c *types.EvalContext, cast *types.Cast, target types.OID, args []types.Vec, i int, mods *input[int32]) (arrow.Array, error) {
	if anyNull(args, i) {
		b := types.NewBuilder(types.Of(target), c.Mem)
		defer b.Release()
		b.AppendNull()
		return b.NewArray(), nil
	}
	mod := mods.get(i)
	if mod < 0 {
		mod = types.NoMod
	}
	at := int64(args[0].Row(i))
	value := array.NewSlice(args[0].Array, at, at+1)
	defer value.Release()
	args = []types.Vec{{Array: value}}
	if mod != types.NoMod {
		// The result has no modifier: what fits one is made to check it alone.
		fitted, err := cast.KernelTo(mod)(c, args, 1)
		if err != nil {
			return nil, err
		}
		defer fitted.Release()
		if coerce := types.ByOID(target).Coerce; coerce != nil {
			coerced, err := coerce(c, fitted, mod, true)
			if err != nil {
				return nil, err
			}
			coerced.Release()
		}
	}
	return cast.Kernel(c, args, 1)
}
