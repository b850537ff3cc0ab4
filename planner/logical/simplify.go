package logical

import (
	"errors"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Simplify folds the constants of an expression in the order in which it would
// be evaluated: what an AND, OR, COALESCE or CASE over constants keeps from
// being reached is dropped unseen. The first evaluation that fails is the error;
// the expression is then e with what failed left in place.
func Simplify(e plan.Expr, f *types.Format) (plan.Expr, error) {
	s := simplifier{format: f}
	return s.simplify(e), s.err
}

type simplifier struct {
	format *types.Format
	err    error
}

func (s *simplifier) simplify(e plan.Expr) plan.Expr {
	switch v := e.(type) {
	case nil:
		return nil
	case *plan.Bool:
		e = s.connective(v)
	case *plan.Coalesce:
		e = s.coalesce(v)
	case *plan.Case:
		e = s.cases(v)
	default:
		e = MapChildren(e, s.simplify)
	}
	folded, err := fold(e, s.format)
	if s.err == nil && lasting(err) {
		s.err = err
	}
	return folded
}

// lasting tells errors that execution would meet as well from faults of folding
// itself.
func lasting(err error) bool {
	var e *sqlerr.Error
	return errors.As(err, &e) && e.Code != sqlerr.InternalError
}

// connective simplifies the arguments up to the first constant that decides.
func (s *simplifier) connective(e *plan.Bool) plan.Expr {
	if e.Op == plan.Not {
		return MapChildren(e, s.simplify)
	}
	out, changed := make([]plan.Expr, 0, len(e.Args)), false
	for _, a := range e.Args {
		m := s.simplify(a)
		out, changed = append(out, m), changed || m != a
		if v, known := BoolValue(m); known && v != nil && *v == (e.Op == plan.Or) {
			break
		}
	}
	if !changed && len(out) == len(e.Args) {
		return e
	}
	return &plan.Bool{Typed: e.Typed, Op: e.Op, Args: out}
}

// coalesce simplifies the arguments up to the first constant that is not null.
func (s *simplifier) coalesce(e *plan.Coalesce) plan.Expr {
	out, changed := make([]plan.Expr, 0, len(e.Args)), false
	for _, a := range e.Args {
		m := s.simplify(a)
		out, changed = append(out, m), changed || m != a
		if c, ok := m.(*plan.Const); ok && !c.Value.IsNull(0) {
			break
		}
	}
	if !changed && len(out) == len(e.Args) {
		return e
	}
	return &plan.Coalesce{Typed: e.Typed, Args: out}
}

// cases leaves out branches never taken, and what follows one always taken.
func (s *simplifier) cases(e *plan.Case) plan.Expr {
	out := &plan.Case{Typed: e.Typed}
	for i, c := range e.Conds {
		cond := s.simplify(c)
		v, known := BoolValue(cond)
		if known && (v == nil || !*v) {
			continue
		}
		out.Conds, out.Results = append(out.Conds, cond), append(out.Results, s.simplify(e.Results[i]))
		if known {
			out.Else = &plan.Const{Typed: e.Typed, Value: types.NullArray(e.T, memory.NewGoAllocator(), 1)}
			return out
		}
	}
	out.Else = s.simplify(e.Else)
	return out
}
