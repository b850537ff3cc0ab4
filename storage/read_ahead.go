package storage

import (
	"context"
	"sync"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/storage/segment"
)

const (
	// readAheadFrom: so many units are read before others are read ahead; short
	// scans, and those under a small LIMIT, never come so far.
	readAheadFrom = 4
	// readAheadUnits bounds how far readers ahead may be.
	readAheadUnits = 32
)

// readAhead unpacks what a long scan will read: a few workers go over the events of
// its fields before the scan itself, which else would alternately wait for the disk,
// unpack and compute on one processor. What they unpack is in the cache of events;
// pages of events that are used in place are in memory, their checksums known.
// Errors are left to the scan, which meets them again.
type readAhead struct {
	p       *scanPlan
	fields  []catalog.FieldID
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu    sync.Mutex // guards what follows
	turn  sync.Cond  // the scan went on, or ended
	at    int        // unit that the scan is at
	unit  int        // unit to read ahead
	field int        // index into fields
	src   source     // of the Aheads
	ahead []*segment.Ahead
	ended bool
}

// newReadAhead starts workers for the units after at; nil where nothing is gained.
func newReadAhead(p *scanPlan, at int) *readAhead {
	a := &readAhead{p: p, at: at, unit: at + 1}
	if p.spec.Key != nil || p.spec.RowIDs != nil || p.s.t.e.shelf.Files.Remote() {
		return nil
	}
	if a.fields = p.schema.fields; p.spec.Filter != nil { // the others may not be needed
		a.fields = nil
		for _, i := range p.schema.filter {
			a.fields = append(a.fields, p.schema.fields[i])
		}
	}
	if len(a.fields) == 0 {
		return nil
	}
	a.turn.L = &a.mu
	var ctx context.Context
	ctx, a.cancel = context.WithCancel(context.Background())
	for range cores.Count() {
		a.workers.Go(func() { a.work(ctx) })
	}
	return a
}

// reached notes the unit that the scan is at.
func (a *readAhead) reached(unit int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = unit
	a.turn.Broadcast()
}

// close ends the workers.
func (a *readAhead) close() {
	a.cancel()
	a.mu.Lock()
	a.ended = true
	a.turn.Broadcast()
	a.mu.Unlock()
	a.workers.Wait()
}

func (a *readAhead) work(ctx context.Context) {
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
		case a.unit > a.at+readAheadUnits:
			a.turn.Wait()
			continue
		}
		u := &a.p.units[a.unit]
		f, flushed := u.src.(*flushedSegment)
		if !flushed || a.field == len(a.fields) {
			a.unit, a.field = a.unit+1, 0
			continue
		}
		if a.src != u.src {
			a.src, a.ahead = u.src, nil
			for _, field := range a.fields {
				a.ahead = append(a.ahead, f.Ahead(field))
			}
		}
		a.field++
		unpack, err := a.ahead[a.field-1].Next(ctx, u.start)
		if err != nil {
			return nil
		}
		if unpack != nil {
			return unpack
		}
	}
}
