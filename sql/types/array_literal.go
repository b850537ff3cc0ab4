package types

import (
	"strconv"

	"quiver/sql/sqlerr"
)

// arrayLiteral reads the text form of an array (manual section 8.15.2) into
// its items and dimensions.
type arrayLiteral struct {
	text  string
	delim byte

	items       []arrayItem
	dims, lower []int

	pos   int
	state arrayState
	depth int
	// counts are the items so far of the open sub-array at each depth.
	counts [arrayDimensionsMax]int
	// elemDepth is where elements are; 0 until the first.
	elemDepth int
}

type arrayItem struct {
	text   string
	quoted bool
}

// arrayState is what was read last, which decides what may follow.
type arrayState byte

const (
	arrayNoLevel arrayState = iota
	arrayLevelStarted
	arrayElement
	arrayElementDelimited
	arrayLevelCompleted
	arrayLevelDelimited
)

func (l *arrayLiteral) malformed(detail string, args ...any) error {
	return sqlerr.New(sqlerr.InvalidTextRepresentation, "malformed array literal: \"%s\"", l.text).WithDetail(detail, args...)
}

func (l *arrayLiteral) read() error {
	bounds, lower, err := l.readBounds()
	if err != nil {
		return err
	}
	for {
		done, err := l.step()
		if err != nil {
			return err
		}
		if done {
			break
		}
	}
	if skipSpace(l.text, l.pos) != len(l.text) {
		return l.malformed("Junk after closing right brace.")
	}
	if len(l.items) == 0 {
		l.dims = nil
	}
	if bounds == nil {
		l.lower = make([]int, len(l.dims))
		for k := range l.lower {
			l.lower[k] = 1
		}
		return nil
	}
	if len(bounds) != len(l.dims) {
		return l.malformed("Specified array dimensions do not match array contents.")
	}
	for k := range bounds {
		if bounds[k] != l.dims[k] {
			return l.malformed("Specified array dimensions do not match array contents.")
		}
	}
	l.lower = lower
	_, err = countElements(l.dims, l.lower)
	return err
}

// readBounds reads [lower:upper]… = and stops at the first brace.
func (l *arrayLiteral) readBounds() (dims, lower []int, err error) {
	for {
		l.pos = skipSpace(l.text, l.pos)
		if l.pos >= len(l.text) || l.text[l.pos] != '[' {
			break
		}
		l.pos++
		if len(dims) >= arrayDimensionsMax {
			return nil, nil, errTooManyArrayDimensions(len(dims) + 1)
		}
		low, upper, ok := 1, 0, false
		if upper, ok = l.readInt(); !ok {
			return nil, nil, l.malformed("\"[\" must introduce explicitly-specified array dimensions.")
		}
		if l.next(':') {
			low = upper
			if upper, ok = l.readInt(); !ok {
				return nil, nil, l.malformed("Missing array dimension value.")
			}
		}
		if !l.next(']') {
			return nil, nil, l.malformed("Missing \"]\" after array dimensions.")
		}
		if upper < low {
			return nil, nil, sqlerr.New(sqlerr.ArraySubscriptError, "upper bound cannot be less than lower bound")
		}
		dims, lower = append(dims, upper-low+1), append(lower, low)
	}
	if dims == nil {
		if l.pos >= len(l.text) || l.text[l.pos] != '{' {
			return nil, nil, l.malformed("Array value must start with \"{\" or dimension information.")
		}
		return nil, nil, nil
	}
	if !l.next('=') {
		return nil, nil, l.malformed("Missing \"=\" after array dimensions.")
	}
	l.pos = skipSpace(l.text, l.pos)
	if l.pos >= len(l.text) || l.text[l.pos] != '{' {
		return nil, nil, l.malformed("Array contents must start with \"{\".")
	}
	return dims, lower, nil
}

// next takes the character c if it comes next.
func (l *arrayLiteral) next(c byte) bool {
	if l.pos < len(l.text) && l.text[l.pos] == c {
		l.pos++
		return true
	}
	return false
}

func (l *arrayLiteral) readInt() (int, bool) {
	start := l.pos
	if l.pos < len(l.text) && (l.text[l.pos] == '-' || l.text[l.pos] == '+') {
		l.pos++
	}
	for l.pos < len(l.text) && l.text[l.pos]-'0' <= 9 {
		l.pos++
	}
	v, err := strconv.ParseInt(l.text[start:l.pos], 10, 32)
	return int(v), err == nil
}

