package logical

import "quiver/planner/plan"

// Ref reads a column by id. Pos is where the statement names it.
type Ref struct {
	plan.Typed
	ID  ColID
	Pos int
}

// Subquery is a subquery in an expression. Args lists the columns that Input
// uses without producing them, each with the expression over the enclosing row
// that supplies it.
type Subquery struct {
	plan.Typed
	Kind  plan.SubqueryKind
	Input Node
	// Cols are the columns of Input in the order of the select list.
	Cols []ColID
	Args []Item
	// Left and Test, for SubAny and SubAll: Test is over Left's ids and
	// Input's columns.
	Left []Item
	Test plan.Expr
	// Op is the operator as written, for EXPLAIN; "=" of IN becomes a join.
	Op string
	ID int
	// Improved: the rules have seen Input.
	Improved bool
	Pos      int
}
