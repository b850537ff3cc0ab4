package parse

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/sql/ast"
)

// literalRowsMin is how many rows make the short way worth it.
const literalRowsMin = 8

// parseLiteralInsert reads INSERT … VALUES with many rows of literals: the
// rows by our own scanner into ast.ValuesRows, the rest, with the first row
// alone, by the grammar, which takes 7 ms for 1,000 rows of numbers. It answers false
// whenever the text is anything else or it is not sure what a literal means;
// then the grammar decides.
func parseLiteralInsert(text string) (*ast.Statement, bool) {
	l := lexer{text: text}
	if first := l.next(); first.kind != lexWord || !isWord(text[first.start:first.end], "insert") {
		return nil, false
	}
	if !skipToValues(&l) {
		return nil, false
	}
	r := rowReader{lexer: &l, rows: &ast.ValuesRows{}, ascii: isASCII(text)}
	if !r.row() {
		return nil, false
	}
	firstEnd := l.at
	rows := 1
	for {
		mark := l.at
		if t := l.next(); t.kind != lexComma {
			l.at = mark
			break
		}
		if !r.row() {
			return nil, false
		}
		rows++
	}
	if rows < literalRowsMin || !endsOnce(text[l.at:]) {
		return nil, false
	}
	src := &source{text: text, cutAt: firstEnd, cutBytes: l.at - firstEnd}
	stmts, err := parseGrammar(src, text[:firstEnd]+text[l.at:])
	if err != nil {
		return nil, false
	}
	insert, ok := onlyInsert(stmts)
	if !ok || !matchesFirstRow(insert, r.rows) {
		return nil, false
	}
	insert.Source.Values, insert.Source.Rows = nil, r.rows
	return stmts[0].stmt, true
}

// skipToValues moves behind the word VALUES of INSERT INTO t [(…)] VALUES.
func skipToValues(l *lexer) bool {
	depth := 0
	for range 20000 { // more tokens than any column list has
		switch t := l.next(); t.kind {
		case lexOpen:
			depth++
		case lexClose:
			depth--
		case lexWord:
			word := l.text[t.start:t.end]
			if depth == 0 && isWord(word, "values") {
				return true
			}
			if isWord(word, "select") || isWord(word, "with") || isWord(word, "default") {
				return false
			}
		case lexEnd, lexSemicolon, lexOther, lexString, lexEString, lexNumber:
			return false
		}
	}
	return false
}

// endsOnce says whether tail holds no second statement.
func endsOnce(tail string) bool {
	l := lexer{text: tail}
	for {
		switch t := l.next(); t.kind {
		case lexEnd:
			return true
		case lexSemicolon:
			return l.next().kind == lexEnd
		}
	}
}

func onlyInsert(stmts []placed) (*ast.InsertStmt, bool) {
	if len(stmts) != 1 {
		return nil, false
	}
	insert, ok := stmts[0].stmt.Stmt.(*ast.InsertStmt)
	return insert, ok && insert.Source != nil && len(insert.Source.Values) == 1
}

// matchesFirstRow says whether the grammar read the first row as the scanner
// did, and the VALUES list has no clause of its own (ORDER BY, LIMIT, WITH).
func matchesFirstRow(insert *ast.InsertStmt, rows *ast.ValuesRows) bool {
	s := insert.Source
	if s.With != nil || s.OrderBy != nil || s.Limit != nil || s.Offset != nil || s.Locking != nil {
		return false
	}
	first := s.Values[0]
	if len(first) != rows.Columns {
		return false
	}
	for i, e := range first {
		kind, text, pos, ok := flatLiteral(e)
		if !ok || kind != rows.Kinds[i] || text != rows.Texts[i] || int32(pos) != rows.Pos[i] {
			return false
		}
	}
	return true
}

