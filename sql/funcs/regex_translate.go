package funcs

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

// regexFlags are the options of a regular expression (manual table 9.24).
type regexFlags struct {
	fold     bool // i: case does not matter
	literal  bool // q: the pattern is a string
	expanded bool // x: blanks and comments are ignored
	dotAll   bool // . and [^…] match newlines (not n, p)
	lines    bool // ^ and $ match at newlines, too (n, w)
	global   bool // g
}

// parseRegexFlags reads an options string.
func parseRegexFlags(options string) (regexFlags, error) {
	f := regexFlags{dotAll: true}
	for i, r := range options {
		switch r {
		case 'g':
			f.global = true
		case 'i':
			f.fold = true
		case 'c':
			f.fold = false
		case 'm', 'n':
			f.dotAll, f.lines = false, true
		case 'p':
			f.dotAll, f.lines = false, false
		case 'w':
			f.dotAll, f.lines = true, true
		case 's':
			f.dotAll, f.lines = true, false
		case 'q':
			f.literal = true
		case 'x':
			f.expanded = true
		case 't':
			f.expanded = false
		case 'e', 'b':
			// Extended and basic syntax: the latter is refused below.
			if r == 'b' {
				return f, sqlerr.Unsupported("basic regular expression syntax")
			}
		default:
			_, size := utf8.DecodeRuneInString(options[i:])
			return f, sqlerr.New(sqlerr.InvalidParameterValue, "invalid regular expression option: \"%s\"", options[i:i+size])
		}
	}
	return f, nil
}

func errRegex(what string) error {
	return sqlerr.New(sqlerr.InvalidRegularExpression, "invalid regular expression: %s", what)
}

// regexTranslator rewrites an advanced regular expression of Postgres as one of
// package regexp. What that package cannot do, back references and lookaround,
// is refused.
type regexTranslator struct {
	pattern string
	i       int
	flags   regexFlags
	out     strings.Builder
	depth   int
	groups  int
	// operand: a quantifier may follow.
	operand bool
	// lazy: a quantifier that prefers few was seen.
	lazy bool
	// contextual: an assertion looks at what is before the match.
	contextual bool
}

// translate fills out.
func (t *regexTranslator) translate() error {
	switch {
	case strings.HasPrefix(t.pattern, "***="):
		t.pattern, t.flags.literal = t.pattern[4:], true
	case strings.HasPrefix(t.pattern, "***:"):
		t.pattern = t.pattern[4:]
	case strings.HasPrefix(t.pattern, "***"):
		return errRegex("quantifier operand invalid")
	}
	if err := t.embeddedOptions(); err != nil {
		return err
	}
	if t.flags.literal {
		t.literal(t.pattern)
	}
	for !t.flags.literal && t.i < len(t.pattern) {
		if err := t.item(); err != nil {
			return err
		}
	}
	if t.depth > 0 {
		return errRegex("parentheses () not balanced")
	}
	return nil
}

// prefix is the flags in the syntax of package regexp.
func (t *regexTranslator) prefix() string {
	s := "(?"
	if t.flags.fold {
		s += "i"
	}
	if t.flags.dotAll {
		s += "s"
	}
	if t.flags.lines {
		s += "m"
	}
	if s == "(?" {
		return ""
	}
	return s + ")"
}

// embeddedOptions reads (?xyz) at the start.
func (t *regexTranslator) embeddedOptions() error {
	if t.flags.literal || !strings.HasPrefix(t.pattern, "(?") {
		return nil
	}
	end := strings.IndexByte(t.pattern, ')')
	if end < 0 || end == 2 || !isLetters(t.pattern[2:end]) {
		return nil
	}
	was := t.flags
	for _, r := range t.pattern[2:end] {
		f, err := parseRegexFlags(string(r))
		if err != nil || r == 'g' {
			return errRegex("invalid embedded option")
		}
		switch r {
		case 'i', 'c':
			was.fold = f.fold
		case 'q':
			was.literal = true
		case 'x', 't':
			was.expanded = f.expanded
		case 'e':
		default:
			was.dotAll, was.lines = f.dotAll, f.lines
		}
	}
	t.flags, t.pattern = was, t.pattern[end+1:]
	return nil
}

