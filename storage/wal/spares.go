package wal

import (
	"errors"
	"io/fs"
)

// A file that was cut becomes a spare, to be written over by later records.
// Without one a file of zeros is made, so that each byte of the log is written
// twice. The log keeps as many spares as it will use until the next cut frees
// files again: as many as cuts have freed so far, where a large cut counts at
// once and is forgotten slowly. (PostgreSQL estimates the distance of its
// checkpoints in the same way.)

// sparesMin spares are always kept, if there are so many.
const sparesMin = 4

// sparesWanted takes note of a cut and says how many spares to keep.
func (l *FileLog) sparesWanted(before Position) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	freed := 0
	for freed+1 < len(l.files) && l.files[freed+1].base <= before.Offset {
		freed++
	}
	if freed > 0 {
		l.cutSize = max(float64(freed), 0.9*l.cutSize+0.1*float64(freed))
	}
	return min(max(int(l.cutSize+0.5), sparesMin), l.options.SparesMax)
}

// Trim removes the spares but one. Cuts keep few then until they have freed many
// files again.
func (l *FileLog) Trim() error {
	l.cutting.Lock()
	defer l.cutting.Unlock()
	l.mu.Lock()
	closed := l.closed
	l.cutSize = 0
	l.mu.Unlock()
	if closed {
		return nil
	}
	return l.dropSpares(1)
}

// dropSpares removes the spares beyond those wanted.
func (l *FileLog) dropSpares(wanted int) error {
	for {
		l.mu.Lock()
		n := len(l.spares)
		if n <= wanted {
			l.mu.Unlock()
			return nil
		}
		name := l.spares[n-1]
		l.spares = l.spares[:n-1]
		l.mu.Unlock()
		if err := l.fs.Remove(l.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}
