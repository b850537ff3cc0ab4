package storage

import (
	"context"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/cache"
)

// sequences are the values of a field whose events are all of the codec Sequence,
// as row ids are that were given out in a row: any is found without unpacking one.
type sequences struct {
	file   *binlog.Reader
	field  int32
	events []sequence
}

// sequence is one event: its values are first, first+step and so on.
type sequence struct{ first, step uint64 }

// sequencesOfFile is what cache.File.Derived knows the sequences of a field by,
// nil if some event is packed otherwise.
type sequencesOfFile struct{ field catalog.FieldID }

// sequencesOf returns the values of a field of a pinned file, nil if they are no
// sequences.
func sequencesOf(ctx context.Context, file *cache.File, field catalog.FieldID) (*sequences, error) {
	v, err := file.Derived(sequencesOfFile{field}, func() (any, error) {
		s := &sequences{file: file.Reader, field: int32(field)}
		for i := range file.Reader.Events(s.field) {
			first, step, ok, err := file.Reader.Sequence(ctx, s.field, i)
			if err != nil {
				return nil, err
			}
			if !ok {
				return (*sequences)(nil), nil
			}
			s.events = append(s.events, sequence{first, step})
		}
		return s, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*sequences), nil
}

// at returns the value of a row; false outside the file.
func (s *sequences) at(position int) (uint64, bool) {
	event, row, ok := s.file.Locate(s.field, int64(position))
	if !ok {
		return 0, false
	}
	e := s.events[event]
	return e.first + uint64(row)*e.step, true
}
