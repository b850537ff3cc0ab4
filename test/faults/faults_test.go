package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// states are the contents after each statement of the workload; the first is that
// of an empty cluster.
func states(t *testing.T) (list []string) {
	w := newWorld(t.Context(), t.TempDir())
	if err := w.start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	defer w.disconnect()
	list = append(list, w.contents())
	for _, sql := range workload {
		if err := w.exec(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		list = append(list, w.contents())
	}
	return list
}

// fault is a way to fail: set lets it happen after n operations.
type fault struct {
	name string
	set  func(w *world, n int)
	hit  func(w *world) bool
	// harmless faults fail no statement.
	harmless bool
}

func disk(f vfs.Fault) (func(*world, int), func(*world) bool) {
	return func(w *world, n int) {
		f.After = n
		w.Disk.Set(&f)
	}, func(w *world) bool { return w.Disk.Hit() }
}

func store(f objstore.Fault) (func(*world, int), func(*world) bool) {
	return func(w *world, n int) {
		f.After = n
		w.Store.Set(&f)
	}, func(w *world) bool { return w.Store.Hit() }
}

func syncs(o vfs.Op) bool { return o.Kind == "sync" || o.Kind == "syncdir" }

// faults are all kinds, each once and lastingly.
func faults() (list []fault) {
	add := func(name string, set func(*world, int), hit func(*world) bool, harmless bool) {
		list = append(list, fault{name, set, hit, harmless})
	}
	for _, sticky := range []bool{false, true} {
		lasts := map[bool]string{false: "once", true: "from then on"}[sticky]
		for name, f := range map[string]vfs.Fault{
			"the disk fails":        {Match: vfs.Op.Writes},
			"a write is torn":       {Match: vfs.Op.Writes, Short: true},
			"the disk is full":      {Match: vfs.Op.Writes, Err: syscall.ENOSPC},
			"a sync fails":          {Match: syncs},
			"a sync fails but does": {Match: syncs, Short: true},
		} {
			f.Sticky = sticky
			set, hit := disk(f)
			add(name+" "+lasts, set, hit, false)
		}
		for name, f := range map[string]objstore.Fault{
			"the store fails":             {},
			"the store is away":           {Err: objstore.ErrUnavailable},
			"the store's answer is lost":  {LoseReply: true},
			"the store is slow":           {Delay: time.Millisecond, DelayOnly: true},
			"the store's disk is full":    {Err: syscall.ENOSPC},
			"the store cannot be written": {Match: func(o objstore.Op) bool { return o.Kind == "put" || o.Kind == "putifabsent" }},
		} {
			f.Sticky = sticky
			set, hit := store(f)
			add(name+" "+lasts, set, hit, f.DelayOnly)
		}
	}
	slices.SortFunc(list, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return list
}

func stride(t *testing.T) int {
	text := os.Getenv("QUIVER_FAULT_STRIDE")
	if text == "" {
		return 11
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("QUIVER_FAULT_STRIDE: %s", text)
	}
	return n
}

// TestEveryFault lets the n-th operation fail, for each kind of fault.
func TestEveryFault(t *testing.T) {
	want, step := states(t), stride(t)
	struck := 0
	for i, f := range faults() {
		n := i % step
		for ; ; n += step {
			hit, err := sweep(t.Context(), t.TempDir(), f, n, want)
			if err != nil {
				t.Errorf("%s, after %d operations: %v", f.name, n, err)
				break
			}
			if !hit {
				break
			}
			struck++
		}
		t.Logf("%s: %d operations", f.name, n)
	}
	if t.Logf("%d faults struck", struck); struck == 0 {
		t.Error("no fault struck")
	}
}

// sweep runs the workload into one fault. A statement that fails is repeated after a
// restart without faults, by power cut or in order, unless it was done all the same.
func sweep(ctx context.Context, dir string, f fault, n int, want []string) (hit bool, err error) {
	w := newWorld(ctx, dir)
	random := rand.New(rand.NewPCG(uint64(n), 1))
	if err := w.start(); err != nil {
		return false, err
	}
	defer func() {
		w.disconnect()
		err = errors.Join(err, w.Stop())
	}()
	f.set(w, n)
	for i := 0; i < len(workload); i++ {
		failed := w.exec(workload[i])
		if failed == nil {
			continue
		}
		var e *pgconn.PgError
		if f.harmless || !errors.As(failed, &e) || e.Code == "XX000" && !strings.Contains(e.Message, "injected") {
			return true, fmt.Errorf("%s: %w", workload[i], failed)
		}
		// What fails leaves nothing of itself, nor does it lame what comes later.
		hit = true
		w.disconnect()
		if err := w.Cut(random); err != nil {
			return true, fmt.Errorf("cut after %s failed: %w", workload[i], err)
		}
		if err := w.start(); err != nil {
			return true, fmt.Errorf("start after %s failed: %w", workload[i], err)
		}
		switch got := w.contents(); got {
		case want[i]:
			i-- // again
		case want[i+1]: // done
		default:
			return true, fmt.Errorf("%s failed (%w) and leaves\n%s\nwant\n%s\nor\n%s", workload[i], failed, got, want[i], want[i+1])
		}
	}
	hit = hit || f.hit(w)
	w.disconnect()
	if err := errors.Join(w.Cut(random), w.start()); err != nil {
		return hit, err
	}
	if got := w.contents(); got != want[len(workload)] {
		return hit, fmt.Errorf("at the end\n%s\nwant\n%s", got, want[len(workload)])
	}
	if found, err := w.findings(); err != nil || len(found) > 0 {
		return hit, fmt.Errorf("the check finds %q, %v", found, err)
	}
	return hit, nil
}
