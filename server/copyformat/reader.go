package copyformat

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
	"unsafe"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Column is a column of a COPY.
type Column struct {
	Name string
	Type types.T
	// Dynamic: it is a dynamic field, of type jsonb, that COPY TO gives as text.
	Dynamic bool
}

// rowBytesMax bounds one row, as PostgreSQL's 1 GB limit of a string does.
const rowBytesMax = 1<<30 - 1

// Reader turns the bytes of a COPY FROM into columns. It belongs to one
// goroutine. After an error it must not be used again, but for Release.
type Reader struct {
	opts     *Options
	table    string
	columns  []Column
	parsers  []*types.Type
	format   *types.Format
	builders []array.Builder

	// tail is the beginning of a row whose end has not come yet.
	tail []byte
	// scanned is how much of tail was searched for the row's end already, so
	// that a row that comes in many pieces is not searched again for each.
	scanned int
	// inQuote: the scanned part ends inside a CSV quotation.
	inQuote bool
	eol     eol
	line    int64 // lines (binary: rows) begun
	lines   []int64
	rows    int
	bytes   int
	header  bool // the header is still to come
	ended   bool // the end-of-data marker came
	scratch []byte
}

// eol is how lines end; the first line decides.
type eol byte

const (
	eolUnknown eol = iota
	eolLF
	eolCRLF
	eolCR
)

// NewReader returns a Reader for COPY table (columns) FROM.
func NewReader(opts *Options, table string, columns []Column, format *types.Format, mem memory.Allocator) *Reader {
	r := &Reader{opts: opts, table: table, columns: columns, format: format, header: opts.Header || opts.Format == Binary}
	for _, c := range columns {
		parser := c.Type.Type()
		if c.Dynamic {
			parser = types.DynamicField
		}
		r.parsers = append(r.parsers, parser)
		r.builders = append(r.builders, types.NewBuilder(c.Type, mem))
	}
	return r
}

// Release gives back what the Reader holds.
func (r *Reader) Release() {
	for _, b := range r.builders {
		b.Release()
	}
	r.builders = nil
}

// Rows is how many rows wait to be taken, and Bytes how much input they were.
func (r *Reader) Rows() int { return r.rows }

// Bytes is the input that the waiting rows were read from.
func (r *Reader) Bytes() int { return r.bytes }

// Take returns the waiting rows as one array a column, which the caller
// releases, and the line each began on, valid until the next Write.
func (r *Reader) Take() (columns []arrow.Array, lines []int64) {
	columns = make([]arrow.Array, len(r.builders))
	for i, b := range r.builders {
		columns[i] = b.NewArray()
	}
	lines = r.lines
	r.lines, r.rows, r.bytes = r.lines[len(r.lines):], 0, 0
	return columns, lines
}

// Write reads rows from data, which is not kept.
func (r *Reader) Write(data []byte) error {
	if r.ended {
		if r.opts.Format == Binary && len(data) > 0 {
			return sqlerr.New(sqlerr.BadCopyFileFormat, "received copy data after EOF marker").WithContext("%s", r.Context())
		}
		return nil // after \. the rest is read and left, as PostgreSQL does
	}
	if len(r.tail) > 0 {
		if len(r.tail)+len(data) > rowBytesMax {
			return sqlerr.New(sqlerr.ProgramLimitExceeded, "out of memory").
				WithDetail("A row of COPY cannot exceed %d bytes.", rowBytesMax).WithContext("%s", r.Context())
		}
		r.tail = append(r.tail, data...)
		data = r.tail
	}
	n, err := r.consume(data, false)
	if err != nil {
		return err
	}
	r.keep(data[n:])
	return nil
}

// keep holds on to the beginning of an unfinished row.
func (r *Reader) keep(rest []byte) {
	if r.ended {
		rest = nil
	}
	if len(r.tail) > 0 && len(rest) <= len(r.tail) {
		r.tail = r.tail[:copy(r.tail, rest)]
		return
	}
	r.tail = append(r.tail[:0], rest...)
}

// Finish reads a last row without a line end and checks that none is cut.
func (r *Reader) Finish() error {
	if r.ended {
		return nil
	}
	if r.opts.Format == Binary && r.header {
		return sqlerr.New(sqlerr.BadCopyFileFormat, "COPY file signature not recognized").WithContext("COPY %s", r.table)
	}
	if len(r.tail) == 0 {
		return nil
	}
	n, err := r.consume(r.tail, true)
	if err != nil {
		return err
	}
	if n < len(r.tail) && !r.ended {
		r.line++
		return sqlerr.New(sqlerr.BadCopyFileFormat, "unexpected EOF in COPY data").WithContext("%s", r.Context())
	}
	r.tail = nil
	return nil
}

