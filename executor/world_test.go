package executor

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/internal/hlc"
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/parse"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// stepClock goes on by a millisecond a reading: tests do not depend on time.
type stepClock struct{ now atomic.Uint64 }

func (c *stepClock) Next() (hlc.Timestamp, error) {
	return hlc.Timestamp(c.now.Add(1 << hlc.CounterBits)), nil
}

func (c *stepClock) Now() hlc.Timestamp { return hlc.Timestamp(c.now.Load()) }

func (c *stepClock) Observe(t hlc.Timestamp) {
	for now := c.now.Load(); uint64(t) > now && !c.now.CompareAndSwap(now, uint64(t)); now = c.now.Load() {
	}
}

// world is an engine over memory and a transaction at a time.
type world struct {
	t       testing.TB
	ctx     context.Context
	catalog *catalog.Catalog
	engine  *storage.Engine
	options storage.Options
	mem     *memory.CheckedAllocator
	notices []string
	workMem int64
	search  SearchSettings
	dir     string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx := context.Background()
	c, err := catalog.OpenInMemory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	clock := &stepClock{}
	clock.now.Store(1 << 40)
	options := storage.Options{Catalog: c, Log: wal.NewMemLog(), Clock: clock, Objects: objstore.NewMem(), Manual: true}
	e, err := storage.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: ctx, catalog: c, engine: e, options: options, mem: memory.NewCheckedAllocator(memory.DefaultAllocator), workMem: 4 << 20, dir: t.TempDir()}
	t.Cleanup(func() {
		if tt, ok := t.(*testing.T); ok {
			w.mem.AssertSize(tt, 0)
		}
		w.engine.Close()
		c.Close(ctx)
	})
	return w
}

// restart closes the engine and opens another over what it left.
func (w *world) restart() {
	w.t.Helper()
	if err := w.engine.Close(); err != nil {
		w.t.Fatal(err)
	}
	var err error
	if w.engine, err = storage.Open(w.ctx, w.options); err != nil {
		w.t.Fatal(err)
	}
}

// testSession answers what functions ask of a session.
type testSession struct {
	types.Session
	w  *world
	tx storage.Txn
}

func (s testSession) NextVal(ctx context.Context, oid types.OID) (int64, error) {
	seq := s.tx.Catalog().RelationByOID(oid).(*catalog.Sequence)
	return s.w.catalog.NextVal(ctx, seq)
}

func (s testSession) CurrentUser() string                { return "postgres" }
func (s testSession) BackendPID() int32                  { return 1 }
func (s testSession) Setting(name string) (string, bool) { return "", false }
func (s testSession) Notice(code, message string)        { s.w.notices = append(s.w.notices, message) }

func (w *world) begin(isolation storage.Isolation) storage.Txn {
	w.t.Helper()
	tx, err := w.engine.Begin(w.ctx, storage.TxnOptions{Isolation: isolation, Database: catalog.PostgresDatabaseOID})
	if err != nil {
		w.t.Fatal(err)
	}
	return tx
}

