package executor

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// modelRow is a row (int4, text) of the random tables; nil is null.
type modelRow struct {
	n *int
	s *string
}

func (r modelRow) String() string {
	n, s := "NULL", "NULL"
	if r.n != nil {
		n = strconv.Itoa(*r.n)
	}
	if r.s != nil {
		s = *r.s
	}
	return n + "|" + s
}

// randomRows makes rows with few distinct keys, some of them null.
func randomRows(r *rand.Rand, n, distinct int) []modelRow {
	rows := make([]modelRow, n)
	for i := range rows {
		if r.IntN(10) > 0 {
			v := r.IntN(distinct)
			rows[i].n = &v
		}
		if r.IntN(10) > 0 {
			s := strings.Repeat(string(rune('a'+r.IntN(26))), 1+r.IntN(20))
			rows[i].s = &s
		}
	}
	return rows
}

// tableOf yields the rows of a model as a plan node: large inputs without a
// node for each value.
func tableOf(rows []modelRow) *plan.FunctionScan {
	f := &funcs.Function{Name: "rows", Columns: []funcs.Column{{Name: "n", Type: types.Int4OID}, {Name: "s", Type: types.TextOID}}}
	f.Rows = func(c *types.EvalContext, _ []types.Vec) (funcs.RowsIterator, error) {
		return &modelIterator{mem: c.Mem, rows: rows}, nil
	}
	n := &plan.FunctionScan{Calls: []*plan.Call{{Function: f}}}
	n.Columns = outputs(col(0, "int4"), col(1, "text"))
	return n
}

type modelIterator struct {
	mem  memory.Allocator
	rows []modelRow
}

func (it *modelIterator) Next(context.Context) ([]arrow.Array, error) {
	n := min(len(it.rows), 700)
	if n == 0 {
		return nil, nil
	}
	nb, sb := array.NewInt32Builder(it.mem), array.NewStringBuilder(it.mem)
	defer nb.Release()
	defer sb.Release()
	for _, r := range it.rows[:n] {
		if r.n == nil {
			nb.AppendNull()
		} else {
			nb.Append(int32(*r.n))
		}
		if r.s == nil {
			sb.AppendNull()
		} else {
			sb.Append(*r.s)
		}
	}
	it.rows = it.rows[n:]
	return []arrow.Array{nb.NewArray(), sb.NewArray()}, nil
}

// memories are tried by every model test: all in memory, and spilling.
var memories = []int64{64 << 20, 32 << 10}

func eachMemory(t *testing.T, f func(t *testing.T, w *world, r *rand.Rand)) {
	for _, m := range memories {
		t.Run(fmt.Sprint(m), func(t *testing.T) {
			w := newWorld(t)
			w.workMem = m
			for seed := range uint64(2) {
				f(t, w, rand.New(rand.NewPCG(seed, 7)))
			}
		})
	}
}

func (w *world) sameRows(got, want []string) {
	w.t.Helper()
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		w.t.Errorf("%d rows, want %d", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				w.t.Fatalf("first difference at %d: %s, want %s", i, got[i], want[i])
			}
		}
	}
}

func compareNull[T int | string](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil: // nulls last
		return 1
	case b == nil:
		return -1
	case *a < *b:
		return -1
	case *a > *b:
		return 1
	}
	return 0
}

func texts[T fmt.Stringer](rows []T) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.String()
	}
	return out
}

func TestSortModel(t *testing.T) {
	eachMemory(t, func(t *testing.T, w *world, r *rand.Rand) {
		rows := randomRows(r, 5000, 300)
		n := sortBy(tableOf(rows), asc(col(0, "int4")), plan.SortKey{Expr: col(1, "text"), Desc: true, NullsFirst: true})
		got := w.must(n)
		want := slices.Clone(rows)
		slices.SortStableFunc(want, func(a, b modelRow) int {
			if c := compareNull(a.n, b.n); c != 0 {
				return c
			}
			return -compareNull(a.s, b.s)
		})
		w.expect(got, texts(want)...)
		for _, limit := range []string{"0", "1", "10", "3000"} {
			top := *n
			top.Limit, top.Offset = lit("int8", limit), lit("int8", "5")
			cut := &plan.Limit{Unary: plan.Unary{Base: n.Base, Input: &top}, Count: top.Limit, Offset: top.Offset}
			k, _ := strconv.Atoi(limit)
			w.expect(w.must(cut), texts(want[5:5+k])...)
		}
	})
}

