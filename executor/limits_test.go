package executor

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/storage"
)

// TestBudget: a statement beyond its memory fails with 53200 and the session
// goes on.
func TestBudget(t *testing.T) {
	w := newWorld(t)
	w.workMem = 1 << 30
	for _, text := range []string{
		"SELECT g, repeat('x', 100) FROM generate_series(1, 100000) g ORDER BY g DESC",
		"SELECT g FROM generate_series(1, 100000) g EXCEPT SELECT h FROM generate_series(50000, 200000) h",
		"SELECT g FROM generate_series(1, 100000) g EXCEPT SELECT 1",
		"SELECT percent_rank() OVER (ORDER BY g) FROM generate_series(1, 100000) g",
	} {
		beyondBudget(t, w, text)
	}
}

// TestBudgetAhead: a filter that takes too much memory where others than the scan
// itself evaluate it ends the statement, and nothing else.
func TestBudgetAhead(t *testing.T) {
	w := newWorld(t)
	if out := w.sql("CREATE TABLE b (id int8 PRIMARY KEY, name text); INSERT INTO b SELECT g, 'row ' || g FROM generate_series(1, 60000) g"); out != "" {
		t.Fatal(out)
	}
	for range 10 {
		beyondBudget(t, w, "SELECT count(*) FROM b WHERE id < 24000 OR length(repeat(name, 1000)) > 0")
	}
}

func beyondBudget(t *testing.T, w *world, text string) {
	t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	stmt, err := w.plan(tx, text)
	if err != nil {
		t.Fatal(err)
	}
	env, done := w.env(tx)
	defer done()
	budget := NewBudget(memory.DefaultAllocator, 1<<20)
	env.Mem, env.Eval.Mem = budget, budget
	c, err := Start(w.ctx, stmt, env)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		rec, e := c.Next(w.ctx)
		if err = e; rec == nil {
			break
		}
		rec.Release()
	}
	if sqlerr.CodeOf(err) != sqlerr.OutOfMemory {
		t.Errorf("%s: error %v, want 53200", text, err)
	}
	c.Close()
	rows, _, err := w.run(tx, "SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	w.expect(rows, "1")
}

// TestCancel: a statement looks at its context at each batch.
func TestCancel(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{
		"SELECT count(*) FROM generate_series(1, 1000000000) g",
		"SELECT g FROM generate_series(1, 1000000000) g ORDER BY g",
		"SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b WHERE a + b < 0",
	} {
		tx := w.begin(storage.ReadCommitted)
		stmt, err := w.plan(tx, text)
		if err != nil {
			t.Fatal(err)
		}
		env, done := w.env(tx)
		ctx := &cancelAfter{Context: w.ctx, checks: 20}
		c, err := Start(ctx, stmt, env)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", text, err)
		}
		c.Close()
		done()
		tx.Rollback()
	}
	left, err := os.ReadDir(w.dir)
	if err != nil || len(left) != 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

// cancelAfter is cancelled at the n-th look at it: no test waits for a clock.
type cancelAfter struct {
	context.Context
	checks int
}

func (c *cancelAfter) Err() error {
	if c.checks--; c.checks <= 0 {
		return context.Canceled
	}
	return nil
}

// TestReuse: the operators of a finished execution serve the next one, which
// sees nothing of the first.
func TestReuse(t *testing.T) {
	w := newWorld(t)
	w.want("CREATE TABLE t (id int PRIMARY KEY)", "")
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	insert, err := w.plan(tx, "INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t RETURNING id")
	if err != nil {
		t.Fatal(err)
	}
	query, err := w.plan(tx, "SELECT (SELECT count(*) FROM t), id FROM t ORDER BY id DESC LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1", "2", "3"} {
		rows, n, err := w.execStatement(tx, insert)
		if err != nil || n != 1 {
			t.Fatalf("insert %d: %d rows, %v", i, n, err)
		}
		w.expect(rows, want)
		if rows, _, err = w.execStatement(tx, query); err != nil {
			t.Fatal(err)
		}
		w.expect(rows, want+"|"+want)
	}
}
