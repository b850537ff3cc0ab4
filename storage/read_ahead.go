package storage

import (
	"context"
	"sync"

	"quiver/internal/cores"
	"quiver/storage/segment"
)

const (
	// readAheadFrom: so many units are read before others are read ahead; short
	// scans, and those under a small LIMIT, never come so far.
	readAheadFrom = 4
	// unpackedUnits bounds how far ahead units are unpacked.
	unpackedUnits = 32
	// stretchesAhead bounds how many stretches of a field are read ahead.
	stretchesAhead = 4
	// judgedUnits bounds how far ahead the filter is asked which units may match.
	judgedUnits = 256
)

// readAhead brings what a long scan will read from the disk, and unpacks it, which the
// scan itself would do in turn with its computing, on one processor:
//
//   - One goroutine reads the pages of files, a stretch of each field at a time, up to
//     one after that at hand. Scanners wait for it: pages that they touched themselves
//     would come in small pieces (vfs.Populate).
//   - Where there is one scanner, a few go over the events of units that were read:
//     what they unpack is in the cache of events, of events used in place the checksums
//     are known.
//
// Errors are left to the scanners, which meet them again.
type readAhead struct {
	p       *scanPlan
	cancel  context.CancelFunc
	workers sync.WaitGroup

	// Of the goroutine that reads pages:
	judged int // units before it were judged
	runEnd int // the unit after those at hand that lie in a row

	mu    sync.Mutex // guards what follows
	turn  sync.Cond  // the scan went on, units were read, or all ended
	at    int        // unit that the scan is at
	read  int        // units before it were read
	unit  int        // unit to unpack
	field int        // index into the plan's fields
	src   source     // of the Aheads
	ahead []*segment.Ahead
	ended bool
}

// newReadAhead starts to read the units after readAheadFrom; nil where nothing is
// gained.
func newReadAhead(p *scanPlan, unpack bool) *readAhead {
	const next = readAheadFrom + 1
	if p.spec.Key != nil || p.spec.RowIDs != nil || p.s.t.e.shelf.Files.Remote() || len(p.ahead) == 0 || len(p.units) <= next {
		return nil
	}
	a := &readAhead{p: p, at: readAheadFrom, read: next, unit: next, judged: next}
	a.turn.L = &a.mu
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	a.workers.Go(func() { a.readUnits(ctx) })
	if unpack {
		for range cores.Count() {
			a.workers.Go(func() { a.unpackUnits(ctx) })
		}
	}
	return a
}

// reached notes that a scanner is at a unit, and waits until that was read.
func (a *readAhead) reached(ctx context.Context, unit int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if unit > a.at {
		a.at = unit
		a.turn.Broadcast()
	}
	if unit < a.read {
		return
	}
	defer context.AfterFunc(ctx, a.wake)()
	for unit >= a.read && ctx.Err() == nil {
		a.turn.Wait()
	}
}

// wake has those that wait look again.
func (a *readAhead) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn.Broadcast()
}

// close ends the goroutines.
func (a *readAhead) close() {
	a.cancel()
	a.mu.Lock()
	a.ended = true
	a.turn.Broadcast()
	a.mu.Unlock()
	a.workers.Wait()
}

// readUnits reads the pages of units, in their order.
func (a *readAhead) readUnits(ctx context.Context) {
	defer a.wasRead(len(a.p.units))
	var src source
	var fields []*segment.Ahead
	began := make([][stretchesAhead]int, len(a.p.ahead)) // of each field: the units with which its last stretches begin
	for i := a.judged; i < len(a.p.units); i++ {
		u := &a.p.units[i]
		if u.src != src {
			src, fields = u.src, fields[:0]
			if f, flushed := src.(*flushedSegment); flushed {
				for _, field := range a.p.ahead {
					fields = append(fields, f.Ahead(field))
				}
			}
		}
		end, err := a.endOfRun(ctx, i)
		if err != nil {
			return
		}
		for k, field := range fields {
			if u.pruned {
				break
			}
			read, err := field.Read(ctx, u.start, end)
			if err != nil || read != nil && (!a.await(began[k][0]) || read(ctx) != nil) {
				return
			}
			if read != nil {
				copy(began[k][:], began[k][1:])
				began[k][stretchesAhead-1] = i
			}
		}
		a.wasRead(i + 1)
	}
}

// endOfRun returns the row before which the units from i on, some of one segment, may
// all match the filter.
func (a *readAhead) endOfRun(ctx context.Context, i int) (row int, err error) {
	units := a.p.units
	for a.runEnd = max(a.runEnd, i+1); ; a.runEnd++ {
		for ; a.judged <= min(a.runEnd, len(units)-1); a.judged++ {
			u := &units[a.judged]
			if u.pruned, err = a.p.prunes(ctx, u); err != nil {
				return 0, err
			}
			u.judged = true
		}
		if a.runEnd == min(len(units), i+judgedUnits) || units[a.runEnd].src != units[i].src || units[a.runEnd].pruned {
			return units[a.runEnd-1].end, nil
		}
	}
}

// await waits until the scan is at a unit; false at its end.
func (a *readAhead) await(unit int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.at < unit && !a.ended {
		a.turn.Wait()
	}
	return !a.ended
}

// wasRead notes that the units before one were read.
func (a *readAhead) wasRead(before int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read = before
	a.turn.Broadcast()
}

func (a *readAhead) unpackUnits(ctx context.Context) {
	for {
		unpack := a.next(ctx)
		if unpack == nil {
			return
		}
		_ = unpack(ctx)
	}
}

// next returns the next event to unpack; nil at the end.
func (a *readAhead) next(ctx context.Context) func(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if a.unit < a.at { // the scan overtook
			a.unit, a.field = a.at, 0
		}
		switch {
		case a.ended || a.unit >= len(a.p.units):
			return nil
		case a.unit > a.at+unpackedUnits || a.unit >= a.read:
			a.turn.Wait()
			continue
		}
		u := &a.p.units[a.unit]
		f, flushed := u.src.(*flushedSegment)
		if !flushed || u.pruned || a.field == len(a.p.ahead) {
			a.unit, a.field = a.unit+1, 0
			continue
		}
		if a.src != u.src {
			a.src, a.ahead = u.src, nil
			for _, field := range a.p.ahead {
				a.ahead = append(a.ahead, f.Ahead(field))
			}
		}
		a.field++
		unpack, err := a.ahead[a.field-1].Unpack(ctx, u.start)
		if err != nil {
			return nil
		}
		if unpack != nil {
			return unpack
		}
	}
}
