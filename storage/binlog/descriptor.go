package binlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/apache/arrow/go/v15/arrow"
)

// Version is the format version that is written; all from 1 on are read. Since 2,
// numeric(p,s) is decimal128 where that holds it: readers go by a field's own type.
const Version = 2

// known says whether files of a version can be read.
func known(version uint32) bool { return version >= 1 && version <= Version }

const (
	headMagic    = "QBL1"
	eventMagic   = "QEV1"
	trailerMagic = "QBLE"

	// align is the alignment of events and of buffers within them.
	align = 64
	// EventBytesMax bounds the raw bytes of an event of fixed-width rows.
	EventBytesMax = 8 << 20
	// EventRowsMax bounds the rows of an event, so that zone maps stay fine.
	EventRowsMax = 1 << eventShiftMax
	// rawBytesMax bounds what an event of other rows may hold: Arrow's 32-bit
	// offsets.
	rawBytesMax = 1<<31 - 1

	eventShiftMax = 14
	fieldsMax     = 1 << 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kind says what a file holds.
type Kind byte

// The kinds; never renumbered.
const (
	Insert Kind = 1 // columns of a segment
	Delta  Kind = 2 // deletes
	Stats  Kind = 3 // bloom filter and bounds of the primary key
	Run    Kind = 4 // a sorted run: key or row id → position
)

func (k Kind) String() string {
	switch k {
	case Insert:
		return "insert"
	case Delta:
		return "delta"
	case Stats:
		return "stats"
	case Run:
		return "run"
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

// Field is a column of a file.
type Field struct {
	ID   int32
	Type arrow.DataType
	// Codec is asked for; an event that it does not shrink is stored as None.
	Codec Codec
	// Level is the codec's, up to LevelMax; it is not stored.
	Level int
	// LeastGain is the share of an event's bytes that Codec must save, or they are
	// stored as they are; it is not stored.
	LeastGain float64
	// Compare orders rows for the events' min and max. Nil uses the natural
	// order of integers, floats (NaN last), booleans, times, decimals and bytes;
	// the writer alone uses it and it is not stored.
	Compare Compare
	// NoStats leaves min and max out.
	NoStats bool
}

// Compare returns the order of row i of a and row j of b, neither null.
type Compare func(a arrow.Array, i int, b arrow.Array, j int) int

// Shift returns s if events of the field hold 1<<s rows, and ok = false if its
// rows differ in size, so that events differ in rows.
func (f *Field) Shift() (s uint, ok bool) { return shiftOf(f.Type) }

func shiftOf(dt arrow.DataType) (s uint, ok bool) {
	width, ok := fixedBits(dt)
	if !ok {
		return 0, false
	}
	width = max(1, (width+7)/8)
	if width > EventBytesMax {
		return 0, true
	}
	return min(eventShiftMax, uint(bits.Len64(uint64(EventBytesMax/width))-1)), true
}

// Descriptor says whose columns a file holds. The ids are the object key's.
type Descriptor struct {
	Kind                           Kind
	Table, Partition, Segment, Log uint64
	// SchemaVersion is the table's when the file was written.
	SchemaVersion uint32
	// Fields ascend by ID.
	Fields []Field
}

// field returns the place of a field id, or -1.
func (d *Descriptor) field(id int32) int {
	for i := range d.Fields {
		if d.Fields[i].ID == id {
			return i
		}
	}
	return -1
}

func (d *Descriptor) check() error {
	if len(d.Fields) == 0 || len(d.Fields) > fieldsMax {
		return fmt.Errorf("binlog: %d fields", len(d.Fields))
	}
	for i := range d.Fields {
		if i > 0 && d.Fields[i].ID <= d.Fields[i-1].ID {
			return fmt.Errorf("binlog: field %d after field %d", d.Fields[i].ID, d.Fields[i-1].ID)
		}
		if d.Fields[i].Codec > codecMax {
			return fmt.Errorf("binlog: %v", d.Fields[i].Codec)
		}
	}
	return nil
}

func (d *Descriptor) append(dst []byte) ([]byte, error) {
	dst = append(dst, byte(d.Kind))
	for _, id := range []uint64{d.Table, d.Partition, d.Segment, d.Log} {
		dst = binary.LittleEndian.AppendUint64(dst, id)
	}
	dst = binary.LittleEndian.AppendUint32(dst, d.SchemaVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(d.Fields)))
	var err error
	for i := range d.Fields {
		f := &d.Fields[i]
		dst = binary.LittleEndian.AppendUint32(dst, uint32(f.ID))
		dst = append(dst, byte(f.Codec))
		if dst, err = AppendType(dst, f.Type); err != nil {
			return nil, fmt.Errorf("field %d: %w", f.ID, err)
		}
	}
	return dst, nil
}

func (c *cursor) descriptor() *Descriptor {
	d := &Descriptor{Kind: Kind(c.u8())}
	for _, id := range []*uint64{&d.Table, &d.Partition, &d.Segment, &d.Log} {
		*id = c.u64()
	}
	d.SchemaVersion = c.u32()
	n := c.u32()
	if n > fieldsMax {
		c.fail(fmt.Errorf("has %d fields", n))
		return nil
	}
	for range n {
		f := Field{ID: int32(c.u32()), Codec: Codec(c.u8())}
		f.Type = c.dataType(0)
		d.Fields = append(d.Fields, f)
	}
	if c.err == nil && len(c.b) > 0 {
		c.fail(fmt.Errorf("has %d bytes too many", len(c.b)))
	}
	if c.err != nil {
		return nil
	}
	if err := d.check(); err != nil {
		c.fail(err)
		return nil
	}
	return d
}

// appendHead appends the head of a file: 16 bytes, the descriptor, padding.
func appendHead(dst []byte, version uint32, descriptor []byte) []byte {
	start := len(dst)
	dst = append(dst, headMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(descriptor)))
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = append(dst, descriptor...)
	dst = pad(dst, start)
	binary.LittleEndian.PutUint32(dst[start+12:], headCRC(dst[start:]))
	return dst
}

// headCRC covers the head without the CRC field.
func headCRC(head []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:12], castagnoli), castagnoli, head[16:])
}

// pad appends zeros until dst is a multiple of 64 bytes past start.
func pad(dst []byte, start int) []byte {
	var zeros [align]byte
	return append(dst, zeros[:alignUp(len(dst)-start)-(len(dst)-start)]...)
}

func alignUp[T int | int64 | uint64](n T) T { return (n + align - 1) / align * align }
