package parse

// lexKind is the kind of a lexeme.
type lexKind byte

const (
	lexEnd      lexKind = iota
	lexWord             // identifier or key word, unquoted
	lexQuoted           // "identifier"
	lexString           // '…' without a prefix
	lexEString          // E'…'
	lexOther            // B'…', X'…', N'…', U&'…', $tag$…$tag$, $1, junk
	lexNumber           // 1, 1.5, .5e3
	lexOperator         // a run of operator characters, :: and :=
	lexOpen             // ( and [
	lexClose            // ) and ]
	lexComma
	lexSemicolon
	lexDot
)

// lexeme is one token: text[start:end].
type lexeme struct {
	kind       lexKind
	start, end int
	// plain: a string without doubled quotes or backslashes.
	plain bool
}

// lexer splits text as PostgreSQL's scan.l does, for the two places that read
// before the grammar and must not cost what it costs: rows of literals and the
// depth check. It never fails: what it does not understand is lexOther, and
// an unterminated literal runs to the end.
type lexer struct {
	text string
	at   int
}

func (l *lexer) next() lexeme {
	l.skipBlank()
	start := l.at
	if start >= len(l.text) {
		return lexeme{kind: lexEnd, start: start, end: start}
	}
	c := l.text[start]
	switch {
	case c == '\'':
		plain := l.quoted('\'', false)
		return lexeme{lexString, start, l.at, plain}
	case c == '"':
		l.quoted('"', false)
		return lexeme{lexQuoted, start, l.at, false}
	case isDigit(c), c == '.' && start+1 < len(l.text) && isDigit(l.text[start+1]):
		return l.number()
	case isWordStart(c):
		return l.word()
	case c == '$':
		return l.dollar()
	}
	l.at++
	kind := lexOther
	switch c {
	case '(', '[':
		kind = lexOpen
	case ')', ']':
		kind = lexClose
	case ',':
		kind = lexComma
	case ';':
		kind = lexSemicolon
	case '.':
		kind = lexDot
	default:
		if isOperatorByte(c) {
			kind = lexOperator
			l.operator()
		}
	}
	return lexeme{kind: kind, start: start, end: l.at}
}

// skipBlank skips white space and comments.
func (l *lexer) skipBlank() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f', c == '\v':
			l.at++
		case c == '-' && l.has("--"):
			for l.at < len(l.text) && l.text[l.at] != '\n' && l.text[l.at] != '\r' {
				l.at++
			}
		case c == '/' && l.has("/*"):
			l.blockComment()
		default:
			return
		}
	}
}

func (l *lexer) has(prefix string) bool {
	return len(l.text)-l.at >= len(prefix) && l.text[l.at:l.at+len(prefix)] == prefix
}

// blockComment skips a comment; they nest.
func (l *lexer) blockComment() {
	depth := 0
	for l.at < len(l.text) {
		switch {
		case l.has("/*"):
			depth++
			l.at += 2
		case l.has("*/"):
			depth--
			l.at += 2
			if depth == 0 {
				return
			}
		default:
			l.at++
		}
	}
}

// quoted skips a quoted token whose quote is at l.at, with quotes doubled
// inside and, in E-strings, escaped by a backslash. It says whether neither
// occurred.
func (l *lexer) quoted(quote byte, escapes bool) (plain bool) {
	plain = true
	for l.at++; l.at < len(l.text); l.at++ {
		switch l.text[l.at] {
		case quote:
			if l.at+1 < len(l.text) && l.text[l.at+1] == quote {
				plain = false
				l.at++
				continue
			}
			l.at++
			return plain
		case '\\':
			if escapes {
				plain = false
				l.at++
			}
		}
	}
	l.at = min(l.at, len(l.text))
	return false
}

func (l *lexer) number() lexeme {
	start := l.at
	digits := func() {
		for l.at < len(l.text) && isDigit(l.text[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at < len(l.text) && l.text[l.at] == '.' && !l.has("..") {
		l.at++
		digits()
	}
	if l.at < len(l.text) && (l.text[l.at] == 'e' || l.text[l.at] == 'E') {
		mark := l.at
		l.at++
		if l.at < len(l.text) && (l.text[l.at] == '+' || l.text[l.at] == '-') {
			l.at++
		}
		if l.at < len(l.text) && isDigit(l.text[l.at]) {
			digits()
		} else {
			l.at = mark
		}
	}
	kind := lexNumber
	for l.at < len(l.text) && (isWordByte(l.text[l.at]) || l.text[l.at] == '.') {
		kind = lexOther // trailing junk, 0x1f, 1_000, 1..2
		l.at++
	}
	return lexeme{kind: kind, start: start, end: l.at}
}

func (l *lexer) word() lexeme {
	start := l.at
	for l.at < len(l.text) && isWordByte(l.text[l.at]) {
		l.at++
	}
	if l.at < len(l.text) && l.text[l.at] == '\'' && l.at-start == 1 {
		switch l.text[start] {
		case 'e', 'E':
			plain := l.quoted('\'', true)
			return lexeme{lexEString, start, l.at, plain}
		case 'b', 'B', 'x', 'X', 'n', 'N':
			l.quoted('\'', false)
			return lexeme{kind: lexOther, start: start, end: l.at}
		}
	}
	if l.at-start == 1 && (l.text[start] == 'u' || l.text[start] == 'U') && (l.has("&'") || l.has(`&"`)) {
		l.at++
		l.quoted(l.text[l.at], false)
		return lexeme{kind: lexOther, start: start, end: l.at}
	}
	return lexeme{kind: lexWord, start: start, end: l.at}
}

// dollar skips $1 or a dollar-quoted string.
func (l *lexer) dollar() lexeme {
	start := l.at
	l.at++
	for l.at < len(l.text) && (isWordByte(l.text[l.at]) && l.text[l.at] != '$') {
		l.at++
	}
	if l.at < len(l.text) && l.text[l.at] == '$' && (l.at == start+1 || !isDigit(l.text[start+1])) {
		tag := l.text[start : l.at+1]
		for l.at++; l.at < len(l.text); l.at++ {
			if l.text[l.at] == '$' && l.has(tag) {
				l.at += len(tag)
				break
			}
		}
	}
	return lexeme{kind: lexOther, start: start, end: l.at}
}

// operator skips the rest of a run of operator characters; a comment ends it.
func (l *lexer) operator() {
	for l.at < len(l.text) && isOperatorByte(l.text[l.at]) && !l.has("--") && !l.has("/*") {
		l.at++
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isWordByte(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

func isOperatorByte(c byte) bool {
	switch c {
	case '+', '-', '*', '/', '<', '>', '=', '~', '!', '@', '#', '%', '^', '&', '|', '`', '?', ':':
		return true
	}
	return false
}

// isWord compares a word with a lower-case key word, as key words fold: ASCII
// letters alone.
func isWord(word, key string) bool {
	if len(word) != len(key) {
		return false
	}
	for i := 0; i < len(word); i++ {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != key[i] {
			return false
		}
	}
	return true
}
