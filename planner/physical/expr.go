package physical

import (
	"fmt"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/funcs"
)

// layout turns column ids into positions of one input.
type layout struct {
	*builder
	at map[logical.ColID]int
}

func (b *builder) layout(in *built) *layout { return &layout{builder: b, at: in.positions()} }

func (b *builder) layoutOf(ids ...[]logical.ColID) *layout {
	var all []logical.ColID
	for _, list := range ids {
		all = append(all, list...)
	}
	return b.layout(&built{cols: all})
}

// Over compiles an expression over a batch of the columns ids.
func Over(ids []logical.ColID, meta *logical.Metadata, e plan.Expr) plan.Expr {
	return newBuilder(meta).layoutOf(ids).expr(e)
}

// expr compiles an expression; nil stays nil.
func (l *layout) expr(e plan.Expr) plan.Expr {
	if e == nil {
		return nil
	}
	switch e := e.(type) {
	case *logical.Ref:
		return l.ref(e)
	case *logical.Subquery:
		return l.subquery(e)
	case *plan.Param:
		// The type may have been found after this use.
		return &plan.Param{Typed: plan.Typed{T: l.meta.Params[e.Number-1]}, Number: e.Number}
	}
	return logical.MapChildren(e, l.expr)
}

func (l *layout) exprs(list []plan.Expr) []plan.Expr {
	if list == nil {
		return nil
	}
	out := make([]plan.Expr, len(list))
	for i, e := range list {
		out[i] = l.expr(e)
	}
	return out
}

func (l *layout) keys(keys []plan.SortKey) []plan.SortKey {
	out := make([]plan.SortKey, len(keys))
	for i, k := range keys {
		out[i] = plan.SortKey{Expr: l.expr(k.Expr), Desc: k.Desc, NullsFirst: k.NullsFirst}
	}
	return out
}

func (l *layout) ref(r *logical.Ref) plan.Expr {
	if i, ok := l.at[r.ID]; ok {
		return &plan.Column{Typed: plan.Typed{T: l.meta.Column(r.ID).Type}, Index: i, Name: l.name(r.ID)}
	}
	if i, ok := l.frame[r.ID]; ok {
		return &plan.Outer{Typed: plan.Typed{T: l.meta.Column(r.ID).Type}, Depth: 1, Index: i, Name: l.name(r.ID)}
	}
	panic(fmt.Sprintf("physical: column %d (%s) is not in reach", r.ID, l.meta.Column(r.ID).Name))
}

// name is how EXPLAIN prints a column.
func (b *builder) name(id logical.ColID) string {
	c := b.meta.Column(id)
	if c.Qualifier == "" || b.meta.Relations < 2 {
		return funcs.QuoteIdentifier(c.Name)
	}
	return funcs.QuoteIdentifier(c.Qualifier) + "." + funcs.QuoteIdentifier(c.Name)
}

// inFrame builds a tree that is run with a frame of these columns.
func (b *builder) inFrame(ids []logical.ColID, n logical.Node) *built {
	inner := *b
	inner.frame = make(map[logical.ColID]int, len(ids))
	for i, id := range ids {
		inner.frame[id] = i
	}
	return inner.build(n)
}

func (l *layout) subquery(s *logical.Subquery) plan.Expr {
	if out := l.subqueries[s]; out != nil {
		return out
	}
	out := &plan.Subquery{Typed: s.Typed, Kind: s.Kind, ID: s.ID}
	var ids []logical.ColID
	for _, a := range s.Args {
		ids = append(ids, a.ID)
		out.Args = append(out.Args, l.expr(a.Expr))
	}
	cols := s.Cols
	in := l.inFrame(ids, s.Input)
	if s.Kind != plan.SubExists {
		in = l.exactly(in, cols)
	}
	out.Plan = in.node
	out.Correlated = len(out.Args) > 0 || logical.Volatile(s.Input)
	var left []logical.ColID
	for _, item := range s.Left {
		left = append(left, item.ID)
		out.Left = append(out.Left, l.expr(item.Expr))
	}
	if s.Test != nil {
		out.Test = l.layoutOf(left, cols).expr(s.Test)
	}
	if !out.Correlated && out.Left == nil {
		l.subqueries[s] = out
	}
	return out
}

func (l *layout) aggregateCall(c *plan.AggregateCall) *plan.AggregateCall {
	out := *c
	out.Args, out.OrderBy, out.Filter = l.exprs(c.Args), l.keys(c.OrderBy), l.expr(c.Filter)
	return &out
}
