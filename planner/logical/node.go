package logical

import (
	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/ast"
)

// Node is a relational operator.
type Node interface {
	// Columns are the output columns in order.
	Columns() []ColID
	// Inputs are the addresses of the inputs, so that rules can replace them.
	Inputs() []*Node
	// Exprs are the addresses of the expressions over the inputs' columns.
	Exprs() []*plan.Expr
}

type leaf struct{}

func (leaf) Inputs() []*Node     { return nil }
func (leaf) Exprs() []*plan.Expr { return nil }

// Item is a computed column. When Expr is a Ref to ID itself the column is
// passed on.
type Item struct {
	ID   ColID
	Expr plan.Expr
}

// Passes says whether the item hands its column on unchanged.
func (i Item) Passes() bool {
	r, ok := i.Expr.(*Ref)
	return ok && r.ID == i.ID
}

func itemIDs(items []Item) []ColID {
	ids := make([]ColID, len(items))
	for i := range items {
		ids[i] = items[i].ID
	}
	return ids
}

func itemExprs(items []Item) []*plan.Expr {
	exprs := make([]*plan.Expr, len(items))
	for i := range items {
		exprs[i] = &items[i].Expr
	}
	return exprs
}

// ScanColumn is a column that a Scan can produce: a field of a table or, by
// Index, a column of a virtual relation.
type ScanColumn struct {
	ID    ColID
	Field catalog.FieldID
	Index int
}

// Scan reads a table or a virtual relation.
type Scan struct {
	Table      *catalog.Table
	Virtual    *catalog.Virtual
	Alias      string
	Partitions []*catalog.Partition
	// Pruning leaves out partitions when the scan begins; nil when all that is known
	// of them is in Partitions.
	Pruning *plan.Pruning
	// Cols are the columns there are; Out those that are wanted, in order.
	Cols []ScanColumn
	Out  []ColID
	// RowID, when not 0, follows Out with the row's id (int8).
	RowID  ColID
	Filter plan.Expr
	// Key, when set, holds a value for each primary key column.
	Key []plan.Expr
}

// Columns returns the wanted columns, the row id last.
func (s *Scan) Columns() []ColID {
	if s.RowID == 0 {
		return s.Out
	}
	return append(s.Out[:len(s.Out):len(s.Out)], s.RowID)
}

// Inputs returns nil.
func (s *Scan) Inputs() []*Node { return nil }

// Exprs returns the filter and the key.
func (s *Scan) Exprs() []*plan.Expr {
	var exprs []*plan.Expr
	if s.Filter != nil {
		exprs = append(exprs, &s.Filter)
	}
	for i := range s.Key {
		exprs = append(exprs, &s.Key[i])
	}
	return exprs
}

// FieldOf returns the scan column of id, or nil.
func (s *Scan) FieldOf(id ColID) *ScanColumn {
	for i := range s.Cols {
		if s.Cols[i].ID == id {
			return &s.Cols[i]
		}
	}
	return nil
}

// VectorSearch is a Scan that yields the nearest rows in order of distance.
type VectorSearch struct {
	Scan
	// Field is the column searched, or Key the expression, over Cols.
	Field catalog.FieldID
	Key   plan.Expr
	// Index is what it is searched by, nil for none.
	Index    *catalog.Index
	Operator string
	Query    plan.Expr
	// Limit, when nil, is all rows within Within.
	Limit, Offset plan.Expr
	// Within, when not nil, is a distance that rows must be below, or with
	// WithinEqual at most at.
	Within      plan.Expr
	WithinEqual bool
	// Distance, when not 0, is the last column.
	Distance ColID
	Members  []*Membership
	// Wide: a WidenSearch above says how many rows are found.
	Wide bool
}

// Membership keeps the rows whose Keys are among SetKeys of Set: see
// plan.Membership.
type Membership struct {
	Keys, SetKeys   []plan.Expr
	Set             Node
	Anti, NullAware bool
	// Pruning says what partitions have rows for one of Set, over whose columns its
	// values are; nil if nothing is known.
	Pruning *plan.Pruning
}

// WidenSearch yields Input's rows, found by a VectorSearch that is Wide: see
// plan.WidenSearch.
type WidenSearch struct {
	Input         Node
	Limit, Offset plan.Expr
	// Ties, unless nil, is the distance.
	Ties plan.Expr
}

// Columns returns the input's.
func (w *WidenSearch) Columns() []ColID { return w.Input.Columns() }

// Inputs returns the input.
func (w *WidenSearch) Inputs() []*Node { return []*Node{&w.Input} }

// Exprs returns limit, offset and the distance.
func (w *WidenSearch) Exprs() []*plan.Expr { return optional(&w.Limit, &w.Offset, &w.Ties) }

