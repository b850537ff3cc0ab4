package storage

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"quiver/storage/binlog"
	"quiver/storage/segment"
)

const (
	// readAheadFrom: so many units are read before others are read ahead; short
	// scans, and those under a small LIMIT, never come so far.
	readAheadFrom = 4
	// rowsTaken are unpacked together, as an event: two that made batches of one would
	// wait for each other.
	rowsTaken = binlog.EventRowsMax
	// stretchesAhead bounds how many stretches of a field are read ahead.
	stretchesAhead = 4
	// bytesAhead bounds what batches that were made ahead hold, about.
	bytesAhead = 32 << 20
	// judgedUnits bounds how far ahead the filter is asked which units may match.
	judgedUnits = 256
)

// readAhead does the work of a long scan before the scan comes to it:
//
//   - One goroutine reads the pages of files, a stretch of each field at a time.
//     Scanners wait for it: pages that they touched themselves would come in small
//     pieces (vfs.Populate).
//   - Where there is one scanner, a few more make batches of units whose pages were
//     read: they unpack columns and apply the filter. The scanner hands the batches
//     out in the order of units, with the errors that it would have met there, and
//     makes those that none of them began.
//
// Errors of reading pages are left to whoever makes the batch, which meets them again.
type readAhead struct {
	p       *scanPlan
	cancel  context.CancelFunc
	workers sync.WaitGroup
	// makers is how many goroutines make batches.
	makers int

	// Of the goroutine that reads pages:
	judged int // units before it were judged
	runEnd int // the unit after those at hand that lie in a row

	mu    sync.Mutex // guards what follows
	turn  sync.Cond  // any of it changed
	at    int        // unit that the scan is at
	read  int        // the pages of units before it were read
	taken int        // somebody makes, or made, the batches of units before it
	made  []madeBatch
	bytes int64 // of made
	ended error // what further units give, once one was not waited for
}

// madeBatch is what reading a unit ahead gave, at the unit's number modulo how many
// may be made ahead.
type madeBatch struct {
	done     bool
	batch    *Batch
	stats    ScanStats
	err      error
	panicked any
}

// newReadAhead starts to read the units after readAheadFrom; nil where nothing is
// gained.
func newReadAhead(p *scanPlan) *readAhead {
	const next = readAheadFrom + 1
	if p.spec.Key != nil || p.spec.RowIDs != nil || len(p.ahead) == 0 || len(p.units) <= next {
		return nil
	}
	a := &readAhead{p: p, at: readAheadFrom, read: next, taken: readAheadFrom, judged: next}
	a.turn.L = &a.mu
	if p.scanners.Load() == 1 && p.spec.Ahead > 0 && !p.hasOwn() {
		a.makers = max(1, p.spec.Ahead+1-p.s.t.e.Reading())
		a.made = make([]madeBatch, 4*(a.makers+2))
	}
	remote := p.s.t.e.shelf.Files.Remote() // files are read as they are copied: see prefetch
	if remote && a.makers == 0 {
		return nil
	}
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	if remote {
		a.read = len(p.units)
	} else {
		a.workers.Go(func() { a.readUnits(ctx) })
	}
	for range a.makers {
		a.workers.Go(func() { a.makeBatches(ctx) })
	}
	return a
}

// batch returns the batch of a unit, nil if nothing of it is left: one that was made
// ahead, or by the scanner that asks.
func (a *readAhead) batch(ctx context.Context, c *scanner, unit int) (*Batch, error) {
	made, mine, err := a.take(ctx, unit)
	if err != nil {
		return nil, err
	}
	if mine {
		return c.read(ctx, &a.p.units[unit])
	}
	if made.panicked != nil {
		panic(made.panicked)
	}
	c.stats.Add(made.stats)
	return made.batch, made.err
}

