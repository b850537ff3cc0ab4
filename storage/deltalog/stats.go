package deltalog

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// The fields of a stats log, which has one row.
const (
	fieldMinKey int32 = 0
	fieldMaxKey int32 = 1
	fieldBloom  int32 = 2
)

// Stats says which primary keys a segment can hold.
type Stats struct {
	MinKey, MaxKey []byte
	Bloom          *Bloom

	held []arrow.Array // what the slices above point into
}

// NewStats makes the statistics of n keys that Add then gets.
func NewStats(n int) *Stats { return &Stats{Bloom: NewBloom(n)} }

// Add adds a key, which is not kept.
func (s *Stats) Add(key []byte) {
	s.Bloom.Add(key)
	if s.MinKey == nil || bytes.Compare(key, s.MinKey) < 0 {
		s.MinKey = append(make([]byte, 0, len(key)), key...)
	}
	if bytes.Compare(key, s.MaxKey) > 0 {
		s.MaxKey = append(s.MaxKey[:0], key...)
	}
}

// MayContain says no only if the segment does not hold key.
func (s *Stats) MayContain(key []byte) bool {
	return bytes.Compare(key, s.MinKey) >= 0 && bytes.Compare(key, s.MaxKey) <= 0 && s.Bloom.MayContain(key)
}

// WriteStats writes a stats log.
func WriteStats(w io.Writer, ids IDs, s *Stats, mem memory.Allocator) (binlog.Summary, error) {
	field := func(id int32) binlog.Field {
		return binlog.Field{ID: id, Type: arrow.BinaryTypes.Binary, NoStats: true}
	}
	bw, err := binlog.NewWriter(w, ids.descriptor(binlog.Stats, field(fieldMinKey), field(fieldMaxKey), field(fieldBloom)), mem)
	if err != nil {
		return binlog.Summary{}, err
	}
	defer bw.Abort()
	var columns []arrow.Array
	for _, v := range [][]byte{s.MinKey, s.MaxKey, s.Bloom.blocks} {
		b := array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary)
		b.Append(v)
		columns = append(columns, arraysOf(b)...)
	}
	if err := writeBatch(bw, columns, nil); err != nil {
		return binlog.Summary{}, err
	}
	return bw.Finish()
}

// ReadStats reads a stats log. Of a mapped file the filter is used in place.
// The caller ends with Release.
func ReadStats(ctx context.Context, r *binlog.Reader) (*Stats, error) {
	if err := expect(r, binlog.Stats, fieldMinKey, fieldMaxKey, fieldBloom); err != nil {
		return nil, err
	}
	if r.Rows() != 1 {
		return nil, &binlog.CorruptionError{Object: r.Name(), Reason: fmt.Sprintf("stats file of %d rows", r.Rows())}
	}
	s := &Stats{}
	var values [3][]byte
	for i := range values {
		a, err := r.Read(ctx, int32(i), 0)
		if err != nil {
			s.Release()
			return nil, err
		}
		s.held = append(s.held, a)
		values[i] = a.(*array.Binary).Value(0)
	}
	if n := len(values[2]); n == 0 || n%blockBytes != 0 {
		s.Release()
		return nil, &binlog.CorruptionError{Object: r.Name(), Reason: fmt.Sprintf("bloom filter of %d bytes", n)}
	}
	s.MinKey, s.MaxKey, s.Bloom = values[0], values[1], &Bloom{blocks: values[2]}
	return s, nil
}

// Release gives back what ReadStats holds; s may not be used after it.
func (s *Stats) Release() {
	for _, a := range s.held {
		a.Release()
	}
	*s = Stats{}
}