// Columns returns the scan's columns and the distance.
func (v *VectorSearch) Columns() []ColID {
	ids := v.Scan.Columns()
	if v.Distance != 0 {
		ids = append(ids[:len(ids):len(ids)], v.Distance)
	}
	return ids
}

// Inputs returns the sets of the memberships.
func (v *VectorSearch) Inputs() []*Node {
	var inputs []*Node
	for _, m := range v.Members {
		inputs = append(inputs, &m.Set)
	}
	return inputs
}

// Exprs returns filter, query, key, limit, offset, distance and the keys of the
// memberships.
func (v *VectorSearch) Exprs() []*plan.Expr {
	exprs := append(v.Scan.Exprs(), &v.Query)
	exprs = append(exprs, optional(&v.Key, &v.Limit, &v.Offset, &v.Within)...)
	for _, m := range v.Members {
		for i := range m.Keys {
			exprs = append(exprs, &m.Keys[i], &m.SetKeys[i])
		}
	}
	return exprs
}

func optional(exprs ...*plan.Expr) []*plan.Expr {
	var set []*plan.Expr
	for _, e := range exprs {
		if *e != nil {
			set = append(set, e)
		}
	}
	return set
}

// VectorFusion yields the rows of a scan that are best by several distances
// together, in order: by Score, a sum of the distances, each times its weight;
// or, with no Score, by reciprocal rank fusion.
type VectorFusion struct {
	Scan
	// Exact is the plan without the indexes of the searches; nil without Score.
	Exact    Node
	Searches []*VectorSearch
	// Weights of the searches; nil is 1.
	Weights []plan.Expr
	Score   plan.Expr
	// ScoreID is the score as Items may use it.
	ScoreID       ColID
	Limit, Offset plan.Expr
	// Items are the output, over Cols and ScoreID.
	Items []Item
}

// Columns returns the items.
func (v *VectorFusion) Columns() []ColID { return itemIDs(v.Items) }

// Inputs returns the exact plan.
func (v *VectorFusion) Inputs() []*Node {
	if v.Exact == nil {
		return nil
	}
	return []*Node{&v.Exact}
}

// Exprs returns filter, weights, queries, score, limit, offset and items.
func (v *VectorFusion) Exprs() []*plan.Expr {
	exprs := v.Scan.Exprs()
	for i := range v.Weights {
		exprs = append(exprs, optional(&v.Weights[i])...)
	}
	for _, s := range v.Searches {
		exprs = append(exprs, optional(&s.Query, &s.Key)...)
	}
	exprs = append(exprs, optional(&v.Score, &v.Limit, &v.Offset)...)
	return append(exprs, itemExprs(v.Items)...)
}

// FunctionScan calls set-returning functions in FROM. Its calls may use columns
// of items to the left (LATERAL).
type FunctionScan struct {
	leaf
	Alias      string
	Calls      []plan.Expr // each a *plan.Call
	Cols       []ColID
	Ordinality bool
}

// Columns returns the columns of all calls, the ordinality last.
func (f *FunctionScan) Columns() []ColID { return f.Cols }

// Exprs returns the calls.
func (f *FunctionScan) Exprs() []*plan.Expr {
	exprs := make([]*plan.Expr, len(f.Calls))
	for i := range f.Calls {
		exprs[i] = &f.Calls[i]
	}
	return exprs
}

// Values yields literal rows; one row of no columns is SELECT without FROM.
type Values struct {
	leaf
	Rows     [][]plan.Expr
	Literals *ast.ValuesRows
	Cols     []ColID
	Alias    string
}

// Columns returns the columns.
func (v *Values) Columns() []ColID { return v.Cols }

// Exprs returns every cell.
func (v *Values) Exprs() []*plan.Expr {
	var exprs []*plan.Expr
	for _, row := range v.Rows {
		for i := range row {
			exprs = append(exprs, &row[i])
		}
	}
	return exprs
}

// Empty yields no rows.
type Empty struct {
	leaf
	Cols []ColID
}

// Columns returns the columns.
func (e *Empty) Columns() []ColID { return e.Cols }

// CTE is a WITH query.
type CTE struct {
	ID      int
	Name    string
	Plan    Node
	Recurse Node // nil unless recursive
	// Cols are the columns of Plan, RecurseCols those of Recurse, in the order
	// that readers take them by.
	Cols, RecurseCols []ColID
	Distinct          bool // UNION instead of UNION ALL
	Modifies          bool
	// Materialized is what the statement says; nil leaves it to the planner.
	Materialized *bool
	// Reads are the places that read it.
	Reads []*CTERead
}

// CTERead reads a CTE; Working reads the working table of its recursion.
type CTERead struct {
	leaf
	CTE     *CTE
	Alias   string
	Working bool
	Cols    []ColID
}

// Columns returns the columns.
func (c *CTERead) Columns() []ColID { return c.Cols }

