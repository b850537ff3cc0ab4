package logical

import (
	"quiver/catalog"
	"quiver/sql/types"
)

// Column describes a ColID.
type Column struct {
	Name string
	// Qualifier is the alias of the FROM item it came from, for EXPLAIN.
	Qualifier string
	Type      types.T
	// Table and Attribute are the origin for RowDescription; 0 when computed.
	Table     catalog.OID
	Attribute int16
}

// Metadata numbers the columns of one statement.
type Metadata struct {
	columns []Column
	// Params are the types of $1…, known once all is bound.
	Params []types.T
	// Relations counts FROM items: EXPLAIN qualifies column names when there
	// is more than one.
	Relations int
	// CTEs counts WITH queries; their ids start at 1.
	CTEs int
	// Subqueries counts subqueries in expressions, for EXPLAIN's SubPlan 1.
	Subqueries int
}

// Add numbers a column.
func (m *Metadata) Add(c Column) ColID {
	m.columns = append(m.columns, c)
	return ColID(len(m.columns))
}

// Column returns the description of id.
func (m *Metadata) Column(id ColID) *Column { return &m.columns[id-1] }

// Ref returns an expression that reads id.
func (m *Metadata) Ref(id ColID) *Ref {
	c := m.Column(id)
	r := &Ref{ID: id}
	r.T = c.Type
	return r
}
