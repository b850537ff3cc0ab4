package bind

import (
	"strings"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// targets binds a select list into sel.
func (b *binder) targets(list []*ast.ResTarget, sel *selection) {
	x := b.exprs(sel.scope, kindSelect)
	for _, t := range b.targetList(list, x) {
		b.addTarget(sel, t)
	}
}

func (b *binder) addTarget(sel *selection, t *targetItem) {
	t.id = b.targetID(sel, t)
	sel.targets = append(sel.targets, t)
}

// targetID is the column's own id for a plain column that is not yet in the
// list, so that nothing needs renaming; a new one otherwise.
func (b *binder) targetID(sel *selection, t *targetItem) logical.ColID {
	c := logical.Column{Name: t.name, Type: t.expr.Type()}
	if r, ok := t.expr.(*logical.Ref); ok {
		used := false
		for _, other := range sel.targets {
			used = used || other.id == r.ID
		}
		if !used {
			return r.ID
		}
		from := b.meta.Column(r.ID)
		c.Table, c.Attribute, c.Qualifier = from.Table, from.Attribute, from.Qualifier
	}
	return b.meta.Add(c)
}

// targetList binds a select list or RETURNING, expanding stars.
func (b *binder) targetList(list []*ast.ResTarget, x *exprBinder) []*targetItem {
	var out []*targetItem
	for _, t := range list {
		if star, ok := t.Value.(*ast.ColumnRef); ok && star.Star {
			out = append(out, b.star(star, x)...)
			continue
		}
		if ind, ok := t.Value.(*ast.Indirection); ok && len(ind.Steps) > 0 && ind.Steps[len(ind.Steps)-1].Star {
			out = append(out, b.starOf(ind, x)...)
			continue
		}
		name := t.Name
		if name == "" {
			name = figureName(t.Value)
		}
		bound := x.expr(t.Value)
		out = append(out, &targetItem{name: name, expr: bound, pos: b.loc(bound), src: t.Value})
	}
	return out
}

// star expands * and t.*.
func (b *binder) star(star *ast.ColumnRef, x *exprBinder) []*targetItem {
	var cols []itemCol
	pos := star.Position()
	if len(star.Names) == 0 {
		any := false
		for _, it := range x.scope.items {
			if it.open {
				any = true
				cols = append(cols, it.visible()...)
			}
		}
		if !any {
			fail(sqlerr.New(sqlerr.SyntaxError, "SELECT * with no tables specified is not valid").At(b.place(pos)))
		}
	} else {
		schema, name := "", star.Names[len(star.Names)-1]
		if len(star.Names) > 1 {
			schema = star.Names[len(star.Names)-2]
		}
		it, _ := b.lookupItem(x.scope, schema, name, pos)
		if it == nil {
			b.failMissingItem(x.scope, name, pos)
		}
		cols = it.visible()
	}
	var out []*targetItem
	for _, c := range cols {
		r := b.meta.Ref(c.id)
		r.Pos = pos
		out = append(out, &targetItem{name: c.name, expr: b.mark(r, pos), pos: b.place(pos)})
	}
	return out
}

// starOf expands (row).*.
func (b *binder) starOf(ind *ast.Indirection, x *exprBinder) []*targetItem {
	arg := *ind
	arg.Steps = ind.Steps[:len(ind.Steps)-1]
	value := x.expr(&arg)
	names, fields := types.RecordFields(value.Type())
	if value.Type().OID != types.RecordOID || names == nil {
		fail(sqlerr.New(sqlerr.WrongObjectType, "type %s is not composite", typeName(value.Type())).At(b.place(ind.Position())))
	}
	var out []*targetItem
	for i := range names {
		e := &plan.Field{Typed: plan.Typed{T: fields[i]}, Arg: value, Index: i, Name: names[i]}
		out = append(out, &targetItem{name: names[i], expr: e, pos: b.place(ind.Position())})
	}
	return out
}

// figureName is the output name of an expression without AS.
func figureName(e ast.Expr) string {
	name, _ := figure(e)
	if name == "" {
		return "?column?"
	}
	return name
}

// figure returns a name and how good it is: 2 for a column or function, 1 for
// the name of a cast's type.
func figure(e ast.Expr) (string, int) {
	switch e := e.(type) {
	case *ast.ColumnRef:
		if len(e.Names) > 0 && !e.Star {
			return e.Names[len(e.Names)-1], 2
		}
	case *ast.Indirection:
		for i := len(e.Steps) - 1; i >= 0; i-- {
			if e.Steps[i].Field != "" {
				return e.Steps[i].Field, 2
			}
		}
		return figure(e.Arg)
	case *ast.FuncCall:
		return e.Names[len(e.Names)-1], 2
	case *ast.OpExpr:
		if e.Kind == ast.OpNullIf {
			return "nullif", 2
		}
	case *ast.Cast:
		if name, strength := figure(e.Arg); strength > 1 {
			return name, strength
		}
		if n := e.Type.Names; len(n) > 0 {
			return n[len(n)-1], 1
		}
	case *ast.Collate:
		return figure(e.Arg)
	case *ast.GroupingFunc:
		return "grouping", 2
	case *ast.SubLink:
		return figureSubLink(e)
	case *ast.CaseExpr:
		if e.Else != nil {
			if name, strength := figure(e.Else); strength > 1 {
				return name, strength
			}
		}
		return "case", 1
	case *ast.ArrayExpr:
		return "array", 2
	case *ast.RowExpr:
		return "row", 2
	case *ast.Coalesce:
		return "coalesce", 2
	case *ast.MinMax:
		if e.Least {
			return "least", 2
		}
		return "greatest", 2
	case *ast.ValueFunc:
		return strings.ToLower(e.Name), 2
	case *ast.Const:
		if e.Kind == ast.ConstBool {
			return "bool", 1
		}
	}
	return "", 0
}

func figureSubLink(e *ast.SubLink) (string, int) {
	switch e.Kind {
	case ast.SubExists:
		return "exists", 2
	case ast.SubArray:
		return "array", 2
	case ast.SubScalar:
		s := e.Query
		for s.Op != ast.SetNone {
			s = s.Left
		}
		if len(s.Targets) == 1 {
			if s.Targets[0].Name != "" {
				return s.Targets[0].Name, 2
			}
			return figure(s.Targets[0].Value)
		}
		if len(s.Values) > 0 {
			return "column1", 2
		}
	}
	return "", 0
}

// sortItem is one ORDER BY key: a target with a direction.
type sortItem struct {
	target           *targetItem
	desc, nullsFirst bool
	pos              int
}

// orderBy binds ORDER BY: output names and numbers first, then expressions.
func (b *binder) orderBy(list []*ast.SortBy, sel *selection) []sortItem {
	var keys []sortItem
	for _, s := range list {
		t := b.findTarget(s.Expr, sel, "ORDER BY", kindOrderBy)
		b.typeTarget(t)
		keys = append(keys, b.sortItem(s, t))
	}
	return keys
}

func (b *binder) sortItem(s *ast.SortBy, t *targetItem) sortItem {
	k := sortItem{target: t, pos: b.place(s.Expr.Position())}
	if t.junk {
		k.pos = t.pos
	}
	k.desc, k.nullsFirst = b.direction(s)
	b.mustOrder(t.expr.Type(), k.pos)
	return k
}

// direction reads ASC, DESC, USING and NULLS.
func (b *binder) direction(s *ast.SortBy) (desc, nullsFirst bool) {
	desc = s.Desc
	switch s.Using {
	case "", "<":
	case ">":
		desc = true
	default:
		fail(sqlerr.New(sqlerr.WrongObjectType, "operator %s is not a valid ordering operator", s.Using).
			WithHint("Ordering operators must be \"<\" or \">\" members of btree operator families.").At(b.place(s.Position())))
	}
	nullsFirst = desc
	if s.NullsSet {
		nullsFirst = s.NullsFirst
	}
	return desc, nullsFirst
}

// mustOrder fails for types without an order.
func (b *binder) mustOrder(t types.T, pos int) {
	if t.Type().Compare == nil {
		fail(sqlerr.New(sqlerr.UndefinedFunction, "could not identify an ordering operator for type %s", typeName(types.Of(t.OID))).
			WithHint("Use an explicit ordering operator or modify the query.").At(pos))
	}
}

// mustEqual fails for types without equality.
func (b *binder) mustEqual(t types.T, pos int) {
	if t.Type().Compare == nil {
		fail(sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type %s", typeName(types.Of(t.OID))).At(pos))
	}
}

func (b *binder) sortKeys(keys []sortItem) []plan.SortKey {
	var out []plan.SortKey
	seen := map[logical.ColID]bool{}
	for _, k := range keys {
		if seen[k.target.id] {
			continue
		}
		seen[k.target.id] = true
		out = append(out, plan.SortKey{Expr: b.meta.Ref(k.target.id), Desc: k.desc, NullsFirst: k.nullsFirst})
	}
	return out
}

// typeTarget makes an untyped target text: sorting and grouping need a type.
func (b *binder) typeTarget(t *targetItem) {
	if t.expr.Type().OID == types.UnknownOID {
		t.expr = b.coerceTo(t.expr, types.Of(types.TextOID), coerceImplicit, t.pos)
		b.meta.Column(t.id).Type = t.expr.Type()
	}
}

// findTarget resolves an item of ORDER BY, GROUP BY or DISTINCT ON to a target,
// adding a junk one when the select list lacks it.
func (b *binder) findTarget(e ast.Expr, sel *selection, clause string, kind exprKind) *targetItem {
	if t := b.targetByName(e, sel, clause); t != nil {
		return t
	}
	if c, ok := e.(*ast.Const); ok {
		return b.targetByNumber(c, sel, clause)
	}
	bound := b.exprs(sel.scope, kind).expr(e)
	key := logical.Key(bound)
	for _, t := range sel.targets {
		if logical.Key(t.expr) == key {
			return t
		}
	}
	t := &targetItem{name: "?column?", expr: bound, junk: true, pos: b.loc(bound), src: e}
	b.addTarget(sel, t)
	return t
}

func (b *binder) targetByName(e ast.Expr, sel *selection, clause string) *targetItem {
	c, ok := e.(*ast.ColumnRef)
	if !ok || len(c.Names) != 1 || c.Star {
		return nil
	}
	name := c.Names[0]
	if clause == "GROUP BY" {
		// The standard's column of FROM wins over Postgres' output name.
		for _, it := range sel.scope.items {
			if it.open {
				for _, col := range it.cols {
					if col.name == name {
						return nil
					}
				}
			}
		}
	}
	var found *targetItem
	for _, t := range sel.targets {
		if t.junk || t.name != name {
			continue
		}
		if found != nil && logical.Key(found.expr) != logical.Key(t.expr) {
			fail(sqlerr.New(sqlerr.AmbiguousColumn, "%s \"%s\" is ambiguous", clause, name).At(b.place(c.Position())))
		}
		if found == nil {
			found = t
		}
	}
	return found
}

func (b *binder) targetByNumber(c *ast.Const, sel *selection, clause string) *targetItem {
	if c.Kind != ast.ConstInteger {
		fail(sqlerr.New(sqlerr.SyntaxError, "non-integer constant in %s", clause).At(b.place(c.Position())))
	}
	n := 0
	for _, t := range sel.targets {
		if t.junk {
			continue
		}
		if n++; c.Text == itoa(n) {
			return t
		}
	}
	fail(sqlerr.New(sqlerr.InvalidColumnReference, "%s position %s is not in select list", clause, c.Text).At(b.place(c.Position())))
	return nil
}

// distinctClause is DISTINCT or, with on, DISTINCT ON.
type distinctClause struct {
	on []sortItem
}

func (b *binder) distinct(s *ast.SelectStmt, sel *selection, order []sortItem) *distinctClause {
	if !s.Distinct {
		return nil
	}
	for _, t := range sel.targets {
		b.typeTarget(t)
	}
	if s.DistinctOn == nil {
		for _, t := range sel.targets {
			if t.junk {
				fail(sqlerr.New(sqlerr.InvalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list").At(t.pos))
			}
			b.mustEqual(t.expr.Type(), t.pos)
		}
		return &distinctClause{}
	}
	d := &distinctClause{}
	on := map[*targetItem]bool{}
	var list []*targetItem
	for _, e := range s.DistinctOn {
		t := b.findTarget(e, sel, "DISTINCT ON", kindDistinctOn)
		b.typeTarget(t)
		b.mustOrder(t.expr.Type(), t.pos)
		if !on[t] {
			on[t] = true
			list = append(list, t)
		}
	}
	// The ORDER BY must start with the DISTINCT ON expressions, in any order.
	matched := 0
	for _, k := range order {
		if on[k.target] && matched == len(d.on) {
			d.on = append(d.on, k)
			matched++
			delete(on, k.target)
			continue
		}
		if len(on) > 0 {
			fail(sqlerr.New(sqlerr.InvalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions").At(b.place(s.DistinctOn[0].Position())))
		}
	}
	for _, t := range list {
		if on[t] {
			d.on = append(d.on, sortItem{target: t})
		}
	}
	return d
}

// keys is the order that puts rows of one DISTINCT ON value together.
func (d *distinctClause) keys(b *binder, order []plan.SortKey) []plan.SortKey {
	keys := b.sortKeys(d.on)
	if len(order) > len(keys) {
		keys = append(keys, order[len(keys):]...)
	}
	return keys
}

func (d *distinctClause) exprs(b *binder) []plan.Expr {
	var on []plan.Expr
	for _, k := range d.on {
		on = append(on, b.meta.Ref(k.target.id))
	}
	return on
}
