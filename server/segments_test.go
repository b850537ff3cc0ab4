package server

import (
	"fmt"
	"strings"
	"testing"

	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// TestSegmentsOverSQL shows in quiver.segments what two sessions do to a segment:
// it grows, is flushed, and is compacted while the other still reads it.
func TestSegmentsOverSQL(t *testing.T) {
	url := startEngine(t, storage.Options{Log: wal.NewMemLog()}, nil)
	writer, reader := connect(t, url), connect(t, url)
	const states = `SELECT coalesce(string_agg(state || ' ' || rows || ' ' || tier || ' ' || (objects > 0), ', ' ORDER BY state, rows), '')
		FROM quiver.segments WHERE table_name = 't'`
	expect := func(want string) {
		t.Helper()
		if got := one[string](t, writer, states); got != want {
			t.Errorf("segments %q, want %q", got, want)
		}
	}
	run(t, writer, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
	expect("growing 2 memory f")
	run(t, writer, "CHECKPOINT t")
	expect("flushed 2 local t")
	run(t, writer, "DELETE FROM t WHERE id = 1")
	run(t, reader, "BEGIN ISOLATION LEVEL REPEATABLE READ", "DECLARE c CURSOR FOR SELECT id FROM t")
	if n := one[int](t, reader, "FETCH c"); n != 2 {
		t.Errorf("the cursor reads %d", n)
	}
	run(t, writer, "INSERT INTO t VALUES (3), (4)", "VACUUM t", "DELETE FROM t WHERE id = 3", "VACUUM FULL t")
	if n := one[int](t, writer, "SELECT count(*) FROM quiver.segments WHERE table_name = 't' AND state = 'compacted' AND rows = 2"); n != 1 {
		t.Errorf("%d compacted segments of two rows while a cursor reads it: %s", n, one[string](t, writer, states))
	}
	if n := one[int](t, writer, "SELECT sum(rows)::int FROM quiver.partitions WHERE table_name = 't'"); n != 3 {
		t.Errorf("the partition has %d rows", n) // that of 3 is deleted and kept for the reader
	}
	run(t, reader, "COMMIT")
	run(t, writer, "VACUUM FULL t")
	expect("flushed 2 local t")
}

// TestDiskUsage: for tables at rest quiver.disk_usage counts every object that lies in
// the store, manifests included.
func TestDiskUsage(t *testing.T) {
	store := objstore.NewMem()
	conn := connect(t, startEngine(t, storage.Options{Log: wal.NewMemLog(), Objects: store}, nil))
	run(t, conn, "CREATE TABLE t (id int PRIMARY KEY, v vector(4), note text)", "CREATE PARTITION p ON t",
		"INSERT INTO t SELECT g, ARRAY[g, 1, 2, 3]::vector, 'row ' || g FROM generate_series(1, 3000) g", "INSERT INTO p VALUES (0, '[0,0,0,0]', 'p')",
		"CHECKPOINT", "CREATE INDEX ON t USING hnsw (v vector_l2_ops)", "DELETE FROM t WHERE id % 100 = 0", "CHECKPOINT",
		"INSERT INTO t SELECT g, ARRAY[g, 1, 2, 3]::vector, 'row ' || g FROM generate_series(3001, 4000) g", "CHECKPOINT")
	expect := func() {
		t.Helper()
		objects, bytes := map[string]int64{}, map[string]int64{}
		err := store.List(t.Context(), "files/", func(o objstore.ObjectInfo) error {
			kind := strings.Split(o.Key, "/")[1]
			objects[kind]++
			bytes[kind] += o.Size
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []string{"insert_log", "delta_log", "stats_log", "index", "manifest"} {
			want := fmt.Sprintf("%d objects of %d bytes", objects[kind], bytes[kind])
			if got := one[string](t, conn, "SELECT objects || ' objects of ' || bytes_stored || ' bytes' FROM quiver.disk_usage WHERE kind = '"+kind+"'"); got != want {
				t.Errorf("%s: %s, in the store %s", kind, got, want)
			}
			delete(objects, kind)
		}
		if len(objects) > 0 {
			t.Errorf("not counted: %v", objects)
		}
	}
	expect()
	run(t, conn, "VACUUM FULL t")
	expect()
}