func TestAggregateModel(t *testing.T) {
	eachMemory(t, func(t *testing.T, w *world, r *rand.Rand) {
		rows := randomRows(r, 6000, 2000)
		for _, key := range []struct {
			typ string
			of  func(modelRow) string
			col int
		}{
			{"int4", func(r modelRow) string { return strings.SplitN(r.String(), "|", 2)[0] }, 0},
			{"text", func(r modelRow) string { return strings.SplitN(r.String(), "|", 2)[1] }, 1},
		} {
			count := &plan.AggregateCall{Typed: plan.Typed{T: typeNames["int8"]}, Function: fn("count").Function, Star: true}
			top := &plan.AggregateCall{
				Typed: plan.Typed{T: typeNames["text"]}, Function: aggregate("max", types.TextOID),
				Args: []plan.Expr{col(1, "text")}, ArgTypes: []types.T{typeNames["text"]},
			}
			distinct := &plan.AggregateCall{
				Typed: plan.Typed{T: typeNames["int8"]}, Function: aggregate("count", types.AnyOID),
				Args: []plan.Expr{col(1, "text")}, ArgTypes: []types.T{typeNames["text"]}, Distinct: true,
			}
			n := &plan.Aggregate{Unary: plan.Unary{Input: tableOf(rows)}, Groups: []plan.Expr{col(key.col, key.typ)}, Calls: []*plan.AggregateCall{count, top, distinct}}
			n.Columns = outputs(col(0, key.typ), col(0, "int8"), col(0, "text"), col(0, "int8"))
			type group struct {
				n     int
				max   *string
				found map[string]bool
			}
			groups := map[string]*group{}
			for _, row := range rows {
				g := groups[key.of(row)]
				if g == nil {
					g = &group{found: map[string]bool{}}
					groups[key.of(row)] = g
				}
				g.n++
				if row.s != nil {
					g.found[*row.s] = true
					if g.max == nil || *row.s > *g.max {
						g.max = row.s
					}
				}
			}
			var want []string
			for k, g := range groups {
				max := "NULL"
				if g.max != nil {
					max = *g.max
				}
				want = append(want, fmt.Sprintf("%s|%d|%s|%d", k, g.n, max, len(g.found)))
			}
			w.sameRows(w.must(n), want)
		}
	})
}

// aggregate finds an aggregate by the type of its argument.
func aggregate(name string, arg types.OID) *funcs.Function {
	for _, f := range funcs.Lookup("pg_catalog", name) {
		if f.Kind == funcs.KindAggregate && len(f.Args) == 1 && f.Args[0] == arg {
			return f
		}
	}
	panic("no aggregate " + name)
}

func TestDistinctModel(t *testing.T) {
	eachMemory(t, func(t *testing.T, w *world, r *rand.Rand) {
		rows := randomRows(r, 6000, 40)
		in := tableOf(rows)
		got := w.must(&plan.DistinctRows{Unary: plan.Unary{Base: plan.Base{Columns: in.Columns}, Input: in}})
		w.sameRows(got, slices.Compact(sorted(texts(rows))))
	})
}

func sorted(s []string) []string { sort.Strings(s); return s }

