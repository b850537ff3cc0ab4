package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// Target names the shard that a change is made to.
type Target struct {
	Table         uint32 // OID
	TableStorage  uint64
	Partition     uint64 // storage id
	Shard         uint32
	SchemaVersion uint32
}

// KeyColumn is a column of the primary key, by its index in Insert.Fields, with
// the type whose AppendKey encodes it.
type KeyColumn struct {
	Field uint32
	Type  uint32
}

// Insert adds rows [FirstRowID, FirstRowID+rows).
type Insert struct {
	Target
	FirstRowID uint64
	Fields     []int32
	Key        []KeyColumn
	Columns    []arrow.Array

	rows int // after decoding: tables may have no column
}

// Rows is the number of rows of a decoded Insert.
func (c *Insert) Rows() int { return c.rows }

// Deleted is one row of a Delete.
type Deleted struct {
	RowID, Successor uint64
	Key              []byte
}

// Delete deletes rows.
type Delete struct {
	Target
	Rows []Deleted
}

// Undo takes back, for ROLLBACK TO SAVEPOINT, what the transaction inserted
// with row ids from FirstRowID on and all but its first Deletes deletes.
type Undo struct {
	FirstRowID uint64
	Deletes    uint64
}

// Load adds the rows of a segment whose objects were written before the change was:
// its manifest's name. LastID is no less than any row, segment or log id in it.
type Load struct {
	Target
	Manifest   string
	FirstRowID uint64
	LastID     uint64
}

const (
	changeInsert byte = 1
	changeDelete byte = 2
	changeUndo   byte = 3
	changeLoad   byte = 4
)

// A change in the stream is a length (4 bytes) and a body of that length, so
// that a reader knows when it has a whole one.
const changeLengthBytes = 4

func beginChange(dst []byte, kind byte) ([]byte, int) {
	at := len(dst)
	return append(dst, 0, 0, 0, 0, kind), at
}

func endChange(dst []byte, at int) []byte {
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-changeLengthBytes))
	return dst
}

func (t *Target) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(t.Table))
	dst = binary.AppendUvarint(dst, t.TableStorage)
	dst = binary.AppendUvarint(dst, t.Partition)
	dst = binary.AppendUvarint(dst, uint64(t.Shard))
	return binary.AppendUvarint(dst, uint64(t.SchemaVersion))
}

// AppendInsert appends rows [from, from+n) of c as a change; FirstRowID is that
// of row from.
func AppendInsert(dst []byte, c *Insert, from, n int) ([]byte, error) {
	dst, at := beginChange(dst, changeInsert)
	dst = c.Target.append(dst)
	dst = binary.AppendUvarint(dst, c.FirstRowID)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(len(c.Key)))
	for _, k := range c.Key {
		dst = binary.AppendUvarint(dst, uint64(k.Field))
		dst = binary.AppendUvarint(dst, uint64(k.Type))
	}
	dst = binary.AppendUvarint(dst, uint64(len(c.Fields)))
	var err error
	for i, f := range c.Fields {
		dst = binary.AppendUvarint(dst, uint64(uint32(f)))
		if dst, err = binlog.AppendType(dst, c.Columns[i].DataType()); err != nil {
			return nil, err
		}
		if dst, err = binlog.AppendColumnRange(dst, c.Columns[i], from, n); err != nil {
			return nil, err
		}
	}
	return endChange(dst, at), nil
}

// AppendDelete appends a change.
func AppendDelete(dst []byte, c *Delete) []byte {
	dst, at := beginChange(dst, changeDelete)
	dst = c.Target.append(dst)
	dst = binary.AppendUvarint(dst, uint64(len(c.Rows)))
	for i := range c.Rows {
		r := &c.Rows[i]
		dst = binary.AppendUvarint(dst, r.RowID)
		dst = binary.AppendUvarint(dst, r.Successor)
		dst = binary.AppendUvarint(dst, uint64(len(r.Key)))
		dst = append(dst, r.Key...)
	}
	return endChange(dst, at)
}

// AppendUndo appends a change.
func AppendUndo(dst []byte, c Undo) []byte {
	dst, at := beginChange(dst, changeUndo)
	dst = binary.AppendUvarint(dst, c.FirstRowID)
	dst = binary.AppendUvarint(dst, c.Deletes)
	return endChange(dst, at)
}