// With makes CTEs known to Input.
type With struct {
	Input Node
	CTEs  []*CTE
}

// Columns returns the input's.
func (w *With) Columns() []ColID { return w.Input.Columns() }

// Inputs returns the input and the CTEs' plans.
func (w *With) Inputs() []*Node {
	inputs := []*Node{&w.Input}
	for _, c := range w.CTEs {
		inputs = append(inputs, &c.Plan)
		if c.Recurse != nil {
			inputs = append(inputs, &c.Recurse)
		}
	}
	return inputs
}

// Exprs returns nil.
func (w *With) Exprs() []*plan.Expr { return nil }

// Filter keeps rows whose condition is true.
type Filter struct {
	Input Node
	Cond  plan.Expr
}

// Columns returns the input's.
func (f *Filter) Columns() []ColID { return f.Input.Columns() }

// Inputs returns the input.
func (f *Filter) Inputs() []*Node { return []*Node{&f.Input} }

// Exprs returns the condition.
func (f *Filter) Exprs() []*plan.Expr { return []*plan.Expr{&f.Cond} }

// Project computes, picks and reorders columns. With Sets, items that are calls
// of set-returning functions make several rows (plan.ProjectSet).
type Project struct {
	Input Node
	Items []Item
	Sets  bool
	// Subquery is the alias of a subquery in FROM whose boundary this is.
	Subquery string
}

// Columns returns the items' ids.
func (p *Project) Columns() []ColID { return itemIDs(p.Items) }

// Inputs returns the input.
func (p *Project) Inputs() []*Node { return []*Node{&p.Input} }

// Exprs returns the items' expressions.
func (p *Project) Exprs() []*plan.Expr { return itemExprs(p.Items) }

// Join joins two inputs; a nil Cond is true. With Lateral the right side may
// use the left's columns.
type Join struct {
	Kind        plan.JoinKind
	Left, Right Node
	Cond        plan.Expr
	Lateral     bool
	// Pruned are scans below that can do without partitions for which the other
	// side has no rows.
	Pruned []JoinPruning
}

// JoinPruning says what partitions a scan below a join is to read, by the rows of
// the side that it is not on: the values of Pruning are over its columns.
type JoinPruning struct {
	Scan    *Scan
	Left    bool // the scan is on the left
	Pruning *plan.Pruning
}

// Columns returns the left's, then, but for semi and anti joins, the right's.
func (j *Join) Columns() []ColID {
	left := j.Left.Columns()
	if j.Kind >= plan.JoinSemi {
		return left
	}
	return append(left[:len(left):len(left)], j.Right.Columns()...)
}

// Inputs returns both inputs.
func (j *Join) Inputs() []*Node { return []*Node{&j.Left, &j.Right} }

// Exprs returns the condition.
func (j *Join) Exprs() []*plan.Expr { return optional(&j.Cond) }

// AggregateItem is an aggregate's result column.
type AggregateItem struct {
	ID   ColID
	Call *plan.AggregateCall
}

// Aggregate groups its input.
type Aggregate struct {
	Input  Node
	Groups []Item
	Calls  []AggregateItem
	// Sets lists grouping sets as indexes into Groups, nil for the plain
	// form; SetNumber is the last column then.
	Sets      [][]int
	SetNumber ColID
}

// Columns returns the groups, then the aggregates.
func (a *Aggregate) Columns() []ColID {
	ids := itemIDs(a.Groups)
	for _, c := range a.Calls {
		ids = append(ids, c.ID)
	}
	if a.Sets != nil {
		ids = append(ids, a.SetNumber)
	}
	return ids
}

// Inputs returns the input.
func (a *Aggregate) Inputs() []*Node { return []*Node{&a.Input} }

// Exprs returns the groups and everything inside the calls.
func (a *Aggregate) Exprs() []*plan.Expr {
	exprs := itemExprs(a.Groups)
	for _, c := range a.Calls {
		exprs = append(exprs, aggregateExprs(c.Call)...)
	}
	return exprs
}

func aggregateExprs(c *plan.AggregateCall) []*plan.Expr {
	var exprs []*plan.Expr
	for i := range c.Args {
		exprs = append(exprs, &c.Args[i])
	}
	for i := range c.OrderBy {
		exprs = append(exprs, &c.OrderBy[i].Expr)
	}
	return append(exprs, optional(&c.Filter)...)
}

// WindowItem is a window function's result column.
type WindowItem struct {
	ID   ColID
	Call *plan.WindowCall
}

// Window adds window functions, all over one partitioning and order.
type Window struct {
	Input Node
	Calls []WindowItem
}

// Columns returns the input's and the results.
func (w *Window) Columns() []ColID {
	ids := w.Input.Columns()
	ids = ids[:len(ids):len(ids)]
	for _, c := range w.Calls {
		ids = append(ids, c.ID)
	}
	return ids
}

