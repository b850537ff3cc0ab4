package bind

import (
	"quiver/planner/logical"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// cteScope is a WITH clause in reach, innermost first.
type cteScope struct {
	parent *cteScope
	ctes   []*cte
}

// cte is a WITH query as names see it.
type cte struct {
	name    string
	logical *logical.CTE
	cols    []outCol
	// working: inside its own recursive term.
	working bool
	// pending: being bound, so not yet in reach.
	pending bool
}

func (c *cteScope) find(name string) *cte {
	for ; c != nil; c = c.parent {
		for i := len(c.ctes) - 1; i >= 0; i-- {
			if c.ctes[i].name == name && !c.ctes[i].pending {
				return c.ctes[i]
			}
		}
	}
	return nil
}

// with binds a WITH clause; wrap puts its queries around the main one.
func (b *binder) with(w *ast.WithClause, outer *cteScope, s *scope) (ctes *cteScope, wrap func(logical.Node) logical.Node) {
	if w == nil {
		return outer, func(n logical.Node) logical.Node { return n }
	}
	ctes = &cteScope{parent: outer}
	node := &logical.With{}
	for i, c := range w.CTEs {
		for _, other := range w.CTEs[:i] {
			if other.Name == c.Name {
				fail(sqlerr.New(sqlerr.DuplicateAlias, "WITH query name \"%s\" specified more than once", c.Name).At(b.place(c.Position())))
			}
		}
		b.meta.CTEs++
		bound := &cte{name: c.Name, logical: &logical.CTE{ID: b.meta.CTEs, Name: c.Name, Materialized: c.Materialized}}
		b.bindCTE(c, bound, ctes, s, w.Recursive)
		if !w.Recursive {
			ctes.ctes = append(ctes.ctes, bound)
		}
		node.CTEs = append(node.CTEs, bound.logical)
	}
	return ctes, func(n logical.Node) logical.Node {
		node.Input = n
		return node
	}
}

func (b *binder) bindCTE(c *ast.CTE, bound *cte, ctes *cteScope, s *scope, recursive bool) {
	if recursive {
		bound.pending = true
		ctes.ctes = append(ctes.ctes, bound)
	}
	var q *query
	switch stmt := c.Query.(type) {
	case *ast.SelectStmt:
		if recursive && namesRelation(stmt, c.Name) {
			b.recursiveCTE(c, stmt, bound, ctes, s)
			return
		}
		q = b.query(stmt, s, ctes)
		b.resolveUnknowns(q)
	default:
		if s != nil {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "WITH clause containing a data-modifying statement must be at the top level").At(b.place(c.Position())))
		}
		q = b.statement(stmt, ctes)
		bound.logical.Modifies = true
	}
	bound.pending = false
	bound.logical.Plan, bound.logical.Cols = b.exactly(q), q.ids()
	bound.cols = b.cteColumns(c, q.cols)
}

// cteColumns applies the column names of WITH q(a, b).
func (b *binder) cteColumns(c *ast.CTE, cols []outCol) []outCol {
	if len(c.Columns) > len(cols) {
		fail(sqlerr.New(sqlerr.InvalidColumnReference, "WITH query \"%s\" has %d columns available but %d columns specified",
			c.Name, len(cols), len(c.Columns)).At(b.place(c.Position())))
	}
	cols = append([]outCol(nil), cols...)
	for i, name := range c.Columns {
		cols[i].name = name
	}
	return cols
}

