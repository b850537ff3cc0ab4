package ast

// Expr is an expression.
type Expr interface {
	// Position is the 1-based character offset of the node; 0 when unknown.
	Position() int
	expr()
}

// Pos is embedded in nodes: a 1-based character offset, 0 for unknown.
type Pos int

// Position returns p.
func (p Pos) Position() int { return int(p) }
func (p Pos) expr()         {}

// ColumnRef is a possibly qualified name: a, t.a, s.t.a. Star is set for t.*
// and * (Names then holds the qualifier, if any).
type ColumnRef struct {
	Pos
	Names []string
	Star  bool
}

// ParamRef is $n, counted from 1.
type ParamRef struct {
	Pos
	Number int
}

// ConstKind says how a literal was written.
type ConstKind byte

// The kinds of literals.
const (
	ConstNull      ConstKind = iota
	ConstInteger             // fits in int4: Text is decimal digits
	ConstFloat               // any other number, also integers beyond int4
	ConstString              // quoted, of unknown type
	ConstBool                // Text is true or false
	ConstBitString           // B'101' (Text b101) or X'1F' (Text x1F)

	// The rest stand in ValuesRows alone.

	ConstDefault     // DEFAULT
	ConstVector      // '…'::vector: Text is the string
	ConstArray       // ARRAY[1, -2.5]: Text is [1,-2.5]
	ConstVectorArray // ARRAY[1, -2.5]::vector: Text is [1,-2.5]
)

// Const is a literal. Text is the unquoted spelling.
type Const struct {
	Pos
	Kind ConstKind
	Text string
}

// OpKind tells the forms of an operator expression apart.
type OpKind byte

// The forms of A_Expr in gram.y.
const (
	OpPlain         OpKind = iota // a OP b, OP b
	OpAny                         // a OP ANY (array)
	OpAll                         // a OP ALL (array)
	OpDistinct                    // a IS DISTINCT FROM b
	OpNotDistinct                 // a IS NOT DISTINCT FROM b
	OpNullIf                      // NULLIF(a, b)
	OpIn                          // a IN (list); Name is = or, for NOT IN, <>
	OpLike                        // Name ~~ or !~~
	OpILike                       // Name ~~* or !~~*
	OpSimilar                     // Name ~ or !~
	OpBetween                     // Right is a *List of two
	OpNotBetween                  //
	OpBetweenSym                  //
	OpNotBetweenSym               //
)

// OpExpr is an operator applied to operands. Schema is set by
// OPERATOR(schema.op). Left is nil for a prefix operator.
type OpExpr struct {
	Pos
	Kind        OpKind
	Schema      string
	Name        string
	Left, Right Expr
}

// List is a parenthesised list where the grammar has one (IN, BETWEEN bounds).
type List struct {
	Pos
	Items []Expr
}

// BoolOp is AND, OR or NOT.
type BoolOp byte

// The boolean connectives.
const (
	And BoolOp = iota
	Or
	Not
)

// BoolExpr connects conditions; NOT has one argument.
type BoolExpr struct {
	Pos
	Op   BoolOp
	Args []Expr
}

// NullTest is IS [NOT] NULL.
type NullTest struct {
	Pos
	Arg Expr
	Not bool
}

// BoolTestKind is the right side of IS [NOT] TRUE, FALSE, UNKNOWN.
type BoolTestKind byte

// The boolean tests.
const (
	IsTrue BoolTestKind = iota
	IsNotTrue
	IsFalse
	IsNotFalse
	IsUnknown
	IsNotUnknown
)

// BoolTest is a IS TRUE and its like.
type BoolTest struct {
	Pos
	Arg  Expr
	Test BoolTestKind
}

// FuncCall is f(args) with the clauses of aggregates and window functions.
type FuncCall struct {
	Pos
	Names       []string // [schema,] name
	Args        []Expr
	ArgNames    []string // names of the last arguments when called by name; aligned with Args, "" for positional
	Star        bool     // count(*)
	Distinct    bool
	Variadic    bool
	OrderBy     []*SortBy
	WithinGroup bool
	Filter      Expr
	Over        *WindowDef
	// Phrase: written as SQL's grammar has it, EXTRACT(year FROM d).
	Phrase bool
}

