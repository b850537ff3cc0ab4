package rules

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// prunePartitions leaves out the partitions that can have no row of a scan: at
// once where the condition compares with constants, otherwise when the scan begins,
// and by a join's other side, when that is read before.
func prunePartitions(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	pruneBelow(c, root, nil)
	return root
}

// pruneBelow prunes the scans at and below n, whose rows above filters: conditions
// with subqueries are no part of a scan.
func pruneBelow(c *Context, n logical.Node, above plan.Expr) {
	switch n := n.(type) {
	case *logical.Filter:
		pruneBelow(c, n.Input, n.Cond)
		return
	case *logical.Scan:
		prunePartition(c, n, above)
	case *logical.VectorSearch:
		if !n.Wide && n.Limit != nil {
			above = nil // it is of the nearest rows, whatever it leaves of them
		}
		prunePartition(c, &n.Scan, above)
		pruneByMembers(c, n)
	case *logical.VectorFusion:
		prunePartition(c, &n.Scan, nil)
	case *logical.Join:
		pruneByJoin(c, n)
	}
	for _, in := range n.Inputs() {
		pruneBelow(c, *in, nil)
	}
}

func prunePartition(c *Context, s *logical.Scan, above plan.Expr) {
	if s.Table == nil || s.Table.PartitionKey == nil || s.Partitions != nil || c.View == nil {
		return
	}
	g := newPruningGatherer(c, s)
	if g == nil {
		return
	}
	p := &plan.Pruning{}
	g.primaryKey(p)
	g.add(p, s.Filter, false)
	g.add(p, above, false)
	if p.Empty() {
		return
	}
	if !p.EachTerm(func(t *plan.PruningTerm) bool {
		_, constant := t.Value.(*plan.Const)
		return constant || t.Value == nil
	}) {
		s.Pruning = p
		return
	}
	list, all, err := p.Partitions(c.View, s.Table, func(e plan.Expr) (arrow.Array, error) {
		a := e.(*plan.Const).Value
		a.Retain()
		return a, nil
	})
	if err == nil && !all {
		s.Partitions = list
	}
}

func columnByNumber(t *catalog.Table, number int16) *catalog.Column {
	for i := range t.Columns {
		if number != 0 && t.Columns[i].Number == number {
			return &t.Columns[i]
		}
	}
	return nil
}

// pruningGatherer gathers what the conditions of a scan say of its partition key.
type pruningGatherer struct {
	c   *Context
	s   *logical.Scan
	key []pruningColumn
	// own are the columns that no value may read.
	own logical.ColSet
	// join: the conditions are a join's, evaluated for many rows.
	join bool
}

// pruningColumn is a column of the partition key: one of the table's, or an
// expression, by its fingerprint.
type pruningColumn struct {
	column *catalog.Column // nil of an expression
	expr   string
	typ    types.T
}

// newPruningGatherer binds the partition key over the scan; nil if that fails.
func newPruningGatherer(c *Context, s *logical.Scan) *pruningGatherer {
	g := &pruningGatherer{c: c, s: s}
	for _, col := range s.Cols {
		g.own.Add(col.ID)
	}
	var exprs []plan.Expr
	for i, k := range s.Table.PartitionKey.Columns {
		item := pruningColumn{column: columnByNumber(s.Table, k.Number), typ: k.Type}
		if item.column == nil {
			if c.PartitionKey == nil {
				return nil
			}
			if exprs == nil {
				var err error
				if exprs, err = c.PartitionKey(s); err != nil {
					return nil
				}
			}
			simple, err := logical.Simplify(exprs[i], c.Format)
			if err != nil {
				return nil
			}
			item.expr = logical.Key(simple)
		}
		g.key = append(g.key, item)
	}
	return g
}

// find returns which column of the key e is, or -1.
func (g *pruningGatherer) find(e plan.Expr) int {
	for i, k := range g.key {
		if k.column != nil && refersTo(g.s, e, k.column) || k.column == nil && logical.Key(relabelled(e)) == k.expr {
			return i
		}
	}
	return -1
}

// primaryKey adds the values of a look-up by the primary key.
func (g *pruningGatherer) primaryKey(p *plan.Pruning) {
	if g.s.Key == nil {
		return
	}
	for i, k := range keyColumns(g.c.View, g.s.Table) {
		for at, item := range g.key {
			if item.column != nil && k.Number == item.column.Number {
				p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneEqual, Value: g.s.Key[i]})
			}
		}
	}
}

