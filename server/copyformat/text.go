package copyformat

import (
	"bytes"
	"fmt"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// lineEnd finds the end of the text line at the start of data: the length of
// the line and of its end mark. ok is false when the end has not come yet.
// Backslash-newline and backslash-return are data, as in PostgreSQL.
func (r *Reader) lineEnd(data []byte, last bool) (length, mark int, ok bool, err error) {
	from := r.scanned
	for {
		i := indexLineEnd(data[from:])
		if i < 0 {
			r.scanned = len(data)
			if last {
				return len(data), 0, true, nil
			}
			return 0, 0, false, nil
		}
		i += from
		if escaped(data, i) {
			from = i + 1
			continue
		}
		if data[i] == '\n' {
			if r.eol == eolUnknown {
				r.eol = eolLF
			}
			if r.eol != eolLF {
				return 0, 0, false, r.literalNewline()
			}
			return i, 1, true, nil
		}
		// A carriage return: alone, or before a newline that may still come.
		if i+1 == len(data) && !last {
			r.scanned = i
			return 0, 0, false, nil
		}
		crlf := i+1 < len(data) && data[i+1] == '\n'
		if r.eol == eolUnknown {
			r.eol = eolCR
			if crlf {
				r.eol = eolCRLF
			}
		}
		switch {
		case r.eol == eolLF, r.eol == eolCRLF && !crlf:
			return 0, 0, false, r.literalReturn()
		case r.eol == eolCRLF:
			return i, 2, true, nil
		}
		return i, 1, true, nil
	}
}

// indexLineEnd is the place of the first newline or carriage return.
func indexLineEnd(data []byte) int {
	n := bytes.IndexByte(data, '\n')
	if n >= 0 {
		data = data[:n]
	}
	if c := bytes.IndexByte(data, '\r'); c >= 0 {
		return c
	}
	return n
}

// escaped says whether an odd number of backslashes stands before place i.
func escaped(data []byte, i int) bool {
	n := 0
	for i > 0 && data[i-1] == '\\' {
		i--
		n++
	}
	return n%2 == 1
}

func (r *Reader) literalNewline() error {
	r.line++
	return sqlerr.New(sqlerr.BadCopyFileFormat, "literal newline found in data").
		WithHint("Use \"\\n\" to represent newline.").WithContext("%s", r.Context())
}

func (r *Reader) literalReturn() error {
	r.line++
	return sqlerr.New(sqlerr.BadCopyFileFormat, "literal carriage return found in data").
		WithHint("Use \"\\r\" to represent carriage return.").WithContext("%s", r.Context())
}

func (r *Reader) consumeText(data []byte, last bool) (int, error) {
	done := 0
	for done < len(data) && !r.ended {
		seen := r.scanned
		length, mark, ok, err := r.lineEnd(data[done:], last)
		if err != nil {
			return done, err
		}
		if !ok {
			return done, r.checkUnfinished(data[done:], seen)
		}
		r.scanned = 0
		r.line++
		if err := r.checkEncoding(data[done:], length); err != nil {
			return done, err
		}
		line := data[done : done+length]
		done += length + mark
		if len(line) == 2 && line[0] == '\\' && line[1] == '.' {
			r.ended = true
			break
		}
		if r.header {
			r.header = false
			if r.opts.Match {
				if err := r.matchTextHeader(line); err != nil {
					return done, err
				}
			}
			continue
		}
		if err := r.textRow(line); err != nil {
			return done, err
		}
		r.endRow(r.line, length+mark)
	}
	return done, nil
}

// textRow reads the fields of one line.
func (r *Reader) textRow(line []byte) error {
	if len(r.columns) == 0 {
		if len(line) > 0 {
			return r.extra(line)
		}
		return nil
	}
	rest := line
	// A line without a backslash, the common case, needs no unescaping.
	plain := bytes.IndexByte(line, '\\') < 0
	for i := range r.columns {
		var raw []byte
		more := false
		if plain {
			raw, rest, more = cutByte(rest, r.opts.Delimiter)
		} else {
			raw, rest, more = cutEscaped(rest, r.opts.Delimiter)
		}
		null := string(raw) == r.opts.Null
		value := raw
		if !plain && !null {
			r.scratch = unescape(r.scratch[:0], raw)
			value = r.scratch
			if err := types.CheckUTF8(view(value)); err != nil {
				return r.encodingError(err, fmt.Sprintf(": \"%s\"", clip(line)))
			}
		}
		if err := r.field(i, value, null); err != nil {
			return err
		}
		switch last := i == len(r.columns)-1; {
		case last && more:
			return r.extra(line)
		case !last && !more:
			return r.missing(i+1, line)
		}
	}
	return nil
}

func cutByte(s []byte, sep byte) (before, after []byte, found bool) {
	if i := bytes.IndexByte(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, nil, false
}

// cutEscaped cuts at the first delimiter that no backslash precedes.
func cutEscaped(s []byte, sep byte) (before, after []byte, found bool) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case sep:
			return s[:i], s[i+1:], true
		}
	}
	return s, nil, false
}

// unescape appends a text field without its backslash sequences (manual, table
// of COPY, "Text Format").
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'v':
			dst = append(dst, '\v')
		case '0', '1', '2', '3', '4', '5', '6', '7':
			v := c - '0'
			for n := 1; n < 3 && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '7'; n++ {
				i++
				v = v<<3 | (s[i] - '0')
			}
			dst = append(dst, v)
		case 'x':
			v, n := byte(0), 0
			for n < 2 && i+1 < len(s) && hexDigit(s[i+1]) >= 0 {
				i++
				v = v<<4 | byte(hexDigit(s[i]))
				n++
			}
			if n == 0 {
				v = 'x'
			}
			dst = append(dst, v)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (r *Reader) matchTextHeader(line []byte) error {
	var names []string
	var nulls []bool
	for more := true; more; {
		var raw []byte
		raw, line, more = cutEscaped(line, r.opts.Delimiter)
		names = append(names, string(unescape(nil, raw)))
		nulls = append(nulls, string(raw) == r.opts.Null)
	}
	return r.checkHeader(names, nulls)
}