// env is an environment of a new statement of tx; done ends it.
func (w *world) env(tx storage.Txn) (env *Env, done func()) {
	w.t.Helper()
	snapshot, err := tx.Snapshot(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	session := testSession{w: w, tx: tx}
	return &Env{
		Replan: w.replan(tx), Stored: stored{w, tx}, Txn: tx, Snapshot: snapshot, Catalog: w.catalog, Mem: w.mem, WorkMem: w.workMem, TempDir: w.dir, Parallel: 2, Search: w.search,
		Eval: &types.EvalContext{Ctx: w.ctx, Mem: w.mem, Format: w.format(tx), Session: session, Catalog: tx.Catalog().Snapshot()},
	}, snapshot.Close
}

func (w *world) format(tx storage.Txn) *types.Format {
	f := types.DefaultFormat()
	f.Names = pgcatalog.Names{View: tx.Catalog().Snapshot(), Session: testSession{w: w, tx: tx}}
	return f
}

// exec runs a plan in tx and returns its rows as text, and the count.
func (w *world) exec(tx storage.Txn, root plan.Node) ([]string, int64, error) {
	return w.execStatement(tx, &plan.Statement{Root: root, Columns: root.Output()})
}

func (w *world) execStatement(tx storage.Txn, stmt *plan.Statement, params ...arrow.Array) ([]string, int64, error) {
	w.t.Helper()
	env, done := w.env(tx)
	defer done()
	env.Params = params
	c, err := Start(w.ctx, stmt, env)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	var rows []string
	for {
		rec, err := c.Next(w.ctx)
		if err != nil {
			return rows, 0, err
		}
		if rec == nil {
			return rows, c.Affected(), nil
		}
		for i := range int(rec.NumRows()) {
			var cells []string
			for k, col := range rec.Columns() {
				if col.IsNull(i) {
					cells = append(cells, "NULL")
					continue
				}
				cells = append(cells, string(stmt.Columns[k].Type.Type().AppendText(nil, col, i, types.DefaultFormat())))
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		rec.Release()
	}
}

// must is exec in a transaction of its own.
func (w *world) must(root plan.Node) []string {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	rows, _, err := w.exec(tx, root)
	if err != nil {
		tx.Rollback()
		w.t.Fatal(err)
	}
	if err := tx.Commit(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// fails is must for what must fail.
func (w *world) fails(root plan.Node) error {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	rows, _, err := w.exec(tx, root)
	if err == nil {
		w.t.Fatalf("no error, but %v", rows)
	}
	return err
}

// utility parses a statement without a plan.
func utility(t testing.TB, text string) *plan.Utility {
	t.Helper()
	stmts, err := parse.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &plan.Utility{Stmt: stmts[0].Stmt, Text: text}
}

func (w *world) ddl(text string) { w.t.Helper(); w.must(utility(w.t, text)) }

func (w *world) table(name string) *catalog.Table {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	t, ok := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	if !ok {
		w.t.Fatalf("no table %s", name)
	}
	return t
}

var typeNames = map[string]types.T{
	"int4": types.Of(types.Int4OID), "int8": types.Of(types.Int8OID), "text": types.Of(types.TextOID), "bool": types.Of(types.BoolOID),
	"float8": types.Of(types.Float8OID), "vector": types.Of(types.VectorOID),
}

// lit is a constant of a type, spelled in text; "NULL" is null.
func lit(typ, text string) *plan.Const {
	t := typeNames[typ]
	b := array.NewBuilder(memory.DefaultAllocator, t.Type().ArrowType(t.Mod))
	if text == "NULL" {
		b.AppendNull()
	} else if err := t.Type().ParseText(b, text, t.Mod, types.DefaultFormat()); err != nil {
		panic(err)
	}
	return &plan.Const{Typed: plan.Typed{T: t}, Value: b.NewArray()}
}

func col(i int, typ string) *plan.Column {
	return &plan.Column{Typed: plan.Typed{T: typeNames[typ]}, Index: i}
}

// op is an operator call.
func op(left plan.Expr, name string, right plan.Expr) *plan.Call {
	o := funcs.LookupOperator(name, left.Type().OID, right.Type().OID)
	if o == nil {
		panic("no operator " + name)
	}
	return &plan.Call{Typed: plan.Typed{T: types.Of(o.Result)}, Function: o.Function, Operator: name, Args: []plan.Expr{left, right}}
}

// fn is a call of the first function of a name with as many arguments.
func fn(name string, args ...plan.Expr) *plan.Call {
	for _, f := range funcs.Lookup("pg_catalog", name) {
		if len(f.Args) == len(args) && sameTypes(f.Args, args) {
			return &plan.Call{Typed: plan.Typed{T: types.Of(f.Result)}, Function: f, Args: args}
		}
	}
	panic("no function " + name)
}

func sameTypes(want []types.OID, args []plan.Expr) bool {
	for i := range want {
		if want[i] != args[i].Type().OID {
			return false
		}
	}
	return true
}

func and(args ...plan.Expr) *plan.Bool {
	return &plan.Bool{Typed: plan.Typed{T: typeNames["bool"]}, Op: plan.And, Args: args}
}

func or(args ...plan.Expr) *plan.Bool {
	return &plan.Bool{Typed: plan.Typed{T: typeNames["bool"]}, Op: plan.Or, Args: args}
}

func outputs(exprs ...plan.Expr) []plan.OutputColumn {
	out := make([]plan.OutputColumn, len(exprs))
	for i, e := range exprs {
		out[i] = plan.OutputColumn{Name: fmt.Sprintf("c%d", i), Type: e.Type()}
	}
	return out
}

// values is a VALUES node; its items are texts of the column's type.
func values(typs string, rows ...string) *plan.Values {
	names := strings.Fields(typs)
	v := &plan.Values{}
	for i, n := range names {
		v.Columns = append(v.Columns, plan.OutputColumn{Name: fmt.Sprintf("c%d", i), Type: typeNames[n]})
	}
	for _, r := range rows {
		var row []plan.Expr
		for i, cell := range strings.Split(r, "|") {
			row = append(row, lit(names[i], cell))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func project(in plan.Node, exprs ...plan.Expr) *plan.Project {
	return &plan.Project{Unary: plan.Unary{Base: plan.Base{Columns: outputs(exprs...)}, Input: in}, Exprs: exprs}
}

func filter(in plan.Node, cond plan.Expr) *plan.Filter {
	return &plan.Filter{Unary: plan.Unary{Base: plan.Base{Columns: in.Output()}, Input: in}, Cond: cond}
}

func sortBy(in plan.Node, keys ...plan.SortKey) *plan.Sort {
	return &plan.Sort{Unary: plan.Unary{Base: plan.Base{Columns: in.Output()}, Input: in}, Keys: keys}
}

func asc(e plan.Expr) plan.SortKey { return plan.SortKey{Expr: e} }

// columnExprs are the columns of a node as expressions.
func columnExprs(columns []plan.OutputColumn) []plan.Expr {
	out := make([]plan.Expr, len(columns))
	for i, c := range columns {
		out[i] = &plan.Column{Typed: plan.Typed{T: c.Type}, Index: i}
	}
	return out
}

// scan reads all columns of a table.
func scan(table *catalog.Table, cond plan.Expr) *plan.Scan {
	return &plan.Scan{Leaf: plan.Leaf{Base: plan.Base{Columns: columnsOfTable(table)}}, Table: table, Fields: fieldsOf(liveColumns(table)), Filter: cond}
}

// scanIDs is scan with the row id.
func scanIDs(table *catalog.Table, cond plan.Expr) *plan.Scan {
	s := scan(table, cond)
	s.RowID = true
	s.Columns = append(s.Columns, plan.OutputColumn{Name: "row id", Type: typeNames["int8"]})
	return s
}

func insert(table *catalog.Table, in plan.Node) *plan.Insert {
	return &plan.Insert{Unary: plan.Unary{Input: in}, Table: table, Source: columnExprs(columnsOfTable(table))}
}

func (w *world) expect(got []string, want ...string) {
	w.t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
