package funcs_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// evaluator computes expressions of constants by the registries alone: a small
// stand-in for planner and executor, which may not be imported here. It knows
// calls, operators, casts, arrays, and (SELECT aggregates FROM f(…) AS x).
type evaluator struct {
	mem     memory.Allocator
	context *types.EvalContext
	// rows is the column x of an aggregate's input, and its type.
	rows     arrow.Array
	rowsType types.T
	garbage  []arrow.Array
}

// covered are the functions that ran.
var covered = map[types.OID]bool{}

// value is an operand: a vector of n rows and its type.
type value struct {
	types.Vec
	typ types.T
}

var noon = time.Date(2024, 2, 29, 12, 0, 0, 123456000, time.UTC).UnixMicro()

func newEvaluator(mem memory.Allocator) *evaluator {
	format := types.DefaultFormat()
	format.Names = typeNames{}
	return &evaluator{mem: mem, context: &types.EvalContext{
		Ctx: context.Background(), Mem: mem, Format: format, TransactionTime: noon, StatementTime: noon,
		Session: &fakeSession{},
	}}
}

// run evaluates one expression; the result belongs to the caller.
func (e *evaluator) run(expression string) (arrow.Array, types.T, error) {
	defer func() {
		for _, a := range e.garbage {
			a.Release()
		}
	}()
	statements, err := parse.Parse("SELECT (" + expression + ")")
	if err != nil {
		return nil, types.T{}, err
	}
	target := statements[0].Stmt.(*ast.SelectStmt).Targets[0].Value
	if call, ok := target.(*ast.FuncCall); ok {
		if a, t, ok, err := e.callRows(call); ok {
			return a, t, err
		}
	}
	v, err := e.eval(target, 1)
	if err != nil {
		return nil, types.T{}, err
	}
	if v.typ.OID == types.UnknownOID {
		v.typ = types.Of(types.TextOID)
	}
	v.Array.Retain()
	return v.Array, v.typ, nil
}

func (e *evaluator) keep(a arrow.Array) types.Vec {
	e.garbage = append(e.garbage, a)
	return types.Vec{Array: a, Const: true}
}

// literal is a constant of a type from its text.
func (e *evaluator) literal(t types.T, text string) (value, error) {
	b := types.NewBuilder(t, e.mem)
	defer b.Release()
	parse := t.Type().ParseText
	if parse == nil {
		return value{}, sqlerr.New(sqlerr.FeatureNotSupported, "cannot accept a value of type %s", t.Type().SQLName)
	}
	if err := parse(b, text, t.Mod, e.context.Format); err != nil {
		return value{}, err
	}
	return value{e.keep(b.NewArray()), t}, nil
}

func (e *evaluator) null(t types.T) value { return value{e.keep(types.NullArray(t, e.mem, 1)), t} }

var unknown = types.Of(types.UnknownOID)

func (e *evaluator) eval(x ast.Expr, n int) (value, error) {
	switch x := x.(type) {
	case *ast.Const:
		return e.constant(x)
	case *ast.ColumnRef:
		return value{types.Vec{Array: e.rows}, e.rowsType}, nil
	case *ast.Cast:
		v, err := e.eval(x.Arg, n)
		if err != nil {
			return value{}, err
		}
		t, err := typeOf(x.Type)
		if err != nil {
			return value{}, err
		}
		return e.coerce(v, t, types.CastExplicit, n)
	case *ast.OpExpr:
		return e.operator(x, n)
	case *ast.FuncCall:
		return e.call(x, n)
	case *ast.ArrayExpr:
		return e.array(x, n)
	case *ast.SubLink:
		return e.subquery(x.Query)
	case *ast.BoolExpr:
		v, err := e.eval(x.Args[0], n)
		if err != nil || x.Op != ast.Not {
			return value{}, errors.Join(err, errors.New("only NOT is known here"))
		}
		b := array.NewBooleanBuilder(e.mem)
		defer b.Release()
		if v.IsNull(0) {
			b.AppendNull()
		} else {
			b.Append(!v.Array.(*array.Boolean).Value(0))
		}
		return value{e.keep(b.NewArray()), v.typ}, nil
	}
	return value{}, fmt.Errorf("the evaluator does not know %T", x)
}

