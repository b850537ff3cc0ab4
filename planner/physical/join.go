package physical

import (
	"slices"

	"quiver/planner/logical"
	"quiver/planner/plan"
)

// join chooses the algorithm: a hash join when the condition has an equality
// between the sides, a nested loop otherwise.
func (b *builder) join(j *logical.Join) *built {
	if j.Kind == plan.JoinRight {
		turned := &logical.Join{Kind: plan.JoinLeft, Left: j.Right, Right: j.Left, Cond: j.Cond}
		for _, p := range j.Pruned {
			p.Left = !p.Left
			turned.Pruned = append(turned.Pruned, p)
		}
		j = turned
	}
	if logical.Free(j.Right).Meets(logical.NewColSet(j.Left.Columns()...)) {
		return b.lateral(j)
	}
	left, right := b.build(j.Left), b.build(j.Right)
	pruned := b.joinPrunings(j, left, right)
	if j.Kind == plan.JoinInner && right.node.Estimate().Rows > left.node.Estimate().Rows && !b.isWidened(j.Left) {
		left, right = right, left
		pruned.PruneLeft, pruned.PruneRight = pruned.PruneRight, pruned.PruneLeft
	}
	if b.hash || j.Kind == plan.JoinAntiNull { // NOT IN knows no other way
		if keys := equalities(j.Cond, left, right); len(keys.left) > 0 && (j.Kind != plan.JoinAntiNull || len(keys.rest) == 0 && len(keys.left) == 1) {
			return b.hashJoin(j, left, right, keys, pruned)
		}
	}
	node := &plan.NestedLoop{Kind: j.Kind, Left: left.node, Right: right.node, Cond: b.layoutOf(left.cols, right.cols).expr(j.Cond), JoinPrunings: pruned}
	l, r := left.node.Estimate(), right.node.Estimate()
	pairs := l.Rows * r.Rows
	cost := plan.Cost{Startup: l.Startup + r.Startup, Total: l.Total + r.Total + pairs*0.0125, Rows: pairs}
	if j.Cond != nil {
		cost.Rows = clampRows(pairs * selectivity(j.Cond))
	}
	return b.done(node, joined(j.Kind, left, right), kindRows(cost, j.Kind, l, r))
}

// joinPrunings compiles what a join leaves out of partitions, each side's over the
// columns of the other.
func (b *builder) joinPrunings(j *logical.Join, left, right *built) plan.JoinPrunings {
	var out plan.JoinPrunings
	for _, p := range j.Pruned {
		other, list := left, &out.PruneRight
		if p.Left {
			other, list = right, &out.PruneLeft
		}
		*list = append(*list, plan.JoinPruning{Scan: b.scans[p.Scan], Pruning: b.layout(other).pruning(p.Pruning)})
	}
	return out
}

// isWidened says of the left side of a join whether it holds the search that a
// WidenSearch repeats: the other side is then read and hashed once for all rounds.
func (b *builder) isWidened(n logical.Node) bool {
	if !b.widening {
		return false
	}
	if _, ok := n.(*logical.VectorSearch); ok {
		return true
	}
	return slices.ContainsFunc(n.Inputs(), func(in *logical.Node) bool { return b.isWidened(*in) })
}

// joined are the output columns of a join.
func joined(kind plan.JoinKind, left, right *built) []logical.ColID {
	if kind >= plan.JoinSemi {
		return left.cols
	}
	return append(append([]logical.ColID{}, left.cols...), right.cols...)
}

// kindRows bounds the row estimate by what the kind guarantees.
func kindRows(c plan.Cost, kind plan.JoinKind, l, r plan.Cost) plan.Cost {
	switch kind {
	case plan.JoinLeft:
		c.Rows = max(c.Rows, l.Rows)
	case plan.JoinFull:
		c.Rows = max(c.Rows, l.Rows, r.Rows)
	case plan.JoinSemi, plan.JoinAnti, plan.JoinAntiNull:
		c.Rows = clampRows(l.Rows * 0.5)
	}
	return c
}

