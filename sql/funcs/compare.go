package funcs

import (
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// The comparison operators.
const (
	opEq = "="
	opNe = "<>"
	opLt = "<"
	opLe = "<="
	opGt = ">"
	opGe = ">="
)

// init registers the six comparisons of every type that has an order, and of
// the pairs of types that Postgres compares without a cast.
func init() {
	signatures := make([]string, 0, len(known.operators))
	for signature := range known.operators {
		signatures = append(signatures, signature)
	}
	slices.Sort(signatures)
	for _, signature := range signatures {
		fact := known.operators[signature][0]
		switch fact.name {
		case opEq, opNe, opLt, opLe, opGt, opGe:
		default:
			continue
		}
		if k := comparison(fact.left, fact.right, fact.name); k != nil {
			kernel(signature, k)
		}
	}
	for name, op := range map[string]string{"array_eq": opEq, "array_ne": opNe, "array_lt": opLt, "array_le": opLe, "array_gt": opGt, "array_ge": opGe} {
		specialized(name+"(anyarray,anyarray)", func(call Signature) (types.Kernel, error) {
			return compareBy(call.Args[0].Type().Compare, op), nil
		})
	}
	kernel("xideq(xid,xid)", compareIntegers[uint32, uint32](opEq))
	kernel("xidneq(xid,xid)", compareIntegers[uint32, uint32](opNe))
	kernel("xideqint4(xid,int4)", compareIntegers[uint32, int32](opEq))
	kernel("xidneqint4(xid,int4)", compareIntegers[uint32, int32](opNe))
}

// comparison returns the kernel of left op right, or nil when the types are
// not compared here.
func comparison(left, right, op string) types.Kernel {
	switch left + " " + right {
	case "int2 int2":
		return compareIntegers[int16, int16](op)
	case "int2 int4":
		return compareIntegers[int16, int32](op)
	case "int2 int8":
		return compareIntegers[int16, int64](op)
	case "int4 int2":
		return compareIntegers[int32, int16](op)
	case "int4 int4":
		return compareIntegers[int32, int32](op)
	case "int4 int8":
		return compareIntegers[int32, int64](op)
	case "int8 int2":
		return compareIntegers[int64, int16](op)
	case "int8 int4":
		return compareIntegers[int64, int32](op)
	case "int8 int8":
		return compareIntegers[int64, int64](op)
	case "oid oid":
		return compareIntegers[uint32, uint32](op)
	case "date date":
		return compareIntegers[arrow.Date32, arrow.Date32](op)
	case "time time":
		return compareIntegers[arrow.Time64, arrow.Time64](op)
	case "timestamp timestamp", "timestamptz timestamptz":
		return compareIntegers[arrow.Timestamp, arrow.Timestamp](op)
	case "float4 float4":
		return compareFloats[float32, float32](op)
	case "float4 float8":
		return compareFloats[float32, float64](op)
	case "float8 float4":
		return compareFloats[float64, float32](op)
	case "float8 float8":
		return compareFloats[float64, float64](op)
	case "text text", "name name", "name text", "text name":
		return compareStrings(op)
	}
	if k := compareDatetimes(left, right, op); k != nil {
		return k
	}
	t := types.ByName(left)
	if left != right || t == nil || t.Compare == nil || t.Kind == 'p' {
		return nil
	}
	return compareBy(t.Compare, op)
}

type integer interface {
	~int16 | ~int32 | ~int64 | ~uint32
}

type float interface{ ~float32 | ~float64 }

// compareIntegers compares without a branch a row. Rows that are null are
// compared, too: their content does not matter.
func compareIntegers[A, B integer](op string) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		o := newOutput[bool](c.Mem, n)
		switch {
		case b.mask == 0 && a.mask != 0:
			compareWith(o.bits, a.values[:n], int64(b.values[0]), baseOp(op))
			return finishComparison(o, args, op), nil
		case a.mask == 0 && b.mask != 0:
			compareWith(o.bits, b.values[:n], int64(a.values[0]), mirrored(baseOp(op)))
			return finishComparison(o, args, op), nil
		}
		switch baseOp(op) {
		case opEq:
			for i := range n {
				o.bits[i>>3] |= bit(int64(a.values[i&a.mask]) == int64(b.values[i&b.mask])) << (i & 7)
			}
		case opLt:
			for i := range n {
				o.bits[i>>3] |= bit(int64(a.values[i&a.mask]) < int64(b.values[i&b.mask])) << (i & 7)
			}
		default:
			for i := range n {
				o.bits[i>>3] |= bit(int64(a.values[i&a.mask]) > int64(b.values[i&b.mask])) << (i & 7)
			}
		}
		return finishComparison(o, args, op), nil
	}
}

// mirrored is the comparison with its sides exchanged.
func mirrored(op string) string {
	switch op {
	case opLt:
		return opGt
	case opGt:
		return opLt
	}
	return op
}

