package funcs

import (
	"strconv"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func init() {
	kernel("array_ndims(anyarray)", liftArray(func(v types.ArrayView) (int32, error) {
		return int32(v.NDims()), nullIf(v.NDims() == 0)
	}))
	kernel("array_dims(anyarray)", liftArray(func(v types.ArrayView) (string, error) {
		text := ""
		for k := range v.NDims() {
			text += "[" + strconv.Itoa(v.Lower(k)) + ":" + strconv.Itoa(v.Lower(k)+v.Dim(k)-1) + "]"
		}
		return text, nullIf(text == "")
	}))
	kernel("cardinality(anyarray)", liftArray(func(v types.ArrayView) (int32, error) { return int32(v.Len()), nil }))
	dimension := func(f func(v types.ArrayView, k int) int) types.Kernel {
		return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
			number := open[int32](args[1])
			return fill(c, args, n, func(i int) (int32, error) {
				v := types.ArrayAt(args[0].Array, args[0].Row(i))
				k := int(number.get(i)) - 1
				if k < 0 || k >= v.NDims() {
					return 0, null
				}
				return int32(f(v, k)), nil
			})
		}
	}
	kernel("array_length(anyarray,int4)", dimension(types.ArrayView.Dim))
	kernel("array_lower(anyarray,int4)", dimension(types.ArrayView.Lower))
	kernel("array_upper(anyarray,int4)", dimension(func(v types.ArrayView, k int) int { return v.Lower(k) + v.Dim(k) - 1 }))

	specialized("array_append(anycompatiblearray,anycompatible)", func(call Signature) (types.Kernel, error) {
		return arrayKernel(call, 0, 1, arrayPush), nil
	})
	specialized("array_prepend(anycompatible,anycompatiblearray)", func(call Signature) (types.Kernel, error) {
		return arrayKernel(call, 1, 0, arrayPush), nil
	})
	specialized("array_cat(anycompatiblearray,anycompatiblearray)", func(call Signature) (types.Kernel, error) {
		return arrayKernel(call, 0, 1, arrayConcatenate), nil
	})
	specialized("array_remove(anycompatiblearray,anycompatible)", func(call Signature) (types.Kernel, error) {
		return arrayReplacer(call, true)
	})
	specialized("array_replace(anycompatiblearray,anycompatible,anycompatible)", func(call Signature) (types.Kernel, error) {
		return arrayReplacer(call, false)
	})
	for _, args := range []string{"anycompatiblearray,anycompatible", "anycompatiblearray,anycompatible,int4"} {
		specialized("array_position("+args+")", arrayPosition)
	}
	specialized("array_positions(anycompatiblearray,anycompatible)", arrayPositions)
	specialized("arraycontains(anyarray,anyarray)", func(call Signature) (types.Kernel, error) {
		return arrayMatch(call, func(same sameFunc, a, b types.ArrayView) bool { return containsAll(same, a, b) })
	})
	specialized("arraycontained(anyarray,anyarray)", func(call Signature) (types.Kernel, error) {
		return arrayMatch(call, func(same sameFunc, a, b types.ArrayView) bool { return containsAll(same, b, a) })
	})
	specialized("arrayoverlap(anyarray,anyarray)", func(call Signature) (types.Kernel, error) {
		return arrayMatch(call, overlaps)
	})
	specialized("array_fill(anyelement,_int4)", arrayFill)
	specialized("array_fill(anyelement,_int4,_int4)", arrayFill)
	specialized("trim_array(anyarray,int4)", trimArray)
	specialized("array_to_string(anyarray,text)", arrayToString)
	specialized("array_to_string(anyarray,text,text)", arrayToString)
}

func nullIf(yes bool) error {
	if yes {
		return null
	}
	return nil
}

// liftArray makes a strict kernel of a function of one array of any type.
func liftArray[R any](f func(v types.ArrayView) (R, error)) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (R, error) { return f(types.ArrayAt(args[0].Array, args[0].Row(i))) })
	}
}

// operand is an array or an element of one row; which of both the function
// knows.
type operand struct {
	array  arrow.Array
	row    int
	isNull bool
}

func operandOf(v types.Vec, i int) operand { return operand{v.Array, v.Row(i), v.IsNull(i)} }

func (o operand) view() types.ArrayView { return types.ArrayAt(o.array, o.row) }

// arrayKernel makes a kernel, not strict, that appends an array for every row
// to b. base and other are the indexes of its operands.
func arrayKernel(call Signature, base, other int, f func(b array.Builder, base, other operand, otherFirst bool) error) types.Kernel {
	result := call.Result
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(result, c.Mem)
		defer b.Release()
		for i := range n {
			if err := f(b, operandOf(args[base], i), operandOf(args[other], i), other < base); err != nil {
				return nil, err
			}
		}
		return b.NewArray(), nil
	}
}

