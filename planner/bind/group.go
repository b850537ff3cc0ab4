package bind

import (
	"strconv"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

func itoa(n int) string { return strconv.Itoa(n) }

// groupBy binds GROUP BY into sel.groups and, for grouping sets, groupSet.
func (b *binder) groupBy(list []ast.Expr, sel *selection) {
	if len(list) == 0 {
		return
	}
	sel.hasGroup = true
	sets := [][]int{nil}
	several := false
	for _, e := range list {
		var choices [][]int
		if g, ok := e.(*ast.GroupingSet); ok {
			several = true
			choices = b.groupingSet(g, sel)
		} else {
			choices = [][]int{b.groupItems(e, sel)}
		}
		var next [][]int
		for _, s := range sets {
			for _, c := range choices {
				next = append(next, union(s, c))
			}
		}
		sets = next
	}
	if several {
		sel.groupSet = sets
	}
}

func union(a, b []int) []int {
	out := append([]int{}, a...)
	for _, i := range b {
		found := false
		for _, j := range out {
			found = found || i == j
		}
		if !found {
			out = append(out, i)
		}
	}
	return out
}

// groupItems adds one grouping expression, or the parts of a bare (a, b).
func (b *binder) groupItems(e ast.Expr, sel *selection) []int {
	if row, ok := e.(*ast.RowExpr); ok && !row.Explicit {
		var all []int
		for _, a := range row.Args {
			all = union(all, b.groupItems(a, sel))
		}
		return all
	}
	before := len(sel.targets)
	t := b.findTarget(e, sel, "GROUP BY", kindGroupBy)
	b.typeTarget(t)
	b.mustEqual(t.expr.Type(), b.place(e.Position()))
	if len(sel.targets) > before {
		// A grouping expression is no output: only the groups keep it.
		sel.targets = sel.targets[:before]
	}
	b.checkGroupTarget(t, sel)
	key := logical.Key(t.expr)
	for i, g := range sel.groups {
		if logical.Key(g.Expr) == key {
			return []int{i}
		}
	}
	item := logical.Item{Expr: t.expr}
	if r, ok := t.expr.(*logical.Ref); ok {
		item.ID = r.ID
	} else {
		item.ID = b.meta.Add(logical.Column{Name: t.name, Type: t.expr.Type()})
	}
	sel.groups = append(sel.groups, item)
	return []int{len(sel.groups) - 1}
}

func (b *binder) checkGroupTarget(t *targetItem, sel *selection) {
	logical.Walk(t.expr, func(e plan.Expr) bool {
		r, ok := e.(*logical.Ref)
		if !ok {
			return true
		}
		for _, a := range sel.aggs {
			if a.ID == r.ID {
				fail(sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in GROUP BY").At(b.place(r.Pos)))
			}
		}
		for _, w := range sel.windows {
			if w.ID == r.ID {
				fail(sqlerr.New(sqlerr.WindowingError, "window functions are not allowed in GROUP BY").At(b.place(r.Pos)))
			}
		}
		return true
	})
}

func (b *binder) groupingSet(g *ast.GroupingSet, sel *selection) [][]int {
	var parts [][]int
	var sets [][]int
	for _, e := range g.Items {
		if nested, ok := e.(*ast.GroupingSet); ok {
			sets = append(sets, b.groupingSet(nested, sel)...)
			continue
		}
		items := b.groupItems(e, sel)
		parts = append(parts, items)
		sets = append(sets, items)
	}
	switch g.Kind {
	case ast.GroupingEmpty:
		return [][]int{nil}
	case ast.GroupingRollup:
		var out [][]int
		for n := len(parts); n >= 0; n-- {
			var s []int
			for _, p := range parts[:n] {
				s = union(s, p)
			}
			out = append(out, s)
		}
		return out
	case ast.GroupingCube:
		if len(parts) > 12 {
			fail(sqlerr.New(sqlerr.TooManyColumns, "CUBE is limited to 12 elements").At(b.place(g.Position())))
		}
		var out [][]int
		for mask := 1<<len(parts) - 1; mask >= 0; mask-- {
			var s []int
			for i, p := range parts {
				if mask&(1<<(len(parts)-1-i)) != 0 {
					s = union(s, p)
				}
			}
			out = append(out, s)
		}
		return out
	}
	return sets
}

// groupingCall is GROUPING(a, b): its value follows from the set's number.
type groupingCall struct {
	id   logical.ColID
	args []plan.Expr
	pos  int
}

// aggregate puts an Aggregate on node when the query groups, and rewrites what
// is computed above it in terms of its columns.
func (b *binder) aggregate(node logical.Node, sel *selection, having *plan.Expr, keys []sortItem) logical.Node {
	if len(sel.aggs) == 0 && !sel.hasGroup && *having == nil {
		return node
	}
	agg := &logical.Aggregate{Input: node, Groups: sel.groups, Calls: sel.aggs, Sets: sel.groupSet}
	if agg.Sets != nil {
		agg.SetNumber = b.meta.Add(logical.Column{Name: "grouping set", Type: types.Of(types.Int4OID)})
	}
	g := &grouped{binder: b, sel: sel, agg: agg, byKey: map[string]logical.ColID{}}
	for _, item := range agg.Groups {
		g.byKey[logical.Key(item.Expr)] = item.ID
	}
	for _, call := range sel.grouping {
		g.byKey[logical.Key(b.meta.Ref(call.id))] = call.id
	}
	for _, t := range sel.targets {
		t.expr = g.rewrite(t.expr)
	}
	if *having != nil {
		*having = g.rewrite(*having)
	}
	for i := range sel.sets {
		sel.sets[i].Expr = g.rewrite(sel.sets[i].Expr)
	}
	w := &logical.Window{Input: agg, Calls: sel.windows}
	for _, e := range w.Exprs() {
		*e = g.rewrite(*e)
	}
	if len(sel.grouping) == 0 {
		return agg
	}
	var items []logical.Item
	for _, call := range sel.grouping {
		items = append(items, logical.Item{ID: call.id, Expr: b.groupingValue(call, agg)})
	}
	return b.extend(agg, items)
}

// groupingValue is the bit mask of GROUPING by set.
func (b *binder) groupingValue(call groupingCall, agg *logical.Aggregate) plan.Expr {
	sets := agg.Sets
	if sets == nil {
		return b.intConst(0)
	}
	result := &plan.Case{Typed: plan.Typed{T: types.Of(types.Int4OID)}, Else: b.intConst(0)}
	for n, set := range sets {
		mask := int32(0)
		for _, a := range call.args {
			mask <<= 1
			in := false
			for _, i := range set {
				in = in || logical.Key(agg.Groups[i].Expr) == logical.Key(a)
			}
			if !in {
				mask |= 1
			}
		}
		result.Conds = append(result.Conds, b.operator("=", "", b.meta.Ref(agg.SetNumber), b.intConst(int32(n)), 0))
		result.Results = append(result.Results, b.intConst(mask))
	}
	return result
}

// grouped rewrites expressions above an Aggregate.
type grouped struct {
	*binder
	sel   *selection
	agg   *logical.Aggregate
	byKey map[string]logical.ColID
	// inSubquery changes the message.
	inSubquery bool
}

// rewrite replaces grouping expressions by their columns and fails for a column
// that is neither grouped nor inside an aggregate.
func (g *grouped) rewrite(e plan.Expr) plan.Expr {
	switch e := e.(type) {
	case nil:
		return nil
	case *plan.Const, *plan.Param:
		return e
	case *logical.Ref:
		return g.ref(e)
	case *logical.Subquery:
		inner := *g
		inner.inSubquery = true
		return logical.MapChildren(e, inner.rewrite)
	}
	if id, ok := g.byKey[logical.Key(e)]; ok {
		return g.meta.Ref(id)
	}
	return logical.MapChildren(e, g.rewrite)
}

func (g *grouped) ref(r *logical.Ref) plan.Expr {
	if _, ok := g.byKey[logical.Key(r)]; ok || !g.sel.from.Has(r.ID) {
		return r
	}
	if g.dependent(r.ID) {
		g.agg.Groups = append(g.agg.Groups, logical.Item{ID: r.ID, Expr: g.meta.Ref(r.ID)})
		for i := range g.agg.Sets {
			g.agg.Sets[i] = append(g.agg.Sets[i], len(g.agg.Groups)-1)
		}
		g.byKey[logical.Key(r)] = r.ID
		return r
	}
	name := g.qualifiedName(r.ID)
	if g.inSubquery {
		fail(sqlerr.New(sqlerr.GroupingError, "subquery uses ungrouped column \"%s\" from outer query", name).At(g.place(r.Pos)))
	}
	fail(sqlerr.New(sqlerr.GroupingError, "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function", name).At(g.place(r.Pos)))
	return nil
}

func (b *binder) qualifiedName(id logical.ColID) string {
	c := b.meta.Column(id)
	if c.Qualifier == "" {
		return c.Name
	}
	return c.Qualifier + "." + c.Name
}

// dependent says whether the primary key of the column's table is grouped, so
// that the column has one value in each group.
func (g *grouped) dependent(id logical.ColID) bool {
	if len(g.agg.Sets) > 1 {
		return false
	}
	for _, it := range g.sel.scope.items {
		if it.scan == nil || it.scan.Table == nil || it.scan.FieldOf(id) == nil {
			continue
		}
		key := g.primaryKey(it.scan.Table)
		if len(key) == 0 {
			return false
		}
		for _, n := range key {
			if !g.groupsField(it.scan, n) {
				return false
			}
		}
		return true
	}
	return false
}

func (g *grouped) groupsField(s *logical.Scan, number int16) bool {
	for i := range s.Table.Columns {
		c := &s.Table.Columns[i]
		if c.Number != number {
			continue
		}
		for _, sc := range s.Cols {
			if sc.Field == c.Field {
				_, ok := g.byKey[logical.Key(g.meta.Ref(sc.ID))]
				return ok
			}
		}
	}
	return false
}

// primaryKey lists the column numbers of a table's primary key.
func (b *binder) primaryKey(t *catalog.Table) []int16 {
	if t.PrimaryKey == 0 {
		return nil
	}
	for _, index := range b.View.Indexes(t.OID) {
		if index.OID == t.PrimaryKey {
			var key []int16
			for _, c := range index.Columns {
				key = append(key, c.Number)
			}
			return key
		}
	}
	return nil
}