func isLetters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// literal writes s so that it stands for itself.
func (t *regexTranslator) literal(s string) {
	for _, r := range s {
		if r < utf8.RuneSelf && strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
			t.out.WriteByte('\\')
		}
		t.out.WriteRune(r)
	}
}

// item translates what stands at i.
func (t *regexTranslator) item() error {
	c := t.pattern[t.i]
	switch c {
	case '\\':
		return t.escape()
	case '[':
		return t.bracket()
	case '(':
		return t.open()
	case ')':
		// A lone one is an error in an advanced expression.
		if t.depth == 0 {
			return errRegex("parentheses () not balanced")
		}
		t.depth--
		t.emit(")", true)
	case '|':
		t.emit("|", false)
	case '*', '+', '?':
		return t.quantifier(string(c), 1)
	case '{':
		if t.i+1 < len(t.pattern) && t.pattern[t.i+1] >= '0' && t.pattern[t.i+1] <= '9' {
			return t.bound()
		}
		t.emit(`\{`, true)
	case '^':
		t.contextual = true
		t.emit("^", false)
	case '$':
		t.emit("$", false)
	case '.':
		t.emit(".", true)
	case ' ', '\t', '\n', '\r', '\f', '\v', '#':
		if t.flags.expanded {
			t.blank()
			return nil
		}
		t.plain()
	default:
		t.plain()
	}
	return nil
}

// emit writes the translation of the byte at i.
func (t *regexTranslator) emit(s string, operand bool) {
	t.out.WriteString(s)
	t.operand = operand
	t.i++
}

// plain writes the character at i, which stands for itself.
func (t *regexTranslator) plain() {
	_, size := utf8.DecodeRuneInString(t.pattern[t.i:])
	t.literal(t.pattern[t.i : t.i+size])
	t.i += size
	t.operand = true
}

// blank skips white space, or a comment up to the end of its line.
func (t *regexTranslator) blank() {
	if t.pattern[t.i] != '#' {
		t.i++
		return
	}
	for t.i < len(t.pattern) && t.pattern[t.i] != '\n' {
		t.i++
	}
}

// open translates a parenthesis and what kind it is.
func (t *regexTranslator) open() error {
	rest := t.pattern[t.i:]
	switch {
	case strings.HasPrefix(rest, "(?#"):
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return errRegex("parentheses () not balanced")
		}
		t.i += end + 1
		return nil
	case strings.HasPrefix(rest, "(?:"):
		t.out.WriteString("(?:")
		t.i += 3
	case strings.HasPrefix(rest, "(?=") || strings.HasPrefix(rest, "(?!"):
		return sqlerr.Unsupported("lookahead in a regular expression")
	case strings.HasPrefix(rest, "(?<=") || strings.HasPrefix(rest, "(?<!"):
		return sqlerr.Unsupported("lookbehind in a regular expression")
	case strings.HasPrefix(rest, "(?"):
		return errRegex("quantifier operand invalid")
	default:
		t.out.WriteByte('(')
		t.i++
		t.groups++
	}
	t.depth++
	t.operand = false
	return nil
}

// quantifier writes one of n bytes and the ? that makes it prefer few.
func (t *regexTranslator) quantifier(s string, n int) error {
	if !t.operand {
		return errRegex("quantifier operand invalid")
	}
	t.out.WriteString(s)
	t.i += n
	if t.i < len(t.pattern) && t.pattern[t.i] == '?' {
		t.out.WriteByte('?')
		t.i++
		t.lazy = true
	}
	t.operand = false
	return nil
}

// repetitionMax is DUPMAX of Postgres' library.
const repetitionMax = 255