// flatLiteral is an expression as ValuesRows has it; ok is false when it has
// none such.
func flatLiteral(e ast.Expr) (kind ast.ConstKind, text string, pos ast.Pos, ok bool) {
	switch e := e.(type) {
	case *ast.Const:
		return e.Kind, e.Text, e.Pos, true
	case *ast.SetToDefault:
		return ast.ConstDefault, "", e.Pos, true
	case *ast.ArrayExpr:
		text, ok = flatArray(e)
		return ast.ConstArray, text, e.Pos, ok
	case *ast.Cast:
		t := e.Type
		if len(t.Names) != 1 || t.Names[0] != "vector" || len(t.Mods) > 0 || len(t.ArrayBounds) > 0 || t.SetOf {
			return 0, "", 0, false
		}
		kind, text, pos, ok = flatLiteral(e.Arg)
		switch kind {
		case ast.ConstString:
			return ast.ConstVector, text, pos, ok
		case ast.ConstArray:
			return ast.ConstVectorArray, text, pos, ok
		}
	}
	return 0, "", 0, false
}

func flatArray(e *ast.ArrayExpr) (string, bool) {
	texts := make([]string, len(e.Items))
	for i, item := range e.Items {
		k, ok := item.(*ast.Const)
		if !ok || k.Kind != ast.ConstInteger && k.Kind != ast.ConstFloat {
			return "", false
		}
		texts[i] = k.Text
	}
	return "[" + strings.Join(texts, ",") + "]", len(texts) > 0
}

// rowReader appends rows of literals to rows.
type rowReader struct {
	*lexer
	rows  *ast.ValuesRows
	ascii bool
	// walked, walkedChars: as in source.
	walked, walkedChars int
}

// row reads ( literal, … ) and says whether it was sure of all of it.
func (r *rowReader) row() bool {
	if t := r.next(); t.kind != lexOpen || r.text[t.start] != '(' {
		return false
	}
	columns := 0
	for {
		if !r.literal() {
			return false
		}
		columns++
		switch t := r.next(); {
		case t.kind == lexComma:
		case t.kind == lexClose && r.text[t.start] == ')':
			if r.rows.Columns == 0 {
				r.rows.Columns = columns
			}
			return columns == r.rows.Columns
		default:
			return false
		}
	}
}

func (r *rowReader) literal() bool {
	t := r.next()
	start := t.start
	switch t.kind {
	case lexString:
		return r.plainString(t, start)
	case lexEString:
		if t.end-t.start < 3 || !r.endsHere(t) {
			return false
		}
		value, ok := unescape(r.text[t.start+2 : t.end-1])
		return ok && r.string(value, start)
	case lexNumber:
		return r.number(t, start, false)
	case lexOperator:
		// Only a minus directly before the number: the grammar folds it in.
		if t.end-t.start != 1 || r.text[t.start] != '-' {
			return false
		}
		digits := r.next()
		return digits.kind == lexNumber && digits.start == t.end && r.number(digits, start, true)
	case lexWord:
		switch word := r.text[t.start:t.end]; {
		case isWord(word, "null"):
			return r.add(ast.ConstNull, "", start)
		case isWord(word, "true"):
			return r.add(ast.ConstBool, "true", start)
		case isWord(word, "false"):
			return r.add(ast.ConstBool, "false", start)
		case isWord(word, "default"):
			return r.add(ast.ConstDefault, "", start)
		case isWord(word, "array"):
			return r.array(start)
		}
	}
	return false
}

// string adds a string, which may be cast to vector.
func (r *rowReader) string(value string, start int) bool {
	kind := ast.ConstString
	if r.castsToVector() {
		kind = ast.ConstVector
	}
	return r.add(kind, value, start)
}

// castsToVector reads ::vector if it comes next. What may follow it, a modifier
// or an array bound, is not a row's comma or parenthesis.
func (r *rowReader) castsToVector() bool {
	mark := r.at
	if t := r.next(); t.kind == lexOperator && r.text[t.start:t.end] == "::" {
		if t := r.next(); t.kind == lexWord && isWord(r.text[t.start:t.end], "vector") {
			return true
		}
	}
	r.at = mark
	return false
}