// compareWith compares values with a constant, eight of them to a byte of dst,
// which is clear.
func compareWith[A integer](dst []byte, values []A, with int64, op string) {
	n := len(values)
	switch op {
	case opEq:
		for len(values) >= 8 {
			v := values[:8:8]
			dst[0] = bit(int64(v[0]) == with) | bit(int64(v[1]) == with)<<1 | bit(int64(v[2]) == with)<<2 | bit(int64(v[3]) == with)<<3 |
				bit(int64(v[4]) == with)<<4 | bit(int64(v[5]) == with)<<5 | bit(int64(v[6]) == with)<<6 | bit(int64(v[7]) == with)<<7
			values, dst = values[8:], dst[1:]
		}
	case opLt:
		for len(values) >= 8 {
			v := values[:8:8]
			dst[0] = bit(int64(v[0]) < with) | bit(int64(v[1]) < with)<<1 | bit(int64(v[2]) < with)<<2 | bit(int64(v[3]) < with)<<3 |
				bit(int64(v[4]) < with)<<4 | bit(int64(v[5]) < with)<<5 | bit(int64(v[6]) < with)<<6 | bit(int64(v[7]) < with)<<7
			values, dst = values[8:], dst[1:]
		}
	default:
		for len(values) >= 8 {
			v := values[:8:8]
			dst[0] = bit(int64(v[0]) > with) | bit(int64(v[1]) > with)<<1 | bit(int64(v[2]) > with)<<2 | bit(int64(v[3]) > with)<<3 |
				bit(int64(v[4]) > with)<<4 | bit(int64(v[5]) > with)<<5 | bit(int64(v[6]) > with)<<6 | bit(int64(v[7]) > with)<<7
			values, dst = values[8:], dst[1:]
		}
	}
	if n%8 == 0 {
		return
	}
	for i, v := range values {
		x := int64(v)
		dst[0] |= bit(op == opEq && x == with || op == opLt && x < with || op == opGt && x > with) << i
	}
}

// compareFloats holds NaN equal to itself and above all else.
func compareFloats[A, B float](op string) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[A](args[0]), open[B](args[1])
		o := newOutput[bool](c.Mem, n)
		switch op {
		case opEq, opNe:
			for i := range n {
				x, y := float64(a.values[i&a.mask]), float64(b.values[i&b.mask])
				o.bits[i>>3] |= bit(x == y || x != x && y != y) << (i & 7)
			}
		case opLt, opGe:
			for i := range n {
				x, y := float64(a.values[i&a.mask]), float64(b.values[i&b.mask])
				o.bits[i>>3] |= bit(x < y || x == x && y != y) << (i & 7)
			}
		default:
			for i := range n {
				x, y := float64(a.values[i&a.mask]), float64(b.values[i&b.mask])
				o.bits[i>>3] |= bit(x > y || x != x && y == y) << (i & 7)
			}
		}
		return finishComparison(o, args, op), nil
	}
}

// compareStrings compares bytes: the C collation.
func compareStrings(op string) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		a, b := open[string](args[0]), open[string](args[1])
		o := newOutput[bool](c.Mem, n)
		for i := range n {
			x, y := a.get(i), b.get(i)
			var yes bool
			switch op {
			case opEq, opNe:
				yes = x == y
			case opLt, opGe:
				yes = x < y
			default:
				yes = x > y
			}
			o.bits[i>>3] |= bit(yes) << (i & 7)
		}
		return finishComparison(o, args, op), nil
	}
}

// compareBy compares by the order of a type.
func compareBy(compare func(a arrow.Array, i int, b arrow.Array, j int) int, op string) types.Kernel {
	return func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
		o := newOutput[bool](c.Mem, n)
		for i := range n {
			if anyNull(args, i) {
				continue
			}
			order := compare(args[0].Array, args[0].Row(i), args[1].Array, args[1].Row(i))
			o.bits[i>>3] |= bit(holds(baseOp(op), order)) << (i & 7)
		}
		return finishComparison(o, args, op), nil
	}
}

// compareLifted compares two Go values with f, which must not fail on the
// content of null rows.
func compareLifted[A, B any](op string, f func(c *types.EvalContext, a A, b B) int) types.Kernel {
	return Lift2C(func(c *types.EvalContext, a A, b B) (bool, error) { return holds(op, f(c, a, b)), nil })
}

// holds says whether op is true of two values in that order.
func holds(op string, order int) bool {
	switch op {
	case opEq:
		return order == 0
	case opNe:
		return order != 0
	case opLt:
		return order < 0
	case opLe:
		return order <= 0
	case opGt:
		return order > 0
	}
	return order >= 0
}

// baseOp is the operator of =, < and > whose truth, negated or not, op is.
func baseOp(op string) string {
	switch op {
	case opNe:
		return opEq
	case opGe:
		return opLt
	case opLe:
		return opGt
	}
	return op
}

// finishComparison negates what baseOp(op) gave if op asks for it.
func finishComparison(o *output[bool], args []types.Vec, op string) arrow.Array {
	if op != baseOp(op) {
		for k := range o.bits {
			o.bits[k] = ^o.bits[k]
		}
	}
	o.setNulls(args)
	return o.finish()
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}