// step reads one brace, delimiter or element.
func (l *arrayLiteral) step() (done bool, err error) {
	l.pos = skipSpace(l.text, l.pos)
	if l.pos >= len(l.text) {
		return false, l.malformed("Unexpected end of input.")
	}
	switch c := l.text[l.pos]; c {
	case '{':
		return false, l.open()
	case '}':
		return l.close()
	case l.delim:
		switch l.state {
		case arrayElement:
			l.state = arrayElementDelimited
		case arrayLevelCompleted:
			l.state = arrayLevelDelimited
		default:
			return false, l.malformed("Unexpected \"%c\" character.", c)
		}
		l.pos++
		return false, nil
	}
	return false, l.element()
}

func (l *arrayLiteral) open() error {
	if l.state != arrayNoLevel && l.state != arrayLevelStarted && l.state != arrayLevelDelimited {
		return l.malformed("Unexpected \"{\" character.")
	}
	if l.depth >= arrayDimensionsMax {
		return errTooManyArrayDimensions(l.depth + 1)
	}
	l.counts[l.depth] = 0
	l.depth++
	if l.depth > len(l.dims) {
		l.dims = append(l.dims, -1)
	}
	l.state = arrayLevelStarted
	l.pos++
	return nil
}

func (l *arrayLiteral) close() (done bool, err error) {
	empty := l.state == arrayLevelStarted && l.depth == 1
	if l.state != arrayElement && l.state != arrayLevelCompleted && !empty {
		return false, l.malformed("Unexpected \"}\" character.")
	}
	l.depth--
	switch n := l.counts[l.depth]; l.dims[l.depth] {
	case -1:
		l.dims[l.depth] = n
	case n:
	default:
		return false, l.mismatched()
	}
	if l.depth > 0 {
		l.counts[l.depth-1]++
	}
	l.state = arrayLevelCompleted
	l.pos++
	return l.depth == 0, nil
}

func (l *arrayLiteral) mismatched() error {
	return l.malformed("Multidimensional arrays must have sub-arrays with matching dimensions.")
}

func (l *arrayLiteral) element() error {
	if l.state != arrayLevelStarted && l.state != arrayElementDelimited {
		return l.malformed("Unexpected array element.")
	}
	if l.elemDepth == 0 {
		l.elemDepth = l.depth
	}
	if l.elemDepth != l.depth || len(l.dims) != l.depth {
		return l.mismatched()
	}
	item, err := l.readItem()
	if err != nil {
		return err
	}
	l.items = append(l.items, item)
	l.counts[l.depth-1]++
	l.state = arrayElement
	return nil
}

// readItem reads one element, quoted or not.
func (l *arrayLiteral) readItem() (arrayItem, error) {
	if l.text[l.pos] == '"' {
		return l.readQuoted()
	}
	// solid is the length without trailing blanks; escaped ones count.
	start, solid, escaped := l.pos, 0, false
	var buf []byte
	for ; l.pos < len(l.text); l.pos++ {
		c := l.text[l.pos]
		if c == l.delim || c == '}' {
			if !escaped {
				return arrayItem{text: trimSpace(l.text[start:l.pos])}, nil
			}
			return arrayItem{text: string(buf[:solid]), quoted: true}, nil
		}
		switch {
		case c == '{':
			return arrayItem{}, l.malformed("Unexpected \"{\" character.")
		case c == '"':
			return arrayItem{}, l.malformed("Unexpected array element.")
		case c == '\\':
			if !escaped {
				buf, escaped = append(buf, l.text[start:l.pos]...), true
			}
			if l.pos++; l.pos >= len(l.text) {
				return arrayItem{}, l.malformed("Unexpected end of input.")
			}
			buf = append(buf, l.text[l.pos])
			solid = len(buf)
		case escaped:
			buf = append(buf, c)
			if !isSpace(c) {
				solid = len(buf)
			}
		}
	}
	return arrayItem{}, l.malformed("Unexpected end of input.")
}

func (l *arrayLiteral) readQuoted() (arrayItem, error) {
	var buf []byte
	for l.pos++; l.pos < len(l.text); l.pos++ {
		switch c := l.text[l.pos]; c {
		case '"':
			l.pos++
			return arrayItem{text: string(buf), quoted: true}, nil
		case '\\':
			if l.pos++; l.pos < len(l.text) {
				buf = append(buf, l.text[l.pos])
			}
		default:
			buf = append(buf, c)
		}
	}
	return arrayItem{}, l.malformed("Unexpected end of input.")
}
