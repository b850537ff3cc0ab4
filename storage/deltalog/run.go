package deltalog

import (
	"bytes"
	"context"
	"sort"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// RowRun finds the position of a row id in one segment. It is safe for
// concurrent use and ends in Close.
type RowRun struct {
	r         *binlog.Reader
	firsts    []uint64 // of each event
	ids       lazyColumn
	positions lazyColumn
}

// OpenRowRun opens a run that NewRowRun wrote. Events are read at their first
// touch and kept until Close; of a mapped file they are views of it.
func OpenRowRun(r *binlog.Reader, mem memory.Allocator) (*RowRun, error) {
	if err := expect(r, binlog.Run, FieldRowID, FieldPosition); err != nil {
		return nil, err
	}
	s := &RowRun{r: r, ids: newLazyColumn(r, FieldRowID), positions: newLazyColumn(r, FieldPosition)}
	for i := range r.Events(FieldRowID) {
		first, err := binlog.DecodeBound(r.Event(FieldRowID, i).Min, arrow.PrimitiveTypes.Uint64, mem)
		if err != nil {
			return nil, err
		}
		if first == nil {
			return nil, &binlog.CorruptionError{Object: r.Name(), Reason: "run without bounds"}
		}
		s.firsts = append(s.firsts, first.(*array.Uint64).Value(0))
		first.Release()
	}
	return s, nil
}

// Find returns the position of a row; ok is false if the segment has it not.
func (s *RowRun) Find(ctx context.Context, id uint64) (position uint32, ok bool, err error) {
	event := sort.Search(len(s.firsts), func(i int) bool { return s.firsts[i] > id }) - 1
	if event < 0 {
		return 0, false, nil
	}
	ids, err := s.ids.integers(ctx, event)
	if err != nil {
		return 0, false, err
	}
	i := ids.search(id)
	if i == ids.rows || ids.at(i) != id {
		return 0, false, nil
	}
	position, err = positionAt(ctx, &s.positions, s.r.Event(FieldRowID, event).FirstRow+int64(i))
	return position, err == nil, err
}

// Close gives back what was read.
func (s *RowRun) Close() {
	s.ids.close()
	s.positions.close()
}

// KeyRun finds the positions of a key in one segment: several if it holds
// several versions of a row. It is safe for concurrent use and ends in Close.
type KeyRun struct {
	r         *binlog.Reader
	firsts    [][]byte // of each event; nil if too long to be a bound
	keys      lazyColumn
	positions lazyColumn
}

// OpenKeyRun opens a run that NewKeyRun wrote; see OpenRowRun.
func OpenKeyRun(r *binlog.Reader, mem memory.Allocator) (*KeyRun, error) {
	if err := expect(r, binlog.Run, FieldKey, FieldPosition); err != nil {
		return nil, err
	}
	s := &KeyRun{r: r, keys: newLazyColumn(r, FieldKey), positions: newLazyColumn(r, FieldPosition)}
	for i := range r.Events(FieldKey) {
		first, err := binlog.DecodeBound(r.Event(FieldKey, i).Min, arrow.BinaryTypes.Binary, mem)
		if err != nil {
			return nil, err
		}
		var key []byte
		if first != nil {
			key = append([]byte{}, first.(*array.Binary).Value(0)...)
			first.Release()
		}
		s.firsts = append(s.firsts, key)
	}
	return s, nil
}

// Find appends the positions of a key to dst, in ascending order.
func (s *KeyRun) Find(ctx context.Context, key []byte, dst []uint32) ([]uint32, error) {
	return s.Range(ctx, key, func(k []byte) bool { return bytes.Equal(k, key) }, dst)
}

// KeyAt returns the i-th key of the run, valid until Close. In a segment whose
// rows are sorted by key that is the key of the row at position i.
func (s *KeyRun) KeyAt(ctx context.Context, i int64) ([]byte, error) {
	event, row, ok := s.r.Locate(FieldKey, i)
	if !ok {
		return nil, &binlog.CorruptionError{Object: s.r.Name(), Reason: "run without that row"}
	}
	a, err := s.keys.event(ctx, event)
	if err != nil {
		return nil, err
	}
	return a.(*array.Binary).Value(row), nil
}

// Range appends the positions of the keys from `from` on, in key order, for as
// long as within answers true.
func (s *KeyRun) Range(ctx context.Context, from []byte, within func(key []byte) bool, dst []uint32) ([]uint32, error) {
	event, err := s.seek(ctx, from)
	if err != nil {
		return dst, err
	}
	for ; event < len(s.firsts); event++ {
		a, err := s.keys.event(ctx, event)
		if err != nil {
			return dst, err
		}
		keys := a.(*array.Binary)
		i := sort.Search(keys.Len(), func(i int) bool { return bytes.Compare(keys.Value(i), from) >= 0 })
		first := s.r.Event(FieldKey, event).FirstRow
		for ; i < keys.Len(); i++ {
			if !within(keys.Value(i)) {
				return dst, nil
			}
			p, err := positionAt(ctx, &s.positions, first+int64(i))
			if err != nil {
				return dst, err
			}
			dst = append(dst, p)
		}
	}
	return dst, nil
}

// seek returns the event where the first key at or after from can lie.
func (s *KeyRun) seek(ctx context.Context, from []byte) (int, error) {
	var failed error
	event := sort.Search(len(s.firsts), func(i int) bool {
		first := s.firsts[i]
		if first == nil {
			a, err := s.keys.event(ctx, i)
			if err != nil {
				failed = err
				return true
			}
			first = a.(*array.Binary).Value(0)
		}
		return bytes.Compare(first, from) >= 0
	})
	return max(0, event-1), failed
}

// Close gives back what was read.
func (s *KeyRun) Close() {
	s.keys.close()
	s.positions.close()
}

func positionAt(ctx context.Context, c *lazyColumn, row int64) (uint32, error) {
	event, i, ok := c.r.Locate(c.field, row)
	if !ok {
		return 0, &binlog.CorruptionError{Object: c.r.Name(), Reason: "run without that row"}
	}
	positions, err := c.integers(ctx, event)
	if err != nil {
		return 0, err
	}
	return uint32(positions.at(i)), nil
}

// lazyColumn keeps the events of a field once they were read.
type lazyColumn struct {
	r      *binlog.Reader
	field  int32
	events []atomic.Pointer[arrow.Array]
	known  []atomic.Pointer[integers]
}

// integers are those of one event: an array, or a sequence, which takes no memory
// however long it is.
type integers struct {
	rows        int
	first, step uint64
	ids         []uint64
	positions   []uint32
}

func (n *integers) at(i int) uint64 {
	switch {
	case n.ids != nil:
		return n.ids[i]
	case n.positions != nil:
		return uint64(n.positions[i])
	}
	return n.first + uint64(i)*n.step
}

// search returns the place of the first number, of ascending ones, that is not
// below v.
func (n *integers) search(v uint64) int {
	return sort.Search(n.rows, func(i int) bool { return n.at(i) >= v })
}

// integers returns those of the i-th event.
func (c *lazyColumn) integers(ctx context.Context, i int) (*integers, error) {
	if n := c.known[i].Load(); n != nil {
		return n, nil
	}
	n := &integers{rows: c.r.Event(c.field, i).Rows}
	var sequence bool
	var err error
	if n.first, n.step, sequence, err = c.r.Sequence(ctx, c.field, i); err != nil {
		return nil, err
	}
	if !sequence {
		a, err := c.event(ctx, i)
		if err != nil {
			return nil, err
		}
		switch a := a.(type) {
		case *array.Uint64:
			n.ids = a.Uint64Values()
		case *array.Uint32:
			n.positions = a.Uint32Values()
		}
	}
	c.known[i].Store(n)
	return n, nil
}

func newLazyColumn(r *binlog.Reader, field int32) lazyColumn {
	return lazyColumn{r: r, field: field, events: make([]atomic.Pointer[arrow.Array], r.Events(field)), known: make([]atomic.Pointer[integers], r.Events(field))}
}

// event returns the i-th event, which belongs to the column.
func (c *lazyColumn) event(ctx context.Context, i int) (arrow.Array, error) {
	if a := c.events[i].Load(); a != nil {
		return *a, nil
	}
	a, err := c.r.Read(ctx, c.field, i)
	if err != nil {
		return nil, err
	}
	if !c.events[i].CompareAndSwap(nil, &a) { // another reader was first
		a.Release()
	}
	return *c.events[i].Load(), nil
}

func (c *lazyColumn) close() {
	for i := range c.events {
		c.known[i].Store(nil)
		if a := c.events[i].Swap(nil); a != nil {
			(*a).Release()
		}
	}
}
