package copyformat

import (
	"bytes"
	"encoding/json"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// The format JSON has an object a line, whose keys are names of columns. What is
// missing is null. Numbers, texts and booleans are spelled as the column's type
// reads them; vectors are lists of numbers, arrays are lists, and json and jsonb
// take any value. A line \. ends the data, as in text and CSV: psql sends it so.

// consumeJSON reads the whole lines at the start of data.
func (r *Reader) consumeJSON(data []byte, last bool) (int, error) {
	done := 0
	for done < len(data) && !r.ended {
		i := bytes.IndexByte(data[done+r.scanned:], '\n')
		length, mark := i+r.scanned, 1
		if i < 0 {
			seen := r.scanned
			if r.scanned = len(data) - done; !last {
				return done, r.checkUnfinished(data[done:], seen)
			}
			length, mark = len(data)-done, 0
		}
		r.scanned = 0
		r.line++
		if err := r.checkEncoding(data[done:], length); err != nil {
			return done, err
		}
		line := data[done : done+length]
		done += length + mark
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if string(line) == `\.` {
			r.ended = true
			break
		}
		if err := r.jsonRow(line); err != nil {
			return done, err
		}
		r.endRow(r.line, length+mark)
	}
	return done, nil
}

func (r *Reader) jsonRow(line []byte) error {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(line, &object); err != nil || object == nil {
		return r.lineError(sqlerr.New(sqlerr.BadCopyFileFormat, "a line of JSON must be an object"), line)
	}
	found := 0
	for i, c := range r.columns {
		raw, ok := object[c.Name]
		if ok {
			found++
		}
		if !ok || string(raw) == "null" {
			if err := r.field(i, nil, true); err != nil {
				return err
			}
			continue
		}
		r.scratch = r.scratch[:0]
		text, err := jsonText(r.scratch, raw, r.parsers[i])
		if err != nil {
			return r.lineError(err, line)
		}
		r.scratch = text
		if err := types.CheckUTF8(view(text)); err != nil {
			return r.encodingError(err, "")
		}
		if err := r.field(i, text, false); err != nil {
			return err
		}
	}
	if found < len(object) {
		return r.lineError(sqlerr.New(sqlerr.BadCopyFileFormat, `column "%s" of the JSON object is not one of the COPY`, r.unknownKey(object)), line)
	}
	return nil
}

// unknownKey is the least key that is no column.
func (r *Reader) unknownKey(object map[string]json.RawMessage) string {
	found := ""
	for key := range object {
		known := false
		for _, c := range r.columns {
			known = known || c.Name == key
		}
		if !known && (found == "" || key < found) {
			found = key
		}
	}
	return found
}

// jsonText spells a JSON value as type t reads it.
func jsonText(dst []byte, raw json.RawMessage, t *types.Type) ([]byte, *sqlerr.Error) {
	if t.OID == types.JSONOID || t.OID == types.JSONBOID {
		return append(dst, raw...), nil
	}
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, sqlerr.New(sqlerr.BadCopyFileFormat, "a text of JSON is malformed")
		}
		return append(dst, s...), nil
	case '[':
		if t.Elem != 0 && t.Category == types.CategoryArray {
			return jsonArray(dst, raw, types.ByOID(t.Elem))
		}
	}
	return append(dst, raw...), nil
}

// jsonArray spells a list as an array: {1,"two",NULL}.
func jsonArray(dst []byte, raw json.RawMessage, elem *types.Type) ([]byte, *sqlerr.Error) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, sqlerr.New(sqlerr.BadCopyFileFormat, "a list of JSON is malformed")
	}
	dst = append(dst, '{')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, elem.Delim)
		}
		if string(item) == "null" {
			dst = append(dst, "NULL"...)
			continue
		}
		if item[0] == '[' && elem.OID != types.JSONOID && elem.OID != types.JSONBOID && elem.Category != types.CategoryUserDefined {
			var err *sqlerr.Error
			if dst, err = jsonArray(dst, item, elem); err != nil {
				return nil, err
			}
			continue
		}
		text, err := jsonText(nil, item, elem)
		if err != nil {
			return nil, err
		}
		dst = append(dst, '"')
		for _, c := range text {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
	}
	return append(dst, '}'), nil
}

// appendJSONRow appends row i of a record as an object.
func (w *Writer) appendJSONRow(dst []byte, rec arrow.Record, row int) []byte {
	dst = append(dst, '{')
	for i, c := range w.columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(types.AppendJSONString(dst, c.Name), ':')
		dst = w.appendJSON(dst, w.types[i], rec.Column(i), row)
	}
	return append(dst, '}', '\n')
}

// appendJSON appends a value.
func (w *Writer) appendJSON(dst []byte, t *types.Type, a arrow.Array, i int) []byte {
	if a.IsNull(i) {
		return append(dst, "null"...)
	}
	if t.Elem != 0 && t.Category == types.CategoryArray {
		v := types.ArrayAt(a, i)
		next := v.Start
		return w.appendJSONArray(dst, types.ByOID(t.Elem), v, 0, &next)
	}
	if t.OID == types.BoolOID {
		if string(t.AppendText(nil, a, i, w.format)) == "t" {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	}
	text := t.AppendText(nil, a, i, w.format)
	switch t.OID {
	case types.JSONOID, types.JSONBOID:
		var compact bytes.Buffer // json may have been written over lines
		if json.Compact(&compact, text) == nil {
			return append(dst, compact.Bytes()...)
		}
	case types.VectorOID, types.HalfvecOID:
		return append(dst, text...)
	}
	if t.Category == types.CategoryNumeric && isJSONNumber(text) {
		return append(dst, text...)
	}
	return types.AppendJSONString(dst, text)
}

func isJSONNumber(text []byte) bool {
	var f json.Number
	return len(text) > 0 && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Unmarshal(text, &f) == nil
}

func (w *Writer) appendJSONArray(dst []byte, elem *types.Type, v types.ArrayView, level int, next *int) []byte {
	dst = append(dst, '[')
	n := 0
	if v.NDims() > 0 {
		n = v.Dim(level)
	}
	for k := range n {
		if k > 0 {
			dst = append(dst, ',')
		}
		if level+1 < v.NDims() {
			dst = w.appendJSONArray(dst, elem, v, level+1, next)
			continue
		}
		dst = w.appendJSON(dst, elem, v.Elements, *next)
		*next++
	}
	return append(dst, ']')
}