// arrayPush adds one element at an end; a null array counts as empty.
func arrayPush(b array.Builder, base, element operand, first bool) error {
	var v types.ArrayView
	if !base.isNull {
		v = base.view()
	}
	if v.NDims() > 1 {
		return sqlerr.New(sqlerr.DataException, "argument must be empty or one-dimensional array")
	}
	shape := []byte(nil)
	if v.NDims() == 1 {
		if v.Lower(0)+v.Dim(0) > 1<<31-1 {
			return outOfRange[int32]()
		}
		shape = types.ArrayShape([]int{v.Len() + 1}, []int{v.Lower(0)})
	}
	elements := types.BeginArray(b)
	if first {
		types.AppendFrom(elements, element.array, element.row)
	}
	appendElements(elements, v)
	if !first {
		types.AppendFrom(elements, element.array, element.row)
	}
	types.FinishArray(b, shape)
	return nil
}

func appendElements(elements array.Builder, v types.ArrayView) {
	for k := v.Start; k < v.End; k++ {
		types.AppendFrom(elements, v.Elements, k)
	}
}

func appendArray(b array.Builder, v types.ArrayView) {
	elements := types.BeginArray(b)
	appendElements(elements, v)
	types.FinishArray(b, v.Shape())
}

// arrayConcatenate joins two arrays along their first dimension, or adds one as
// an element of the other.
func arrayConcatenate(b array.Builder, first, second operand, _ bool) error {
	switch {
	case first.isNull && second.isNull:
		b.AppendNull()
		return nil
	case second.isNull || !first.isNull && second.view().NDims() == 0:
		appendArray(b, first.view())
		return nil
	case first.isNull || first.view().NDims() == 0:
		appendArray(b, second.view())
		return nil
	}
	x, y := first.view(), second.view()
	outer := x
	if y.NDims() > x.NDims() {
		outer = y
	}
	dims, lower := make([]int, outer.NDims()), make([]int, outer.NDims())
	for k := range dims {
		dims[k], lower[k] = outer.Dim(k), outer.Lower(k)
	}
	fits := true
	switch x.NDims() - y.NDims() {
	case 0:
		dims[0] = x.Dim(0) + y.Dim(0)
		for k := 1; k < len(dims); k++ {
			fits = fits && x.Dim(k) == y.Dim(k)
		}
	case 1, -1:
		inner := y
		if y.NDims() > x.NDims() {
			inner = x
		}
		dims[0]++
		for k := range inner.NDims() {
			fits = fits && inner.Dim(k) == outer.Dim(k+1)
		}
	default:
		return sqlerr.New(sqlerr.ArraySubscriptError, "cannot concatenate incompatible arrays").
			WithDetail("Arrays of %d and %d dimensions are not compatible for concatenation.", x.NDims(), y.NDims())
	}
	if !fits {
		return sqlerr.New(sqlerr.ArraySubscriptError, "cannot concatenate incompatible arrays").
			WithDetail("Arrays with differing element dimensions are not compatible for concatenation.")
	}
	elements := types.BeginArray(b)
	appendElements(elements, x)
	appendElements(elements, y)
	types.FinishArray(b, types.ArrayShape(dims, lower))
	return nil
}

// sameFunc says whether two elements, not null, are equal.
type sameFunc func(a arrow.Array, i int, b arrow.Array, j int) bool

// elementsEqual is equality of the elements of the array type t.
func elementsEqual(t types.T) (sameFunc, error) {
	elem := types.ByOID(t.Type().Elem)
	if elem.Compare == nil {
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type %s", elem.SQLName)
	}
	return func(a arrow.Array, i int, b arrow.Array, j int) bool { return elem.Compare(a, i, b, j) == 0 }, nil
}

// orBothNull is IS NOT DISTINCT FROM.
func (same sameFunc) orBothNull(a arrow.Array, i int, o operand) bool {
	if a.IsNull(i) || o.isNull {
		return a.IsNull(i) && o.isNull
	}
	return same(a, i, o.array, o.row)
}

