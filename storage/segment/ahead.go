package segment

import (
	"context"

	"quiver/catalog"
	"quiver/storage/cache"
	"quiver/storage/vfs"
)

// Ahead reads the events of a field before a scan needs them, forward only. It belongs
// to one goroutine.
type Ahead struct {
	s     *Flushed
	field catalog.FieldID
	next  int // event
}

// Ahead begins to go over a field.
func (s *Flushed) Ahead(field catalog.FieldID) *Ahead { return &Ahead{s: s, field: field} }

// readAtOnce is how many bytes of a field are read from the disk at a time.
const readAtOnce = 4 << 20

// Read returns what reads the event that holds the row at pos from the disk into the
// system's memory, with some of those after it that hold rows before end: nil if that
// was asked for before, or the segment has the field not, or reads copies.
func (a *Ahead) Read(ctx context.Context, pos, end int) (func(context.Context) error, error) {
	file, event, err := a.open(ctx, pos)
	if file == nil || err != nil {
		return nil, err
	}
	defer file.Unpin()
	last, _, _ := file.Reader.Locate(int32(a.field), int64(end-1))
	var stretches []stretch
	read := int64(0)
	for a.next = event; a.next <= last && read < readAtOnce; a.next++ {
		e := file.Reader.Event(int32(a.field), a.next)
		stretches = appendStretch(stretches, e.Offset, e.Length)
		read += e.Length
	}
	if a.next <= last { // up to a large page, of which the next stretch has the rest
		e := file.Reader.Event(int32(a.field), a.next)
		if s := &stretches[len(stretches)-1]; s.to == e.Offset {
			s.to = (s.to + vfs.LargePage - 1) / vfs.LargePage * vfs.LargePage
		}
	}
	return func(ctx context.Context) error {
		file, err := a.s.openColumn(ctx, a.s.columns[a.field])
		if err != nil {
			return err
		}
		defer file.Unpin()
		for _, s := range stretches {
			vfs.Populate(file.Reader.Mapping(), int(s.from), int(s.to))
		}
		return nil
	}, nil
}

// stretch is bytes [from, to) of a file, of which so many are wanted.
type stretch struct{ from, to, wanted int64 }

// appendStretch adds bytes that come after those of list: to the last, if what lies
// between them is not more than what is wanted.
func appendStretch(list []stretch, from, length int64) []stretch {
	if n := len(list); n > 0 {
		last := &list[n-1]
		if to, wanted := from+length, last.wanted+length; to-last.from <= 2*wanted {
			last.to, last.wanted = to, wanted
			return list
		}
	}
	return append(list, stretch{from, from + length, length})
}

// open returns the mapped file of the field, pinned, and the event that holds the row
// at pos; no file if there is nothing to do.
func (a *Ahead) open(ctx context.Context, pos int) (file *cache.File, event int, err error) {
	f := a.s.columns[a.field]
	if f == nil || a.s.copies() {
		return nil, 0, nil
	}
	if file, err = a.s.openColumn(ctx, f); err != nil {
		return nil, 0, err
	}
	event, _, ok := file.Reader.Locate(int32(a.field), int64(pos))
	if !ok || event < a.next {
		file.Unpin()
		return nil, 0, nil
	}
	return file, event, nil
}