// Inputs returns the input.
func (w *Window) Inputs() []*Node { return []*Node{&w.Input} }

// Exprs returns everything inside the calls.
func (w *Window) Exprs() []*plan.Expr {
	var exprs []*plan.Expr
	for _, c := range w.Calls {
		exprs = append(exprs, aggregateExprs(&c.Call.AggregateCall)...)
		for i := range c.Call.PartitionBy {
			exprs = append(exprs, &c.Call.PartitionBy[i])
		}
		for i := range c.Call.OrderBy {
			exprs = append(exprs, &c.Call.OrderBy[i].Expr)
		}
		exprs = append(exprs, optional(&c.Call.Start, &c.Call.End)...)
	}
	return exprs
}

// Sort orders its input; with Limit only the first rows are wanted.
type Sort struct {
	Input         Node
	Keys          []plan.SortKey
	Limit, Offset plan.Expr
}

// Columns returns the input's.
func (s *Sort) Columns() []ColID { return s.Input.Columns() }

// Inputs returns the input.
func (s *Sort) Inputs() []*Node { return []*Node{&s.Input} }

// Exprs returns the keys, limit and offset.
func (s *Sort) Exprs() []*plan.Expr {
	return append(keyExprs(s.Keys), optional(&s.Limit, &s.Offset)...)
}

func keyExprs(keys []plan.SortKey) []*plan.Expr {
	exprs := make([]*plan.Expr, len(keys))
	for i := range keys {
		exprs[i] = &keys[i].Expr
	}
	return exprs
}

// Limit cuts.
type Limit struct {
	Input         Node
	Count, Offset plan.Expr
	WithTies      []plan.SortKey
}

// Columns returns the input's.
func (l *Limit) Columns() []ColID { return l.Input.Columns() }

// Inputs returns the input.
func (l *Limit) Inputs() []*Node { return []*Node{&l.Input} }

// Exprs returns count, offset and the keys of WITH TIES.
func (l *Limit) Exprs() []*plan.Expr {
	return append(keyExprs(l.WithTies), optional(&l.Count, &l.Offset)...)
}

// Distinct drops repeated rows; with On keeps the first for each value of On.
type Distinct struct {
	Input Node
	On    []plan.Expr
}

// Columns returns the input's.
func (d *Distinct) Columns() []ColID { return d.Input.Columns() }

// Inputs returns the input.
func (d *Distinct) Inputs() []*Node { return []*Node{&d.Input} }

// Exprs returns On.
func (d *Distinct) Exprs() []*plan.Expr {
	exprs := make([]*plan.Expr, len(d.On))
	for i := range d.On {
		exprs[i] = &d.On[i]
	}
	return exprs
}

// Append is UNION ALL: column i of each branch becomes Cols[i]. Branches yield
// exactly the columns listed in From.
type Append struct {
	Branches []Node
	From     [][]ColID
	Cols     []ColID
}

// Columns returns the common columns.
func (a *Append) Columns() []ColID { return a.Cols }

// Inputs returns the branches.
func (a *Append) Inputs() []*Node {
	inputs := make([]*Node, len(a.Branches))
	for i := range a.Branches {
		inputs[i] = &a.Branches[i]
	}
	return inputs
}

// Exprs returns nil.
func (a *Append) Exprs() []*plan.Expr { return nil }

// SetOp is INTERSECT or EXCEPT; columns as in Append.
type SetOp struct {
	Except, All         bool
	Left, Right         Node
	LeftFrom, RightFrom []ColID
	Cols                []ColID
}

// Columns returns the common columns.
func (s *SetOp) Columns() []ColID { return s.Cols }

// Inputs returns both inputs.
func (s *SetOp) Inputs() []*Node { return []*Node{&s.Left, &s.Right} }

// Exprs returns nil.
func (s *SetOp) Exprs() []*plan.Expr { return nil }

// LockTarget is a table whose rows LockRows locks.
type LockTarget struct {
	Table    *catalog.Table
	RowID    ColID
	Strength ast.LockStrength
	Wait     ast.LockWait
}

// LockRows locks rows; the row ids end here.
type LockRows struct {
	Input   Node
	Targets []LockTarget
}

// Columns returns the input's without the row ids.
func (l *LockRows) Columns() []ColID {
	var ids []ColID
	for _, id := range l.Input.Columns() {
		if !l.isRowID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (l *LockRows) isRowID(id ColID) bool {
	for _, t := range l.Targets {
		if t.RowID == id {
			return true
		}
	}
	return false
}

// Inputs returns the input.
func (l *LockRows) Inputs() []*Node { return []*Node{&l.Input} }

// Exprs returns nil.
func (l *LockRows) Exprs() []*plan.Expr { return nil }
