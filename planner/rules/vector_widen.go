package rules

import (
	"slices"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// widenSearch makes the scan below a sort by distance a vector search where
// joins, conditions or a grouping stand between them. What they ask of the row
// searched alone, that a key be among those of a small relation, becomes part of
// the search; where they may drop or merge rows otherwise, it is widened until
// enough are left.
//
// It rests on this: the rows of the nearest n rows of the table, joined, filtered
// and grouped by nearest row, are the first of those of all its rows.
func widenSearch(c *Context, s *logical.Sort) logical.Node {
	if logical.Volatile(s.Input) {
		return s
	}
	w := &widening{c: c, key: s.Keys[0].Expr}
	if !w.descend(&s.Input) {
		return s
	}
	v := distance(w.key, w.scan)
	if v == nil || !logical.Columns(v.Query).Within(logical.Free(s)) {
		return s
	}
	takeRange(v)
	if chooseIndex(c, v); v.Index == nil {
		return s
	}
	w.addMembers(v)
	v.Limit, v.Offset, v.Wide = s.Limit, s.Offset, w.drops
	v.Distance = c.Meta.Add(logical.Column{Name: "distance", Type: types.Of(types.Float8OID)})
	*w.slot = v
	w.reuse(s, v.Distance)
	if w.drops {
		s.Input = &logical.WidenSearch{Input: s.Input, Limit: s.Limit, Offset: s.Offset}
	}
	if w.ordered() {
		return s.Input
	}
	return s
}

// ordered says whether nothing but projections is left on the way, so that the
// rows come in order and no more of them than are wanted.
func (w *widening) ordered() bool {
	for _, n := range w.path[:len(w.path)-1] {
		if _, ok := n.(*logical.Project); !ok {
			return false
		}
	}
	return !w.drops
}

// widening is the way from a sort down to the scan it sorts by.
type widening struct {
	c *Context
	// key is the sort key in terms of the node reached.
	key  plan.Expr
	scan *logical.Scan
	slot *logical.Node
	// path are the nodes passed; joins those that ask for a key.
	path    []logical.Node
	members []*joinMember
	grouped bool
	// drops: rows of the scan may not come through.
	drops bool
}

// joinMember is a join that keeps rows by a key.
type joinMember struct {
	*logical.Membership
	join *logical.Join
	// slot holds the join, which the membership replaces if semi is set.
	slot *logical.Node
	semi bool
}

// descend goes down from *in; false when the scan cannot be searched.
func (w *widening) descend(in *logical.Node) bool {
	n := *in
	w.path = append(w.path, n)
	switch n := n.(type) {
	case *logical.Scan:
		w.scan, w.slot = n, in
		return n.Virtual == nil && n.Key == nil && n.RowID == 0
	case *logical.Project:
		if n.Sets {
			return false
		}
		w.substitute(n.Items)
		return w.descend(&n.Input)
	case *logical.Filter:
		w.drops = true
		return w.descend(&n.Input)
	case *logical.Sort:
		return n.Limit == nil && w.descend(&n.Input)
	case *logical.With:
		return !slices.ContainsFunc(n.CTEs, func(c *logical.CTE) bool { return c.Modifies }) && w.descend(&n.Input)
	case *logical.Distinct:
		return w.group() && w.firstOf(n) && w.descend(&n.Input)
	case *logical.Aggregate:
		return w.group() && w.minimumOf(n) && w.descend(&n.Input)
	case *logical.Join:
		return w.join(in, n)
	}
	return false
}

// group notes a grouping: there may be one.
func (w *widening) group() bool {
	first := !w.grouped
	w.grouped, w.drops = true, true
	return first
}

func (w *widening) substitute(items []logical.Item) {
	by := map[logical.ColID]plan.Expr{}
	for _, it := range items {
		by[it.ID] = it.Expr
	}
	w.key = logical.Substitute(w.key, by)
	for _, m := range w.members {
		for i := range m.Keys {
			m.Keys[i] = logical.Substitute(m.Keys[i], by)
		}
	}
}

// firstOf says whether DISTINCT ON keeps the nearest row of each group.
func (w *widening) firstOf(d *logical.Distinct) bool {
	s, ok := d.Input.(*logical.Sort)
	if !ok || d.On == nil || len(s.Keys) <= len(d.On) {
		return false
	}
	for _, k := range s.Keys[:len(d.On)] {
		if !slices.ContainsFunc(d.On, func(e plan.Expr) bool { return logical.Key(e) == logical.Key(k.Expr) }) {
			return false
		}
	}
	k := s.Keys[len(d.On)]
	return !k.Desc && !k.NullsFirst && logical.Key(k.Expr) == logical.Key(w.key)
}

// minimumOf says whether a grouping yields nothing but its keys and the least
// distance.
func (w *widening) minimumOf(a *logical.Aggregate) bool {
	if len(a.Groups) == 0 || a.Sets != nil || len(a.Calls) != 1 {
		return false
	}
	call := a.Calls[0].Call
	r, ok := w.key.(*logical.Ref)
	if !ok || r.ID != a.Calls[0].ID || call.Function.Name != "min" || call.Filter != nil || len(call.Args) != 1 {
		return false
	}
	by := map[logical.ColID]plan.Expr{}
	for _, g := range a.Groups {
		by[g.ID] = g.Expr
	}
	for _, m := range w.members {
		for i := range m.Keys {
			m.Keys[i] = logical.Substitute(m.Keys[i], by)
		}
	}
	w.key = call.Args[0]
	return true
}

// join goes down the side that has the key.
func (w *widening) join(in *logical.Node, j *logical.Join) bool {
	left, right := logical.NewColSet(j.Left.Columns()...), logical.NewColSet(j.Right.Columns()...)
	used := logical.Columns(w.key)
	onLeft, onRight := used.Meets(left), used.Meets(right)
	if onLeft == onRight {
		return false
	}
	lateral := logical.Free(j.Right).Meets(left)
	switch j.Kind {
	case plan.JoinLeft:
		return onLeft && w.descend(&j.Left)
	case plan.JoinRight:
		return onRight && !lateral && w.descend(&j.Right)
	case plan.JoinInner:
		if onRight {
			if lateral {
				return false
			}
			w.member(in, j, right, left, j.Left)
			return w.descend(&j.Right)
		}
	case plan.JoinSemi, plan.JoinAnti, plan.JoinAntiNull:
		if !onLeft {
			return false
		}
	default:
		return false
	}
	if lateral {
		w.drops = true
	} else {
		w.member(in, j, left, right, j.Right)
	}
	return w.descend(&j.Left)
}

// smallRelation is the number of rows up to which the keys of a whole table are
// worth reading to search among rows that have them alone.
const smallRelation = 1000

// member notes a join as a condition on the row searched.
func (w *widening) member(in *logical.Node, j *logical.Join, own, others logical.ColSet, other logical.Node) {
	m := &joinMember{Membership: &logical.Membership{Set: other}, join: j, slot: in}
	switch j.Kind {
	case plan.JoinInner:
		// All rows of a table mostly have partners.
		if s, ok := other.(*logical.Scan); ok && s.Filter == nil && (s.Table == nil || w.c.Rows == nil || w.c.Rows(s.Table) > smallRelation) {
			w.drops = true
			return
		}
	case plan.JoinAntiNull:
		m.semi, m.Anti, m.NullAware = true, true, true
	case plan.JoinAnti:
		m.semi, m.Anti = true, true
	default:
		m.semi = true
	}
	for _, cond := range logical.Conjuncts(j.Cond) {
		x, y, ok := logical.EqualSides(cond)
		if !ok {
			w.drops = true
			return
		}
		if !logical.Columns(x).Within(own) {
			x, y = y, x
		}
		if !logical.Columns(x).Within(own) || !logical.Columns(y).Within(others) || logical.Columns(x).Empty() {
			w.drops = true
			return
		}
		m.Keys, m.SetKeys = append(m.Keys, x), append(m.SetKeys, y)
	}
	if !m.semi { // the join stays
		m.Set = logical.Clone(other)
	}
	if len(m.Keys) == 0 || m.Set == nil {
		w.drops = true
		return
	}
	w.members = append(w.members, m)
}

// addMembers gives the search the conditions that turned out to be over its rows
// alone.
func (w *widening) addMembers(v *logical.VectorSearch) {
	var own logical.ColSet
	for _, c := range v.Cols {
		own.Add(c.ID)
	}
	// The lowest first, so that slots above stay what they are.
	for _, m := range slices.Backward(w.members) {
		fits := true
		for _, k := range m.Keys {
			fits = fits && logical.Columns(k).Within(own) && !logical.HasSubquery(k)
		}
		if !fits {
			w.drops = true
			continue
		}
		v.Members = append(v.Members, m.Membership)
		if m.semi {
			if w.slot == &m.join.Left {
				w.slot = m.slot
			}
			*m.slot = m.join.Left
			w.path = slices.DeleteFunc(w.path, func(n logical.Node) bool { return n == logical.Node(m.join) })
		}
	}
}

// reuse puts the distance found in the place of the expression searched by, as
// far up as it comes.
func (w *widening) reuse(s *logical.Sort, found logical.ColID) {
	want, ref := logical.Key(w.key), w.c.Meta.Ref(found)
	replace := func(n logical.Node) {
		for _, e := range n.Exprs() {
			*e = logical.Map(*e, func(e plan.Expr) plan.Expr {
				if logical.Key(e) == want {
					return ref
				}
				return e
			})
		}
	}
	for _, n := range slices.Backward(w.path[:len(w.path)-1]) {
		replace(n)
		switch n.(type) {
		case *logical.Project, *logical.Aggregate, *logical.With:
			return
		}
	}
	replace(s)
}