// take waits until the pages of a unit were read, and then, unless nobody began its
// batch, so that it is the caller's to make, until it is made.
func (a *readAhead) take(ctx context.Context, unit int) (made madeBatch, mine bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if unit > a.at {
		a.at = unit
		a.turn.Broadcast()
	}
	ready := func() bool {
		return a.ended != nil || unit < a.read && (unit >= a.taken || a.slot(unit).done)
	}
	if !ready() {
		defer context.AfterFunc(ctx, a.wake)()
	}
	for !ready() {
		if ctx.Err() != nil {
			a.ended = context.Cause(ctx)
			a.turn.Broadcast()
			break
		}
		a.turn.Wait()
	}
	if a.ended != nil {
		return made, false, a.ended
	}
	if unit >= a.taken {
		if a.makers > 0 {
			a.taken = unit + 1
		}
		return made, true, nil
	}
	slot := a.slot(unit)
	made, *slot = *slot, madeBatch{}
	if a.bytes -= made.stats.BytesRead; a.bytes < bytesAhead {
		a.turn.Broadcast()
	}
	return made, false, nil
}

func (a *readAhead) slot(unit int) *madeBatch { return &a.made[unit%len(a.made)] }

// wake has those that wait look again.
func (a *readAhead) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn.Broadcast()
}

// close ends the goroutines and drops what nobody asked for.
func (a *readAhead) close() {
	a.cancel()
	a.mu.Lock()
	a.ended = errScannerClosed
	a.turn.Broadcast()
	a.mu.Unlock()
	a.workers.Wait()
	for i := range a.made {
		if b := a.made[i].batch; b != nil {
			b.Record.Release()
		}
	}
	a.made = nil
}

var errScannerClosed = errors.New("storage: scanner is closed")

// makeBatches makes the batches of units that nobody began, in their order.
func (a *readAhead) makeBatches(ctx context.Context) {
	c := newScanner(a.p, false)
	for {
		unit, end := a.begin()
		if unit == end {
			return
		}
		for ; unit < end && ctx.Err() == nil; unit++ {
			made := c.make(ctx, &a.p.units[unit])
			a.mu.Lock()
			*a.slot(unit) = made
			a.bytes += made.stats.BytesRead
			a.turn.Broadcast()
			a.mu.Unlock()
		}
	}
}

// make reads a unit for another goroutine, which has to panic where this would: the
// limits of memory are told by panics, and end a statement, not the server.
func (c *scanner) make(ctx context.Context, u *unit) (made madeBatch) {
	defer func() {
		if p := recover(); p != nil {
			made = madeBatch{done: true, panicked: withStack(p)}
		}
	}()
	c.stats = ScanStats{}
	batch, err := c.read(ctx, u)
	return madeBatch{done: true, batch: batch, stats: c.stats, err: err}
}

// withStack adds the stack to a panic that is a fault of the program.
func withStack(p any) any {
	if err, ok := p.(error); ok {
		if _, fault := p.(runtime.Error); !fault {
			return err
		}
	}
	return fmt.Sprintf("%v\n\n%s", p, debug.Stack())
}

// begin waits for units to make the batches of, those of one event; none at the end.
func (a *readAhead) begin() (unit, end int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for units := a.p.units; a.ended == nil && a.taken < len(units); a.turn.Wait() {
		unit, limit := a.taken, min(a.read, a.at+len(a.made))
		if a.bytes > bytesAhead {
			limit = min(limit, a.at+1)
		}
		for a.taken < limit && units[a.taken].src == units[unit].src && units[a.taken].start/rowsTaken == units[unit].start/rowsTaken {
			a.taken++
		}
		if a.taken > unit {
			return unit, a.taken
		}
	}
	return 0, 0
}

// readUnits reads the pages of units, in their order.
func (a *readAhead) readUnits(ctx context.Context) {
	defer a.wasRead(len(a.p.units))
	defer func() { _ = recover() }() // whoever makes the batch meets it again
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
	for a.at < unit && a.ended == nil {
		a.turn.Wait()
	}
	return a.ended == nil
}

// wasRead notes that the units before one were read.
func (a *readAhead) wasRead(before int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.read = before
	a.turn.Broadcast()
}
