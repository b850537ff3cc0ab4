package executor

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/types"
	"quiver/storage"
)

// runPrepared executes a planned statement once, as a session does.
func (w *world) runPrepared(b *testing.B, stmt *plan.Statement, env *Env) {
	c, err := Start(w.ctx, stmt, env)
	if err != nil {
		b.Fatal(err)
	}
	for {
		rec, err := c.Next(w.ctx)
		if err != nil {
			b.Fatal(err)
		}
		if rec == nil {
			break
		}
		rec.Release()
	}
	c.Close()
}

func int8Param(v int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.Append(v)
	return b.NewArray()
}

// benchStatement runs one prepared statement in one transaction.
func benchStatement(b *testing.B, text string, params func(i int) []arrow.Array, types ...types.OID) {
	w := newWorld(b)
	if out := w.sql("CREATE TABLE t (id int8 PRIMARY KEY, name text); INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, 10000) g"); out != "" {
		b.Fatal(out)
	}
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	stmt, err := w.plan(tx, text, types...)
	if err != nil {
		b.Fatal(err)
	}
	env, done := w.env(tx)
	defer done()
	env.Mem = memory.DefaultAllocator
	env.Eval.Mem = memory.DefaultAllocator
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if params != nil {
			env.Params = params(i)
		}
		w.runPrepared(b, stmt, env)
	}
}

func BenchmarkSelectOne(b *testing.B) { benchStatement(b, "SELECT 1", nil) }

func BenchmarkPointRead(b *testing.B) {
	param := []arrow.Array{int8Param(4711)}
	benchStatement(b, "SELECT name FROM t WHERE id = $1", func(int) []arrow.Array { return param }, types.Int8OID)
}

func BenchmarkInsertRow(b *testing.B) {
	benchStatement(b, "INSERT INTO t VALUES ($1, 'x')", func(i int) []arrow.Array {
		return []arrow.Array{int8Param(int64(100000 + i))}
	}, types.Int8OID)
}

// BenchmarkSumNumeric adds up a million numeric(12,2): rows in memory, then in
// objects whose columns are unpacked at first, then in the cache.
func BenchmarkSumNumeric(b *testing.B) {
	w := newWorld(b)
	if out := w.sql("CREATE TABLE n (v numeric(12,2)); INSERT INTO n SELECT g * 0.37 FROM generate_series(1, 1000000) g"); out != "" {
		b.Fatal(out)
	}
	sum := func(b *testing.B) {
		tx := w.begin(storage.ReadCommitted)
		defer tx.Rollback()
		stmt, err := w.plan(tx, "SELECT sum(v) FROM n")
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			env, done := w.env(tx)
			env.Mem, env.Eval.Mem = memory.DefaultAllocator, memory.DefaultAllocator
			w.runPrepared(b, stmt, env)
			done()
		}
	}
	b.Run("growing", sum)
	if err := w.engine.Checkpoint(w.ctx); err != nil {
		b.Fatal(err)
	}
	b.Run("flushed", sum)
}
