package rules

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// prunePartitions leaves out the partitions that can have no row of a scan: at
// once where the condition compares with constants, otherwise when the scan begins.
func prunePartitions(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		switch n := n.(type) {
		case *logical.Scan:
			prunePartition(c, n)
		case *logical.VectorSearch:
			prunePartition(c, &n.Scan)
		case *logical.VectorFusion:
			prunePartition(c, &n.Scan)
		}
		return n
	})
}

func prunePartition(c *Context, s *logical.Scan) {
	if s.Table == nil || s.Table.PartitionKey == nil || s.Partitions != nil || c.View == nil {
		return
	}
	p := &plan.Pruning{}
	for i, k := range s.Table.PartitionKey.Columns {
		if column := columnByNumber(s.Table, k.Number); column != nil {
			pruningTerms(c, s, i, column, p)
		}
	}
	if len(p.Terms) == 0 {
		return
	}
	for _, t := range p.Terms {
		if _, constant := t.Value.(*plan.Const); !constant && t.Value != nil {
			s.Pruning = p
			return
		}
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

// pruningTerms gathers what the scan's key and filter say of a column of the
// partition key.
func pruningTerms(c *Context, s *logical.Scan, at int, column *catalog.Column, p *plan.Pruning) {
	add := func(op plan.PruningOp, value plan.Expr) {
		p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: op, Value: value})
	}
	if s.Key != nil {
		for i, k := range keyColumns(c.View, s.Table) {
			if k.Number == column.Number {
				add(plan.PruneEqual, s.Key[i])
			}
		}
	}
	for _, cond := range logical.Conjuncts(s.Filter) {
		switch e := cond.(type) {
		case *plan.Call:
			if op, value := comparedWith(c, s, column, e); value != nil {
				add(op, value)
			}
		case *plan.InList:
			if !e.Negate && refersTo(s, e.Arg, column) && e.Arg.Type().OID == column.Type.OID && column.Type.OID != types.BPCharOID {
				p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneAny, Values: e.Values})
			}
		case *plan.AnyArray:
			if !e.All && e.Op.Operator == "=" && refersTo(s, e.Left, column) && e.Array.Type().OID == column.Type.Type().Array &&
				column.Type.OID != types.BPCharOID && freeOf(s, e.Array) {
				add(plan.PruneAny, e.Array)
			}
		case *plan.IsNull:
			if !e.Not && refersTo(s, e.Arg, column) {
				add(plan.PruneNull, nil)
			}
		}
	}
}

var turned = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

var pruningOps = map[string]plan.PruningOp{
	"=": plan.PruneEqual, "<": plan.PruneLess, "<=": plan.PruneLess, ">": plan.PruneGreater, ">=": plan.PruneGreater,
}

// comparedWith returns how a comparison bounds a column, and with what, in the
// column's own type; nil for any other condition.
func comparedWith(c *Context, s *logical.Scan, column *catalog.Column, e *plan.Call) (plan.PruningOp, plan.Expr) {
	if turned[e.Operator] == "" || len(e.Args) != 2 {
		return 0, nil
	}
	operator := e.Operator
	for i := range e.Args {
		if i == 1 {
			operator = turned[operator]
		}
		if value := e.Args[1-i]; refersTo(s, e.Args[i], column) && freeOf(s, value) {
			return pruningOps[operator], asKey(c, value, column.Type)
		}
	}
	return 0, nil
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

// freeOf says whether a value is the same for all rows of the scan.
func freeOf(s *logical.Scan, value plan.Expr) bool {
	var own logical.ColSet
	for _, col := range s.Cols {
		own.Add(col.ID)
	}
	return !logical.Columns(value).Meets(own) && !logical.HasSubquery(value) && !logical.VolatileExpr(value)
}
