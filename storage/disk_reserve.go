package storage

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"syscall"
	"time"

	"quiver/storage/vfs"
)

// The disk keeps a reserve for what frees space or must not fail: merges, deletes,
// the log of those, recovery. What is in memory has to fit as well: the log takes its
// room until it is in objects, and they are written before the log is cut. So the
// disk is short while less than two reserves and the size of what is not in objects
// are free. Then shards are flushed early, the log gives back the files it keeps
// to be used again, and writers of new rows are slowed down; with less than one
// reserve and that size they wait for flushes, and are refused once there is nothing
// to flush.

// ErrDiskFull: rows cannot be taken in, for the disk has no more free than its reserve.
var ErrDiskFull = fmt.Errorf("storage: the disk has only its reserve left: %w", syscall.ENOSPC)

// diskPatience is in how many steps of pressureTick a writer is slowed down.
const diskPatience = 4

// diskState is how much of a disk is free, and how much flushes will take of it:
// for what is committed and for transactions under way.
type diskState struct {
	reserve, free, unflushed, private int64
}

// spare is what is free beyond the reserve and all that is to be flushed.
func (d *diskState) spare() int64 { return d.free - d.reserve - d.unflushed - d.private }

func (d *diskState) short() bool { return d.spare() < d.reserve }

// flushable says that a flush is worth its small segments.
func (d *diskState) flushable() bool { return d.unflushed >= max(largeBytesMin, d.reserve/8) }

// disk looks at the disk. Of one with plenty of room not everything is asked.
func (e *Engine) disk() (d diskState, err error) {
	space, ok := e.opts.Scratch.(vfs.Space)
	if !ok || e.opts.DiskReserve <= 0 {
		return d, nil
	}
	d.reserve = e.opts.DiskReserve
	if d.free, err = space.Free(); err != nil {
		return d, err
	}
	// What is not in objects is in memory or spilled; what spilled is in the log as well.
	if d.free-2*d.reserve >= e.mem.Used()+e.log.Bytes() {
		return d, nil
	}
	d.private = e.privateBytes.Load()
	for _, s := range e.allShards() {
		d.unflushed += s.size()
	}
	return d, nil
}

// spareDisk slows a writer down while the disk is short, and refuses it when only the
// reserve is left beside what is to be flushed, and no flush can help.
func (e *Engine) spareDisk(ctx context.Context) error {
	began := time.Now()
	for waits := 0; ; waits++ {
		d, err := e.disk()
		switch {
		case err != nil:
			return err
		case !d.short():
			return nil
		case waits < diskPatience:
		case d.spare() >= 0:
			return nil
		case !e.flushHelps(&d, began):
			return ErrDiskFull
		}
		e.wake()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.background.Done():
			return ErrClosed
		case <-e.flushed():
		case <-time.After(pressureTick):
		}
	}
}

// flushHelps says whether a writer that waits since began may hope for a flush.
func (e *Engine) flushHelps(d *diskState, began time.Time) bool {
	last, failing := e.flushes()
	return !e.opts.Manual && (d.flushable() || e.isFlushing()) && failing == nil && time.Since(latest(began, last)) < e.patience.hung
}

// shortOfDisk returns the shards to flush since the disk is short, those that hold
// most first, one group at most and no more than fit; nil if there is room or nothing
// to gain.
func (e *Engine) shortOfDisk() []*shard {
	d, err := e.disk()
	if err != nil || !d.short() || !d.flushable() {
		return nil
	}
	type sized struct {
		s     *shard
		bytes int64
	}
	var list []sized
	for _, s := range e.unflushed(e.allShards()) {
		if n := s.size(); n > 0 {
			list = append(list, sized{s, n})
		}
	}
	slices.SortFunc(list, func(a, b sized) int { return cmp.Compare(b.bytes, a.bytes) })
	var shards []*shard
	for _, l := range list[:min(len(list), flushGroupMax)] {
		if d.free -= l.bytes; d.free < 0 && len(shards) > 0 {
			break
		}
		shards = append(shards, l.s)
	}
	return shards
}

// trimLog has the log give back what it keeps for later if the disk is short, and says
// whether it is.
func (e *Engine) trimLog() (short bool) {
	d, err := e.disk()
	if err == nil && !d.short() {
		return false
	}
	if err == nil {
		err = e.log.Trim()
	}
	if err != nil {
		e.logger.Warn("the log gives no room back", "err", err)
	}
	return true
}

// room is what the disk has free for the objects of rows in memory: no bound of one
// that is not short.
func (e *Engine) room() int64 {
	d, err := e.disk()
	if err != nil || !d.short() {
		return math.MaxInt64
	}
	return d.free
}
