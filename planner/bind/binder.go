package bind

import (
	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Options is what binding depends on besides the statement.
type Options struct {
	View       catalog.View
	SearchPath []string
	// ParamTypes are the client's types of $1…; 0 is to be inferred.
	ParamTypes []types.OID
	Format     *types.Format
	User       string
}

// Output is a result column: its name and where it is.
type Output struct {
	Name string
	ID   logical.ColID
}

// Bound is a bound statement.
type Bound struct {
	Node   logical.Node
	Meta   *logical.Metadata
	Output []Output
	Params []types.T
	// ReadOnly: the statement changes no table.
	ReadOnly bool
	Tables   []plan.TableUse
}

// depthMax bounds the nesting of expressions and queries: deeper input is
// 54001, as it is where Postgres' stack ends.
const depthMax = 5000

// lock modes, numbered as storage.TableLockMode.
const (
	lockAccessShare  = 1
	lockRowShare     = 2
	lockRowExclusive = 3
)

type binder struct {
	Options
	meta   *logical.Metadata
	params []types.T
	at     map[plan.Expr]int // where an expression stands in the text
	depth  int
	// dynamic has the references to dynamic fields that were bound as texts.
	dynamic  map[plan.Expr]dynamicField
	uses     map[catalog.OID]*plan.TableUse
	useOrder []catalog.OID
	readOnly bool
	// quiet drops positions: the text being bound is a default or a check,
	// not the statement.
	quiet bool
	// written keeps how the user wrote things where a plan would not: what is
	// bound is printed.
	written bool
}

// bail carries an error out of the recursion.
type bail struct{ err error }

func fail(err *sqlerr.Error) { panic(bail{err}) }

func newBinder(opts Options) *binder {
	b := &binder{
		Options: opts, meta: &logical.Metadata{}, at: map[plan.Expr]int{}, dynamic: map[plan.Expr]dynamicField{},
		uses: map[catalog.OID]*plan.TableUse{}, readOnly: true,
	}
	for _, oid := range opts.ParamTypes {
		if oid == 0 {
			oid = types.UnknownOID
		}
		b.params = append(b.params, types.Of(oid))
	}
	return b
}

// recoverInto turns a bail into an error; other panics go on.
func recoverInto(err *error) {
	r := recover()
	if r == nil {
		return
	}
	stop, ok := r.(bail)
	if !ok {
		panic(r)
	}
	*err = stop.err
}

// Statement binds SELECT, INSERT, UPDATE or DELETE. Errors are *sqlerr.Error.
func Statement(stmt ast.Stmt, opts Options) (bound *Bound, err error) {
	b := newBinder(opts)
	defer recoverInto(&err)
	q := b.statement(stmt, nil)
	b.resolveUnknowns(q)
	b.checkParams()
	b.meta.Params = b.params
	bound = &Bound{Node: q.node, Meta: b.meta, Params: b.params, ReadOnly: b.readOnly}
	for _, c := range q.cols {
		bound.Output = append(bound.Output, Output{c.name, c.id})
	}
	for _, oid := range b.useOrder {
		bound.Tables = append(bound.Tables, *b.uses[oid])
	}
	return bound, nil
}

// statement binds a statement that may stand at the top or in WITH.
func (b *binder) statement(stmt ast.Stmt, ctes *cteScope) *query {
	switch stmt := stmt.(type) {
	case *ast.SelectStmt:
		return b.query(stmt, nil, ctes)
	case *ast.InsertStmt:
		return b.insert(stmt, ctes)
	case *ast.UpdateStmt:
		return b.update(stmt, ctes)
	case *ast.DeleteStmt:
		return b.delete(stmt, ctes)
	}
	fail(sqlerr.Unsupported("this kind of statement here"))
	return nil
}

// enter counts a level of nesting; the caller defers leave.
func (b *binder) enter() {
	if b.depth++; b.depth > depthMax {
		fail(sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
			WithHint("The statement is nested more than %d levels deep.", depthMax))
	}
}

func (b *binder) leave() { b.depth-- }

// mark remembers where e stands and returns it.
func (b *binder) mark(e plan.Expr, pos int) plan.Expr {
	if pos > 0 && !b.quiet {
		if _, known := b.at[e]; !known {
			b.at[e] = pos
		}
	}
	return e
}

// place is the position to report for an AST node.
func (b *binder) place(pos int) int {
	if b.quiet {
		return 0
	}
	return pos
}

// use records that the statement uses a descriptor under a lock mode.
func (b *binder) use(d catalog.Descriptor, lock int) {
	o := d.Head()
	u := b.uses[o.OID]
	if u == nil {
		u = &plan.TableUse{OID: o.OID, Version: o.Version}
		b.uses[o.OID] = u
		b.useOrder = append(b.useOrder, o.OID)
	}
	u.Lock = max(u.Lock, lock)
}

// query is a bound query: its tree and its columns.
type query struct {
	node logical.Node
	cols []outCol
}

// outCol is an output column of a query. def, when not nil, is the place that
// computes it: an untyped literal there can still take its type from outside.
type outCol struct {
	name string
	id   logical.ColID
	def  *plan.Expr
	pos  int
}

func (q *query) ids() []logical.ColID {
	ids := make([]logical.ColID, len(q.cols))
	for i, c := range q.cols {
		ids[i] = c.id
	}
	return ids
}
