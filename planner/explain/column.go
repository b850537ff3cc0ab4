package explain

import (
	"strings"

	"quiver/planner/plan"
)

// column prints a column: what computes it, or its name.
func (p printer) column(c *plan.Column) string {
	i := c.Index
	for _, in := range p.inputs {
		if in == nil {
			break
		}
		n := len(in.Output())
		if i < n {
			if text := computed(in, i); text != "" {
				return text
			}
			break
		}
		i -= n
	}
	return c.Name
}

// computed returns the expression behind column i of a node; "" when it comes
// from a relation.
func computed(n plan.Node, i int) string {
	switch n := n.(type) {
	case *plan.Project:
		if c, ok := n.Exprs[i].(*plan.Column); ok {
			return computed(n.Input, c.Index)
		}
		return over(n.Input).expr(n.Exprs[i])
	case *plan.Aggregate:
		return aggregated(n, i)
	case *plan.Filter:
		return computed(n.Input, i)
	case *plan.Sort:
		return computed(n.Input, i)
	case *plan.Limit:
		return computed(n.Input, i)
	case *plan.DistinctRows:
		return computed(n.Input, i)
	case *plan.WidenSearch:
		return computed(n.Input, i)
	case *plan.VectorSearch:
		if n.Distance && i == len(n.Columns)-1 {
			return searchedBy(n)
		}
	case *plan.HashJoin:
		return joinColumn(n.Left, n.Right, i)
	case *plan.NestedLoop:
		return joinColumn(n.Left, n.Right, i)
	}
	return ""
}

func joinColumn(left, right plan.Node, i int) string {
	if n := len(left.Output()); i >= n {
		return computed(right, i-n)
	}
	return computed(left, i)
}

func aggregated(a *plan.Aggregate, i int) string {
	in := over(a.Input)
	if i < len(a.Groups) {
		return in.expr(a.Groups[i])
	}
	if i -= len(a.Groups); i < len(a.Calls) {
		return in.aggregate(a.Calls[i])
	}
	return ""
}

// aggregate prints a call with its clauses.
func (p printer) aggregate(c *plan.AggregateCall) string {
	var b strings.Builder
	b.WriteString(c.Function.Name + "(")
	if c.Distinct {
		b.WriteString("DISTINCT ")
	}
	if c.Star {
		b.WriteString("*")
	}
	b.WriteString(p.joined(c.Args))
	if len(c.OrderBy) > 0 {
		b.WriteString(" ORDER BY " + strings.Join(p.keys(c.OrderBy), ", "))
	}
	b.WriteString(")")
	if c.Filter != nil {
		b.WriteString(" FILTER (WHERE " + p.expr(c.Filter) + ")")
	}
	return b.String()
}

// keys prints sort keys.
func (p printer) keys(list []plan.SortKey) []string {
	var out []string
	for _, k := range list {
		s := p.expr(k.Expr)
		if k.Desc {
			s += " DESC"
		}
		if k.NullsFirst && !k.Desc {
			s += " NULLS FIRST"
		}
		if !k.NullsFirst && k.Desc {
			s += " NULLS LAST"
		}
		out = append(out, s)
	}
	return out
}
