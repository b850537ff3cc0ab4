package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"quiver/storage/binlog"
	"quiver/storage/vfs"
)

// Ranges reads ranges of one object that is too large to be copied whole. What
// was read of a remote object stays in a scratch file with holes, and counts
// against the budget as a part of the File that it was opened for. It is safe for
// concurrent use.
type Ranges struct {
	c    *Files
	f    *File
	key  string
	size int64

	mu      sync.Mutex // guards what follows
	name    string
	scratch vfs.File // nil until something is kept
	kept    intervals
	closed  bool
}

// Ranges returns an object of size bytes for reading by ranges, while f, which
// OpenWith opens, is open: f's close calls Close.
func (f *File) Ranges(key string, size int64) *Ranges {
	return &Ranges{c: f.c, f: f, key: key, size: size}
}

// Size is that of the object.
func (r *Ranges) Size() int64 { return r.size }

// ReadRange fills p with the bytes from offset: from the scratch file if all of
// them are there, else by one request.
func (r *Ranges) ReadRange(ctx context.Context, p []byte, offset int64) error {
	end := offset + int64(len(p))
	if offset < 0 || end > r.size {
		return &binlog.CorruptionError{Object: r.key, Offset: offset, Reason: fmt.Sprintf("%d bytes are wanted of an object of %d", len(p), r.size)}
	}
	if len(p) == 0 {
		return nil
	}
	if hit, err := r.readKept(p, offset); hit || err != nil {
		return err
	}
	b, err := r.c.o.Store.ReadAt(ctx, r.key, offset, int64(len(p)), p[:0])
	if err = whole(r.key, b, int64(len(p)), err); err != nil {
		return err
	}
	if &b[0] != &p[0] { // the store had its own memory
		copy(p, b)
	}
	if r.c.local == nil && r.c.o.Scratch != nil {
		return r.keep(p, offset)
	}
	return nil
}

func (r *Ranges) readKept(p []byte, offset int64) (bool, error) {
	r.mu.Lock()
	file, hit := r.scratch, r.kept.missing(offset, offset+int64(len(p))) == 0
	r.mu.Unlock()
	r.c.count(hit)
	if !hit {
		return false, nil
	}
	n, err := file.ReadAt(p, offset)
	if n == len(p) && errors.Is(err, io.EOF) {
		err = nil
	}
	return true, err
}

// keep writes bytes into the scratch file if the budget has room for them.
func (r *Ranges) keep(p []byte, offset int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := offset + int64(len(p))
	more := r.kept.missing(offset, end)
	if r.closed || more == 0 || !r.f.grow(more) {
		return nil
	}
	if r.scratch == nil {
		r.name = r.c.scratchName()
		var err error
		if r.scratch, err = r.c.o.Scratch.Create(r.name); err != nil {
			return err
		}
	}
	if _, err := r.scratch.WriteAt(p, offset); err != nil {
		return err
	}
	r.kept.add(offset, end)
	return nil
}

// Close removes the scratch file. Nobody reads any more.
func (r *Ranges) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.scratch == nil {
		return nil
	}
	err := errors.Join(r.scratch.Close(), r.c.o.Scratch.Remove(r.name))
	r.scratch, r.kept = nil, nil
	return err
}

// intervals are disjoint, ascending and apart.
type intervals []interval

type interval struct{ from, to int64 }

// missing counts what of [from, to) is in no interval.
func (s intervals) missing(from, to int64) int64 {
	n := to - from
	for i := s.first(from); i < len(s) && s[i].from < to; i++ {
		n -= max(0, min(to, s[i].to)-max(from, s[i].from))
	}
	return n
}

// first is the index of the first interval that ends at at or later.
func (s intervals) first(at int64) int {
	i, _ := slices.BinarySearchFunc(s, at, func(v interval, at int64) int {
		if v.to < at {
			return -1
		}
		return 1
	})
	return i
}

// add joins [from, to) with what it touches.
func (s *intervals) add(from, to int64) {
	i := s.first(from)
	j := i
	for ; j < len(*s) && (*s)[j].from <= to; j++ {
		from, to = min(from, (*s)[j].from), max(to, (*s)[j].to)
	}
	*s = slices.Replace(*s, i, j, interval{from, to})
}
