package copyformat

import (
	"encoding/binary"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Writer writes the rows of a COPY TO.
type Writer struct {
	opts    *Options
	columns []Column
	types   []*types.Type
	format  *types.Format
	scratch []byte
}

// NewWriter returns a Writer; a column without a binary form is 42883 in the
// binary format.
func NewWriter(opts *Options, columns []Column, format *types.Format) (*Writer, error) {
	w := &Writer{opts: opts, columns: columns, format: format}
	for _, c := range columns {
		t := c.Type.Type()
		if opts.Format == Binary && t.AppendBinary == nil {
			return nil, sqlerr.New(sqlerr.UndefinedFunction, "no binary output function available for type %s", t.SQLName)
		}
		w.types = append(w.types, t)
	}
	return w, nil
}

// AppendHeader appends what comes before the first row.
func (w *Writer) AppendHeader(dst []byte) []byte {
	if w.opts.Format == Binary {
		return append(append(dst, binarySignature...), 0, 0, 0, 0, 0, 0, 0, 0)
	}
	if !w.opts.Header {
		return dst
	}
	for i, c := range w.columns {
		if i > 0 {
			dst = append(dst, w.opts.Delimiter)
		}
		if w.opts.Format == CSV {
			dst = w.appendCSV(dst, []byte(c.Name), false)
		} else {
			dst = w.appendText(dst, []byte(c.Name))
		}
	}
	return append(dst, '\n')
}

// AppendTrailer appends what comes after the last row.
func (w *Writer) AppendTrailer(dst []byte) []byte {
	if w.opts.Format == Binary {
		return append(dst, 0xff, 0xff)
	}
	return dst
}

// AppendRow appends row i of a record with the Writer's columns.
func (w *Writer) AppendRow(dst []byte, rec arrow.Record, row int) []byte {
	switch w.opts.Format {
	case Binary:
		return w.appendBinaryRow(dst, rec, row)
	case JSON:
		return w.appendJSONRow(dst, rec, row)
	}
	for i, t := range w.types {
		if i > 0 {
			dst = append(dst, w.opts.Delimiter)
		}
		a := rec.Column(i)
		if a.IsNull(row) {
			dst = append(dst, w.opts.Null...)
			continue
		}
		w.scratch = t.AppendText(w.scratch[:0], a, row, w.format)
		if w.opts.Format == CSV {
			dst = w.appendCSV(dst, w.scratch, w.opts.ForceQuote != nil && w.opts.ForceQuote[i])
		} else {
			dst = w.appendText(dst, w.scratch)
		}
	}
	return append(dst, '\n')
}

func (w *Writer) appendBinaryRow(dst []byte, rec arrow.Record, row int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(w.types)))
	for i, t := range w.types {
		a := rec.Column(i)
		if a.IsNull(row) {
			dst = binary.BigEndian.AppendUint32(dst, 0xffffffff)
			continue
		}
		at := len(dst)
		dst = t.AppendBinary(binary.BigEndian.AppendUint32(dst, 0), a, row)
		binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// appendText escapes what the text format cannot hold as it is.
func (w *Writer) appendText(dst, s []byte) []byte {
	for _, c := range s {
		switch c {
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\v':
			dst = append(dst, '\\', 'v')
		case '\\', w.opts.Delimiter:
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendCSV quotes a field where it must be.
func (w *Writer) appendCSV(dst, s []byte, force bool) []byte {
	quote := force || string(s) == w.opts.Null || len(w.columns) == 1 && string(s) == `\.` ||
		strings.ContainsAny(string(s), "\n\r"+string(rune(w.opts.Delimiter))+string(rune(w.opts.Quote)))
	if !quote {
		return append(dst, s...)
	}
	dst = append(dst, w.opts.Quote)
	for _, c := range s {
		if c == w.opts.Quote || c == w.opts.Escape {
			dst = append(dst, w.opts.Escape)
		}
		dst = append(dst, c)
	}
	return append(dst, w.opts.Quote)
}
