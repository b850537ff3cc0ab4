package binlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Magic begins every binlog file: of columns, deletes, keys or filters.
const Magic = headMagic

// DumpOptions say how much Dump prints.
type DumpOptions struct {
	// Rows is how many rows of each event are printed.
	Rows int
}

// Dump prints a whole file for quiver inspect and checks every byte. It goes on
// past what it cannot read, which it prints and returns joined. Of a file
// without a footer it prints what the head and the event headers say.
func Dump(w io.Writer, name string, data []byte, o DumpOptions) error {
	d := fileDumper{w: w, name: name, options: o}
	fmt.Fprintf(w, "binlog %s: %d bytes\n", name, len(data))
	r, err := OpenBytes(name, data, memory.DefaultAllocator)
	if err != nil {
		d.bad(err)
	}
	if r.footer == nil {
		d.salvage(data)
		return errors.Join(d.errs...)
	}
	d.descriptor(r.descriptor)
	fmt.Fprintf(w, "%d rows, %d events\n", r.rows, len(r.events))
	for i := range r.events {
		d.event(r, &r.events[i])
	}
	return errors.Join(d.errs...)
}

type fileDumper struct {
	w       io.Writer
	name    string
	options DumpOptions
	errs    []error
}

func (d *fileDumper) bad(err error) {
	d.errs = append(d.errs, err)
	fmt.Fprintf(d.w, "CORRUPT: %v\n", err)
}

func (d *fileDumper) descriptor(desc *Descriptor) {
	fmt.Fprintf(d.w, "kind %v, table %d, partition %d, segment %d, log %d, schema version %d\n",
		desc.Kind, desc.Table, desc.Partition, desc.Segment, desc.Log, desc.SchemaVersion)
	for i := range desc.Fields {
		f := &desc.Fields[i]
		rows := "rows by size"
		if shift, ok := f.Shift(); ok {
			rows = fmt.Sprintf("%d rows", 1<<shift)
		}
		fmt.Fprintf(d.w, "field %d: %v, codec %v, %s an event\n", f.ID, f.Type, f.Codec, rows)
	}
}

func (d *fileDumper) event(r *Reader, e *Event) {
	fmt.Fprintf(d.w, "event at %d: field %d, rows [%d, +%d), %d nulls, %v, %d bytes of %d, crc %08x",
		e.Offset, e.Field, e.FirstRow, e.Rows, e.Nulls, e.Codec, e.StoredBytes, e.RawBytes, e.CRC)
	if e.MaxTimestamp > 0 {
		fmt.Fprintf(d.w, ", timestamps [%d, %d]", e.MinTimestamp, e.MaxTimestamp)
	}
	fmt.Fprintln(d.w)
	dt := r.descriptor.Fields[r.descriptor.field(e.Field)].Type
	d.bounds(e, dt)
	_, i := r.eventPlace(e)
	a, err := r.Read(context.Background(), e.Field, i)
	if err != nil {
		d.bad(err)
		return
	}
	defer a.Release()
	for row := range min(a.Len(), d.options.Rows) {
		fmt.Fprintf(d.w, "  %d: %s\n", e.FirstRow+int64(row), ValueText(a, row))
	}
}

func (d *fileDumper) bounds(e *Event, dt arrow.DataType) {
	var text [2]string
	for i, bound := range [][]byte{e.Min, e.Max} {
		v, err := DecodeBound(bound, dt, memory.DefaultAllocator)
		if err != nil {
			d.bad(&CorruptionError{Object: d.name, Offset: e.Offset, Reason: err.Error()})
			return
		}
		if v == nil {
			return
		}
		text[i] = ValueText(v, 0)
		v.Release()
	}
	fmt.Fprintf(d.w, "  min %s, max %s\n", text[0], text[1])
}

// eventPlace returns an event's field and its number there.
func (r *Reader) eventPlace(e *Event) (field, i int) {
	field = r.descriptor.field(e.Field)
	for i, at := range r.byField[field] {
		if &r.events[at] == e {
			return field, i
		}
	}
	return field, -1
}

// salvage prints what a file without a footer still says of itself.
func (d *fileDumper) salvage(data []byte) {
	desc, at, err := decodeHead(data)
	if err != nil {
		d.bad(&CorruptionError{Object: d.name, Reason: err.Error()})
		return
	}
	d.descriptor(desc)
	le := binary.LittleEndian
	for ; at+eventHeaderBytes <= len(data); at += align {
		if string(data[at:at+4]) == eventMagic {
			b := data[at:]
			fmt.Fprintf(d.w, "event at %d: field %d, rows [%d, +%d), %v, %d bytes of %d, unchecked\n", at,
				int32(le.Uint32(b[4:])), le.Uint64(b[32:]), le.Uint32(b[12:]), Codec(b[8]), le.Uint64(b[48:]), le.Uint64(b[40:]))
		}
	}
}

// decodeHead reads the head of a file, and where its events begin.
func decodeHead(data []byte) (d *Descriptor, end int, err error) {
	if len(data) < 16 || string(data[:4]) != headMagic {
		return nil, 0, errors.New("no binlog begins here")
	}
	le := binary.LittleEndian
	if v := le.Uint32(data[4:]); !known(v) {
		return nil, 0, fmt.Errorf("version %d is not known", v)
	}
	n := int64(le.Uint32(data[8:]))
	if size := alignUp(16 + n); size <= int64(len(data)) {
		end = int(size)
	}
	if end == 0 || headCRC(data[:end]) != le.Uint32(data[12:]) {
		return nil, 0, errors.New("head has a wrong CRC")
	}
	c := cursor{b: data[16 : 16+n]}
	if d = c.descriptor(); c.err != nil {
		return nil, 0, c.err
	}
	return d, end, nil
}
