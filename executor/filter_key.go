package executor

import (
	"encoding/binary"
	"strconv"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// keyPart is a piece of the key of a condition: text, or a value that is known
// when the scan starts.
type keyPart struct {
	text  string
	value evaluator
	typ   *types.Type
}

// appendKeyParts writes down a harmless condition (see isHarmless) so that equal
// keys are the same condition.
func (b *builder) appendKeyParts(parts []keyPart, fields []catalog.FieldID, e plan.Expr) ([]keyPart, error) {
	var err error
	text := func(s string) { parts = append(parts, keyPart{text: s}) }
	list := func(args []plan.Expr) {
		for _, a := range args {
			if err == nil {
				parts, err = b.appendKeyParts(parts, fields, a)
			}
		}
		text(")")
	}
	switch e := e.(type) {
	case *plan.Bool:
		text("bool " + strconv.Itoa(int(e.Op)) + "(")
		list(e.Args)
	case *plan.IsNull:
		text("null " + strconv.FormatBool(e.Not) + "(")
		list([]plan.Expr{e.Arg})
	case *plan.InList:
		text("in " + strconv.FormatBool(e.Negate) + " " + strconv.Itoa(e.Values.Len()) + "(")
		typ := e.Arg.Type().Type()
		for i := range e.Values.Len() {
			if e.Values.IsNull(i) {
				text("null;")
				continue
			}
			value := typ.AppendKey(nil, e.Values, i)
			text(strconv.Itoa(len(value)) + " " + string(value))
		}
		list([]plan.Expr{e.Arg})
	case *plan.Call:
		text(e.Operator + "(")
		list(e.Args)
	case *plan.Column:
		text("field " + strconv.FormatUint(uint64(fields[e.Index]), 10) + " " + strconv.FormatUint(uint64(e.T.OID), 10) + ";")
	default:
		part := keyPart{text: "value " + strconv.FormatUint(uint64(e.Type().OID), 10) + " ", typ: e.Type().Type()}
		part.value, err = b.compile(e)
		parts = append(parts, part)
	}
	return parts, err
}

// Key implements storage.PureFilter.
func (f *scanFilter) Key() string {
	e, err := f.acquire()
	if err != nil {
		return ""
	}
	defer f.giveBack(e)
	if e.rest != nil {
		return ""
	}
	var key, value []byte
	for _, part := range e.key {
		key = append(key, part.text...)
		if part.value == nil {
			continue
		}
		v, err := part.value.eval(f.x, oneRow)
		if err != nil {
			return ""
		}
		if v.Array.IsNull(0) {
			key = append(key, "null;"...)
		} else {
			value = part.typ.AppendKey(value[:0], v.Array, 0)
			key = append(binary.AppendUvarint(key, uint64(len(value))), value...)
		}
		v.Array.Release()
	}
	return string(key)
}
