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

// TestEveryObjectFlipped flips a bit in each object of the cluster in turn.
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
		w.disconnect()
		if err := w.Stop(); err != nil {
			t.Fatal(err)
		}
		err = w.start()
		if err == nil {
			failed, wrong := w.damage(key, whole)
			if wrong != nil {
				t.Errorf("%s: %v", key, wrong)
			}
			needed += failed
			if found, err := w.findings(); err != nil || !slices.Equal(found, []string{key}) {
				t.Errorf("%s is flipped, the check finds %q, %v", key, found, err)
			}
			w.disconnect()
			if err := w.Stop(); err != nil {
				t.Fatal(err)
			}
		} else if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is flipped, the start says %v", key, err)
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
			if !strings.Contains(e.Message, key) && !strings.Contains(e.Message, "segment") {
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
