package storage

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"quiver/storage/vfs"
)

// The disk keeps a reserve for what frees space or must not fail: flushes, merges,
// deletes, the log of those, recovery. Writers of new rows are slowed down while less
// than two reserves are free, and refused below one.

// ErrDiskFull: rows cannot be taken in, for the disk has no more free than its reserve.
var ErrDiskFull = fmt.Errorf("storage: the disk has only its reserve left: %w", syscall.ENOSPC)

// diskPatience is in how many steps of pressureTick a writer is slowed down.
const diskPatience = 4

// spareDisk slows a writer down while the disk is nearly full, and refuses it when the
// reserve is reached.
func (e *Engine) spareDisk(ctx context.Context) error {
	space, ok := e.opts.Scratch.(vfs.Space)
	if !ok || e.opts.DiskReserve <= 0 {
		return nil
	}
	for waits := 0; ; waits++ {
		free, err := space.Free()
		switch {
		case err != nil:
			return err
		case free >= 2*e.opts.DiskReserve:
			return nil
		case waits == diskPatience && free < e.opts.DiskReserve:
			return ErrDiskFull
		case waits == diskPatience:
			return nil
		}
		e.wake() // what is flushed frees the log
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.background.Done():
			return ErrClosed
		case <-time.After(pressureTick):
		}
	}
}
