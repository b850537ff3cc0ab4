package plan

import (
	"time"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/types"
)

// Field is an output column of a node.
type OutputColumn struct {
	Name string
	Type types.T
	// Table and Attribute are the origin for RowDescription; 0 when computed.
	Table     catalog.OID
	Attribute int16
}

// Node is a physical operator.
type Node interface {
	// Output is what each batch holds, in order.
	Output() []OutputColumn
	// Children are the inputs, for EXPLAIN and walks.
	Children() []Node
	// Estimate is the planner's guess.
	Estimate() Cost
}

// Cost is a guess: rows out, and startup and total cost in Postgres' units
// (one sequential page read = 1).
type Cost struct{ Rows, Startup, Total, Width float64 }

// Base is embedded in nodes.
type Base struct {
	Columns []OutputColumn
	Cost    Cost
}

// Output returns the output columns.
func (b *Base) Output() []OutputColumn { return b.Columns }

// Estimate returns the planner's guess.
func (b *Base) Estimate() Cost { return b.Cost }

// Leaf is embedded in nodes without input.
type Leaf struct{ Base }

// Children returns nil.
func (*Leaf) Children() []Node { return nil }

// Unary is embedded in nodes with one input.
type Unary struct {
	Base
	Input Node
}

// Children returns the input.
func (u *Unary) Children() []Node { return []Node{u.Input} }

// OneRow yields a single row of no columns: SELECT without FROM.
type OneRow struct{ Leaf }

// Empty yields nothing: a condition that is constantly false.
type Empty struct{ Leaf }

// Values yields literal rows.
type Values struct {
	Leaf
	Rows [][]Expr
	// Literals is the flat form of a large INSERT … VALUES: Output types are
	// the targets', the texts are read by their input functions.
	Literals *ast.ValuesRows
}

// Scan reads a table: the rows visible to the snapshot that pass Filter.
type Scan struct {
	Leaf
	Table *catalog.Table
	Alias string
	// Partitions to read, nil for all.
	Partitions []*catalog.Partition
	// Pruning leaves out more of them when the scan is opened; nil for none.
	Pruning *Pruning
	// Fields are the columns read: the first len(Output) are the output, in
	// order, any more serve Filter alone.
	Fields []catalog.FieldID
	// Filter is over the columns of Fields; nil for none.
	Filter Expr
	// RowID appends a column with the row id (int8) to the output, as UPDATE,
	// DELETE and FOR UPDATE need. It is the last of Output.
	RowID bool
	// Key, when set, has one expression a primary key column (of the column's
	// own type, without Column nodes): a point read.
	Key []Expr
}

// VectorSearch is ORDER BY column <op> query LIMIT: the k nearest rows in
// order of distance, ties by row id.
type VectorSearch struct {
	Leaf
	Table      *catalog.Table
	Alias      string
	Partitions []*catalog.Partition
	Pruning    *Pruning          // as in Scan
	Fields     []catalog.FieldID // as in Scan
	Filter     Expr
	RowID      bool
	// Field is the vector column; Operator one of <-> <=> <#> <+>; Query the
	// vector compared with (no Column nodes). Key, when not nil, is an
	// expression that is searched instead of a column: that of Index.
	Field    catalog.FieldID
	Key      *IndexKey
	Operator string
	Query    Expr
	// Index is what segments that have it are searched by; nil compares all
	// rows.
	Index *catalog.Index
	// Limit and Offset: k = Limit + Offset rows are found (the Limit node
	// above cuts); nil Offset is 0, nil Limit all rows within Within.
	Limit, Offset Expr
	// Within, when not nil, is a distance (float8, no Column nodes) below which
	// rows must be; with WithinEqual it may be reached.
	Within      Expr
	WithinEqual bool
	// Members are conditions besides Filter.
	Members []*Membership
	// Wide: the search is that of a WidenSearch above, which says how many rows
	// are found.
	Wide bool
	// Distance, when true, appends the distance (float8) after Output's row id.
	Distance bool
}

// Children returns the sets of the memberships.
func (v *VectorSearch) Children() []Node {
	var nodes []Node
	for _, m := range v.Members {
		nodes = append(nodes, m.Set)
	}
	return nodes
}

// Membership keeps the rows whose Keys, over the columns of Fields, are among
// SetKeys over the rows of Set: a semi-join. Anti keeps the others; NullAware is
// NOT IN, which a null on either side makes not true.
type Membership struct {
	Keys, SetKeys   []Expr
	Set             Node
	Anti, NullAware bool
	// Pruning, over the rows of Set, says which partitions have rows to keep; nil if
	// that is not known.
	Pruning *Pruning
}

// WidenSearch yields the rows of Input, in which a VectorSearch is Wide: the
// search finds more and more rows until Input yields Limit + Offset rows, or no
// more are to be found. Input yields the same rows first, whatever is found
// besides. With Ties, which is the distance by which they come, it yields all rows as
// well that are as far as the last of these.
type WidenSearch struct {
	Unary
	Limit, Offset Expr
	Ties          Expr
}