// bound translates {m}, {m,} and {m,n}.
func (t *regexTranslator) bound() error {
	end := strings.IndexByte(t.pattern[t.i:], '}')
	if end < 0 {
		return errRegex("braces {} not balanced")
	}
	least, most, comma := strings.Cut(t.pattern[t.i+1:t.i+end], ",")
	m, err := strconv.Atoi(least)
	n := m
	if err == nil && comma && most != "" {
		n, err = strconv.Atoi(most)
	}
	if err != nil || m < 0 || n < m || m > repetitionMax || n > repetitionMax {
		return errRegex("invalid repetition count(s)")
	}
	return t.quantifier(t.pattern[t.i:t.i+end+1], end+1)
}

// classOf are the class shorthands, as they stand inside brackets.
var classOf = map[byte]string{'d': `0-9`, 's': `\s\v`, 'w': `\pL\p{Nd}_`}

// escape translates a backslash and what follows.
func (t *regexTranslator) escape() error {
	if t.i+1 == len(t.pattern) {
		return errRegex(`invalid escape \ sequence`)
	}
	c := t.pattern[t.i+1]
	operand, text := true, ""
	switch c {
	case 'd', 's', 'w':
		text = "[" + classOf[c] + "]"
	case 'D', 'S', 'W':
		text = "[^" + classOf[c|0x20] + "]"
	case 'A':
		t.contextual, operand, text = true, false, `\A`
	case 'Z':
		operand, text = false, `\z`
	case 'm', 'M', 'y':
		// \m and \M differ from \y only next to what is no word character.
		t.contextual, operand, text = true, false, `\b`
	case 'Y':
		t.contextual, operand, text = true, false, `\B`
	}
	if text != "" {
		t.out.WriteString(text)
		t.i += 2
		t.operand = operand
		return nil
	}
	if c >= '1' && c <= '9' {
		if int(c-'0') > t.groups {
			return errRegex("invalid backreference number")
		}
		return sqlerr.Unsupported("back reference in a regular expression")
	}
	r, err := t.characterEscape()
	if err != nil {
		return err
	}
	t.literal(string(r))
	t.operand = true
	return nil
}

// characterEscape reads an escape that stands for one character.
func (t *regexTranslator) characterEscape() (rune, error) {
	c, size := utf8.DecodeRuneInString(t.pattern[t.i+1:])
	t.i += 1 + size
	switch c {
	case 'a':
		return '\a', nil
	case 'b':
		return '\b', nil
	case 'B':
		return '\\', nil
	case 'e':
		return 0x1b, nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'v':
		return '\v', nil
	case 'c':
		if t.i == len(t.pattern) {
			return 0, errRegex(`invalid escape \ sequence`)
		}
		t.i++
		return rune(t.pattern[t.i-1] & 0x1f), nil
	case 'x':
		return t.number(16, 1, 255)
	case 'u':
		return t.number(16, 4, 4)
	case 'U':
		return t.number(16, 8, 8)
	case '0':
		t.i--
		return t.number(8, 1, 3)
	}
	if c < utf8.RuneSelf && (isLetters(string(c)) || c >= '0' && c <= '9') {
		return 0, errRegex(`invalid escape \ sequence`)
	}
	return c, nil
}

// number reads digits of a character's code.
func (t *regexTranslator) number(base, least, most int) (rune, error) {
	start := t.i
	v := int64(0)
	for t.i < len(t.pattern) && t.i-start < most {
		d, err := strconv.ParseUint(t.pattern[t.i:t.i+1], base, 8)
		if err != nil {
			break
		}
		v = min(v*int64(base)+int64(d), utf8.MaxRune+1)
		t.i++
	}
	if t.i-start < least || !utf8.ValidRune(rune(v)) {
		return 0, errRegex(`invalid escape \ sequence`)
	}
	return rune(v), nil
}