// add adds to p what follows from cond being true, or if not is set from its being
// false.
func (g *pruningGatherer) add(p *plan.Pruning, cond plan.Expr, not bool) {
	switch e := cond.(type) {
	case nil:
	case *plan.Bool:
		g.connective(p, e, not)
	case *plan.Call:
		if at := g.find(e); at >= 0 { // a key that is a condition
			g.is(p, at, not)
		} else {
			g.comparison(p, e, not)
		}
	case *plan.InList:
		g.inList(p, e, not)
	case *plan.AnyArray:
		at := g.find(e.Left)
		if at >= 0 && !not && !e.All && e.Op.Operator == "=" && e.Array.Type().OID == g.key[at].typ.Type().Array &&
			g.key[at].typ.OID != types.BPCharOID && g.free(e.Array) {
			p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneAny, Value: e.Array})
		}
	case *plan.IsNull:
		if at := g.find(e.Arg); at >= 0 {
			op := plan.PruneNull
			if e.Not != not {
				op = plan.PruneNotNull
			}
			p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: op})
		}
	case *plan.IsBool:
		// NOT (a IS TRUE) is true for null, too: it says nothing here.
		if at := g.find(e.Arg); at >= 0 && e.Not == not && e.Value != 'u' {
			g.is(p, at, e.Value == 'f')
		}
	case *plan.Distinct:
		// IS NOT DISTINCT FROM a value that is not null.
		if c, ok := otherSide(e.Equal.Args); ok && e.Not != not && !c.Value.IsNull(0) {
			g.comparison(p, e.Equal, false)
		}
	case *plan.RowCompare:
		g.rowComparison(p, e, not)
	default:
		if at := g.find(e); at >= 0 {
			g.is(p, at, not)
		}
	}
}

// is: a key of type boolean is true, or with not false.
func (g *pruningGatherer) is(p *plan.Pruning, at int, not bool) {
	if g.key[at].typ.OID == types.BoolOID {
		p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneEqual, Value: logical.BoolConst(!not)})
	}
}

func (g *pruningGatherer) connective(p *plan.Pruning, e *plan.Bool, not bool) {
	switch {
	case e.Op == plan.Not:
		g.add(p, e.Args[0], !not)
	case (e.Op == plan.And) != not:
		for _, arg := range e.Args {
			g.add(p, arg, not)
		}
	default:
		var arms []*plan.Pruning
		for _, arg := range e.Args {
			arm := &plan.Pruning{}
			if g.add(arm, arg, not); arm.Empty() {
				return
			}
			arms = append(arms, arm)
		}
		p.Either = append(p.Either, arms)
	}
}

func (g *pruningGatherer) inList(p *plan.Pruning, e *plan.InList, not bool) {
	at := g.find(e.Arg)
	if at < 0 || e.Arg.Type().OID != g.key[at].typ.OID || g.key[at].typ.OID == types.BPCharOID {
		return
	}
	op := plan.PruneAny
	if e.Negate != not {
		op = plan.PruneNotAny
	}
	p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: op, Values: e.Values})
}

// rowComparison: the first of two rows that are compared follow the comparison, or
// are equal.
func (g *pruningGatherer) rowComparison(p *plan.Pruning, e *plan.RowCompare, not bool) {
	operator := e.Op
	if not {
		operator = negated[operator]
	}
	for i, sides := range [][2]plan.Expr{{e.Left[0], e.Right[0]}, {e.Right[0], e.Left[0]}} {
		at := g.find(sides[0])
		if at < 0 || !g.free(sides[1]) {
			continue
		}
		if i == 1 {
			operator = turned[operator]
		}
		value := asPruningKey(g.c, sides[1], g.key[at].typ)
		switch {
		case value == nil:
		case operator == "<" || operator == "<=":
			p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneLessEqual, Value: value})
		case operator == ">" || operator == ">=":
			p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneGreaterEqual, Value: value})
		}
		return
	}
}

// otherSide returns the constant among two arguments.
func otherSide(args []plan.Expr) (*plan.Const, bool) {
	for _, a := range args {
		if c, ok := a.(*plan.Const); ok {
			return c, true
		}
	}
	return nil, false
}

var (
	turned  = map[string]string{"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
	negated = map[string]string{"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
)

var pruningOps = map[string]plan.PruningOp{
	"=": plan.PruneEqual, "<>": plan.PruneNot,
	"<": plan.PruneLess, "<=": plan.PruneLessEqual, ">": plan.PruneGreater, ">=": plan.PruneGreaterEqual,
}

// comparison adds what a comparison says of a column of the key.
func (g *pruningGatherer) comparison(p *plan.Pruning, e *plan.Call, not bool) {
	if turned[e.Operator] == "" || len(e.Args) != 2 {
		return
	}
	operator := e.Operator
	if not {
		operator = negated[operator]
	}
	for i := range e.Args {
		if i == 1 {
			operator = turned[operator]
		}
		at, value := g.find(e.Args[i]), e.Args[1-i]
		if at < 0 || !g.free(value) {
			continue
		}
		if value := asPruningKey(g.c, value, g.key[at].typ); value != nil {
			p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: pruningOps[operator], Value: value})
		}
		return
	}
}

// refersTo says whether e is the column.
func refersTo(s *logical.Scan, e plan.Expr, column *catalog.Column) bool {
	r, ok := relabelled(e).(*logical.Ref)
	if !ok {
		return false
	}
	sc := s.FieldOf(r.ID)
	return sc != nil && sc.Field == column.Field
}

// free says whether a value is the same for all rows of the scan.
func (g *pruningGatherer) free(value plan.Expr) bool {
	return !logical.Columns(value).Meets(g.own) && !logical.VolatileExpr(value) && !(g.join && logical.HasSubquery(value))
}

// asPruningKey is value in the type of a column of the key, or as a wider integer,
// which the pruning narrows; nil if it cannot be compared so.
func asPruningKey(c *Context, value plan.Expr, t types.T) plan.Expr {
	if key := asKey(c, value, t); key != nil {
		return key
	}
	if _, constant := value.(*plan.Const); !constant && integer(value.Type().OID) && integer(t.OID) {
		return value
	}
	return nil
}