// array reads the rest of ARRAY[1, -2.5] and a cast to vector, if there is one.
func (r *rowReader) array(start int) bool {
	if t := r.next(); t.kind != lexOpen || r.text[t.start] != '[' {
		return false
	}
	text := make([]byte, 0, 64)
	text = append(text, '[')
	for {
		t := r.next()
		negative := t.kind == lexOperator && r.text[t.start:t.end] == "-"
		if negative {
			end := t.end
			if t = r.next(); t.start != end {
				return false
			}
			text = append(text, '-')
		}
		if t.kind != lexNumber || !plainNumber(r.text[t.start:t.end], negative) {
			return false
		}
		text = append(text, r.text[t.start:t.end]...)
		switch t := r.next(); {
		case t.kind == lexComma:
			text = append(text, ',')
		case t.kind == lexClose && r.text[t.start] == ']':
			text = append(text, ']')
			kind := ast.ConstArray
			if r.castsToVector() {
				kind = ast.ConstVectorArray
			}
			return r.add(kind, string(text), start)
		default:
			return false
		}
	}
}

// plainNumber says whether a number is spelled as the grammar hands it on, and
// its value is far from any type's bounds: at most nine digits before the point,
// no exponent.
func plainNumber(text string, negative bool) bool {
	whole, fraction, decimal := strings.Cut(text, ".")
	if len(whole) == 0 || len(whole) > 9 || len(whole) > 1 && whole[0] == '0' || decimal && len(fraction) == 0 || len(fraction) > 40 {
		return false
	}
	if negative && !decimal && whole == "0" {
		return false
	}
	return strings.Trim(whole, "0123456789") == "" && strings.Trim(fraction, "0123456789") == ""
}

func (r *rowReader) plainString(t lexeme, start int) bool {
	if t.end-t.start < 2 || r.text[t.end-1] != '\'' || !r.endsHere(t) {
		return false
	}
	value := r.text[t.start+1 : t.end-1]
	if !t.plain {
		if strings.Count(value, "'")%2 != 0 { // unterminated
			return false
		}
		value = strings.ReplaceAll(value, "''", "'")
	}
	return r.string(value, start)
}

// endsHere says whether a string literal is not continued by another one after
// a line break: after it comes , ) or : at once, or blanks without a comment.
func (r *rowReader) endsHere(t lexeme) bool {
	if t.end-t.start < 2 || r.text[t.end-1] != '\'' {
		return false
	}
	for _, c := range []byte(r.text[t.end:]) {
		switch c {
		case ' ', '\t', '\n', '\r', '\f', '\v':
		default:
			return c == ',' || c == ')' || c == ':'
		}
	}
	return false
}

func (r *rowReader) number(t lexeme, start int, negative bool) bool {
	text := r.text[t.start:t.end]
	if strings.Trim(text, "0123456789") == "" {
		if n, err := strconv.ParseInt(text, 10, 32); err == nil {
			if text = text[leadingZeros(text):]; negative {
				text = strconv.FormatInt(-n, 10)
			}
			return r.add(ast.ConstInteger, text, start)
		}
	}
	if negative {
		text = r.text[start:t.end]
	}
	return r.add(ast.ConstFloat, text, start)
}

// leadingZeros counts the zeros that an integer's canonical spelling leaves
// out.
func leadingZeros(digits string) int {
	n := 0
	for n < len(digits)-1 && digits[n] == '0' {
		n++
	}
	return n
}

func (r *rowReader) add(kind ast.ConstKind, text string, start int) bool {
	r.rows.Kinds = append(r.rows.Kinds, kind)
	r.rows.Texts = append(r.rows.Texts, text)
	position := start + 1
	if !r.ascii {
		r.walkedChars += utf8.RuneCountInString(r.text[r.walked:start])
		r.walked = start
		position = r.walkedChars + 1
	}
	r.rows.Pos = append(r.rows.Pos, int32(position))
	return true
}

// unescape reads the inside of an E-string with the plain escapes; others
// (octal, hex, Unicode) are left to the grammar.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, `\'`) {
		return s, true
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\'':
			i++ // doubled, or the lexer would have ended
			if i >= len(s) || s[i] != '\'' {
				return "", false
			}
			b.WriteByte('\'')
		case '\\':
			i++
			if i >= len(s) {
				return "", false
			}
			switch s[i] {
			case '\\', '\'', '"', '/':
				b.WriteByte(s[i])
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'b':
				b.WriteByte('\b')
			case 'f':
				b.WriteByte('\f')
			default:
				return "", false
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
