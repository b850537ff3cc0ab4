package storage

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
)

// newNumericTable makes a table (id, name) whose columns are numerics of the
// given modifiers, the first of them its key.
func (w *world) newNumericTable(mod, mod2 int32) *catalog.Table {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	table, index, part, err := newTestTable(w.ctx, tx.Catalog(), "n", 1)
	table.Columns = table.Columns[:2]
	w.check(err)
	table.Columns = table.Columns[:2]
	table.Columns[0].Type = types.T{OID: types.NumericOID, Mod: mod}
	table.Columns[1].Type = types.T{OID: types.NumericOID, Mod: mod2}
	for _, d := range []catalog.Descriptor{table, index, part} {
		w.check(tx.Catalog().Put(d))
	}
	w.check(tx.Commit(w.ctx))
	return table
}

// numericColumn makes a column as statements hand it over; "" is a null.
func numericColumn(t testing.TB, column types.T, values ...string) arrow.Array {
	t.Helper()
	b := types.NewBuilder(column, memory.DefaultAllocator)
	for _, v := range values {
		if v == "" {
			b.AppendNull()
		} else if err := column.Type().ParseText(b, v, column.Mod, types.DefaultFormat()); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewArray()
}

func (w *world) insertNumerics(tx *txn, table *catalog.Table, keys, values []string) error {
	_, _, err := tx.Insert(w.ctx, table, 0, []arrow.Array{
		numericColumn(w.t, table.Columns[0].Type, keys...), numericColumn(w.t, table.Columns[1].Type, values...),
	}, false)
	return err
}

// numerics prints the rows that a filter keeps, by key, and the scan's counts.
func (w *world) numerics(table *catalog.Table, filter Filter) (string, ScanStats) {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	s, err := tx.Snapshot(w.ctx)
	w.check(err)
	defer s.Close()
	sc, err := s.Scan(w.ctx, ScanSpec{Table: table, Fields: []catalog.FieldID{100, 101}, Filter: filter})
	w.check(err)
	defer sc.Close()
	type row struct{ key, value types.Numeric }
	var rows []row
	var texts []string
	for {
		b, err := sc.Next(w.ctx)
		w.check(err)
		if b == nil {
			break
		}
		for i := range int(b.Record.NumRows()) {
			if !b.Visible.Get(i) {
				continue
			}
			r := row{key: types.NumericAt(b.Record.Column(0), i)}
			if b.Record.Column(1).IsValid(i) {
				r.value = types.NumericAt(b.Record.Column(1), i)
			}
			rows = append(rows, r)
		}
		b.Record.Release()
	}
	slices.SortFunc(rows, func(a, b row) int { return a.key.Cmp(b.key) })
	for _, r := range rows {
		texts = append(texts, r.key.String()+"="+r.value.String())
	}
	return strings.Join(texts, " "), sc.Stats()
}

// above keeps keys that are not less than a bound.
type above struct{ bound types.Numeric }

func (f above) Fields() []catalog.FieldID { return []catalog.FieldID{100} }

func (f above) MayMatch(stats func(catalog.FieldID) *ColumnStats) bool {
	s := stats(100)
	return s == nil || s.Max == nil || types.NumericAt(s.Max, 0).Cmp(f.bound) >= 0
}

func (f above) Eval(_ context.Context, columns []arrow.Array, rows int, visible Bitmap) error {
	for i := range rows {
		if visible.Get(i) && types.NumericAt(columns[0], i).Cmp(f.bound) < 0 {
			visible[i/8] &^= 1 << (i % 8)
		}
	}
	return nil
}

// A table with a numeric key, through memory, log, objects and pruning.
func TestNumericKeys(t *testing.T) {
	w := newWorld(t)
	table := w.newNumericTable(types.NumericTypmod(25, 2), types.NumericTypmod(38, 4))
	tx := w.begin(TxnOptions{})
	w.check(w.insertNumerics(tx, table, []string{"-1.5", "NaN", "12345678901234567890123.45", "0"}, []string{"1", "", "NaN", "9999999999999999999999999999999999"}))
	const all = "-1.50=1.0000 0.00=9999999999999999999999999999999999.0000 12345678901234567890123.45=NaN NaN=0"
	w.check(tx.Commit(w.ctx))
	expect := func(filter Filter, want string) ScanStats {
		t.Helper()
		got, stats := w.numerics(table, filter)
		if got != want {
			t.Errorf("rows %q, want %q", got, want)
		}
		return stats
	}
	duplicates := func() {
		t.Helper()
		for _, key := range []string{"NaN", "0.00", "-1.50", "12345678901234567890123.45"} {
			tx := w.begin(TxnOptions{})
			if err := w.insertNumerics(tx, table, []string{key}, []string{"7"}); err == nil || !strings.Contains(err.Error(), "duplicate key") {
				t.Errorf("key %s: %v", key, err)
			}
			tx.Rollback()
		}
	}
	expect(nil, all)
	duplicates()
	w.crash() // the log has the stored form
	expect(nil, all)
	duplicates()
	w.check(w.e.Checkpoint(w.ctx))
	expect(nil, all)
	duplicates()
	tx = w.begin(TxnOptions{}) // a second segment, without NaN
	w.check(w.insertNumerics(tx, table, []string{"1", "2"}, []string{"1", "2"}))
	w.check(tx.Commit(w.ctx))
	w.check(w.e.Checkpoint(w.ctx))
	if stats := expect(above{types.NumericNaN}, "NaN=0"); stats.SegmentsPruned != 1 {
		t.Errorf("%d segments pruned: NaN is above everything", stats.SegmentsPruned)
	}
	expect(above{types.NewNumeric(2, 0)}, "2.00=2.0000 12345678901234567890123.45=NaN NaN=0")
	w.crash()
	duplicates()
}

// Before version 2 of binlogs and log records all numerics were held as those
// without a modifier are now: such rows are read from log and objects, pruned,
// and merged with new ones.
func TestNumericsOfVersion1(t *testing.T) {
	w := newWorld(t)
	table := w.newNumericTable(types.NoMod, types.NoMod)
	insert := func(keys, values []string) {
		t.Helper()
		tx := w.begin(TxnOptions{})
		w.check(w.insertNumerics(tx, table, keys, values))
		w.check(tx.Commit(w.ctx))
	}
	expect := func(filter Filter, want string) {
		t.Helper()
		if got, _ := w.numerics(table, filter); got != want {
			t.Errorf("rows %q, want %q", got, want)
		}
	}
	insert([]string{"-1.50", "12345678901234567890123.45"}, []string{"1.0000", "NaN"})
	w.check(w.e.Checkpoint(w.ctx))
	insert([]string{"0.00"}, []string{"2.0000"}) // in the log alone

	tx := w.begin(TxnOptions{})
	changed := *table
	changed.Columns = slices.Clone(table.Columns)
	changed.Columns[0].Type.Mod = types.NumericTypmod(25, 2)
	changed.Columns[1].Type.Mod = types.NumericTypmod(38, 4)
	table = &changed
	w.check(tx.Catalog().Put(table))
	w.check(tx.Commit(w.ctx))
	w.crash()

	expect(nil, "-1.50=1.0000 0.00=2.0000 12345678901234567890123.45=NaN")
	insert([]string{"7"}, []string{"3"})
	const all = "-1.50=1.0000 0.00=2.0000 7.00=3.0000 12345678901234567890123.45=NaN"
	expect(nil, all)
	w.check(w.e.Checkpoint(w.ctx))
	expect(above{types.NewNumeric(1, 0)}, "7.00=3.0000 12345678901234567890123.45=NaN")
	tx = w.begin(TxnOptions{})
	if err := w.insertNumerics(tx, table, []string{"-1.5"}, []string{"1"}); err == nil || !strings.Contains(err.Error(), "duplicate key") {
		t.Errorf("a key of an old object: %v", err)
	}
	tx.Rollback()
	s := w.e.allShards()[0]
	w.check(s.shape(w.ctx))
	w.check(w.e.mergeSmall(w.ctx, s, mergeAll, atOnce()))
	s.shaped()
	v := s.pin()
	if n := len(v.flushed); n != 1 {
		t.Errorf("%d segments after a merge", n)
	}
	v.release()
	expect(nil, all)
	w.crash()
	expect(above{types.NewNumeric(0, 0)}, "0.00=2.0000 7.00=3.0000 12345678901234567890123.45=NaN")
}

func TestInfinityIsNotStoredInNumericWithModifier(t *testing.T) {
	w := newWorld(t)
	table := w.newNumericTable(types.NumericTypmod(12, 2), types.NoMod)
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	types.AppendNumeric(b, types.NumericPosInf)
	_, _, err := tx.Insert(w.ctx, table, 0, []arrow.Array{b.NewArray(), numericColumn(t, table.Columns[1].Type, "1")}, false)
	if err == nil || !strings.Contains(err.Error(), "numeric field overflow") {
		t.Errorf("got %v", err)
	}
	w.check(w.insertNumerics(tx, table, []string{"1"}, []string{"Infinity"})) // without a modifier
}

// Random keys of random modifiers, checkpoints and crashes between, against a
// map; every bound prunes rightly.
func TestRandomNumericKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 2))
	for range 8 {
		w := newWorld(t)
		precision, scale := 1+r.IntN(38), r.IntN(12)-3
		table := w.newNumericTable(types.NumericTypmod(int32(precision), int32(scale)), types.NoMod)
		model := map[string]types.Numeric{}
		for range 12 {
			var keys []string
			for range r.IntN(20) {
				k := randomNumeric(r, precision, scale)
				if _, taken := model[k.String()]; !taken {
					model[k.String()] = k
					keys = append(keys, k.String())
				}
			}
			tx := w.begin(TxnOptions{})
			w.check(w.insertNumerics(tx, table, keys, keys))
			w.check(tx.Commit(w.ctx))
			switch r.IntN(4) {
			case 0:
				w.check(w.e.Checkpoint(w.ctx))
			case 1:
				w.crash()
			}
			bound := randomNumeric(r, precision, scale)
			var want []types.Numeric
			for _, k := range model {
				if k.Cmp(bound) >= 0 {
					want = append(want, k)
				}
			}
			slices.SortFunc(want, types.Numeric.Cmp)
			var texts []string
			for _, k := range want {
				texts = append(texts, fmt.Sprintf("%s=%s", k, k))
			}
			if got, _ := w.numerics(table, above{bound}); got != strings.Join(texts, " ") {
				t.Fatalf("numeric(%d,%d) from %v: %s, want %v", precision, scale, bound, got, texts)
			}
		}
	}
}

func randomNumeric(r *rand.Rand, precision, scale int) types.Numeric {
	if r.IntN(30) == 0 {
		return types.NumericNaN
	}
	c := new(big.Int)
	for range r.IntN(precision + 1) {
		c.Mul(c, big.NewInt(10)).Add(c, big.NewInt(int64(r.IntN(10))))
	}
	if r.IntN(2) == 0 {
		c.Neg(c)
	}
	for range -scale {
		c.Mul(c, big.NewInt(10))
	}
	return types.NewNumericBig(c, int32(max(scale, 0)))
}
