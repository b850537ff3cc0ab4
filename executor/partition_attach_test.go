package executor

import (
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/storage"
)

// TestAttachKeepsStorage: a table becomes a partition and the other way round without
// a row written, wherever the rows lie, over restarts; the objects go with whom they
// belong to in the end.
func TestAttachKeepsStorage(t *testing.T) {
	for _, where := range []string{"log", "objects", "both"} {
		t.Run(where, func(t *testing.T) {
			w := newWorld(t)
			ok := func(text string) {
				t.Helper()
				if out := w.sql(text); out != "" {
					t.Fatalf("%s: %s", text, out)
				}
			}
			settle := func() {
				t.Helper()
				if where != "log" {
					if err := w.engine.Checkpoint(w.ctx); err != nil {
						t.Fatal(err)
					}
				}
				if where == "both" {
					ok("UPDATE one SET v = v WHERE id = 3")
				}
			}
			shows := func(query, want string) {
				t.Helper()
				for range 2 {
					if got := w.sql(query); got != want {
						t.Fatalf("%s: %q, not %q", query, got, want)
					}
					w.restart()
				}
			}
			ok("CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
			ok("CREATE TABLE one (id int PRIMARY KEY, v text)")
			ok("INSERT INTO one SELECT g, 'x' FROM generate_series(1, 9) g")
			settle()
			rows := w.rowIDs("one")
			ok("ALTER TABLE p ATTACH PARTITION one FOR VALUES FROM (1) TO (10)")
			if got := w.rowIDs("p"); got != rows {
				t.Errorf("rows %s became %s", rows, got)
			}
			shows("SELECT count(*), sum(id) FROM p", "9|45")
			ok("DELETE FROM p WHERE id = 9; UPDATE p SET v = 'y' WHERE id = 8; INSERT INTO p VALUES (9, 'z')")
			settle()
			shows("SELECT count(*), sum(id), max(v) FROM p", "9|45|z")
			rows = w.rowIDs("p")
			ok("ALTER TABLE p DETACH PARTITION one")
			if got := w.rowIDs("one"); got != rows {
				t.Errorf("rows %s became %s", rows, got)
			}
			shows("SELECT count(*), sum(id), max(v) FROM one", "9|45|z")
			ok("INSERT INTO one VALUES (10, 'a')")
			settle()
			ok("DROP TABLE p")
			shows("SELECT count(*), sum(id), max(v) FROM one", "10|55|z")
			ok("DROP TABLE one")
			w.restart()
			for _, s := range w.engine.Segments() {
				if s.Live() {
					t.Errorf("segment %d of %q is left", s.ID, s.Table)
				}
			}
		})
	}
}

// rowIDs are the row ids of a table, whose partition is one, in order.
func (w *world) rowIDs(name string) string {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	snapshot, err := tx.Snapshot(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	defer snapshot.Close()
	table := tx.Catalog().Relation(catalog.PublicSchemaOID, name).(*catalog.Table)
	scanner, err := snapshot.Scan(w.ctx, storage.ScanSpec{Table: table, WithRowID: true})
	if err != nil {
		w.t.Fatal(err)
	}
	defer scanner.Close()
	var ids []uint64
	for {
		b, err := scanner.Next(w.ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if b == nil {
			slices.Sort(ids)
			return fmt.Sprint(ids)
		}
		all := b.Record.Column(int(b.Record.NumCols()) - 1).(*array.Uint64)
		for i := range all.Len() {
			if b.Visible.Get(i) {
				ids = append(ids, all.Value(i))
			}
		}
		b.Record.Release()
	}
}
