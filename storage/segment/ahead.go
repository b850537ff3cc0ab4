package segment

import (
	"context"

	"quiver/catalog"
	"quiver/storage/vfs"
)

// eventsAhead is how many events after the one at hand the system is told to read.
const eventsAhead = 8

// Ahead goes over the events of a field before a scan needs them.
type Ahead struct {
	s     *Flushed
	field catalog.FieldID
	next  int // event
	told  int // events that the system reads
}

// Ahead begins to go over a field.
func (s *Flushed) Ahead(field catalog.FieldID) *Ahead { return &Ahead{s: s, field: field} }

// Next tells the system to read the events after the one that holds the rows at
// pos, and returns what unpacks that one, or checks and touches it: nil if it was
// asked for before, or the segment has the field not, or reads copies.
func (a *Ahead) Next(ctx context.Context, pos int) (func(context.Context) error, error) {
	f := a.s.columns[a.field]
	if f == nil || a.s.copies() {
		return nil, nil
	}
	file, err := a.s.openColumn(ctx, f)
	if err != nil {
		return nil, err
	}
	defer file.Unpin()
	event, _, ok := file.Reader.Locate(int32(a.field), int64(pos))
	if !ok || event < a.next {
		return nil, nil
	}
	a.next = event + 1
	for a.told = max(a.told, event); a.told <= event+eventsAhead && a.told < file.Reader.Events(int32(a.field)); a.told++ {
		vfs.WillNeed(file.Reader.Mapped(int32(a.field), a.told))
	}
	return func(ctx context.Context) error {
		file, err := a.s.openColumn(ctx, f)
		if err != nil {
			return err
		}
		defer file.Unpin()
		rows, err := a.s.Event(ctx, file, a.field, event)
		if err != nil {
			return err
		}
		rows.Release()
		return nil
	}, nil
}