// consume reads the whole rows at the start of data and returns how many bytes
// they were; last says that no more will come.
func (r *Reader) consume(data []byte, last bool) (int, error) {
	switch r.opts.Format {
	case Binary:
		return r.consumeBinary(data)
	case CSV:
		return r.consumeCSV(data, last)
	case JSON:
		return r.consumeJSON(data, last)
	}
	return r.consumeText(data, last)
}

// Context is the line of context for an error about the row being read:
// "COPY t, line 3".
func (r *Reader) Context() string { return LineContext(r.table, r.line) }

// NextContext is Context for an error before the next row: the client gave up.
func (r *Reader) NextContext() string { return LineContext(r.table, r.line+1) }

// LineContext is the context of an error about a line of COPY table FROM.
func LineContext(table string, line int64) string {
	return fmt.Sprintf("COPY %s, line %d", table, line)
}

// checkEncoding answers for a line, the first length bytes of data, that is no text:
// before any of its fields is converted, as in PostgreSQL, whose message goes on into
// the next line where a character does not end in this one.
func (r *Reader) checkEncoding(data []byte, length int) error {
	if types.CheckUTF8(view(data[:length])) == nil {
		return nil
	}
	return r.encodingError(types.CheckUTF8(view(data)), "")
}

// checkUnfinished is checkEncoding for a line whose end has not come: of what came
// after its first seen bytes. A file of zeros has no line end, and is not gathered.
func (r *Reader) checkUnfinished(data []byte, seen int) error {
	i := bytes.IndexByte(data[seen:], 0)
	if i < 0 {
		return nil
	}
	r.line++
	return r.checkEncoding(data, len(data))
}

// encodingError adds to an error about bytes that are no text its line, and where they
// were written as escapes the text of that.
func (r *Reader) encodingError(err error, quoted string) error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e.WithContext("%s%s", r.Context(), quoted)
	}
	return err
}

// view is bytes as a string, for what reads them and keeps nothing.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// clip shortens what an error quotes, between characters, as PostgreSQL does.
func clip(s []byte) string {
	const shown = 100
	if len(s) <= shown {
		return string(s)
	}
	end := shown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return string(s[:end]) + "..."
}

// lineError adds the line and its text.
func (r *Reader) lineError(err *sqlerr.Error, line []byte) error {
	return err.WithContext("%s: \"%s\"", r.Context(), clip(line))
}

// field appends a field's value to its column; nil text is null.
func (r *Reader) field(i int, text []byte, null bool) error {
	if null {
		r.builders[i].AppendNull()
		return nil
	}
	err := r.parsers[i].ParseText(r.builders[i], view(text), r.columns[i].Type.Mod, r.format)
	if err == nil {
		return nil
	}
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e.WithContext("%s, column %s: \"%s\"", r.Context(), r.columns[i].Name, clip(text))
	}
	return err
}

// endRow counts a finished row that began on the given line.
func (r *Reader) endRow(line int64, bytes int) {
	r.rows++
	r.bytes += bytes
	r.lines = append(r.lines, line)
}

// missing is the error for a line with too few fields.
func (r *Reader) missing(column int, line []byte) error {
	return r.lineError(sqlerr.New(sqlerr.BadCopyFileFormat, "missing data for column \"%s\"", r.columns[column].Name), line)
}

// extra is the error for a line with too many.
func (r *Reader) extra(line []byte) error {
	return r.lineError(sqlerr.New(sqlerr.BadCopyFileFormat, "extra data after last expected column"), line)
}

// checkHeader compares a header line's fields with the columns (HEADER MATCH).
func (r *Reader) checkHeader(names []string, nulls []bool) error {
	if len(names) != len(r.columns) {
		return sqlerr.New(sqlerr.BadCopyFileFormat, "wrong number of fields in header line: got %d, expected %d", len(names), len(r.columns)).
			WithContext("%s", r.Context())
	}
	for i, c := range r.columns {
		switch {
		case nulls[i]:
			return sqlerr.New(sqlerr.BadCopyFileFormat, "column name mismatch in header line field %d: got null value (\"%s\"), expected \"%s\"", i+1, r.opts.Null, c.Name).
				WithContext("%s", r.Context())
		case names[i] != c.Name:
			return sqlerr.New(sqlerr.BadCopyFileFormat, "column name mismatch in header line field %d: got \"%s\", expected \"%s\"", i+1, names[i], c.Name).
				WithContext("%s", r.Context())
		}
	}
	return nil
}
