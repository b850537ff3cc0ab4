package faults

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/storage/objstore"
)

// TestEveryObjectFlipped flips a bit in each object of the cluster in turn, and removes
// it: the server starts, and what needs the object says so.
func TestEveryObjectFlipped(t *testing.T) {
	w := newWorld(t.Context(), t.TempDir())
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	defer w.disconnect()
	const made = 13 // statements after which a has an index and deletes, b is partitioned
	for _, sql := range append(slices.Clone(workload[:made]), "CHECKPOINT") {
		if err := w.exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	whole := w.contents()
	var keys []string
	if err := w.Objects.List(t.Context(), "files/", func(o objstore.ObjectInfo) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	kinds, needed := map[string]int{}, 0
	for _, key := range keys {
		good, err := objstore.ReadAll(t.Context(), w.Objects, key)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(good)
		bad[random.IntN(len(bad))] ^= 1 << random.IntN(8)
		put := func(data []byte) {
			if err := w.Objects.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
				t.Fatal(err)
			}
		}
		put(bad)
		kinds[strings.Split(key, "/")[1]]++
		for _, how := range []string{"flipped", "gone"} {
			if how == "gone" {
				if err := w.Objects.Delete(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
			w.disconnect()
			if err := w.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := w.start(); err != nil {
				t.Fatalf("%s is %s: %v", key, how, err)
			}
			failed, wrong := w.damage(key, whole)
			if wrong != nil {
				t.Errorf("%s is %s: %v", key, how, wrong)
			}
			needed += failed
			if found, err := w.findings(); err != nil || !slices.Equal(found, []string{key}) {
				t.Errorf("%s is %s, the check finds %q, %v", key, how, found, err)
			}
		}
		w.disconnect()
		if err := w.Stop(); err != nil {
			t.Fatal(err)
		}
		put(good)
		if err := w.start(); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.contents(); got != whole {
		t.Errorf("mended, it is\n%s\nwant\n%s", got, whole)
	}
	t.Logf("flipped: %v; %d queries needed what was flipped", kinds, needed)
	for _, kind := range []string{"insert_log", "delta_log", "stats_log", "index", "manifest"} {
		if kinds[kind] == 0 {
			t.Errorf("no object of kind %s among %v", kind, kinds)
		}
	}
}

// damage runs the queries of everything: each answers as when all was whole or
// fails with the object's name.
func (w *world) damage(key, whole string) (failed int, err error) {
	rest := whole
	for _, sql := range contents {
		want, after, _ := strings.Cut(rest, "--\n")
		results, queryErr := w.conn.Exec(w.ctx, sql).ReadAll()
		var e *pgconn.PgError
		switch {
		case errors.As(queryErr, &e) && e.Code == "42P01": // was not there before
			want, after = "", rest[strings.Index(rest, "\n")+1:]
		case errors.As(queryErr, &e) && e.Code == "XX001":
			failed++
			if !strings.Contains(e.Message, key) {
				err = errors.Join(err, fmt.Errorf("%s: %s does not name it", sql, e.Message))
			}
		case queryErr != nil:
			err = errors.Join(err, fmt.Errorf("%s: %w", sql, queryErr))
		default:
			var got strings.Builder
			for _, row := range results[0].Rows {
				fmt.Fprintf(&got, "%s\n", slices.Concat(row...))
			}
			if got.String() != want {
				err = errors.Join(err, fmt.Errorf("%s: wrong answer\n%s\nwant\n%s", sql, got.String(), want))
			}
		}
		rest = after
	}
	return failed, err
}

// TestDamagedTable: a server whose table lost its manifests, or the runs that replay
// finds deleted rows by, starts, refuses what needs the
// table and nothing else, and keeps what the log has of it: once the object is back
// everything is there. A table that stays damaged can be dropped.
func TestDamagedTable(t *testing.T) {
	t.Run("manifests", func(t *testing.T) {
		damagedTable(t, "files/manifest/", []string{
			"SELECT count(*) FROM a", "SELECT * FROM a WHERE id = 101", "INSERT INTO a VALUES (200, 'no')", "DELETE FROM a WHERE id = 50",
			"INSERT INTO heap VALUES (1)", "BEGIN; INSERT INTO b VALUES (-1); INSERT INTO heap VALUES (1); COMMIT",
			"BEGIN; CREATE TABLE late (); INSERT INTO heap VALUES (1); COMMIT", "VACUUM FULL heap", "CHECKPOINT", "ANALYZE a",
			"INSERT INTO parts VALUES (300)", // whose key may be in the partition
		})
	})
	t.Run("runs", func(t *testing.T) {
		damagedTable(t, "files/index/", []string{
			"SELECT count(*) FROM a", "SELECT * FROM a WHERE id = 101", "INSERT INTO a VALUES (200, 'no')", "DELETE FROM a WHERE id = 50",
			"VACUUM FULL a", "CHECKPOINT",
		})
	})
}

// damagedTable loses the objects under a prefix, and expects statements to fail of it.
func damagedTable(t *testing.T, prefix string, fail []string) {
	w := newWorld(t.Context(), t.TempDir())
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		w.disconnect()
		w.Stop()
	}()
	exec := func(sql string) {
		t.Helper()
		if err := w.exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	restart := func() {
		t.Helper()
		w.disconnect()
		if err := w.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := w.start(); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(sql string) string {
		t.Helper()
		results, err := w.conn.Exec(w.ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return string(bytes.Join(results[0].Rows[0], []byte(" ")))
	}
	exec("CREATE TABLE a (id int PRIMARY KEY, note text); CREATE TABLE heap (n int); CREATE TABLE b (id int PRIMARY KEY)")
	exec("CREATE TABLE parts (id int PRIMARY KEY); CREATE PARTITION part ON parts; INSERT INTO part VALUES (300)")
	exec("INSERT INTO a SELECT g, 'note ' || g FROM generate_series(1, 100) g; INSERT INTO heap SELECT generate_series(1, 50)")
	exec("CHECKPOINT")
	// In the log alone.
	exec("INSERT INTO a VALUES (101, 'late'); DELETE FROM a WHERE id <= 10; INSERT INTO heap VALUES (51)")
	whole := answer("SELECT count(*), sum(id) FROM a") + answer("SELECT count(*) FROM heap")
	kept := map[string][]byte{}
	if err := w.Objects.List(t.Context(), prefix, func(o objstore.ObjectInfo) error {
		data, err := objstore.ReadAll(t.Context(), w.Objects, o.Key)
		kept[o.Key] = data
		return err
	}); err != nil {
		t.Fatal(err)
	}
	lose := func() {
		for key := range kept {
			if err := w.Objects.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	lose()
	for i := range 3 {
		restart()
		for _, sql := range fail {
			var e *pgconn.PgError
			if err := w.exec(sql); !errors.As(err, &e) || e.Code != "XX001" {
				t.Errorf("%s: %v", sql, err)
			}
			if w.conn.TxStatus() != 'I' {
				exec("ROLLBACK")
			}
		}
		exec(fmt.Sprintf("INSERT INTO b VALUES (%d)", i))
		for _, sql := range []string{"ANALYZE", "VACUUM ANALYZE"} {
			var e *pgconn.PgError
			if err := w.exec(sql); !errors.As(err, &e) || e.Code != "XX001" {
				t.Errorf("%s: %v", sql, err)
			}
			// They see to the other tables before they fail.
			if got, want := answer("SELECT reltuples FROM pg_class WHERE relname = 'b'"), fmt.Sprint(i+1); got != want {
				t.Errorf("%s: b has %s rows, want %s", sql, got, want)
			}
		}
		if got, want := answer("SELECT count(*), sum(id) FROM b"), fmt.Sprint(i+1, i*(i+1)/2); got != strings.Trim(want, "[]") {
			t.Errorf("b has %s, want %s", got, want)
		}
	}
	for key, data := range kept {
		if err := w.Objects.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	restart()
	if got := answer("SELECT count(*), sum(id) FROM a") + answer("SELECT count(*) FROM heap"); got != whole {
		t.Errorf("mended: %s, want %s", got, whole)
	}
	exec("CHECKPOINT; INSERT INTO a VALUES (200, 'yes'); CHECKPOINT")
	if found, err := w.findings(); err != nil || len(found) > 0 {
		t.Errorf("mended, the check finds %q, %v", found, err)
	}
	lose()
	restart()
	exec("DROP TABLE a; DROP TABLE heap; DROP TABLE parts; CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)")
	restart()
	if got := answer("SELECT count(*) FROM a"); got != "1" {
		t.Errorf("a new table has %s rows", got)
	}
	exec("CHECKPOINT")
}
