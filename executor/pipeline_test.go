package executor

import (
	"errors"
	"strings"
	"testing"

	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

func TestInsertAndScan(t *testing.T) {
	w := newWorld(t)
	w.ddl("CREATE TABLE t (id int8 PRIMARY KEY, name text NOT NULL DEFAULT 'x', n int4 CHECK (n > 0))")
	table := w.table("t")
	w.must(insert(table, values("int8 text int4", "1|a|10", "2|b|NULL", "3|c|30")))
	w.expect(w.must(scan(table, nil)), "1|a|10", "2|b|NULL", "3|c|30")
	w.expect(w.must(scan(table, op(col(2, "int4"), ">", lit("int4", "10")))), "3|c|30")

	point := scan(table, nil)
	point.Key = []plan.Expr{lit("int8", "2")}
	w.expect(w.must(point), "2|b|NULL")
	point.Key = []plan.Expr{lit("int8", "NULL")}
	w.expect(w.must(point))

	checkError(t, w.fails(insert(table, values("int8 text int4", "4|d|1", "5|NULL|1"))), sqlerr.NotNullViolation,
		`null value in column "name" of relation "t" violates not-null constraint`, "Failing row contains (5, null, 1).")
	checkError(t, w.fails(insert(table, values("int8 text int4", "2|d|1"))), sqlerr.UniqueViolation,
		`duplicate key value violates unique constraint "t_pkey"`, "Key (id)=(2) already exists.")
	n := insert(table, values("int8 text int4", "4|"+strings.Repeat("z", 70)+"|0"))
	n.Checks = []plan.Check{{Name: "t_n_check", Cond: op(col(2, "int4"), ">", lit("int4", "0"))}}
	checkError(t, w.fails(n), sqlerr.CheckViolation,
		`new row for relation "t" violates check constraint "t_n_check"`, "Failing row contains (4, "+strings.Repeat("z", 64)+"..., 0).")
	n = insert(table, values("int8 text int4", "6|f|6"))
	n.Returning = []plan.Expr{col(0, "int8"), fn("upper", col(1, "text"))}
	n.Columns = outputs(n.Returning...)
	w.expect(w.must(n), "6|F")
}

func checkError(t *testing.T, err error, code sqlerr.Code, message, detail string) {
	t.Helper()
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no sqlerr.Error", err)
	}
	if e.Code != code || e.Message != message || e.Detail != detail {
		t.Errorf("got %s %q detail %q\nwant %s %q detail %q", e.Code, e.Message, e.Detail, code, message, detail)
	}
}