// VectorFusion yields the Limit + Offset rows that are best by several searches
// together, the best first: those with the least Score, which is the sum of the
// searches' distances, each times its weight; with no Score those with the
// greatest sum of 1/(60 + rank) over the searches' rows.
type VectorFusion struct {
	Leaf
	Table *catalog.Table
	Alias string
	// Searches have the same table, Filter and Fields; their limits say
	// nothing.
	Searches []*VectorSearch
	// Weights have no Column nodes, nil is 1; Score is over the columns of Fields.
	Weights       []Expr
	Score         Expr
	Limit, Offset Expr
	// Exprs are the output, over the columns of Fields and the score (float8).
	Exprs []Expr
	// Exact yields the same without the indexes; nil without Score.
	Exact Node
}

// VirtualScan reads a virtual relation; the columns by index.
type VirtualScan struct {
	Leaf
	Relation *catalog.Virtual
	Alias    string
	Read     []int // as Scan.Fields
	Filter   Expr
}

// FunctionScan calls set-returning functions in FROM; Args may hold Outer
// nodes (LATERAL). Several are zipped (ROWS FROM), shorter ones padded.
type FunctionScan struct {
	Leaf
	Alias      string
	Calls      []*Call
	Ordinality bool
}

// CTERead reads the CTE With.CTEs[Index] of an enclosing With. Working reads
// the working table of the recursive CTE being computed.
type CTERead struct {
	Leaf
	Name    string
	Alias   string // for EXPLAIN
	ID      int
	Working bool
}

// With materialises CTEs, each at first use (data-modifying ones always run),
// and yields Input.
type With struct {
	Unary
	CTEs []CTE
}

// CTE is one WITH query. Recursive ones yield Plan's rows, then Recurse's over
// the working table until none come; Distinct is UNION.
type CTE struct {
	ID       int
	Name     string
	Plan     Node
	Recurse  Node
	Distinct bool
	Modifies bool
}

// Children returns the input and the CTEs' plans.
func (w *With) Children() []Node {
	nodes := []Node{w.Input}
	for _, c := range w.CTEs {
		nodes = append(nodes, c.Plan)
		if c.Recurse != nil {
			nodes = append(nodes, c.Recurse)
		}
	}
	return nodes
}

// Filter keeps rows whose condition is true.
type Filter struct {
	Unary
	Cond Expr
}

// Project computes expressions over its input.
type Project struct {
	Unary
	Exprs []Expr
}

// ProjectSet is Project where some expressions are calls of set-returning
// functions (at the top of the expression): a row for each row they return,
// shorter ones padded with null.
type ProjectSet struct {
	Unary
	Exprs []Expr
	// Sets marks the set-returning ones; each is a *Call.
	Sets []bool
}

// Limit cuts: nil Count is all, nil Offset is 0. The expressions have no
// Column nodes; a null is as if absent, a negative value 2201W or 2201X.
type Limit struct {
	Unary
	Count, Offset Expr
	// WithTies keeps peers of the last row by Ties.
	WithTies []SortKey
}

// Sort orders its input; with Limit it may keep only Limit+Offset rows (top-n).
type Sort struct {
	Unary
	Keys          []SortKey
	Limit, Offset Expr
}

// Aggregate groups its input by Groups (none: one group, also over no rows)
// and yields the group values, then the aggregates'.
type Aggregate struct {
	Unary
	Groups []Expr
	Calls  []*AggregateCall
	// Sets lists grouping sets as indexes into Groups; nil for the plain form.
	// With sets a last column, int4, holds the set's number.
	Sets [][]int
}

// DistinctRows drops repeated rows; with On, keeps the first row for each
// value of On (the input is sorted by it).
type DistinctRows struct {
	Unary
	On []Expr
}

// JoinKind is the kind of a physical join.
type JoinKind byte

// The kinds of joins. Semi and anti joins yield the left columns alone;
// AntiNull is NOT IN: a null on either side keeps nothing.
const (
	JoinInner JoinKind = iota
	JoinLeft
	JoinRight
	JoinFull
	JoinSemi
	JoinAnti
	JoinAntiNull
)

// HashJoin joins on equality of LeftKeys and RightKeys (pairwise of one type);
// the right side is built. Residual is over [left columns…, right columns…].
type HashJoin struct {
	Base
	Kind                JoinKind
	Left, Right         Node
	LeftKeys, RightKeys []Expr
	Residual            Expr
	JoinPrunings
}

// JoinPrunings are scans below a join that can do without the partitions for which
// the other side has no rows. Those on the left are of use once the right is kept;
// those on the right otherwise, when the left is found to have few rows before.
type JoinPrunings struct{ PruneLeft, PruneRight []JoinPruning }

// JoinPruning is what a scan is to read, for one row of the other side: the values
// of Pruning are over its columns.
type JoinPruning struct {
	Scan    *Scan
	Pruning *Pruning
}

