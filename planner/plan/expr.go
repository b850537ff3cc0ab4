package plan

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/funcs"
	"quiver/sql/types"
)

// Expr is a bound expression: names are resolved, overloads chosen, casts
// explicit. Type is what it yields.
type Expr interface {
	Type() types.T
}

// Typed is embedded in expressions: the result type.
type Typed struct{ T types.T }

// Type returns the result type.
func (t Typed) Type() types.T { return t.T }

// Const is a constant: an array of length 1 (null values are a null in it). It
// belongs to the plan and is never released (Go-heap memory).
type Const struct {
	Typed
	Value arrow.Array
}

// Column is column Index of the input batch.
type Column struct {
	Typed
	Index int
	Name  string // for EXPLAIN
}

// Outer is column Index of the row of an enclosing query, Depth levels up
// (from 1): what makes a subquery correlated. The executor supplies it.
type Outer struct {
	Typed
	Depth, Index int
	Name         string
}

// Param is $Number (from 1) of the statement.
type Param struct {
	Typed
	Number int
}

// Call applies a function's kernel. Operators are calls too: Operator is the
// name to print then. Phrase: printed as SQL's grammar has it, EXTRACT(year FROM
// d); Word, if not "", is what the whole is printed as: CURRENT_TIMESTAMP.
type Call struct {
	Typed
	Function *funcs.Function
	Operator string
	Args     []Expr
	Phrase   bool
	Word     string
}

// Cast applies a registered cast's kernel (nil: relabel), or, with ViaText, the
// output function of the source and the input function of the target. Then, if
// the type has a modifier, its length coercion; Explicit truncates.
type Cast struct {
	Typed
	Arg      Expr
	Cast     *types.Cast
	ViaText  bool
	Explicit bool
	Implicit bool   // not written by the user
	Word     string // as in Call
}

// ArrayCast casts the elements of an array one by one with Elem, whose input is
// Column 0.
type ArrayCast struct {
	Typed
	Arg      Expr
	Elem     Expr
	Implicit bool // not written by the user
}

// BoolOp is and, or, not.
type BoolOp byte

// The boolean connectives, with three-valued logic.
const (
	And BoolOp = iota
	Or
	Not
)

// Bool connects conditions; later arguments are evaluated only for rows that
// earlier ones leave open (so a guard like x <> 0 AND 1/x > 2 holds).
type Bool struct {
	Typed
	Op   BoolOp
	Args []Expr
}

// IsNull is IS [NOT] NULL; for rows as Postgres defines it.
type IsNull struct {
	Typed
	Arg Expr
	Not bool
}

// IsBool is IS [NOT] TRUE, FALSE, UNKNOWN: Value is 't', 'f' or 'u'.
type IsBool struct {
	Typed
	Arg   Expr
	Value byte
	Not   bool
}

// Distinct is IS [NOT] DISTINCT FROM: Equal is the = operator's call over its
// two arguments.
type Distinct struct {
	Typed
	Equal *Call
	Not   bool
}

// InList is a = ANY of a list of constants of one type (IN with constants): by
// hash. Negate is NOT IN.
type InList struct {
	Typed
	Arg    Expr
	Values arrow.Array
	Negate bool
}

// AnyArray is a OP ANY|ALL (array): Op is a call over Column 0 (left) and
// Column 1 (an element).
type AnyArray struct {
	Typed
	Left, Array Expr
	Op          *Call
	All         bool
}

// Case is a searched CASE; a simple one is bound to it, and Operand is what it
// compares, kept only to be printed (nil for others, and in plans). Results are
// evaluated only for the rows that reach them. Else is never nil.
type Case struct {
	Typed
	Operand        Expr
	Conds, Results []Expr
	Else           Expr
}

// Coalesce evaluates arguments until one is not null, row by row.
type Coalesce struct {
	Typed
	Args []Expr
}

// MinMax is GREATEST or LEAST by the type's order; nulls are left out.
type MinMax struct {
	Typed
	Least bool
	Args  []Expr
}

// NullIf is NULLIF(a, b): Equal is the = call over its two arguments.
type NullIf struct {
	Typed
	Arg   Expr
	Equal *Call
}

// Array builds ARRAY[…]; Nested: the items are arrays to be stacked.
type Array struct {
	Typed
	Items  []Expr
	Nested bool
}

// Row builds ROW(…).
type Row struct {
	Typed
	Items []Expr
}

// RowCompare compares two rows item by item (Op is = <> < <= > >=); Equal and
// Less are calls over Column 0 and Column 1 for each item pair.
type RowCompare struct {
	Typed
	Op          string
	Left, Right []Expr
	Equal, Less []*Call
}

// Field is (composite).field: item Index.
type Field struct {
	Typed
	Arg   Expr
	Index int
	Name  string
}

// Subscript is a[i][j] or, with Slice, a[l:u]…; absent bounds are nil.
type Subscript struct {
	Typed
	Arg          Expr
	Index        []Expr
	Slice        bool
	Lower, Upper []Expr
}

// SubqueryKind is the form of a Subquery.
type SubqueryKind byte

// The forms of subqueries in expressions.
const (
	SubScalar SubqueryKind = iota // more than one row is 21000
	SubExists
	SubAny // Test: Left items against the subquery's columns
	SubAll
	SubArray
)

// Subquery runs Plan for each row (or once, when Correlated is false) and keeps
// its result. Args are the expressions, over the current row, that Outer nodes
// of depth 1 inside Plan read by index.
type Subquery struct {
	Typed
	Kind SubqueryKind
	Plan Node
	// Args feed Outer{Depth: 1} of Plan.
	Args []Expr
	// Test, for SubAny and SubAll: a boolean over the row [Left…, subquery
	// columns…].
	Left []Expr
	Test Expr
	// Correlated is len(Args) > 0 or a volatile Plan.
	Correlated bool
	// ID numbers it within the statement, for EXPLAIN ("SubPlan 1").
	ID int
}

// AggregateCall is one aggregate of an Aggregate node.
type AggregateCall struct {
	Typed
	Function *funcs.Function
	Args     []Expr
	Star     bool
	Distinct bool
	OrderBy  []SortKey
	Filter   Expr
	// ArgTypes are the resolved argument types.
	ArgTypes []types.T
}

// SortKey is one ORDER BY item.
type SortKey struct {
	Expr       Expr
	Desc       bool
	NullsFirst bool
}