// arrayReplacer is array_remove and array_replace.
func arrayReplacer(call Signature, remove bool) (types.Kernel, error) {
	same, err := elementsEqual(call.Args[0])
	if err != nil {
		return nil, err
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(call.Result, c.Mem)
		defer b.Release()
		for i := range n {
			if args[0].IsNull(i) {
				b.AppendNull()
				continue
			}
			v, what := types.ArrayAt(args[0].Array, args[0].Row(i)), operandOf(args[1], i)
			if remove && v.NDims() > 1 {
				return nil, sqlerr.New(sqlerr.FeatureNotSupported, "removing elements from multidimensional arrays is not supported")
			}
			elements := types.BeginArray(b)
			kept := 0
			for k := v.Start; k < v.End; k++ {
				switch {
				case !same.orBothNull(v.Elements, k, what):
					types.AppendFrom(elements, v.Elements, k)
				case remove:
					continue
				default:
					types.AppendFrom(elements, args[2].Array, args[2].Row(i))
				}
				kept++
			}
			shape := v.Shape()
			if remove && v.NDims() == 1 {
				shape = nil
				if kept > 0 {
					shape = types.ArrayShape([]int{kept}, []int{v.Lower(0)})
				}
			}
			types.FinishArray(b, shape)
		}
		return b.NewArray(), nil
	}, nil
}

func errSearchDimensions() error {
	return sqlerr.New(sqlerr.FeatureNotSupported, "searching for elements in multidimensional arrays is not supported")
}

func arrayPosition(call Signature) (types.Kernel, error) {
	same, err := elementsEqual(call.Args[0])
	if err != nil {
		return nil, err
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, nil, n, func(i int) (int32, error) {
			if args[0].IsNull(i) {
				return 0, null
			}
			v, what := types.ArrayAt(args[0].Array, args[0].Row(i)), operandOf(args[1], i)
			if v.NDims() > 1 {
				return 0, errSearchDimensions()
			}
			if v.NDims() == 0 {
				return 0, null
			}
			from := v.Lower(0)
			if len(args) == 3 {
				if args[2].IsNull(i) {
					return 0, sqlerr.New(sqlerr.NullValueNotAllowed, "initial position must not be null")
				}
				start := open[int32](args[2])
				from = max(from, int(start.get(i)))
			}
			for k := v.Start + from - v.Lower(0); k < v.End; k++ {
				if same.orBothNull(v.Elements, k, what) {
					return int32(k - v.Start + v.Lower(0)), nil
				}
			}
			return 0, null
		})
	}, nil
}

func arrayPositions(call Signature) (types.Kernel, error) {
	same, err := elementsEqual(call.Args[0])
	if err != nil {
		return nil, err
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(call.Result, c.Mem)
		defer b.Release()
		for i := range n {
			if args[0].IsNull(i) {
				b.AppendNull()
				continue
			}
			v, what := types.ArrayAt(args[0].Array, args[0].Row(i)), operandOf(args[1], i)
			if v.NDims() > 1 {
				return nil, errSearchDimensions()
			}
			elements := types.BeginArray(b).(*array.Int32Builder)
			for k := v.Start; k < v.End; k++ {
				if same.orBothNull(v.Elements, k, what) {
					elements.Append(int32(k - v.Start + v.Lower(0)))
				}
			}
			types.FinishArray(b, nil)
		}
		return b.NewArray(), nil
	}, nil
}

// arrayMatch makes a kernel of a test of two arrays.
func arrayMatch(call Signature, test func(same sameFunc, a, b types.ArrayView) bool) (types.Kernel, error) {
	same, err := elementsEqual(call.Args[0])
	if err != nil {
		return nil, err
	}
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		return fill(c, args, n, func(i int) (bool, error) {
			return test(same, types.ArrayAt(args[0].Array, args[0].Row(i)), types.ArrayAt(args[1].Array, args[1].Row(i))), nil
		})
	}, nil
}

// holdsElement says whether a has an element equal to element j of b, which is
// not null.
func holdsElement(same sameFunc, a types.ArrayView, b arrow.Array, j int) bool {
	for k := a.Start; k < a.End; k++ {
		if a.Elements.IsValid(k) && same(a.Elements, k, b, j) {
			return true
		}
	}
	return false
}

// containsAll says whether every element of b is in a; nulls never are.
func containsAll(same sameFunc, a, b types.ArrayView) bool {
	for j := b.Start; j < b.End; j++ {
		if b.Elements.IsNull(j) || !holdsElement(same, a, b.Elements, j) {
			return false
		}
	}
	return true
}

func overlaps(same sameFunc, a, b types.ArrayView) bool {
	for j := b.Start; j < b.End; j++ {
		if b.Elements.IsValid(j) && holdsElement(same, a, b.Elements, j) {
			return true
		}
	}
	return false
}

// arrayElementsMax bounds what array_fill makes.
const arrayElementsMax = 1<<27 - 1