// lateral runs the right side anew for each left row.
func (b *builder) lateral(j *logical.Join) *built {
	left := b.build(j.Left)
	ids := logical.Free(j.Right).IDs()
	right := b.inFrame(ids, j.Right)
	l := b.layout(left)
	node := &plan.NestedLoop{Kind: j.Kind, Left: left.node, Right: right.node, Lateral: true}
	if searchesAlike(j.Right, logical.NewColSet(ids...)) {
		node.Search = searchBelow(right.node)
	}
	for _, id := range ids {
		node.Args = append(node.Args, l.expr(b.meta.Ref(id)))
	}
	node.Cond = b.layoutOf(left.cols, right.cols).expr(j.Cond)
	lc, rc := left.node.Estimate(), right.node.Estimate()
	cost := plan.Cost{Startup: lc.Startup, Total: lc.Total + lc.Rows*max(rc.Total, 0.01), Rows: lc.Rows * rc.Rows}
	return b.done(node, joined(j.Kind, left, right), kindRows(cost, j.Kind, lc, rc))
}

// searchesAlike says whether n is a search of which nothing but the query depends
// on outer columns, below projections and limits.
func searchesAlike(n logical.Node, outer logical.ColSet) bool {
	fixed := func(exprs ...plan.Expr) bool {
		for _, e := range exprs {
			if e != nil && (logical.Columns(e).Meets(outer) || logical.HasSubquery(e)) {
				return false
			}
		}
		return true
	}
	switch n := n.(type) {
	case *logical.Project:
		return !n.Sets && searchesAlike(n.Input, outer)
	case *logical.Limit:
		return n.WithTies == nil && searchesAlike(n.Input, outer)
	case *logical.VectorSearch:
		return !n.Wide && n.Limit != nil && n.Within == nil && len(n.Members) == 0 && fixed(n.Filter, n.Limit, n.Offset)
	}
	return false
}

// searchBelow is the search below projections and limits.
func searchBelow(n plan.Node) *plan.VectorSearch {
	switch n := n.(type) {
	case *plan.Project:
		return searchBelow(n.Input)
	case *plan.Limit:
		return searchBelow(n.Input)
	case *plan.VectorSearch:
		return n
	}
	return nil
}

// hashKeys is a join condition split into key pairs and the rest.
type hashKeys struct {
	left, right, rest []plan.Expr
}

// equalities finds the conjuncts left expression = right expression, both of
// one type.
func equalities(cond plan.Expr, left, right *built) hashKeys {
	var k hashKeys
	ls, rs := logical.NewColSet(left.cols...), logical.NewColSet(right.cols...)
	for _, c := range logical.Conjuncts(cond) {
		if x, y, ok := logical.EqualSides(c); ok {
			xs, ys := logical.Columns(x), logical.Columns(y)
			switch {
			case xs.Empty() || ys.Empty():
			case xs.Within(ls) && ys.Within(rs):
				k.left, k.right = append(k.left, x), append(k.right, y)
				continue
			case xs.Within(rs) && ys.Within(ls):
				k.left, k.right = append(k.left, y), append(k.right, x)
				continue
			}
		}
		k.rest = append(k.rest, c)
	}
	return k
}

func (b *builder) hashJoin(j *logical.Join, left, right *built, k hashKeys, pruned plan.JoinPrunings) *built {
	node := &plan.HashJoin{Kind: j.Kind, Left: left.node, Right: right.node, JoinPrunings: pruned}
	node.LeftKeys, node.RightKeys = b.layout(left).exprs(k.left), b.layout(right).exprs(k.right)
	node.Residual = b.layoutOf(left.cols, right.cols).expr(logical.All(k.rest))
	l, r := left.node.Estimate(), right.node.Estimate()
	cost := plan.Cost{Startup: r.Total + r.Rows*0.0125, Rows: max(l.Rows, r.Rows)}
	cost.Total = cost.Startup + l.Total + l.Rows*0.0125
	if len(k.rest) > 0 {
		cost.Rows = clampRows(cost.Rows * selectivity(logical.All(k.rest)))
	}
	return b.done(node, joined(j.Kind, left, right), kindRows(cost, j.Kind, l, r))
}
