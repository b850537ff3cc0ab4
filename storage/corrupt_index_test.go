package storage

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/manifest"
)

// TestCorruptIndex flips bits in each part of a graph, and cuts it short: a search
// then is right or fails as of corrupt data, naming the segment.
func TestCorruptIndex(t *testing.T) {
	w := newWorld(t)
	table := w.newTable("a")
	rows := map[int64]string{}
	w.fill(table, rows, 0, 400)
	index := w.indexed(table, "x")
	search := func() error {
		t.Helper()
		tx := w.begin(TxnOptions{})
		defer tx.Rollback()
		s, err := tx.Snapshot(w.ctx)
		w.check(err)
		defer s.Close()
		list, err := s.VectorSegments(w.ctx, VectorSpec{Scan: ScanSpec{Table: table}, Field: vectorField, Index: index})
		if err != nil {
			return err
		}
		for _, x := range list {
			w.check(x.Close())
		}
		if indexed, _ := w.expectNearest(tx, table, index, rows); indexed != 1 {
			t.Errorf("%d segments are searched by index", indexed)
		}
		return nil
	}
	w.check(search())
	w.e.jobs.Wait() // which remove objects
	var parts []string
	for key := range w.objects.objects {
		if k, ok := manifest.ParseKey(key); ok && k.Kind == manifest.KindIndex && k.Part != "" {
			parts = append(parts, key)
		}
	}
	slices.Sort(parts)
	if len(parts) < 3 {
		t.Fatalf("parts %v", parts)
	}
	random := rand.New(rand.NewPCG(1, 2))
	failed := 0
	for _, key := range parts {
		good := w.objects.objects[key]
		try := func(what string, bad []byte) {
			t.Helper()
			w.objects.objects[key] = bad
			w.crash()
			table = w.tableNamed("a")
			err := search()
			var corrupt *binlog.CorruptionError
			switch {
			case err == nil:
			case !errors.As(err, &corrupt):
				t.Errorf("%s, %s: %v", key, what, err)
			case !strings.Contains(err.Error(), "vector index of segment"):
				t.Errorf("%s, %s: nothing is named: %v", key, what, err)
			default:
				failed++
			}
		}
		at := []int{0, 1, 8, 16, len(good) / 2, len(good) - 1}
		for range 6 {
			at = append(at, random.IntN(len(good)))
		}
		for _, i := range at {
			bad := slices.Clone(good)
			i = min(i, len(bad)-1)
			bad[i] ^= 1 << random.IntN(8)
			try("a flipped bit", bad)
		}
		try("cut short", good[:len(good)-1])
		try("empty", nil)
		w.objects.objects[key] = good
	}
	if failed < len(parts)*8 {
		t.Errorf("only %d of the damages were seen", failed)
	}
	w.crash()
	table = w.tableNamed("a")
	w.check(search())
	w.now(table, w.text(rows))
}

// tableNamed finds a table after a restart.
func (w *world) tableNamed(name string) *catalog.Table {
	w.t.Helper()
	tx := w.begin(TxnOptions{})
	defer tx.Rollback()
	table, _ := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	if table == nil {
		w.t.Fatalf("table %s is gone", name)
	}
	return table
}