func (e *evaluator) constant(c *ast.Const) (value, error) {
	switch c.Kind {
	case ast.ConstNull:
		return e.null(unknown), nil
	case ast.ConstBitString:
		return e.literal(types.Of(types.BitOID), c.Text)
	case ast.ConstInteger:
		return e.literal(types.Of(types.Int4OID), c.Text)
	case ast.ConstFloat:
		if !strings.ContainsAny(c.Text, ".eE") {
			for _, oid := range []types.OID{types.Int4OID, types.Int8OID} {
				if v, err := e.literal(types.Of(oid), c.Text); err == nil {
					return v, nil
				}
			}
		}
		return e.literal(types.Of(types.NumericOID), c.Text)
	case ast.ConstBool:
		return e.literal(types.Of(types.BoolOID), c.Text)
	}
	return e.literal(unknown, c.Text)
}

// typeOf reads a type name with integer modifiers.
func typeOf(n *ast.TypeName) (types.T, error) {
	name := n.Names[len(n.Names)-1]
	typ := types.ByName(name)
	if typ == nil {
		return types.T{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", name)
	}
	t := types.Of(typ.OID)
	if len(n.Mods) > 0 {
		var mods []string
		for _, m := range n.Mods {
			mods = append(mods, m.(*ast.Const).Text)
		}
		var err error
		if t.Mod, err = typ.ParseMod(mods); err != nil {
			return types.T{}, err
		}
	}
	if len(n.ArrayBounds) > 0 {
		t.OID = typ.Array
	}
	return t, nil
}

// coerce converts v to t the way the executor does.
func (e *evaluator) coerce(v value, t types.T, context types.CastContext, n int) (value, error) {
	if v.typ.OID == types.UnknownOID && t.OID != types.UnknownOID {
		if v.IsNull(0) {
			return e.null(t), nil
		}
		// Bit strings are read bare, then fitted.
		if t.Type().Category != types.CategoryBitString {
			return e.literal(t, v.Array.(*array.String).Value(0))
		}
		bare, err := e.literal(types.Of(t.OID), v.Array.(*array.String).Value(0))
		if err != nil {
			return value{}, err
		}
		return e.coerce(bare, t, context, n)
	}
	path, cast := funcs.FindPath(v.typ.OID, t.OID, context)
	result := value{v.Vec, types.Of(t.OID)}
	rows := v.Array.Len()
	switch path {
	case funcs.PathNone:
		return value{}, sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", v.typ.Type().SQLName, t.Type().SQLName)
	case funcs.PathFunction:
		a, err := cast.KernelTo(t.Mod)(e.context, []types.Vec{{Array: v.Array}}, rows)
		if err != nil {
			return value{}, err
		}
		result.Array = e.keep(a).Array
	case funcs.PathText:
		mod := t.Mod
		if t.Type().Category == types.CategoryBitString {
			mod = types.NoMod
		}
		b := types.NewBuilder(t, e.mem)
		defer b.Release()
		for i := range rows {
			if v.Array.IsNull(i) {
				b.AppendNull()
				continue
			}
			text := string(v.typ.Type().AppendText(nil, v.Array, i, e.context.Format))
			if err := t.Type().ParseText(b, text, mod, e.context.Format); err != nil {
				return value{}, err
			}
		}
		result.Array = e.keep(b.NewArray()).Array
	case funcs.PathArray:
		from, to := types.Of(v.typ.Type().Elem), types.Of(t.Type().Elem)
		b := types.NewBuilder(t, e.mem)
		defer b.Release()
		for i := range rows {
			if v.Array.IsNull(i) {
				b.AppendNull()
				continue
			}
			view := types.ArrayAt(v.Array, i)
			part := array.NewSlice(view.Elements, int64(view.Start), int64(view.End))
			e.keep(part)
			elements, err := e.coerce(value{types.Vec{Array: part}, from}, to, context, part.Len())
			if err != nil {
				return value{}, err
			}
			into := types.BeginArray(b)
			for k := range elements.Array.Len() {
				types.AppendFrom(into, elements.Array, k)
			}
			types.FinishArray(b, view.Shape())
		}
		result.Array = e.keep(b.NewArray()).Array
	}
	if t.Mod != types.NoMod && t.Type().Coerce != nil {
		a, err := t.Type().Coerce(e.context, result.Array, t.Mod, true)
		if err != nil {
			return value{}, err
		}
		result.Array, result.typ = e.keep(a).Array, t
	}
	return result, nil
}

func (e *evaluator) operator(x *ast.OpExpr, n int) (value, error) {
	right, err := e.eval(x.Right, n)
	if err != nil {
		return value{}, err
	}
	args := []value{right}
	var leftType *types.T
	if x.Left != nil {
		left, err := e.eval(x.Left, n)
		if err != nil {
			return value{}, err
		}
		args, leftType = []value{left, right}, &left.typ
	}
	r, err := funcs.ResolveOperator(x.Schema, x.Name, leftType, right.typ)
	if err != nil {
		return value{}, err
	}
	targets := []types.T{r.Left, r.Right}
	return e.apply(r.Function, args, targets[len(targets)-len(args):], r.Result, n)
}

// apply coerces the arguments and runs a kernel.
func (e *evaluator) apply(f *funcs.Function, args []value, targets []types.T, result types.T, n int) (value, error) {
	vecs := make([]types.Vec, len(args))
	constant := true
	for i, v := range args {
		if targets[i].OID != types.AnyOID {
			var err error
			if v, err = e.coerce(v, targets[i], types.CastImplicit, n); err != nil {
				return value{}, err
			}
		}
		vecs[i] = v.Vec
		constant = constant && v.Const
	}
	if f.Kernel == nil {
		return value{}, fmt.Errorf("%s has no kernel", f.Name)
	}
	rows := n
	if constant {
		rows = 1
	}
	a, err := f.Kernel(e.context, vecs, rows)
	if err != nil {
		return value{}, err
	}
	if a.Len() != rows {
		return value{}, fmt.Errorf("%s gave %d rows instead of %d", f.Name, a.Len(), rows)
	}
	covered[f.OID] = true
	v := value{e.keep(a), result}
	v.Const = constant
	if constant && f.Volatility != funcs.Volatile && result.OID != types.VoidOID {
		if err := e.checkArrays(f, vecs, v); err != nil {
			return value{}, err
		}
	}
	return v, nil
}

// checkArrays calls a kernel again with every argument in turn, and then all,
// as arrays of the same value, sliced off longer ones and, for strict functions,
// with a null between: the answers must be those of the constants.
func (e *evaluator) checkArrays(f *funcs.Function, args []types.Vec, want value) error {
	for k := range len(args) + 1 {
		vecs := append([]types.Vec(nil), args...)
		for i := range vecs {
			if i != k && k < len(args) {
				continue
			}
			b := array.NewBuilder(e.mem, args[i].Array.DataType())
			types.AppendFrom(b, args[i].Array, 0)
			types.AppendFrom(b, args[i].Array, 0)
			if f.Strict {
				b.AppendNull()
			} else {
				types.AppendFrom(b, args[i].Array, 0)
			}
			types.AppendFrom(b, args[i].Array, 0)
			whole := b.NewArray()
			e.keep(whole)
			b.Release()
			vecs[i] = types.Vec{Array: e.keep(array.NewSlice(whole, 1, 4)).Array}
		}
		if len(args) == 0 {
			return nil
		}
		got, err := f.Kernel(e.context, vecs, 3)
		if err != nil {
			return fmt.Errorf("%s fails on arrays: %w", f.Name, err)
		}
		e.keep(got)
		for i := range 3 {
			same := want.Array.IsNull(0) == got.IsNull(i)
			if same && got.IsValid(i) {
				text := want.typ.Type().AppendText
				same = string(text(nil, want.Array, 0, e.context.Format)) == string(text(nil, got, i, e.context.Format))
			}
			if f.Strict && i == 1 {
				same = got.IsNull(i)
			}
			if !same {
				return fmt.Errorf("%s of arrays (argument %d) differs in row %d: %v, not %v", f.Name, k, i, got, want.Array)
			}
		}
	}
	return nil
}

// arguments resolves a call and lays its arguments out.
func (e *evaluator) arguments(x *ast.FuncCall, n int) (*funcs.Resolution, []value, error) {
	call := funcs.Call{Name: x.Names[len(x.Names)-1], Variadic: x.Variadic, Star: x.Star, ArgNames: x.ArgNames}
	if len(x.Names) > 1 {
		call.Schema = x.Names[0]
	}
	var given []value
	for _, arg := range x.Args {
		v, err := e.eval(arg, n)
		if err != nil {
			return nil, nil, err
		}
		given = append(given, v)
		call.Args = append(call.Args, v.typ)
	}
	r, err := funcs.Resolve(call)
	if err != nil || r.Function == nil {
		return r, given, err
	}
	var args []value
	for k, from := range r.Source {
		v := value{}
		if from >= 0 {
			v = given[from]
		} else {
			statements, err := parse.Parse("SELECT " + r.Function.Defaults[-1-from])
			if err != nil {
				return nil, nil, err
			}
			if v, err = e.eval(statements[0].Stmt.(*ast.SelectStmt).Targets[0].Value, n); err != nil {
				return nil, nil, err
			}
		}
		if v, err = e.coerce(v, r.Args[k], types.CastImplicit, n); err != nil {
			return nil, nil, err
		}
		args = append(args, v)
	}
	if r.Gather >= 0 {
		over := types.Of(r.Args[r.Gather].Type().Array)
		gathered := e.gather(args[r.Gather:], over)
		args = append(args[:r.Gather:r.Gather], gathered)
		r.Args = append(r.Args[:r.Gather:r.Gather], over)
	}
	return r, args, nil
}

// gather makes an array of constants.
func (e *evaluator) gather(items []value, over types.T) value {
	b := types.NewBuilder(over, e.mem)
	defer b.Release()
	elements := types.BeginArray(b)
	for _, v := range items {
		types.AppendFrom(elements, v.Array, 0)
	}
	types.FinishArray(b, nil)
	return value{e.keep(b.NewArray()), over}
}

func (e *evaluator) call(x *ast.FuncCall, n int) (value, error) {
	r, args, err := e.arguments(x, n)
	if err != nil {
		return value{}, err
	}
	if r.Function == nil {
		return e.coerce(args[0], types.Of(r.CastTo), types.CastExplicit, n)
	}
	if r.Function.Aggregate != nil {
		covered[r.Function.OID] = true
		return e.aggregate(r, args, n)
	}
	return e.apply(r.Function, args, r.Args, r.Result, n)
}

// aggregate runs an accumulator over the rows of x in two updates, as one
// group.
func (e *evaluator) aggregate(r *funcs.Resolution, args []value, n int) (value, error) {
	acc, err := r.Function.Aggregate(funcs.AggregateSpec{Args: r.Args, Result: r.Result})
	if err != nil {
		return value{}, err
	}
	for _, part := range [][2]int{{0, n / 2}, {n / 2, n}} {
		vecs := make([]types.Vec, len(args))
		for i, v := range args {
			vecs[i] = v.Vec
			if !v.Const {
				vecs[i].Array = e.keep(array.NewSlice(v.Array, int64(part[0]), int64(part[1]))).Array
			}
		}
		rows := part[1] - part[0]
		if err := acc.Update(e.context, make([]uint32, rows), 1, vecs, rows); err != nil {
			return value{}, err
		}
	}
	a, err := acc.Result(e.context, 1)
	if err != nil {
		return value{}, err
	}
	return value{e.keep(a), r.Result}, nil
}

func (e *evaluator) array(x *ast.ArrayExpr, n int) (value, error) {
	var items []value
	var list []types.T
	for _, item := range x.Items {
		v, err := e.eval(item, n)
		if err != nil {
			return value{}, err
		}
		items = append(items, v)
		list = append(list, v.typ)
	}
	elem, err := funcs.CommonType("ARRAY", list)
	if err != nil {
		return value{}, err
	}
	for i := range items {
		if items[i], err = e.coerce(items[i], elem, types.CastImplicit, n); err != nil {
			return value{}, err
		}
	}
	if elem.Type().Elem == 0 || elem.Type().Array != 0 {
		return e.gather(items, types.Of(elem.Type().Array)), nil
	}
	b := types.NewBuilder(elem, e.mem)
	defer b.Release()
	elements := types.BeginArray(b)
	dims, lower := []int{len(items)}, []int{1}
	for k, v := range items {
		view := types.ArrayAt(v.Array, 0)
		for d := 0; k == 0 && d < view.NDims(); d++ {
			dims, lower = append(dims, view.Dim(d)), append(lower, 1)
		}
		for i := view.Start; i < view.End; i++ {
			types.AppendFrom(elements, view.Elements, i)
		}
	}
	types.FinishArray(b, types.ArrayShape(dims, lower))
	return value{e.keep(b.NewArray()), elem}, nil
}

// subquery computes (SELECT f(x) FROM g(…) AS x).
func (e *evaluator) subquery(q *ast.SelectStmt) (value, error) {
	f, ok := q.From[0].(*ast.RangeFunction)
	if !ok {
		return value{}, errors.New("the evaluator reads from functions alone")
	}
	rows, t, ok, err := e.callRows(f.Functions[0].Call.(*ast.FuncCall))
	if err != nil || !ok {
		return value{}, errors.Join(err, errors.New("not a set-returning function"))
	}
	defer rows.Release()
	outer, outerType := e.rows, e.rowsType
	defer func() { e.rows, e.rowsType = outer, outerType }()
	e.rows, e.rowsType = rows, t
	v, err := e.eval(q.Targets[0].Value, rows.Len())
	if err == nil && v.Array.Len() != 1 {
		return value{}, errors.New("a subquery must be an aggregate here")
	}
	v.Const = true
	return v, err
}

// callRows calls a set-returning function; ok is false for other functions.
func (e *evaluator) callRows(x *ast.FuncCall) (a arrow.Array, t types.T, ok bool, err error) {
	r, args, err := e.arguments(x, 1)
	if err != nil || r.Function == nil || r.Function.Rows == nil {
		return nil, t, err == nil && r.Function != nil && r.Function.Rows != nil, err
	}
	vecs := make([]types.Vec, len(args))
	for i, v := range args {
		vecs[i] = v.Vec
		if r.Function.Strict && v.IsNull(0) {
			return types.EmptyArray(r.Result, e.mem), r.Result, true, nil
		}
	}
	covered[r.Function.OID] = true
	iterator, err := r.Function.Rows(e.context, vecs)
	if err != nil {
		return nil, t, true, err
	}
	b := types.NewBuilder(r.Result, e.mem)
	defer b.Release()
	for {
		columns, err := iterator.Next(e.context.Ctx)
		if err != nil {
			return nil, t, true, err
		}
		if columns == nil {
			return b.NewArray(), r.Result, true, nil
		}
		for i := range columns[0].Len() {
			types.AppendFrom(b, columns[0], i)
		}
		for _, c := range columns {
			c.Release()
		}
	}
}

// fakeSession answers what functions ask of a session.
type fakeSession struct {
	settings map[string]string
	notices  []string
	funcs.Generator
}

func (*fakeSession) CurrentUser() string { return "postgres" }
func (*fakeSession) SessionUser() string { return "postgres" }
func (*fakeSession) Database() string    { return "postgres" }
func (*fakeSession) BackendPID() int32   { return 4711 }
func (s *fakeSession) Setting(name string) (string, bool) {
	if name == "server_version" {
		return "15.0", true
	}
	v, ok := s.settings[name]
	return v, ok
}
func (s *fakeSession) SetSetting(name, v string, _ bool) error {
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	s.settings[name] = v
	return nil
}
func (*fakeSession) NextVal(context.Context, types.OID) (int64, error)            { return 1, nil }
func (*fakeSession) CurrVal(types.OID) (int64, error)                             { return 1, nil }
func (*fakeSession) SetVal(_ context.Context, _ types.OID, v int64, _ bool) error { return nil }
func (*fakeSession) LastVal() (int64, error)                                      { return 1, nil }
func (*fakeSession) SignalBackend(pid int32, _ bool) bool                         { return pid == 4711 }
func (*fakeSession) BlockingPIDs(int32) []int32                                   { return nil }
func (s *fakeSession) Notice(_, message string)                                   { s.notices = append(s.notices, message) }

// typeNames names types alone.
type typeNames struct{}

func (typeNames) Name(_ types.OID, value types.OID) string { return types.ByOID(value).SQLName }

func (typeNames) OID(_ types.OID, name string) (types.OID, error) {
	return 0, fmt.Errorf("no names here, not even %s", name)
}