// AppendLoad appends a change.
func AppendLoad(dst []byte, c *Load) []byte {
	dst, at := beginChange(dst, changeLoad)
	dst = c.Target.append(dst)
	dst = binary.AppendUvarint(dst, c.FirstRowID)
	dst = binary.AppendUvarint(dst, c.LastID)
	dst = binary.AppendUvarint(dst, uint64(len(c.Manifest)))
	dst = append(dst, c.Manifest...)
	return endChange(dst, at)
}

// NextChange returns the first whole change of stream and what follows; nil if
// stream ends before the change does.
func NextChange(stream []byte) (change, rest []byte) {
	if len(stream) < changeLengthBytes {
		return nil, stream
	}
	n := uint64(binary.LittleEndian.Uint32(stream)) + changeLengthBytes
	if uint64(len(stream)) < n {
		return nil, stream
	}
	return stream[changeLengthBytes:n:n], stream[n:]
}

var errChange = errors.New("wal: malformed change")

// DecodeChange reads a change: *Insert, whose columns the caller releases,
// *Delete, whose keys are views of b, *Undo or *Load.
func DecodeChange(b []byte, mem memory.Allocator) (any, error) {
	if len(b) == 0 {
		return nil, errChange
	}
	d := changeDecoder{b: b[1:]}
	switch b[0] {
	case changeInsert:
		return d.insert(mem)
	case changeDelete:
		return d.delete()
	case changeUndo:
		c := &Undo{FirstRowID: d.uvarint(), Deletes: d.uvarint()}
		return c, d.end()
	case changeLoad:
		return d.load()
	}
	return nil, fmt.Errorf("%w: kind %d", errChange, b[0])
}

// changeDecoder is a cursor that remembers its first error.
type changeDecoder struct {
	b   []byte
	bad bool
}

func (d *changeDecoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *changeDecoder) u32() uint32 {
	v := d.uvarint()
	if v > 1<<32-1 {
		d.bad = true
	}
	return uint32(v)
}

// count reads a number of items of at least size bytes each.
func (d *changeDecoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.b)/size) {
		d.bad = true
		return 0
	}
	return int(v)
}

func (d *changeDecoder) target() Target {
	return Target{Table: d.u32(), TableStorage: d.uvarint(), Partition: d.uvarint(), Shard: d.u32(), SchemaVersion: d.u32()}
}

func (d *changeDecoder) end() error {
	if d.bad || len(d.b) > 0 {
		return errChange
	}
	return nil
}

func (d *changeDecoder) insert(mem memory.Allocator) (_ *Insert, err error) {
	c := &Insert{Target: d.target(), FirstRowID: d.uvarint()}
	rows := d.uvarint()
	for range d.count(2) {
		c.Key = append(c.Key, KeyColumn{Field: d.u32(), Type: d.u32()})
	}
	defer func() {
		if err != nil {
			for _, a := range c.Columns {
				a.Release()
			}
		}
	}()
	fields := d.count(2)
	for range fields {
		c.Fields = append(c.Fields, int32(d.u32()))
		if d.bad {
			return nil, errChange
		}
		dt, rest, err := binlog.DecodeType(d.b)
		if err != nil {
			return nil, err
		}
		a, rest, err := binlog.DecodeColumn(rest, dt, mem)
		if err != nil {
			return nil, err
		}
		c.Columns = append(c.Columns, a)
		d.b = rest
		if uint64(a.Len()) != rows {
			return nil, errChange
		}
	}
	for _, k := range c.Key {
		if int(k.Field) >= fields {
			return nil, errChange
		}
	}
	if rows == 0 || fields == 0 && rows > 1<<24 {
		return nil, errChange
	}
	c.rows = int(rows)
	return c, d.end()
}

func (d *changeDecoder) delete() (*Delete, error) {
	c := &Delete{Target: d.target()}
	n := d.count(3)
	c.Rows = make([]Deleted, n)
	for i := range c.Rows {
		r := &c.Rows[i]
		r.RowID, r.Successor = d.uvarint(), d.uvarint()
		size := d.count(1)
		if d.bad {
			return nil, errChange
		}
		r.Key, d.b = d.b[:size:size], d.b[size:]
	}
	return c, d.end()
}

func (d *changeDecoder) load() (*Load, error) {
	c := &Load{Target: d.target(), FirstRowID: d.uvarint(), LastID: d.uvarint()}
	size := d.count(1)
	if d.bad || size == 0 {
		return nil, errChange
	}
	c.Manifest, d.b = string(d.b[:size]), d.b[size:]
	return c, d.end()
}
