package physical

import (
	"quiver/planner/logical"
	"quiver/planner/plan"
)

func (b *builder) modify(m *logical.Modify) *built {
	in := b.build(m.Input)
	switch m.Kind {
	case logical.ModifyInsert:
		return b.insert(m, in)
	case logical.ModifyUpdate:
		return b.update(m, in)
	}
	return b.delete(m, in)
}

func returning(l *layout, m *logical.Modify) []plan.Expr {
	var out []plan.Expr
	for _, it := range m.Returning {
		out = append(out, l.expr(it.Expr))
	}
	return out
}

func (b *builder) insert(m *logical.Modify, in *built) *built {
	row := b.layoutOf(m.New)
	node := &plan.Insert{Table: m.Table, Partition: m.Partition, Source: b.layout(in).exprs(m.Source), Keep: row.expr(m.Keep), Checks: compileChecks(row, m.Checks), Returning: returning(row, m)}
	node.PartitionKey = row.exprs(m.PartitionKey)
	node.Input = in.node
	if c := m.Conflict; c != nil {
		both := b.layoutOf(c.Existing, c.Excluded)
		node.Conflict = &plan.Conflict{Set: both.exprs(c.Set), Where: both.expr(c.Where)}
	}
	return b.done(node, m.Columns(), modifyCost(in, m))
}

func compileChecks(l *layout, checks []plan.Check) []plan.Check {
	var out []plan.Check
	for _, c := range checks {
		out = append(out, plan.Check{Name: c.Name, Cond: l.expr(c.Cond)})
	}
	return out
}

// modifyCost: without RETURNING the statement yields no rows.
func modifyCost(in *built, m *logical.Modify) plan.Cost {
	c := in.node.Estimate()
	c.Startup = 0
	if len(m.Returning) == 0 {
		c.Rows = 0
	}
	return c
}

// ordered lays the input out as the executor wants it: the old row, whatever
// else there is, the row id.
func (b *builder) ordered(m *logical.Modify, in *built) (*built, []logical.ColID) {
	placed := logical.NewColSet(m.Old...)
	placed.Add(m.RowID)
	var other []logical.ColID
	for _, id := range in.cols {
		if !placed.Has(id) {
			other = append(other, id)
		}
	}
	want := append(append(append([]logical.ColID{}, m.Old...), other...), m.RowID)
	return b.exactly(in, want), other
}

func (b *builder) update(m *logical.Modify, in *built) *built {
	in, other := b.ordered(m, in)
	row := b.layoutOf(m.New)
	node := &plan.Update{Table: m.Table, Source: b.layout(in).exprs(m.Source), Checks: compileChecks(row, m.Checks), Assigned: m.Assigned,
		Returning: returning(b.layoutOf(m.New, other), m)}
	node.Partition, node.PartitionKey = m.Partition, row.exprs(m.PartitionKey)
	node.Input = in.node
	return b.done(node, m.Columns(), modifyCost(in, m))
}

func (b *builder) delete(m *logical.Modify, in *built) *built {
	in, other := b.ordered(m, in)
	node := &plan.Delete{Table: m.Table, Returning: returning(b.layoutOf(m.New, other), m)}
	node.Input = in.node
	return b.done(node, m.Columns(), modifyCost(in, m))
}
