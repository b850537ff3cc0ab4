package deltalog

import (
	"bytes"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// FieldPosition is the second field of both runs; the first is FieldRowID or
// FieldKey, whose rows ascend.
const FieldPosition int32 = 4

// RunWriter writes a sorted run front to back. It ends in Finish or Abort.
type RunWriter struct {
	w         *binlog.Writer
	mem       memory.Allocator
	byKey     bool
	ids       *array.Uint64Builder
	keys      *array.BinaryBuilder
	positions *array.Uint32Builder
	lastID    uint64
	lastKey   []byte
}

// NewRowRun begins a run that finds the position of a row id.
func NewRowRun(w io.Writer, ids IDs, mem memory.Allocator) (*RunWriter, error) {
	return newRun(w, ids, mem, false)
}

// NewKeyRun begins a run that finds the positions of a key.
func NewKeyRun(w io.Writer, ids IDs, mem memory.Allocator) (*RunWriter, error) {
	return newRun(w, ids, mem, true)
}

func newRun(w io.Writer, ids IDs, mem memory.Allocator, byKey bool) (*RunWriter, error) {
	first := binlog.Field{ID: FieldRowID, Type: arrow.PrimitiveTypes.Uint64, Codec: binlog.Sequence}
	if byKey {
		first = binlog.Field{ID: FieldKey, Type: arrow.BinaryTypes.Binary}
	}
	positions := binlog.Field{ID: FieldPosition, Type: arrow.PrimitiveTypes.Uint32, Codec: binlog.Sequence, NoStats: true}
	bw, err := binlog.NewWriter(w, ids.descriptor(binlog.Run, first, positions), mem)
	if err != nil {
		return nil, err
	}
	return &RunWriter{
		w: bw, mem: mem, byKey: byKey, ids: array.NewUint64Builder(mem),
		keys: array.NewBinaryBuilder(mem, arrow.BinaryTypes.Binary), positions: array.NewUint32Builder(mem),
	}, nil
}

// AddRow adds an entry to a row run; ids ascend strictly.
func (w *RunWriter) AddRow(id uint64, position uint32) error {
	if w.byKey || w.w.Rows()+int64(w.positions.Len()) > 0 && id <= w.lastID {
		return fmt.Errorf("deltalog: row id %d after %d", id, w.lastID)
	}
	w.lastID = id
	w.ids.Append(id)
	return w.added(position)
}

// AddKey adds an entry to a key run; keys ascend, equal ones by position.
func (w *RunWriter) AddKey(key []byte, position uint32) error {
	if !w.byKey || bytes.Compare(key, w.lastKey) < 0 {
		return fmt.Errorf("deltalog: key %x after %x", key, w.lastKey)
	}
	w.lastKey = append(w.lastKey[:0], key...)
	w.keys.Append(key)
	return w.added(position)
}

func (w *RunWriter) added(position uint32) error {
	w.positions.Append(position)
	if w.positions.Len() < batchRows {
		return nil
	}
	return w.flush()
}

func (w *RunWriter) flush() error {
	first := w.ids.NewArray
	if w.byKey {
		first = w.keys.NewArray
	}
	return writeBatch(w.w, []arrow.Array{first(), w.positions.NewArray()}, nil)
}

// Finish writes the end of the file.
func (w *RunWriter) Finish() (binlog.Summary, error) {
	defer w.Abort()
	if w.positions.Len() > 0 {
		if err := w.flush(); err != nil {
			return binlog.Summary{}, err
		}
	}
	return w.w.Finish()
}

// Abort gives up; after Finish it does nothing.
func (w *RunWriter) Abort() {
	if w.positions == nil {
		return
	}
	w.w.Abort()
	w.ids.Release()
	w.keys.Release()
	w.positions.Release()
	w.positions = nil
}
