package logical

import (
	"quiver/catalog"
	"quiver/planner/plan"
)

// Modify is INSERT, UPDATE or DELETE. The row that CHECK, ON CONFLICT and
// RETURNING see stands under ids of its own: New for each live column of the
// table, Excluded for the row proposed to INSERT.
type Modify struct {
	Kind  ModifyKind
	Input Node
	Table *catalog.Table
	// Partition is what the statement names instead of its table: where INSERT puts
	// rows and UPDATE leaves them; nil is the default one.
	Partition *catalog.Partition
	// New are the table's live columns as RETURNING and checks see them: the
	// inserted, updated or deleted values.
	New []ColID
	// Old are the input's columns that hold the row as it was, and RowID its
	// id (UPDATE, DELETE).
	Old   []ColID
	RowID ColID
	// Source computes each live column from the input (INSERT, UPDATE).
	Source   []plan.Expr
	Assigned []bool
	Checks   []plan.Check
	// Keep drops new rows for which it is not true (COPY FROM); nil for none.
	Keep plan.Expr
	// PartitionKey computes the key of a partitioned table from New.
	PartitionKey []plan.Expr
	Conflict     *Conflict
	// Returning computes the output; nil for no rows.
	Returning []Item
}

// ModifyKind tells the three apart.
type ModifyKind byte

// The kinds.
const (
	ModifyInsert ModifyKind = iota
	ModifyUpdate
	ModifyDelete
)

// Conflict is ON CONFLICT: Existing and Excluded are the ids of the two rows in
// Set and Where. A nil Set does nothing.
type Conflict struct {
	Existing, Excluded []ColID
	Set                []plan.Expr
	Where              plan.Expr
}

// Columns returns the RETURNING columns.
func (m *Modify) Columns() []ColID { return itemIDs(m.Returning) }

// Inputs returns the input.
func (m *Modify) Inputs() []*Node { return []*Node{&m.Input} }

// Exprs returns every expression of the statement.
func (m *Modify) Exprs() []*plan.Expr {
	var exprs []*plan.Expr
	for i := range m.Source {
		exprs = append(exprs, &m.Source[i])
	}
	exprs = append(exprs, optional(&m.Keep)...)
	for i := range m.Checks {
		exprs = append(exprs, &m.Checks[i].Cond)
	}
	for i := range m.PartitionKey {
		exprs = append(exprs, &m.PartitionKey[i])
	}
	if c := m.Conflict; c != nil {
		for i := range c.Set {
			exprs = append(exprs, &c.Set[i])
		}
		exprs = append(exprs, optional(&c.Where)...)
	}
	return append(exprs, itemExprs(m.Returning)...)
}

// Produces are the ids that exist only within the statement's own expressions.
func (m *Modify) Produces() ColSet {
	s := NewColSet(m.New...)
	if m.Conflict != nil {
		s.AddAll(NewColSet(m.Conflict.Existing...))
		s.AddAll(NewColSet(m.Conflict.Excluded...))
	}
	return s
}
