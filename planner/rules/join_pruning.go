package rules

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

// pruneByJoin finds the scans below a join that need not read the partitions for
// which the other side has no rows: those whose rows are not missed when they find
// no partner.
func pruneByJoin(c *Context, j *logical.Join) {
	j.Pruned = nil
	if j.Cond == nil || logical.Free(j.Right).Meets(logical.NewColSet(j.Left.Columns()...)) {
		return
	}
	switch j.Kind {
	case plan.JoinInner, plan.JoinSemi, plan.JoinRight:
		eachPrunable(j.Left, func(s *logical.Scan) { pruneSide(c, j, s, j.Left) })
	}
	switch j.Kind {
	case plan.JoinInner, plan.JoinSemi, plan.JoinLeft, plan.JoinAnti:
		eachPrunable(j.Right, func(s *logical.Scan) { pruneSide(c, j, s, j.Right) })
	}
}

// eachPrunable calls f for the scans of partitioned tables below n of which rows may
// be left out when the rows of n that come of them are not wanted.
func eachPrunable(n logical.Node, f func(*logical.Scan)) {
	switch n := n.(type) {
	case *logical.Scan:
		if n.Table != nil && n.Table.PartitionKey != nil {
			f(n)
		}
	case *logical.Filter:
		eachPrunable(n.Input, f)
	case *logical.Project:
		if !n.Sets {
			eachPrunable(n.Input, f)
		}
	case *logical.Join:
		switch n.Kind {
		case plan.JoinInner:
			eachPrunable(n.Left, f)
			eachPrunable(n.Right, f)
		case plan.JoinLeft, plan.JoinSemi, plan.JoinAnti:
			eachPrunable(n.Left, f)
		case plan.JoinRight:
			eachPrunable(n.Right, f)
		}
	}
}

// pruneSide notes what the condition of j says of the partition key of a scan below
// side, by the values of the other.
func pruneSide(c *Context, j *logical.Join, s *logical.Scan, side logical.Node) {
	if c.View == nil {
		return
	}
	g := newPruningGatherer(c, s)
	if g == nil {
		return
	}
	g.join = true
	for _, id := range side.Columns() {
		g.own.Add(id)
	}
	p := &plan.Pruning{}
	g.add(p, j.Cond, false)
	if !p.Empty() {
		j.Pruned = append(j.Pruned, logical.JoinPruning{Scan: s, Left: side == j.Left, Pruning: p})
	}
}

// pruneByMembers notes what memberships say of the partition key of a search.
func pruneByMembers(c *Context, v *logical.VectorSearch) {
	if v.Table == nil || v.Table.PartitionKey == nil || c.View == nil || len(v.Members) == 0 {
		return
	}
	g := newPruningGatherer(c, &v.Scan)
	if g == nil {
		return
	}
	g.join = true
	for _, m := range v.Members {
		p := &plan.Pruning{}
		for i, key := range m.Keys {
			at := g.find(key)
			if m.Anti || at < 0 || !g.free(m.SetKeys[i]) {
				continue
			}
			if value := asPruningKey(c, m.SetKeys[i], g.key[at].typ); value != nil {
				p.Terms = append(p.Terms, plan.PruningTerm{Column: at, Op: plan.PruneEqual, Value: value})
			}
		}
		if !p.Empty() {
			m.Pruning = p
		}
	}
}