func arrayFill(call Signature) (types.Kernel, error) {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(call.Result, c.Mem)
		defer b.Release()
		for i := range n {
			if err := appendFilled(b, args, i); err != nil {
				return nil, err
			}
		}
		return b.NewArray(), nil
	}, nil
}

func appendFilled(b array.Builder, args []types.Vec, i int) error {
	if anyNull(args[1:], i) {
		return sqlerr.New(sqlerr.NullValueNotAllowed, "dimension array or low bound array cannot be null")
	}
	dims, err := integersOf(args[1], i)
	if err != nil {
		return err
	}
	lower := make([]int, len(dims))
	for k := range lower {
		lower[k] = 1
	}
	if len(args) == 3 {
		if lower, err = integersOf(args[2], i); err != nil {
			return err
		}
		if len(lower) != len(dims) {
			return sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts").
				WithDetail("Low bound array has different size than dimensions array.")
		}
	}
	if len(dims) > 6 {
		return sqlerr.New(sqlerr.ProgramLimitExceeded, "number of array dimensions (%d) exceeds the maximum allowed (%d)", len(dims), 6)
	}
	count := 1
	for _, d := range dims {
		if d < 0 || d > arrayElementsMax || count*d > arrayElementsMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", arrayElementsMax)
		}
		count *= d
	}
	if len(dims) == 0 || count == 0 {
		types.BeginArray(b)
		types.FinishArray(b, nil)
		return nil
	}
	elements := types.BeginArray(b)
	for range count {
		types.AppendFrom(elements, args[0].Array, args[0].Row(i))
	}
	types.FinishArray(b, types.ArrayShape(dims, lower))
	return nil
}

// integersOf reads an int4[] of one dimension without nulls.
func integersOf(v types.Vec, i int) ([]int, error) {
	view := types.ArrayAt(v.Array, v.Row(i))
	if view.NDims() > 1 {
		return nil, sqlerr.New(sqlerr.ArraySubscriptError, "wrong number of array subscripts").
			WithDetail("Dimension array must be one dimensional.")
	}
	values := view.Elements.(*array.Int32)
	var list []int
	for k := view.Start; k < view.End; k++ {
		if values.IsNull(k) {
			return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "dimension values cannot be null")
		}
		list = append(list, int(values.Value(k)))
	}
	return list, nil
}

// trimArray drops the last n items of the first dimension.
func trimArray(call Signature) (types.Kernel, error) {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		b := types.NewBuilder(call.Result, c.Mem)
		defer b.Release()
		count := open[int32](args[1])
		for i := range n {
			if anyNull(args, i) {
				b.AppendNull()
				continue
			}
			v, drop := types.ArrayAt(args[0].Array, args[0].Row(i)), int(count.get(i))
			length := 0
			if v.NDims() > 0 {
				length = v.Dim(0)
			}
			if drop < 0 || drop > length {
				return nil, sqlerr.New(sqlerr.ArraySubscriptError, "number of elements to trim must be between 0 and %d", length)
			}
			keep := length - drop
			elements := types.BeginArray(b)
			if keep == 0 {
				types.FinishArray(b, nil)
				continue
			}
			dims, lower := make([]int, v.NDims()), make([]int, v.NDims())
			for k := range dims {
				dims[k], lower[k] = v.Dim(k), v.Lower(k)
			}
			// Slicing numbers the dimensions from 1 again.
			for k := range lower {
				lower[k] = 1
			}
			dims[0] = keep
			v.End = v.Start + v.Len()/length*keep
			appendElements(elements, v)
			types.FinishArray(b, types.ArrayShape(dims, lower))
		}
		return b.NewArray(), nil
	}, nil
}

// arrayToString joins the elements; nulls are left out, or stand as the third
// argument says.
func arrayToString(call Signature) (types.Kernel, error) {
	elem := types.ByOID(call.Args[0].Type().Elem)
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		delimiter := open[string](args[1])
		return fill(c, args[:2], n, func(i int) (string, error) {
			v := types.ArrayAt(args[0].Array, args[0].Row(i))
			var b []byte
			first := true
			for k := v.Start; k < v.End; k++ {
				isNull := v.Elements.IsNull(k)
				if isNull && (len(args) < 3 || args[2].IsNull(i)) {
					continue
				}
				if !first {
					b = append(b, delimiter.get(i)...)
				}
				first = false
				if isNull {
					text := open[string](args[2])
					b = append(b, text.get(i)...)
				} else {
					b = elem.AppendText(b, v.Elements, k, c.Format)
				}
			}
			return string(b), nil
		})
	}, nil
}