func TestOnConflict(t *testing.T) {
	w := newWorld(t)
	w.ddl("CREATE TABLE t (id int8 PRIMARY KEY, n int4)")
	table := w.table("t")
	w.must(insert(table, values("int8 int4", "1|10", "2|20")))

	nothing := insert(table, values("int8 int4", "1|11", "3|30", "3|31"))
	nothing.Conflict = &plan.Conflict{}
	tx := w.begin(storage.ReadCommitted)
	_, n, err := w.exec(tx, nothing)
	if err != nil || n != 1 {
		t.Errorf("DO NOTHING: %d rows, %v", n, err)
	}
	tx.Commit(w.ctx)

	update := func(rows ...string) *plan.Insert {
		u := insert(table, values("int8 int4", rows...))
		// over [id, n, excluded.id, excluded.n]
		u.Conflict = &plan.Conflict{
			Set:   []plan.Expr{col(0, "int8"), op(col(1, "int4"), "+", col(3, "int4"))},
			Where: op(col(1, "int4"), "<", lit("int4", "100")),
		}
		u.Returning = []plan.Expr{col(0, "int8"), col(1, "int4")}
		u.Columns = outputs(u.Returning...)
		return u
	}
	w.expect(w.must(update("1|5", "4|200")), "1|15", "4|200")
	w.expect(w.must(update("4|1")))
	checkError(t, w.fails(update("5|1", "5|2")), sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time", "")
	checkError(t, w.fails(update("1|1", "1|2")), sqlerr.CardinalityViolation, "ON CONFLICT DO UPDATE command cannot affect row a second time", "")
	w.expect(w.must(sortBy(scan(table, nil), asc(col(0, "int8")))), "1|15", "2|20", "3|30", "4|200")
}

func TestUpdateAndDelete(t *testing.T) {
	w := newWorld(t)
	w.ddl("CREATE TABLE t (id int8 PRIMARY KEY, n int4)")
	table := w.table("t")
	w.must(insert(table, values("int8 int4", "1|10", "2|20", "3|30")))
	u := &plan.Update{
		Unary: plan.Unary{Input: scanIDs(table, op(col(1, "int4"), ">=", lit("int4", "20")))}, Table: table,
		Source: []plan.Expr{op(col(0, "int8"), "+", lit("int8", "10")), op(col(1, "int4"), "*", lit("int4", "2"))}, Assigned: []bool{true, true},
		Returning: []plan.Expr{col(0, "int8"), col(1, "int4")},
	}
	u.Columns = outputs(u.Returning...)
	w.expect(w.must(u), "12|40", "13|60")
	d := &plan.Delete{Unary: plan.Unary{Input: scanIDs(table, op(col(0, "int8"), "=", lit("int8", "12")))}, Table: table, Returning: []plan.Expr{col(1, "int4")}}
	d.Columns = outputs(d.Returning...)
	w.expect(w.must(d), "40")
	w.expect(w.must(sortBy(scan(table, nil), asc(col(0, "int8")))), "1|10", "13|60")
}

// TestRecheck: at READ COMMITTED an UPDATE that waited for another applies to
// the new version, if that still passes; at REPEATABLE READ it fails.
func TestRecheck(t *testing.T) {
	w := newWorld(t)
	w.ddl("CREATE TABLE t (id int8 PRIMARY KEY, n int4)")
	table := w.table("t")
	w.must(insert(table, values("int8 int4", "1|10", "2|10")))
	bump := func(cond plan.Expr) *plan.Update {
		return &plan.Update{
			Unary: plan.Unary{Input: scanIDs(table, cond)}, Table: table,
			Source: []plan.Expr{col(0, "int8"), op(col(1, "int4"), "+", lit("int4", "1"))}, Assigned: []bool{false, true},
		}
	}
	is10 := op(col(1, "int4"), "=", lit("int4", "10"))
	id1 := op(col(0, "int8"), "=", lit("int8", "1"))

	// The snapshot of the statement is older than the other's commit.
	tx := w.begin(storage.ReadCommitted)
	env, done := w.env(tx)
	stmt := &plan.Statement{Root: bump(is10)}
	c, err := Start(w.ctx, stmt, env)
	if err != nil {
		t.Fatal(err)
	}
	w.must(bump(id1))
	if _, err := c.Next(w.ctx); err != nil {
		t.Fatal(err)
	}
	if c.Affected() != 1 {
		t.Errorf("%d rows updated, want 1: row 1 no longer has n = 10", c.Affected())
	}
	c.Close()
	done()
	tx.Commit(w.ctx)
	w.expect(w.must(sortBy(scan(table, nil), asc(col(0, "int8")))), "1|11", "2|11")

	tx = w.begin(storage.ReadCommitted)
	env, done = w.env(tx)
	if c, err = Start(w.ctx, &plan.Statement{Root: bump(id1)}, env); err != nil {
		t.Fatal(err)
	}
	w.must(bump(id1))
	if _, err := c.Next(w.ctx); err != nil {
		t.Fatal(err)
	}
	c.Close()
	done()
	tx.Commit(w.ctx)
	w.expect(w.must(scan(table, id1)), "1|13")

	tx = w.begin(storage.RepeatableRead)
	env, done = w.env(tx)
	if c, err = Start(w.ctx, &plan.Statement{Root: bump(id1)}, env); err != nil {
		t.Fatal(err)
	}
	w.must(bump(id1))
	if _, err := c.Next(w.ctx); !errors.Is(err, storage.ErrSerialization) {
		t.Errorf("REPEATABLE READ: %v", err)
	}
	c.Close()
	done()
	tx.Rollback()
}

// TestGuards: later conditions and branches are evaluated for open rows only.
func TestGuards(t *testing.T) {
	w := newWorld(t)
	in := values("int4 int4", "1|0", "2|1", "3|2", "4|NULL")
	zero := lit("int4", "0")
	quotient := op(lit("int4", "10"), "/", col(1, "int4"))
	w.expect(w.must(filter(in, and(op(col(1, "int4"), "<>", zero), op(quotient, ">", lit("int4", "6"))))), "2|1")
	w.expect(w.must(filter(in, or(op(col(1, "int4"), "=", zero), op(quotient, ">", lit("int4", "6"))))), "1|0", "2|1")
	c := &plan.Case{
		Typed: plan.Typed{T: typeNames["int4"]}, Conds: []plan.Expr{op(col(1, "int4"), "=", zero)},
		Results: []plan.Expr{lit("int4", "-1")}, Else: quotient,
	}
	w.expect(w.must(project(in, c)), "-1", "10", "5", "NULL")
	co := &plan.Coalesce{Typed: plan.Typed{T: typeNames["int4"]}, Args: []plan.Expr{col(1, "int4"), op(col(0, "int4"), "+", lit("int4", "100"))}}
	w.expect(w.must(project(in, co)), "0", "1", "2", "104")
	checkError(t, w.fails(project(in, quotient)), sqlerr.DivisionByZero, "division by zero", "")
}

func TestSubqueries(t *testing.T) {
	w := newWorld(t)
	in := values("int4", "1", "2", "3")
	inner := values("int4 text", "1|a", "3|c", "3|d")
	outer := &plan.Outer{Typed: plan.Typed{T: typeNames["int4"]}, Depth: 1}
	of := func(kind plan.SubqueryKind, n plan.Node, typ string) *plan.Subquery {
		return &plan.Subquery{Typed: plan.Typed{T: typeNames[typ]}, Kind: kind, Plan: n, Args: []plan.Expr{col(0, "int4")}, Correlated: true}
	}
	matching := func() plan.Node { return project(filter(inner, op(col(0, "int4"), "=", outer)), col(1, "text")) }
	w.expect(w.must(project(in, of(plan.SubExists, matching(), "bool"))), "t", "f", "t")
	checkError(t, w.fails(project(in, of(plan.SubScalar, matching(), "text"))), sqlerr.CardinalityViolation,
		"more than one row returned by a subquery used as an expression", "")
	w.expect(w.must(project(values("int4", "1", "2"), of(plan.SubScalar, matching(), "text"))), "a", "NULL")

	any := &plan.Subquery{
		Typed: plan.Typed{T: typeNames["bool"]}, Kind: plan.SubAny, Plan: values("int4", "1", "NULL"),
		Left: []plan.Expr{col(0, "int4")}, Test: op(col(0, "int4"), "=", col(1, "int4")),
	}
	w.expect(w.must(project(in, any)), "t", "NULL", "NULL")
	all := *any
	all.Kind, all.Test = plan.SubAll, op(col(0, "int4"), ">=", col(1, "int4"))
	all.Plan = values("int4", "1", "2")
	w.expect(w.must(project(in, &all)), "f", "t", "t")

	// A subquery in a correlated one that reads a row two levels up is
	// evaluated for each.
	far := &plan.Outer{Typed: plan.Typed{T: typeNames["int4"]}, Depth: 2}
	nested := &plan.Subquery{Typed: plan.Typed{T: typeNames["int4"]}, Kind: plan.SubScalar, Plan: project(values("int4", "0"), far)}
	w.expect(w.must(project(in, of(plan.SubScalar, project(values("int4", "7"), nested), "int4"))), "1", "2", "3")
}

func TestRecursiveCTE(t *testing.T) {
	w := newWorld(t)
	cols := outputs(col(0, "int4"))
	read := func(working bool) plan.Node {
		return &plan.CTERead{Leaf: plan.Leaf{Base: plan.Base{Columns: cols}}, ID: 1, Working: working}
	}
	with := &plan.With{
		Unary: plan.Unary{Base: plan.Base{Columns: cols}, Input: read(false)},
		CTEs: []plan.CTE{{
			ID: 1, Name: "r", Plan: values("int4", "1"), Distinct: true,
			Recurse: filter(project(read(true), op(col(0, "int4"), "+", lit("int4", "1"))), op(col(0, "int4"), "<=", lit("int4", "4"))),
		}},
	}
	w.expect(w.must(with), "1", "2", "3", "4")
}

// TestModifyingCTE: it runs although nothing reads it, and its rows do not count.
func TestModifyingCTE(t *testing.T) {
	w := newWorld(t)
	w.ddl("CREATE TABLE t (id int8 PRIMARY KEY)")
	table := w.table("t")
	with := &plan.With{
		Unary: plan.Unary{Input: insert(table, values("int8", "1"))},
		CTEs:  []plan.CTE{{ID: 1, Name: "i", Plan: insert(table, values("int8", "2", "3")), Modifies: true}},
	}
	tx := w.begin(storage.ReadCommitted)
	_, n, err := w.exec(tx, with)
	if err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	tx.Commit(w.ctx)
	w.expect(w.must(sortBy(scan(table, nil), asc(col(0, "int8")))), "1", "2", "3")
}
