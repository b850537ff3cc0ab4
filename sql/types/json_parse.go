package types

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

// jsonDepthMax is how deep JSON may nest: about where Postgres' stack limit is.
const jsonDepthMax = 6000

// jsonParser reads JSON text with Postgres' errors.
type jsonParser struct {
	text string
	// build asks for values; without it the text is only checked, and escapes
	// need not be decodable (json keeps them as they are).
	build bool
	depth int

	pos  int       // where the next token begins to be looked for
	tok  jsonToken // the current token
	from int       // … its first byte
	to   int       // … the byte after it
	str  string    // … decoded, for a string
	line int       // its line, from 1
	bol  int       // the first byte of that line
}

// jsonToken is a punctuation character, or one of the constants below.
type jsonToken byte

const (
	jsonTokenEnd    jsonToken = 0
	jsonTokenString jsonToken = '"'
	jsonTokenNumber jsonToken = '0'
	jsonTokenTrue   jsonToken = 't'
	jsonTokenFalse  jsonToken = 'f'
	jsonTokenNull   jsonToken = 'n'
)

// parseJSON checks text; the value is nil unless build.
func parseJSON(text string, build bool) (*jsonValue, error) {
	p := &jsonParser{text: text, build: build, line: 1}
	if err := p.next(); err != nil {
		return nil, err
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.tok != jsonTokenEnd {
		return nil, p.expected("end of input")
	}
	return v, nil
}

// fail is the error about the current token.
func (p *jsonParser) fail(detail string, args ...any) error {
	return p.failAs(sqlerr.InvalidTextRepresentation, "invalid input syntax for type json", detail, args...)
}

func (p *jsonParser) failAs(code sqlerr.Code, message, detail string, args ...any) error {
	start := p.bol
	for p.to-start >= 50 {
		_, n := utf8.DecodeRuneInString(p.text[start:])
		start += n
	}
	if start-p.bol <= 3 {
		start = p.bol
	}
	prefix, suffix := "", ""
	if start > p.bol {
		prefix = "..."
	}
	if p.to > p.from && p.to < len(p.text) && p.text[p.to] != '\n' && p.text[p.to] != '\r' {
		suffix = "..."
	}
	return sqlerr.New(code, "%s", message).WithDetail(detail, args...).
		WithContext("JSON data, line %d: %s%s%s", p.line, prefix, p.text[start:p.to], suffix)
}

func (p *jsonParser) invalidToken() error {
	return p.fail("Token \"%s\" is invalid.", p.text[p.from:p.to])
}

func (p *jsonParser) expected(what string) error {
	if p.tok == jsonTokenEnd {
		return p.fail("The input string ended unexpectedly.")
	}
	return p.fail("Expected %s, but found \"%s\".", what, p.text[p.from:p.to])
}

func (p *jsonParser) value() (*jsonValue, error) {
	v := &jsonValue{}
	switch p.tok {
	case '{':
		v.kind = jsonObject
		return v, p.members(v, p.object)
	case '[':
		v.kind = jsonArray
		return v, p.members(v, p.array)
	case jsonTokenString:
		v.kind, v.text = jsonString, p.str
	case jsonTokenNumber:
		v.kind = jsonNumber
		if p.build {
			n, err := ParseNumeric(p.text[p.from:p.to])
			if err != nil {
				return nil, err
			}
			v.text = n.String()
		}
	case jsonTokenTrue, jsonTokenFalse:
		v.kind, v.text = jsonBool, p.text[p.from:p.to]
	case jsonTokenNull:
	default:
		return nil, p.expected("JSON value")
	}
	return v, p.next()
}

// members reads a container one level deeper.
func (p *jsonParser) members(v *jsonValue, read func(*jsonValue) error) error {
	if p.depth++; p.depth > jsonDepthMax {
		return sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded").
			WithHint("JSON may not nest deeper than %d levels.", jsonDepthMax)
	}
	if err := p.next(); err != nil {
		return err
	}
	if err := read(v); err != nil {
		return err
	}
	p.depth--
	return p.next()
}

func (p *jsonParser) array(v *jsonValue) error {
	if p.tok == ']' {
		return nil
	}
	for {
		if p.tok == jsonTokenEnd {
			return p.expected("array element or \"]\"")
		}
		item, err := p.value()
		if err != nil {
			return err
		}
		if p.build {
			v.items = append(v.items, item)
		}
		switch p.tok {
		case ']':
			return nil
		case ',':
		default:
			return p.expected("\",\" or \"]\"")
		}
		if err := p.next(); err != nil {
			return err
		}
	}
}

func (p *jsonParser) object(v *jsonValue) error {
	if p.tok == '}' {
		v.sortKeys()
		return nil
	}
	for want := "string or \"}\""; ; want = "string" {
		if p.tok != jsonTokenString {
			return p.expected(want)
		}
		key := p.str
		if err := p.next(); err != nil {
			return err
		}
		if p.tok != ':' {
			return p.expected("\":\"")
		}
		if err := p.next(); err != nil {
			return err
		}
		item, err := p.value()
		if err != nil {
			return err
		}
		if p.build {
			v.keys, v.items = append(v.keys, key), append(v.items, item)
		}
		switch p.tok {
		case '}':
			v.sortKeys()
			return nil
		case ',':
		default:
			return p.expected("\",\" or \"}\"")
		}
		if err := p.next(); err != nil {
			return err
		}
	}
}

// next reads the next token.
func (p *jsonParser) next() error {
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			break
		}
		p.pos++
		if c == '\n' {
			p.line++
			p.bol = p.pos
		}
	}
	p.from, p.to = p.pos, p.pos
	if p.pos >= len(p.text) {
		p.tok = jsonTokenEnd
		return nil
	}
	var err error
	switch c := p.text[p.pos]; {
	case strings.IndexByte("{}[],:", c) >= 0:
		p.tok, p.to = jsonToken(c), p.pos+1
	case c == '"':
		p.tok = jsonTokenString
		err = p.readString()
	case c == '-' || c >= '0' && c <= '9':
		p.tok = jsonTokenNumber
		err = p.readNumber()
	default:
		err = p.readWord()
	}
	p.pos = p.to
	return err
}

func isJSONWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func (p *jsonParser) readWord() error {
	for p.to < len(p.text) && isJSONWord(p.text[p.to]) {
		p.to++
	}
	switch p.text[p.from:p.to] {
	case "true":
		p.tok = jsonTokenTrue
	case "false":
		p.tok = jsonTokenFalse
	case "null":
		p.tok = jsonTokenNull
	case "":
		p.to++
		return p.invalidToken()
	default:
		return p.invalidToken()
	}
	return nil
}

func (p *jsonParser) readNumber() error {
	s, i := p.text, p.from
	bad := false
	digits := func() {
		start := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		bad = bad || i == start
	}
	if s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else {
		digits()
	}
	if !bad && i < len(s) && s[i] == '.' {
		i++
		digits()
	}
	if !bad && i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		digits()
	}
	for ; i < len(s) && isJSONWord(s[i]); i++ {
		bad = true
	}
	p.to = i
	if bad {
		return p.invalidToken()
	}
	return nil
}

// readString reads a string and, when building, decodes it.
func (p *jsonParser) readString() error {
	var buf []byte
	// plain is where the bytes not yet in buf begin.
	plain := p.from + 1
	for i := plain; i < len(p.text); {
		switch c := p.text[i]; {
		case c == '"':
			p.to = i + 1
			if p.build {
				p.str = p.text[plain:i]
				if buf != nil {
					p.str = string(append(buf, p.str...))
				}
			}
			return nil
		case c < 0x20:
			p.to = i
			return p.fail("Character with value 0x%02x must be escaped.", c)
		case c == '\\':
			if p.build {
				buf = append(buf, p.text[plain:i]...)
			}
			out, end, err := p.readEscape(i)
			if err != nil {
				return err
			}
			if p.build {
				buf = append(buf, out...)
			}
			i, plain = end, end
		default:
			i++
		}
	}
	p.to = len(p.text)
	return p.invalidToken()
}

// readEscape reads the escape sequence at i and what belongs to it.
func (p *jsonParser) readEscape(i int) (out []byte, end int, err error) {
	if i+1 >= len(p.text) {
		p.to = len(p.text)
		return nil, 0, p.invalidToken()
	}
	switch c := p.text[i+1]; c {
	case '"', '\\', '/':
		return []byte{c}, i + 2, nil
	case 'b':
		return []byte{'\b'}, i + 2, nil
	case 'f':
		return []byte{'\f'}, i + 2, nil
	case 'n':
		return []byte{'\n'}, i + 2, nil
	case 'r':
		return []byte{'\r'}, i + 2, nil
	case 't':
		return []byte{'\t'}, i + 2, nil
	case 'u':
		return p.readUnicode(i)
	}
	_, n := utf8.DecodeRuneInString(p.text[i+1:])
	p.from, p.to = i+1, i+1+n
	return nil, 0, p.fail("Escape sequence \"\\%s\" is invalid.", p.text[p.from:p.to])
}

// readUnicode reads \uXXXX, or two of them that are one character.
func (p *jsonParser) readUnicode(i int) ([]byte, int, error) {
	r, err := p.readHex(i + 2)
	if err != nil || !p.build {
		return nil, i + 6, err
	}
	p.to = i + 6
	switch {
	case r == 0:
		return nil, 0, p.failAs(sqlerr.UntranslatableCharacter, "unsupported Unicode escape sequence", "\\u0000 cannot be converted to text.")
	case !utf16.IsSurrogate(r):
		return utf8.AppendRune(nil, r), i + 6, nil
	case r >= 0xdc00 || !strings.HasPrefix(p.text[i+6:], `\u`):
		if r < 0xdc00 {
			// The complaint points at what follows instead.
			p.to = min(i+7, len(p.text))
		}
		return nil, 0, p.fail("Unicode low surrogate must follow a high surrogate.")
	}
	low, err := p.readHex(i + 8)
	if err != nil {
		return nil, 0, err
	}
	p.to = i + 12
	switch {
	case low >= 0xd800 && low < 0xdc00:
		return nil, 0, p.fail("Unicode high surrogate must not follow a high surrogate.")
	case low < 0xdc00 || low > 0xdfff:
		return nil, 0, p.fail("Unicode low surrogate must follow a high surrogate.")
	}
	return utf8.AppendRune(nil, utf16.DecodeRune(r, low)), i + 12, nil
}

func (p *jsonParser) readHex(i int) (rune, error) {
	for k := i; k < i+4; k++ {
		if k >= len(p.text) {
			p.to = len(p.text)
			return 0, p.invalidToken()
		}
		if !isHexDigit(p.text[k]) {
			_, n := utf8.DecodeRuneInString(p.text[k:])
			p.to = k + n
			return 0, p.fail("\"\\u\" must be followed by four hexadecimal digits.")
		}
	}
	v, err := strconv.ParseUint(p.text[i:i+4], 16, 32)
	return rune(v), err
}