// WindowDef is OVER (…), a named window, or an entry of WINDOW.
type WindowDef struct {
	Pos
	Name, RefName string
	PartitionBy   []Expr
	OrderBy       []*SortBy
	FrameOptions  int // gram.y's FRAMEOPTION_ bits
	Start, End    Expr
}

// Cast is a::type or CAST(a AS type).
type Cast struct {
	Pos
	Arg  Expr
	Type *TypeName
}

// Collate is a COLLATE name.
type Collate struct {
	Pos
	Arg   Expr
	Names []string
}

// CaseExpr is CASE [arg] WHEN … THEN … [ELSE …] END.
type CaseExpr struct {
	Pos
	Arg   Expr
	Whens []CaseWhen
	Else  Expr
}

// CaseWhen is one arm of a CASE.
type CaseWhen struct{ Cond, Result Expr }

// Coalesce is COALESCE(args).
type Coalesce struct {
	Pos
	Args []Expr
}

// MinMax is GREATEST or LEAST.
type MinMax struct {
	Pos
	Least bool
	Args  []Expr
}

// ArrayExpr is ARRAY[…], possibly nested.
type ArrayExpr struct {
	Pos
	Items []Expr
}

// RowExpr is ROW(…) or (a, b).
type RowExpr struct {
	Pos
	Args     []Expr
	Explicit bool // the word ROW was written
}

// Indirection is a[1], a[1:2], (a).field, (a).*: applied in order.
type Indirection struct {
	Pos
	Arg   Expr
	Steps []IndirectionStep
}

// IndirectionStep is one subscript, slice, field or star.
type IndirectionStep struct {
	Field        string
	Star         bool
	IsSlice      bool
	Index        Expr // the subscript; for a slice the lower bound lies in Lower
	Lower, Upper Expr
}

// SubLinkKind tells subqueries in expressions apart.
type SubLinkKind byte

// The kinds of SubLink in gram.y.
const (
	SubExists SubLinkKind = iota
	SubAny                // a IN (SELECT), a OP ANY (SELECT)
	SubAll
	SubScalar
	SubArray // ARRAY(SELECT …)
)

// SubLink is a subquery in an expression. For SubAny without an operator name
// the operator is =.
type SubLink struct {
	Pos
	Kind   SubLinkKind
	Test   Expr
	Schema string
	Op     string
	Query  *SelectStmt
}

// ValueFunc is CURRENT_DATE, CURRENT_TIMESTAMP, CURRENT_USER … without
// parentheses; Name is the lower-case word (current_timestamp), Precision -1
// when none was given.
type ValueFunc struct {
	Pos
	Name      string
	Precision int
}

// SetToDefault is the word DEFAULT in VALUES and UPDATE SET.
type SetToDefault struct{ Pos }

// GroupingFunc is GROUPING(a, b).
type GroupingFunc struct {
	Pos
	Args []Expr
}

// Unsupported stands for an expression that the grammar reads and Quiver does
// not know: Feature names it, and binding answers 0A000.
type Unsupported struct {
	Pos
	Feature string
}

// TypeName is a type as written. Names is resolved by the binder: built-in
// spellings arrive as pg_catalog.int4 and the like.
type TypeName struct {
	Pos
	Names []string // [schema,] name
	Mods  []Expr   // (10, 2)
	// ArrayBounds has an entry a pair of brackets: the bound or -1.
	ArrayBounds []int
	SetOf       bool
}

// SortBy is one ORDER BY item.
type SortBy struct {
	Pos
	Expr       Expr
	Desc       bool
	NullsFirst bool
	// NullsSet: NULLS FIRST or LAST was written; otherwise NULLS LAST for ASC
	// and NULLS FIRST for DESC.
	NullsSet bool
	Using    string // ORDER BY … USING op
}