// posixClasses are the classes [:name:], as they stand inside brackets.
var posixClasses = map[string]string{
	"alpha": `\pL`, "alnum": `\pL\p{Nd}`, "digit": `0-9`, "upper": `\p{Lu}`, "lower": `\p{Ll}`, "space": `\s\v`,
	"blank": ` \t`, "punct": `[:punct:]`, "cntrl": `[:cntrl:]`, "graph": `[:graph:]`, "print": `[:print:]`,
	"xdigit": `0-9A-Fa-f`, "word": `\pL\p{Nd}_`,
}

// bracket translates [ … ].
func (t *regexTranslator) bracket() error {
	rest := t.pattern[t.i:]
	if strings.HasPrefix(rest, "[[:<:]]") || strings.HasPrefix(rest, "[[:>:]]") {
		t.contextual, t.operand = true, false
		t.out.WriteString(`\b`)
		t.i += 7
		return nil
	}
	t.i++
	t.out.WriteByte('[')
	if t.i < len(t.pattern) && t.pattern[t.i] == '^' {
		t.out.WriteByte('^')
		if !t.flags.dotAll {
			t.out.WriteString(`\n`)
		}
		t.i++
	}
	for first := true; ; first = false {
		if t.i >= len(t.pattern) {
			return errRegex("brackets [] not balanced")
		}
		if t.pattern[t.i] == ']' && !first {
			t.out.WriteByte(']')
			t.i++
			t.operand = true
			return nil
		}
		if err := t.bracketItem(); err != nil {
			return err
		}
	}
}

// bracketItem translates a class, a character or a range inside brackets.
func (t *regexTranslator) bracketItem() error {
	if strings.HasPrefix(t.pattern[t.i:], "[:") {
		end := strings.Index(t.pattern[t.i:], ":]")
		if end < 0 {
			return errRegex("brackets [] not balanced")
		}
		class, ok := posixClasses[t.pattern[t.i+2:t.i+end]]
		if !ok {
			return errRegex("invalid character class")
		}
		t.out.WriteString(class)
		t.i += end + 2
		return nil
	}
	if t.pattern[t.i] == '\\' && t.i+1 < len(t.pattern) {
		if class, ok := classOf[t.pattern[t.i+1]]; ok {
			t.out.WriteString(class)
			t.i += 2
			return nil
		}
	}
	low, err := t.bracketCharacter()
	if err != nil {
		return err
	}
	high := low
	if t.i+1 < len(t.pattern) && t.pattern[t.i] == '-' && t.pattern[t.i+1] != ']' {
		t.i++
		if high, err = t.bracketCharacter(); err != nil {
			return err
		}
		if high < low {
			return errRegex("invalid character range")
		}
	}
	t.bracketLiteral(low)
	if high != low {
		t.out.WriteByte('-')
		t.bracketLiteral(high)
	}
	return nil
}

func (t *regexTranslator) bracketLiteral(r rune) {
	if strings.ContainsRune(`\]^-[&~`, r) {
		t.out.WriteByte('\\')
	}
	t.out.WriteRune(r)
}

// bracketCharacter reads one character: plain, escaped, or [.x.] and [=x=].
func (t *regexTranslator) bracketCharacter() (rune, error) {
	rest := t.pattern[t.i:]
	for _, mark := range []string{".", "="} {
		if !strings.HasPrefix(rest, "["+mark) {
			continue
		}
		end := strings.Index(rest[2:], mark+"]")
		if end < 0 {
			return 0, errRegex("brackets [] not balanced")
		}
		name := rest[2 : 2+end]
		if utf8.RuneCountInString(name) != 1 {
			return 0, errRegex("invalid collating element")
		}
		t.i += end + 4
		r, _ := utf8.DecodeRuneInString(name)
		return r, nil
	}
	if rest[0] == '\\' {
		if len(rest) == 1 {
			return 0, errRegex(`invalid escape \ sequence`)
		}
		return t.characterEscape()
	}
	r, size := utf8.DecodeRuneInString(rest)
	t.i += size
	return r, nil
}
