package executor

import (
	"context"
	"errors"
	"strings"
	"testing"

	"quiver/catalog"
	"quiver/planner"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// plan plans the one statement of a text.
func (w *world) plan(tx storage.Txn, text string, params ...types.OID) (*plan.Statement, error) {
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	return w.planStatement(tx, stmts[0], params...)
}

func (w *world) planStatement(tx storage.Txn, stmt *ast.Statement, params ...types.OID) (*plan.Statement, error) {
	opts := w.planOptions(tx)
	opts.ParamTypes = params
	return planner.Plan(w.ctx, stmt, opts)
}

func (w *world) planOptions(tx storage.Txn) planner.Options {
	return planner.Options{
		View: tx.Catalog().Snapshot(), SearchPath: []string{"pg_catalog", "public"},
		Format: w.format(tx), User: "postgres", Setting: func(string) string { return "on" },
	}
}

// stored binds what DDL keeps as text.
type stored struct {
	w  *world
	tx storage.Txn
}

func (s stored) Default(e ast.Expr, source, column string, t types.T) (string, error) {
	return planner.Default(e, source, column, t, s.w.planOptions(s.tx))
}

func (s stored) Check(e ast.Expr, source string, table *catalog.Table) (string, error) {
	return planner.Check(e, source, table, s.w.planOptions(s.tx))
}

func (s stored) PartitionExpr(e ast.Expr, source string, table *catalog.Table) (plan.Expr, string, error) {
	return planner.PartitionExpr(e, source, table, s.w.planOptions(s.tx))
}

func (s stored) PartitionKey(table *catalog.Table) ([]plan.Expr, error) {
	return planner.PartitionKey(table, s.w.planOptions(s.tx))
}

func (s stored) PartitionBound(e ast.Expr, column string, t types.T) (plan.Expr, error) {
	return planner.PartitionBound(e, column, t, s.w.planOptions(s.tx))
}

// run executes statements in tx; the rows are those of the last.
func (w *world) run(tx storage.Txn, text string) (rows []string, affected int64, err error) {
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range stmts {
		stmt, err := w.planStatement(tx, s)
		if err != nil {
			return nil, 0, err
		}
		if rows, affected, err = w.execStatement(tx, stmt); err != nil {
			return nil, 0, err
		}
	}
	return rows, affected, nil
}

// sql executes statements in a transaction of their own and prints the rows, or
// the error with its code.
func (w *world) sql(text string) string {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	w.notices = nil
	rows, _, err := w.run(tx, text)
	if err == nil {
		err = tx.Commit(w.ctx)
	} else {
		tx.Rollback()
	}
	out := w.notices
	for i := range out {
		out[i] = "NOTICE: " + out[i]
	}
	var e *sqlerr.Error
	switch {
	case errors.As(err, &e):
		out = append(out, string(e.Code)+": "+e.Message)
		if e.Detail != "" {
			out = append(out, "DETAIL: "+e.Detail)
		}
		if e.Hint != "" {
			out = append(out, "HINT: "+e.Hint)
		}
	case err != nil:
		out = append(out, "ERROR: "+err.Error())
	}
	return strings.Join(append(out, rows...), "\n")
}

func (w *world) want(text, want string) {
	w.t.Helper()
	if got := w.sql(text); got != strings.TrimSpace(want) {
		w.t.Errorf("%s\ngot\n%s\nwant\n%s", text, got, strings.TrimSpace(want))
	}
}

func (w *world) replan(tx storage.Txn) func(context.Context, string) (*plan.Statement, error) {
	return func(_ context.Context, text string) (*plan.Statement, error) { return w.plan(tx, text) }
}

func TestSQL(t *testing.T) {
	w := newWorld(t)
	w.want("CREATE TABLE t (id serial PRIMARY KEY, name text, n int4, v vector(2))", "")
	w.want("INSERT INTO t (name, n, v) VALUES ('a', 1, '[1,2]'), ('b', 2, '[3,4]'), ('c', NULL, NULL) RETURNING id, v", "1|[1,2]\n2|[3,4]\n3|NULL")
	w.want("SELECT id, name, v <-> '[1,1]' FROM t ORDER BY v <-> '[1,1]' LIMIT 2", "1|a|1\n2|b|3.605551275463989")
	w.want("SELECT id FROM t ORDER BY v <-> '[1,1]' LIMIT 5", "1\n2\n3")
	w.want("SELECT count(*), sum(n), avg(n), min(name) FROM t", "3|3|1.5000000000000000|a")
	w.want("SELECT t.id, u.name FROM t LEFT JOIN t u ON u.id = t.id + 1 ORDER BY 1", "1|b\n2|c\n3|NULL")
	w.want("SELECT n IS NULL, count(*) FROM t GROUP BY 1 HAVING count(*) > 0 ORDER BY 1", "f|2\nt|1")
	w.want("SELECT * FROM generate_series(1,3) g WHERE g NOT IN (SELECT n FROM t WHERE n IS NOT NULL)", "3")
	w.want("UPDATE t SET n = coalesce(n, 0) + 10 WHERE id > 1 RETURNING id, n", "2|12\n3|10")
	w.want("DELETE FROM t USING generate_series(1,1) g WHERE t.id = g RETURNING t.id, g", "1|1")
	w.want("WITH x AS (DELETE FROM t WHERE id = 2 RETURNING *) SELECT id FROM x", "2")
	w.want("CREATE TABLE u AS SELECT id, name FROM t", "")
	w.want("SELECT * FROM u", "3|c")
	w.want("INSERT INTO t (id, name) VALUES (3, 'z') ON CONFLICT (id) DO UPDATE SET name = excluded.name || t.name RETURNING name", "zc")
	w.want("SELECT string_agg(DISTINCT x, ',') FROM unnest(ARRAY['b','a','b']) x", "a,b")
	w.want("SELECT ARRAY(SELECT g FROM generate_series(1,3) g), (SELECT max(g) FROM generate_series(1,3) g)", "{1,2,3}|3")
	w.want("SELECT generate_series(1,2), unnest(ARRAY['x','y','z'])", "1|x\n2|y\nNULL|z")
	w.want("SELECT 1 UNION SELECT 1 UNION ALL SELECT 2 ORDER BY 1", "1\n2")
	w.want("SELECT g FROM generate_series(1,5) g EXCEPT SELECT 2 ORDER BY 1 LIMIT 2 OFFSET 1", "3\n4")
	w.want("SELECT DISTINCT ON (g % 2) g FROM generate_series(1,5) g ORDER BY g % 2, g DESC", "4\n5")
	w.want("SELECT CASE WHEN 1 = 0 THEN 1/0 ELSE 2 END", "2")
	w.want("SELECT a, b FROM (VALUES (1,2),(3,4)) x(a,b), LATERAL (SELECT a + b AS s) y WHERE s > 3", "3|4")
	w.want("SELECT (ARRAY[10,20,30])[2], (ARRAY[1,2,3])[2:3], 2 = ANY(ARRAY[1,2]), 5 = ALL(ARRAY[5,6])", "20|{2,3}|t|f")
	w.want("SELECT id FROM t WHERE v <-> '[1,2,3]' < 1", "")
	w.want("SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 1", "3")
	w.want("INSERT INTO t(v) VALUES ('[1,2,3]')", "22000: expected 2 dimensions, not 3")
	w.want("SELECT * FROM t FOR UPDATE", "3|zc|10|NULL")
	w.want("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT sum(n) FROM r", "10")
	w.want("SELECT x.a FROM (VALUES (1),(2)) x(a) WHERE EXISTS (SELECT 1 FROM (VALUES (2)) y(b) WHERE y.b = x.a)", "2")
	w.want("SELECT count(DISTINCT g % 3), count(*) FILTER (WHERE g > 8) FROM generate_series(1,10) g", "3|2")
	w.want("SELECT 1 LIMIT -1", "2201W: LIMIT must not be negative")
	w.want("SELECT (SELECT g FROM generate_series(1,2) g)", "21000: more than one row returned by a subquery used as an expression")
}

func TestExplain(t *testing.T) {
	w := newWorld(t)
	w.want("CREATE TABLE t (id int PRIMARY KEY, v vector(2)); INSERT INTO t VALUES (1,'[1,1]'),(2,'[2,2]')", "")
	out := w.sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM t WHERE id > 1")
	if !strings.Contains(out, "rows=1 loops=1") || !strings.Contains(out, "Rows Removed by Filter: 1") {
		t.Error(out)
	}
	out = w.sql("EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT id FROM t ORDER BY v <-> '[1,1]' LIMIT 1")
	if !strings.Contains(out, "Vectors Compared: 2") {
		t.Error(out)
	}
	if out = w.sql("EXPLAIN (COSTS off) SELECT 1"); out != "Result" {
		t.Error(out)
	}
	if out = w.sql("EXPLAIN (ANALYZE, FORMAT json) INSERT INTO t VALUES (3, NULL)"); !strings.Contains(out, `"Actual Rows"`) {
		t.Error(out)
	}
	w.want("SELECT count(*) FROM t", "3")
}

func TestWindow(t *testing.T) {
	w := newWorld(t)
	w.want("CREATE TABLE e (d text, n int)", "")
	w.want("INSERT INTO e VALUES ('a',1),('a',2),('a',2),('a',4),('b',7),('b',NULL)", "")
	w.want(`SELECT d, n, row_number() OVER w, rank() OVER w, dense_rank() OVER w, percent_rank() OVER w, cume_dist() OVER w, ntile(2) OVER w
		FROM e WINDOW w AS (PARTITION BY d ORDER BY n) ORDER BY d, n, 3`, `
a|1|1|1|1|0|0.25|1
a|2|2|2|2|0.3333333333333333|0.75|1
a|2|3|2|2|0.3333333333333333|0.75|2
a|4|4|4|3|1|1|2
b|7|1|1|1|0|0.5|1
b|NULL|2|2|2|1|1|2`)
	w.want(`SELECT n, lag(n) OVER w, lead(n, 2, -1) OVER w, first_value(n) OVER w, last_value(n) OVER w, nth_value(n, 2) OVER w
		FROM e WHERE d = 'a' WINDOW w AS (ORDER BY n) ORDER BY 1, 3 DESC`, `
1|NULL|2|1|1|NULL
2|1|4|1|2|2
2|2|-1|1|2|2
4|2|-1|1|4|2`)
	w.want(`SELECT n, sum(n) OVER (ORDER BY n), count(*) OVER (), sum(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW),
		sum(n) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING), max(n) FILTER (WHERE n < 4) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING),
		count(*) OVER (ORDER BY n GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING)
		FROM e WHERE d = 'a' ORDER BY 1, 4`, `
1|1|4|1|3|2|0
2|5|4|3|5|2|1
2|5|4|4|9|2|1
4|9|4|6|9|NULL|2`)
	w.want("SELECT ntile(0) OVER () FROM e", "22014: argument of ntile must be greater than zero")
	w.want("SELECT sum(n) OVER (ROWS -1 PRECEDING) FROM e", "22013: frame starting offset must not be negative")
	w.want("SELECT d, sum(sum(n)) OVER (ORDER BY d) FROM e GROUP BY d ORDER BY 1", "a|9\nb|16")
}
