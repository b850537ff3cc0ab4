package faults

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/storage/objstore"
)

// TestStoreAway: what needs a store that is away answers 58030 and names what it
// could not write or remove; it is done once the store is back.
func TestStoreAway(t *testing.T) {
	writes := func(o objstore.Op) bool { return o.Kind == "put" || o.Kind == "putifabsent" }
	silent := fmt.Errorf("%w: %w", objstore.ErrUnavailable, os.ErrDeadlineExceeded) // no idle client
	removals := func(o objstore.Op) bool { return o.Kind == "delete" }
	for _, away := range []struct {
		statement string
		match     func(objstore.Op) bool
		err       error
		named     string
	}{
		{"CHECKPOINT", writes, objstore.ErrUnavailable, "flush of partition"},
		{"CHECKPOINT", writes, silent, "flush of partition"},
		{"SELECT quiver.flush('a')", writes, objstore.ErrUnavailable, "flush of partition"},
		{"VACUUM a", writes, objstore.ErrUnavailable, "flush of partition"},
		{"SELECT quiver.wait(quiver.compact('a'))", writes, objstore.ErrUnavailable, "flush of partition"},
		{"VACUUM FULL a", writes, objstore.ErrUnavailable, "flush of partition"},
		{"VACUUM FULL a", removals, objstore.ErrUnavailable, "remove object files/"},
		{"VACUUM FULL a", removals, syscall.EIO, "remove object files/"},
	} {
		t.Run(strings.ReplaceAll(fmt.Sprint(away.statement, " ", away.err), "/", "_"), func(t *testing.T) {
			w := newWorld(t.Context(), t.TempDir())
			if err := w.start(); err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			defer w.disconnect()
			for _, sql := range []string{
				"CREATE TABLE a (id int PRIMARY KEY, note text)",
				"INSERT INTO a SELECT g, 'note ' || g FROM generate_series(1, 60) g",
				"CHECKPOINT",
				"INSERT INTO a SELECT g, 'note ' || g FROM generate_series(61, 120) g",
			} {
				if err := w.exec(sql); err != nil {
					t.Fatalf("%s: %v", sql, err)
				}
			}
			w.Store.Set(&objstore.Fault{Match: away.match, Err: away.err, Sticky: true})
			var e *pgconn.PgError
			if err := w.exec(away.statement); !errors.As(err, &e) || e.Code != "58030" || !strings.Contains(e.Message+e.Detail, away.named) {
				t.Fatalf("%v, want 58030 and %q: %+v", err, away.named, e)
			}
			w.Store.Set(nil)
			if err := w.exec(away.statement); err != nil {
				t.Fatalf("the store is back: %v", err)
			}
			results, err := w.conn.Exec(w.ctx, "SELECT count(*), sum(id) FROM a").ReadAll()
			if err != nil || string(results[0].Rows[0][0]) != "120" || string(results[0].Rows[0][1]) != "7260" {
				t.Errorf("%q, %v", results[0].Rows, err)
			}
		})
	}
}