// Children returns both inputs.
func (j *HashJoin) Children() []Node { return []Node{j.Left, j.Right} }

// NestedLoop joins on any condition over [left…, right…] (nil: cross). With
// Lateral, Right is run anew for each left row, whose Args feed its Outer
// nodes of depth 1; otherwise the right side is kept.
type NestedLoop struct {
	Base
	Kind        JoinKind
	Left, Right Node
	Cond        Expr
	Lateral     bool
	Args        []Expr
	// Search, when not nil, is a search below Right whose query alone depends
	// on the left row, with nothing but projections and limits above it: those
	// of many left rows are made at once.
	Search *VectorSearch
	JoinPrunings
}

// Children returns both inputs.
func (j *NestedLoop) Children() []Node { return []Node{j.Left, j.Right} }

// Append yields its inputs one after the other: UNION ALL.
type Append struct {
	Base
	Inputs []Node
}

// Children returns the inputs.
func (a *Append) Children() []Node { return a.Inputs }

// SetOp is INTERSECT or EXCEPT [ALL] over inputs of equal types.
type SetOp struct {
	Base
	Except, All bool
	Left, Right Node
}

// Children returns both inputs.
func (s *SetOp) Children() []Node { return []Node{s.Left, s.Right} }

// Window computes window functions over its input, whose columns it passes on.
type Window struct {
	Unary
	Calls []*WindowCall
}

// WindowCall is one window function of a Window node; all of one node share
// PartitionBy and OrderBy.
type WindowCall struct {
	AggregateCall
	PartitionBy  []Expr
	OrderBy      []SortKey
	FrameOptions int
	Start, End   Expr
}

// LockRows locks the rows of FOR UPDATE and its like: RowIDs are the indexes
// of the row-id columns of Tables in the input, which are dropped from Output.
// A changed row is re-checked by running Recheck for it (READ COMMITTED).
type LockRows struct {
	Unary
	Targets []LockTarget
}

// LockTarget is one table of LockRows.
type LockTarget struct {
	Table    *catalog.Table
	RowID    int
	Strength ast.LockStrength
	Wait     ast.LockWait
}

// Insert adds the rows of Input. Source has, for each live column of Table, the
// expression over Input's columns that computes it (defaults included).
// Returning is over [table columns…].
type Insert struct {
	Unary
	Table     *catalog.Table
	Partition *catalog.Partition // nil: the default one, or what PartitionKey says
	Source    []Expr
	// Keep, over [table columns…], drops rows for which it is not true before
	// they are checked: the WHERE of COPY FROM. Nil keeps all.
	Keep   Expr
	Checks []Check
	// PartitionKey computes the partition key over [table columns…]; nil for a table
	// without.
	PartitionKey []Expr
	Conflict     *Conflict
	Returning    []Expr
}

// Check is a CHECK constraint: Cond is over [table columns…].
type Check struct {
	Name string
	Cond Expr
}

// Conflict is ON CONFLICT on the primary key. Set has one expression a live
// column over [existing columns…, excluded columns…]; nil is DO NOTHING. Where
// is over the same.
type Conflict struct {
	Set   []Expr
	Where Expr
}

// Update replaces rows. Input yields [table columns…, other columns…, row id]:
// Source has one expression a live column over it, Returning is over [new
// table columns…, other columns…].
type Update struct {
	Unary
	Table  *catalog.Table
	Source []Expr
	Checks []Check
	// PartitionKey is Insert's; nil also if no column of it is assigned.
	// Partition, unless nil, is what the statement names: no row may leave it.
	PartitionKey []Expr
	Partition    *catalog.Partition
	Returning    []Expr
	// Assigned marks the live columns that SET names.
	Assigned []bool
}

// Delete removes rows. Input yields [table columns…, other columns…, row id];
// Returning is over the columns before the row id.
type Delete struct {
	Unary
	Table     *catalog.Table
	Returning []Expr
}

// Utility is a statement without a plan: DDL, TRUNCATE, CHECKPOINT, CALL …. It
// yields no rows. The executor dispatches on Stmt's type.
type Utility struct {
	Leaf
	Stmt ast.Stmt
	// Text is the statement's text (defaults and checks are stored as text).
	Text string
	// Query is the planned query of CREATE TABLE AS, or the one row of the
	// arguments of CALL, QueryColumns its result; nil otherwise.
	Query        Node
	QueryColumns []OutputColumn
	// Index is what CREATE INDEX is about; nil otherwise.
	Index *IndexDefinition
}

// Explain yields the plan of Input as text: run first when Analyze is set.
type Explain struct {
	Unary
	Analyze, Verbose, Costs, Timing, Summary bool
	Format                                   string // text, json
	Planning                                 time.Duration
}

// SetBase sets the output columns and the estimate; the planner calls it once.
func (b *Base) SetBase(columns []OutputColumn, cost Cost) { b.Columns, b.Cost = columns, cost }
