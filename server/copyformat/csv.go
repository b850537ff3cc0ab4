package copyformat

import "quiver/sql/sqlerr"

// rowEnd finds the end of the CSV row at the start of data: outside quotes, a
// line ends it. It carries on where the last call left off.
func (r *Reader) rowEnd(data []byte, last bool) (length, mark int, ok bool, err error) {
	inQuote, from := r.inQuote, r.scanned
	quote, escape := r.opts.Quote, r.opts.Escape
	for i := from; i < len(data); i++ {
		switch c := data[i]; {
		case inQuote && c == escape && escape != quote:
			// The escape takes a following quote or escape with it.
			if i+1 == len(data) && !last {
				r.scanned, r.inQuote = i, true
				return 0, 0, false, nil
			}
			if i+1 < len(data) && (data[i+1] == quote || data[i+1] == escape) {
				i++
			}
		case c == quote:
			inQuote = !inQuote
		case inQuote:
		case c == '\n':
			if r.eol == eolUnknown {
				r.eol = eolLF
			}
			if r.eol != eolLF {
				return 0, 0, false, r.unquotedNewline()
			}
			return i, 1, true, nil
		case c == '\r':
			if i+1 == len(data) && !last {
				r.scanned, r.inQuote = i, false
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
				return 0, 0, false, r.unquotedReturn()
			case r.eol == eolCRLF:
				return i, 2, true, nil
			}
			return i, 1, true, nil
		}
	}
	r.scanned, r.inQuote = len(data), inQuote
	if last {
		return len(data), 0, true, nil
	}
	return 0, 0, false, nil
}

func (r *Reader) unquotedNewline() error {
	r.line++
	return sqlerr.New(sqlerr.BadCopyFileFormat, "unquoted newline found in data").
		WithHint("Use quoted CSV field to represent newline.").WithContext("%s", r.Context())
}

func (r *Reader) unquotedReturn() error {
	r.line++
	return sqlerr.New(sqlerr.BadCopyFileFormat, "unquoted carriage return found in data").
		WithHint("Use quoted CSV field to represent carriage return.").WithContext("%s", r.Context())
}

func (r *Reader) consumeCSV(data []byte, last bool) (int, error) {
	done := 0
	for done < len(data) && !r.ended {
		seen := r.scanned
		length, mark, ok, err := r.rowEnd(data[done:], last)
		if err != nil {
			return done, err
		}
		if !ok {
			return done, r.checkUnfinished(data[done:], seen)
		}
		r.scanned, r.inQuote = 0, false
		r.line++
		if err := r.checkEncoding(data[done:], length); err != nil {
			return done, err
		}
		row := data[done : done+length]
		done += length + mark
		if string(row) == `\.` {
			r.ended = true
			break
		}
		if r.header {
			r.header = false
			if r.opts.Match {
				if err := r.matchCSVHeader(row); err != nil {
					return done, err
				}
			}
		} else {
			if err := r.csvRow(row); err != nil {
				return done, err
			}
			r.endRow(r.line, length+mark)
		}
		// Lines within quotes count too.
		for _, c := range row {
			if c == '\n' || c == '\r' && r.eol == eolCR {
				r.line++
			}
		}
	}
	return done, nil
}

// csvField reads the field at the start of rest into dst. quoted says that any
// of it was in quotes.
func (r *Reader) csvField(dst, rest []byte) (value, after []byte, quoted, more bool, err error) {
	quote, escape := r.opts.Quote, r.opts.Escape
	inQuote := false
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		switch {
		case inQuote && c == escape && i+1 < len(rest) && (rest[i+1] == quote || rest[i+1] == escape):
			i++
			dst = append(dst, rest[i])
		case inQuote && c == quote:
			inQuote = false
		case inQuote:
			dst = append(dst, c)
		case c == quote:
			inQuote, quoted = true, true
		case c == r.opts.Delimiter:
			return dst, rest[i+1:], quoted, true, nil
		default:
			dst = append(dst, c)
		}
	}
	if inQuote {
		return nil, nil, false, false, sqlerr.New(sqlerr.BadCopyFileFormat, "unterminated CSV quoted field")
	}
	return dst, nil, quoted, false, nil
}

func (r *Reader) csvRow(row []byte) error {
	if len(r.columns) == 0 {
		if len(row) > 0 {
			return r.extra(row)
		}
		return nil
	}
	rest := row
	for i := range r.columns {
		value, after, quoted, more, err := r.csvField(r.scratch[:0], rest)
		if err != nil {
			return r.lineError(err.(*sqlerr.Error), row)
		}
		r.scratch, rest = value, after
		null := string(value) == r.opts.Null
		if quoted {
			null = null && r.opts.ForceNull != nil && r.opts.ForceNull[i]
		} else if r.opts.ForceNotNull != nil && r.opts.ForceNotNull[i] {
			null = false
		}
		if err := r.field(i, value, null); err != nil {
			return err
		}
		switch last := i == len(r.columns)-1; {
		case last && more:
			return r.extra(row)
		case !last && !more:
			return r.missing(i+1, row)
		}
	}
	return nil
}

func (r *Reader) matchCSVHeader(row []byte) error {
	var names []string
	var nulls []bool
	for more := true; more; {
		var value []byte
		var quoted bool
		var err error
		value, row, quoted, more, err = r.csvField(nil, row)
		if err != nil {
			return r.lineError(err.(*sqlerr.Error), row)
		}
		names = append(names, string(value))
		nulls = append(nulls, !quoted && string(value) == r.opts.Null)
	}
	return r.checkHeader(names, nulls)
}