func TestSetOpModel(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 1))
	left, right := randomRows(r, 2000, 5), randomRows(r, 2000, 5)
	for i := range left { // few distinct rows
		left[i].s = nil
		right[i].s = nil
	}
	right = right[:300]
	count := func(rows []modelRow) map[string]int {
		m := map[string]int{}
		for _, s := range texts(rows) {
			m[s]++
		}
		return m
	}
	l, rr := count(left), count(right)
	delete(rr, "3|NULL")
	right = slices.DeleteFunc(right, func(m modelRow) bool { return m.String() == "3|NULL" })
	for _, except := range []bool{false, true} {
		for _, all := range []bool{false, true} {
			var want []string
			for row, n := range l {
				k := 0
				switch {
				case except && all:
					k = max(0, n-rr[row])
				case except && rr[row] == 0:
					k = 1
				case !except && all:
					k = min(n, rr[row])
				case !except && rr[row] > 0:
					k = 1
				}
				for range k {
					want = append(want, row)
				}
			}
			n := &plan.SetOp{Base: plan.Base{Columns: tableOf(nil).Columns}, Except: except, All: all, Left: tableOf(left), Right: tableOf(right)}
			w.sameRows(w.must(n), want)
		}
	}
}

func TestJoinModel(t *testing.T) {
	kinds := []plan.JoinKind{plan.JoinInner, plan.JoinLeft, plan.JoinRight, plan.JoinFull, plan.JoinSemi, plan.JoinAnti, plan.JoinAntiNull}
	eachMemory(t, func(t *testing.T, w *world, r *rand.Rand) {
		left, right := randomRows(r, 700, 400), randomRows(r, 900, 400)
		if r.IntN(2) == 0 { // NOT IN without nulls on the right
			right = slices.DeleteFunc(right, func(m modelRow) bool { return m.n == nil })
		}
		for _, residual := range []bool{false, true} {
			for _, kind := range kinds {
				if kind == plan.JoinAntiNull && residual {
					continue
				}
				var cond plan.Expr
				if residual {
					cond = op(col(1, "text"), "<", col(3, "text"))
				}
				columns := outputs(col(0, "int4"), col(1, "text"), col(0, "int4"), col(1, "text"))
				if kind == plan.JoinSemi || kind == plan.JoinAnti || kind == plan.JoinAntiNull {
					columns = columns[:2]
				}
				want := joinModel(kind, left, right, residual)
				hash := &plan.HashJoin{
					Base: plan.Base{Columns: columns}, Kind: kind, Left: tableOf(left), Right: tableOf(right),
					LeftKeys: []plan.Expr{col(0, "int4")}, RightKeys: []plan.Expr{col(0, "int4")}, Residual: cond,
				}
				w.sameRows(w.must(hash), slices.Clone(want))
				if kind == plan.JoinAntiNull {
					continue
				}
				equal := plan.Expr(op(col(0, "int4"), "=", col(2, "int4")))
				if residual {
					equal = and(equal, cond)
				}
				loop := &plan.NestedLoop{Base: plan.Base{Columns: columns}, Kind: kind, Left: tableOf(left[:50]), Right: tableOf(right), Cond: equal}
				w.sameRows(w.must(loop), joinModel(kind, left[:50], right, residual))
			}
		}
	})
}

func joinModel(kind plan.JoinKind, left, right []modelRow, residual bool) []string {
	var out []string
	hits := make([]bool, len(right))
	nullRight := slices.ContainsFunc(right, func(r modelRow) bool { return r.n == nil })
	for _, l := range left {
		hit := false
		for i, r := range right {
			if l.n == nil || r.n == nil || *l.n != *r.n || residual && (l.s == nil || r.s == nil || *l.s >= *r.s) {
				continue
			}
			hit, hits[i] = true, true
			if kind <= plan.JoinFull {
				out = append(out, l.String()+"|"+r.String())
			}
		}
		switch kind {
		case plan.JoinSemi:
			if hit {
				out = append(out, l.String())
			}
		case plan.JoinAnti:
			if !hit {
				out = append(out, l.String())
			}
		case plan.JoinAntiNull:
			if !hit && !nullRight && (l.n != nil || len(right) == 0) {
				out = append(out, l.String())
			}
		case plan.JoinLeft, plan.JoinFull:
			if !hit {
				out = append(out, l.String()+"|NULL|NULL")
			}
		}
	}
	if kind == plan.JoinRight || kind == plan.JoinFull {
		for i, r := range right {
			if !hits[i] {
				out = append(out, "NULL|NULL|"+r.String())
			}
		}
	}
	return out
}
