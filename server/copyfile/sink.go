package copyfile

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// rowGroupBytes is about how large a row group of Parquet, which is held in
// memory, and a batch of Arrow get.
const rowGroupBytes = 64 << 20

// pageBytes is about how large a page of Parquet gets before it is packed.
const pageBytes = 1 << 20

// pageNumbersMax is more than what the rows of a page have of anything.
const pageNumbersMax = 1 << 24

// Sink writes batches of rows into a file of columns. It ends in Close, which
// does not close what it writes to.
type Sink struct {
	columns  []Column
	exports  []exported
	schema   *arrow.Schema
	text     *types.Format
	mem      memory.Allocator
	write    func(rec arrow.Record) error
	newGroup func() // nil where the format has none
	close    func() error
	held     int64 // bytes of the group
}

// NewSink begins a file of format Parquet or Arrow in w, whose pages or buffers
// are packed with c. The file form of Arrow needs no seeking.
func NewSink(w io.Writer, format Format, c Compression, columns []Column, text *types.Format, mem memory.Allocator) (*Sink, error) {
	s := &Sink{columns: columns, text: text, mem: mem}
	fields, shown := make([]arrow.Field, len(columns)), make([]arrow.Field, len(columns))
	local := ""
	if format == Parquet {
		local = parquetLocal
	}
	for i, col := range columns {
		t := col.Type
		if format == Parquet && (t.OID == types.VectorOID || t.OID == types.HalfvecOID) {
			t.Mod = -1 // its lists have no fixed size: the library writes no null among such
		}
		x := exportOf(t, local)
		s.exports = append(s.exports, x)
		fields[i] = arrow.Field{Name: col.Name, Type: x.arrow, Nullable: true}
		shown[i] = arrow.Field{Name: col.Name, Type: exportOf(t, "").arrow, Nullable: true}
	}
	switch format {
	case Parquet:
		kept, err := arrowSchema(arrow.NewSchema(shown, nil), mem)
		if err != nil {
			return nil, err
		}
		s.schema = arrow.NewSchema(fields, &kept)
		return s, s.parquet(w, c)
	case Arrow:
		s.schema = arrow.NewSchema(fields, nil)
		return s, s.arrow(w, c)
	}
	return nil, sqlerr.Unsupported("COPY TO with format %s", format)
}

// arrowSchema is what readers of Parquet take the Arrow types of a file from.
func arrowSchema(schema *arrow.Schema, mem memory.Allocator) (arrow.Metadata, error) {
	var b bytes.Buffer
	err := ipc.NewWriter(&b, ipc.WithSchema(schema), ipc.WithAllocator(mem)).Close()
	return arrow.NewMetadata([]string{arrowSchemaKey}, []string{base64.StdEncoding.EncodeToString(b.Bytes())}), err
}

func (s *Sink) parquet(w io.Writer, c Compression) (err error) {
	defer func() { // the library panics if it cannot write its first bytes
		if r := recover(); r != nil {
			err = fmt.Errorf("parquet: %v", r)
		}
	}()
	codec := map[Compression]compress.Compression{
		None: compress.Codecs.Uncompressed, Gzip: compress.Codecs.Gzip, Zstd: compress.Codecs.Zstd, Snappy: compress.Codecs.Snappy,
	}
	if c == LZ4 {
		return sqlerr.Unsupported("compression lz4 in parquet files").WithHint("Use snappy or zstd.")
	}
	options := []parquet.WriterProperty{
		parquet.WithCompression(codec[c]), parquet.WithAllocator(s.mem), parquet.WithMaxRowGroupLength(1 << 40), parquet.WithDictionaryDefault(false),
		// The library makes the levels of pages of version 1 in buffers that grow by
		// a few bytes with each value, for ever.
		parquet.WithDataPageVersion(parquet.DataPageV2),
		// It ends pages after so many numbers, 1,024 by default, which may be within a
		// vector; but readers pass over pages by their rows, so that each must begin
		// with one. No part of a record has so many as this.
		parquet.WithBatchSize(pageNumbersMax), parquet.WithDataPageSize(pageBytes),
	}
	for i, x := range s.exports {
		// Numbers seldom repeat, and those of vectors, a dictionary of which takes
		// ever longer to make, almost never.
		if x.arrow.ID() == arrow.STRING {
			options = append(options, parquet.WithDictionaryFor(s.columns[i].Name, true))
		}
	}
	props := parquet.NewWriterProperties(options...)
	tail := &parquetTail{w: w}
	out, err := pqarrow.NewFileWriter(s.schema, nopCloser{tail}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(s.mem)))
	if err != nil {
		return err
	}
	s.write, s.newGroup, s.close = inPages(out.WriteBuffered), out.NewBufferedRowGroup, out.Close
	if slices.ContainsFunc(s.exports, func(x exported) bool { return hasTimes(x.arrow) }) {
		s.close = func() error { return tail.rewritten(out.Close, localTimes) }
	}
	return nil
}

// inPages writes records in parts of which no column has more than a page.
func inPages(write func(arrow.Record) error) func(arrow.Record) error {
	return func(rec arrow.Record) error {
		widest := int64(1)
		for _, a := range rec.Columns() {
			widest = max(widest, arrayBytes(a.Data()))
		}
		rows := rec.NumRows()
		for from, step := int64(0), max(1, rows*pageBytes/widest); from < rows; from += step {
			part := rec.NewSlice(from, min(from+step, rows))
			err := write(part)
			part.Release()
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *Sink) arrow(w io.Writer, c Compression) error {
	options := []ipc.Option{ipc.WithSchema(s.schema), ipc.WithAllocator(s.mem)}
	switch c {
	case None:
	case Zstd:
		options = append(options, ipc.WithZstd())
	case LZ4:
		options = append(options, ipc.WithLZ4())
	default:
		return sqlerr.Unsupported("this compression in arrow files").WithHint("Use lz4 or zstd.")
	}
	out, err := ipc.NewFileWriter(&position{w: w}, options...)
	if err != nil {
		return err
	}
	s.write, s.close = out.Write, out.Close
	return nil
}

// position is a writer that knows where it is, all that the file form asks for.
type position struct {
	w  io.Writer
	at int64
}

func (p *position) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.at += int64(n)
	return n, err
}

func (p *position) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent && offset == 0 {
		return p.at, nil
	}
	return 0, sqlerr.New(sqlerr.InternalError, "a file of COPY TO is written in order")
}

// Write adds the rows of a record with the Sink's columns.
func (s *Sink) Write(rec arrow.Record) error {
	out := make([]arrow.Array, len(s.columns))
	defer func() { releaseAll(out) }()
	for i, c := range s.columns {
		var err error
		if out[i], err = s.exports[i].array(rec.Column(i), c.Type, s.text, s.mem); err != nil {
			return err
		}
	}
	batch := array.NewRecord(s.schema, out, rec.NumRows())
	defer batch.Release()
	if s.newGroup != nil && s.held > rowGroupBytes {
		s.newGroup()
		s.held = 0
	}
	for _, a := range out {
		s.held += arrayBytes(a.Data())
	}
	return s.write(batch)
}

func arrayBytes(d arrow.ArrayData) (n int64) {
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, c := range d.Children() {
		n += arrayBytes(c)
	}
	return n
}

// Close ends the file.
func (s *Sink) Close() error { return s.close() }
