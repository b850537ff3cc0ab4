package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"quiver/storage/vfs"
)

// TestPowerCuts runs a log through random lives that end in a power cut or in
// a killed process, at any moment of a file's life: after each, every record
// that was acknowledged is there, in order and whole, and what follows is a
// prefix of what was appended after it. QUIVER_POWER_CUTS sets how many cuts,
// QUIVER_POWER_SEED the first seed; a seed has five.
func TestPowerCuts(t *testing.T) {
	cuts := 1500
	if testing.Short() {
		cuts = 250
	}
	first := 0
	for name, n := range map[string]*int{"QUIVER_POWER_CUTS": &cuts, "QUIVER_POWER_SEED": &first} {
		if s := os.Getenv(name); s != "" {
			var err error
			if *n, err = strconv.Atoi(s); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	for i := range (cuts + cutsOfSeed - 1) / cutsOfSeed {
		seed := uint64(first + i)
		if err := powerCuts(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("%d cuts of logs", cuts)
}

const cutsOfSeed = 5

func powerCuts(seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 9))
	fsys := vfs.NewMem()
	o := FileOptions{FileBytes: int64(5+r.IntN(8)) << 10, SparesMax: 1 + r.IntN(2)}
	var kept []entry // what is certain to be there
	cut := Position{}
	serial := 0
	for range cutsOfSeed {
		o.Epoch++
		l, err := OpenFiles(fsys, "wal", o)
		if err != nil {
			return err
		}
		var unsure []entry
		var got []entry
		if err := l.Read(ctx, cut, func(p Position, record []byte) error {
			got = append(got, entry{p, string(record)})
			return nil
		}); err != nil {
			return err
		}
		if kept, err = settle(kept, nil, got); err != nil {
			return fmt.Errorf("after a clean read: %w", err)
		}
		steps := r.IntN(80)
		var futures []Future
		for range steps {
			switch n := r.IntN(12); {
			case n < 8:
				serial++
				record := fmt.Sprintf("%d:%0*d", serial, r.IntN(600), 0)
				f, err := l.Append([]byte(record))
				if err != nil {
					return err
				}
				futures = append(futures, f)
				unsure = append(unsure, entry{f.Position(), record})
			case n < 11:
				for _, f := range futures {
					if err := f.Wait(); err != nil {
						return err
					}
				}
				futures = futures[:0]
				kept, unsure = append(kept, unsure...), nil
			case len(kept) > 0:
				i := r.IntN(len(kept))
				if err := l.Cut(ctx, kept[i].position); err != nil {
					return err
				}
				cut, kept = kept[i].position, kept[i:]
			}
		}
		// The cut comes while the writer is at work.
		after := fsys.CrashClone(r)
		for _, f := range futures {
			if err := f.Wait(); err != nil {
				return err
			}
		}
		if err := l.Close(); err != nil {
			return err
		}
		fsys = after
		o.Epoch++
		if l, err = OpenFiles(fsys, "wal", o); err != nil {
			return fmt.Errorf("after the cut: %w", err)
		}
		got = got[:0]
		if err := l.Read(ctx, cut, func(p Position, record []byte) error {
			got = append(got, entry{p, string(record)})
			return nil
		}); err != nil {
			return fmt.Errorf("after the cut: %w", err)
		}
		if kept, err = settle(kept, unsure, got); err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// settle checks that got is kept and a prefix of unsure, and returns it.
func settle(kept, unsure, got []entry) ([]entry, error) {
	if len(got) < len(kept) {
		return nil, fmt.Errorf("%d records are left of %d", len(got), len(kept))
	}
	all := append(append([]entry(nil), kept...), unsure...)
	if len(got) > len(all) {
		return nil, fmt.Errorf("%d records came of %d", len(got), len(all))
	}
	if err := sameEntries(got, all[:len(got)]); err != nil {
		return nil, err
	}
	return append([]entry(nil), got...), nil
}

// TestEveryFault fails the i-th operation, for every i until none is met: the
// log says so or goes on, and after a restart what was acknowledged is there.
func TestEveryFault(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		for i := 0; ; i++ {
			mem := vfs.NewMem()
			fsys := vfs.NewFaulty(mem)
			fsys.Set(&vfs.Fault{After: i, Sticky: sticky, Short: i%2 == 0})
			kept, unsure, cut := faultyLife(t, fsys)
			hit := fsys.Hit()
			fsys.Set(nil)
			o := small
			o.Epoch++
			l, err := OpenFiles(mem, "wal", o)
			if err != nil {
				t.Fatalf("fault %d: %v", i, err)
			}
			if _, err := settle(kept, unsure, readAll(t, l, cut)); err != nil {
				t.Fatalf("fault %d: %v", i, err)
			}
			must(t, l.Close())
			if !hit {
				break
			}
		}
	}
}

// faultyLife appends, cuts and closes until something fails.
func faultyLife(t *testing.T, fsys vfs.FS) (kept, unsure []entry, cut Position) {
	l, err := OpenFiles(fsys, "wal", small)
	if err != nil {
		return nil, nil, cut
	}
	// Errors are counted by what they leave: an error may only come back where
	// the operation did not happen.
	defer func() { _ = l.Close() }()
	for i := range 40 {
		record := fmt.Sprintf("%0500d", i)
		f, err := l.Append([]byte(record))
		if err != nil {
			if !errors.Is(err, ErrFenced) {
				t.Errorf("append: %v", err)
			}
			return kept, unsure, cut
		}
		e := entry{f.Position(), record}
		if err := f.Wait(); err != nil {
			if !errors.Is(err, ErrFenced) {
				t.Errorf("wait: %v", err)
			}
			unsure = append(unsure, e)
			continue
		}
		if len(unsure) > 0 {
			t.Errorf("record %d was acknowledged after a failed one", i)
		}
		kept = append(kept, e)
		if i == 30 {
			_ = l.Cut(ctx, kept[20].position) // may forget what is below even if it fails
			cut, kept = kept[20].position, kept[20:]
		}
	}
	return kept, unsure, cut
}