// recursiveCTE binds seed UNION [ALL] step.
func (b *binder) recursiveCTE(c *ast.CTE, stmt *ast.SelectStmt, bound *cte, ctes *cteScope, s *scope) {
	if stmt.Op != ast.SetUnion {
		fail(sqlerr.New(sqlerr.InvalidRecursion, "recursive query \"%s\" does not have the form non-recursive-term UNION [ALL] recursive-term",
			c.Name).At(b.place(c.Position())))
	}
	for _, part := range []struct {
		there bool
		name  string
	}{{len(stmt.OrderBy) > 0, "ORDER BY"}, {stmt.Offset != nil, "OFFSET"}, {stmt.Limit != nil, "LIMIT"}, {len(stmt.Locking) > 0, "FOR UPDATE/SHARE"}} {
		if part.there {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "%s in a recursive query is not implemented", part.name))
		}
	}
	if namesRelation(stmt.Left, c.Name) {
		fail(sqlerr.New(sqlerr.InvalidRecursion, "recursive reference to query \"%s\" must not appear within its non-recursive term",
			c.Name).At(b.place(c.Position())))
	}
	inner, wrap := b.with(stmt.With, ctes, s)
	seed := b.query(stmt.Left, s, inner)
	b.resolveUnknowns(seed)
	bound.cols = b.cteColumns(c, seed.cols)
	bound.pending, bound.working = false, true
	step := b.query(stmt.Right, s, inner)
	bound.working = false
	if len(step.cols) != len(seed.cols) {
		fail(sqlerr.New(sqlerr.SyntaxError, "each UNION query must have the same number of columns"))
	}
	for i := range step.cols {
		want, have := b.meta.Column(seed.cols[i].id).Type, b.outType(step, i)
		common := b.commonTypes("UNION", step.cols[i].pos, want, have)
		if common.OID != want.OID {
			fail(sqlerr.New(sqlerr.DatatypeMismatch, "recursive query \"%s\" column %d has type %s in non-recursive term but type %s overall",
				c.Name, i+1, typeName(want), typeName(common)).WithHint("Cast the output of the non-recursive term to the correct type.").At(seed.cols[i].pos))
		}
		if common.Mod != want.Mod && want.Mod >= 0 {
			want.Mod = common.Mod
		}
	}
	b.coerceOutputs(step, typesOf(b, seed))
	bound.logical.Plan, bound.logical.Recurse = wrap(b.exactly(seed)), b.exactly(step)
	bound.logical.Cols, bound.logical.RecurseCols = seed.ids(), step.ids()
	bound.logical.Distinct = !stmt.All
}

func typesOf(b *binder, q *query) []types.T {
	list := make([]types.T, len(q.cols))
	for i, c := range q.cols {
		list[i] = b.meta.Column(c.id).Type
	}
	return list
}

// exactly returns q's node yielding exactly its columns, in order.
func (b *binder) exactly(q *query) logical.Node {
	have := q.node.Columns()
	same := len(have) == len(q.cols)
	for i := 0; same && i < len(have); i++ {
		same = have[i] == q.cols[i].id
	}
	if same {
		return q.node
	}
	p := &logical.Project{Input: q.node}
	seen := map[logical.ColID]bool{}
	for i := range q.cols {
		c := &q.cols[i]
		id := c.id
		if seen[id] {
			id = b.meta.Add(*b.meta.Column(c.id))
		}
		p.Items = append(p.Items, logical.Item{ID: id, Expr: b.meta.Ref(c.id)})
		seen[id] = true
		c.id = id
	}
	return p
}

// readCTE binds a reference to a WITH query.
func (b *binder) readCTE(c *cte, rv *ast.RangeVar) (logical.Node, []*item) {
	if c.cols == nil {
		if c.logical.Modifies {
			fail(sqlerr.New(sqlerr.FeatureNotSupported, "WITH query \"%s\" does not have a RETURNING clause", c.name).At(b.place(rv.Position())))
		}
	}
	b.meta.Relations++
	alias := rv.Name
	if rv.Alias != nil {
		alias = rv.Alias.Name
	}
	read := &logical.CTERead{CTE: c.logical, Working: c.working, Alias: alias}
	it := &item{name: alias, origName: c.name, named: true, open: true}
	for _, col := range c.cols {
		m := *b.meta.Column(col.id)
		m.Name, m.Qualifier = col.name, alias
		id := b.meta.Add(m)
		read.Cols = append(read.Cols, id)
		it.cols = append(it.cols, itemCol{name: col.name, id: id})
	}
	if !c.working {
		c.logical.Reads = append(c.logical.Reads, read)
	}
	b.rename(it, rv.Alias, "table", rv.Position())
	return read, []*item{it}
}
