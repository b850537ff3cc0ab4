package plan

import "quiver/catalog"

// IndexExpr is an expression of CREATE INDEX, or the condition of its WHERE.
type IndexExpr struct {
	// Expr is over a batch with every live column of the table, in order.
	Expr Expr
	// Column is the table's column when the expression is no more than that,
	// nil otherwise.
	Column *catalog.Column
	// Text is the expression as pg_get_expr prints it, which SQL reads again.
	Text string
	// Name is what the expression's column in the index is called.
	Name string
}

// IndexDefinition is what planning finds out about a CREATE INDEX.
type IndexDefinition struct {
	// Table is nil when the statement does not name a table.
	Table *catalog.Table
	// Columns has an element a column of the statement: nil for plain ones.
	Columns   []*IndexExpr
	Predicate *IndexExpr // nil without WHERE
}

// IndexKey is what an index holds of a row: Key, over a batch of the columns
// Fields, where Predicate (nil: always) is true.
type IndexKey struct {
	Fields         []catalog.FieldID
	Key, Predicate Expr
}
