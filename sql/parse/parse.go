package parse

import (
	"errors"
	"strings"
	"unicode/utf8"

	pgquery "github.com/pganalyze/pg_query_go/v5"
	"github.com/pganalyze/pg_query_go/v5/parser"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// Parse reads the statements of text, which may be none. Errors are
// *sqlerr.Error: 42601 with PostgreSQL's message and position, 0A000 for what
// has no place in ast.
func Parse(text string) ([]*ast.Statement, error) {
	if err := checkEncoding(text); err != nil {
		return nil, err
	}
	if stmt, ok := parseLiteralInsert(text); ok {
		return []*ast.Statement{stmt}, nil
	}
	if err := checkDepth(text); err != nil {
		return nil, err
	}
	own, rest, err := takeOwnStatements(text)
	if err != nil {
		return nil, err
	}
	stmts, err := parseGrammar(&source{text: text}, rest)
	if err != nil {
		return nil, err
	}
	return mergeByPlace(own, stmts), nil
}

// placed is a statement with the byte offset where it begins.
type placed struct {
	start int
	stmt  *ast.Statement
}

func mergeByPlace(a, b []placed) []*ast.Statement {
	merged := make([]*ast.Statement, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].start < a[0].start {
			from = &b
		}
		merged = append(merged, (*from)[0].stmt)
		*from = (*from)[1:]
	}
	return merged
}

// parseGrammar runs the grammar over text, which is src.text or a same-length
// or shortened stand-in for it (see source.cut), and converts the tree.
func parseGrammar(src *source, text string) ([]placed, error) {
	tree, err := pgquery.Parse(maskCopyJSON(text))
	if err != nil {
		return nil, grammarError(src, err)
	}
	var out []placed
	for _, raw := range tree.Stmts {
		start := src.offset(int(raw.StmtLocation))
		end := len(src.text)
		if raw.StmtLen > 0 {
			end = src.offset(int(raw.StmtLocation + raw.StmtLen))
		}
		start += leadingBlank(src.text[start:end])
		c := &converter{source: src, start: start, end: end}
		stmt := c.stmt(raw.Stmt)
		if c.err != nil {
			return nil, c.err
		}
		out = append(out, placed{start, &ast.Statement{
			Stmt:   stmt,
			Text:   strings.TrimRight(src.text[start:end], " \t\r\n\f\v"),
			Params: c.params,
		}})
	}
	return out, nil
}

// leadingBlank counts the bytes of white space that text begins with: the
// grammar counts it to the statement.
func leadingBlank(text string) int {
	return len(text) - len(strings.TrimLeft(text, " \t\r\n\f\v"))
}

// checkEncoding refuses text that is not UTF-8, as PostgreSQL does on receipt.
func checkEncoding(text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x00`)
	}
	if utf8.ValidString(text) {
		return nil
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x%02x`, text[i])
		}
	}
	return nil
}

// grammarError gives an error of the grammar its SQLSTATE and position.
func grammarError(src *source, err error) error {
	var g *parser.Error
	if !errors.As(err, &g) {
		// The tree is nested deeper than its decoder follows.
		return tooDeep()
	}
	code := sqlerr.SyntaxError
	switch {
	case strings.Contains(g.Message, "stack depth limit"):
		return tooDeep()
	case strings.HasPrefix(g.Message, "invalid Unicode"), strings.HasPrefix(g.Message, "sequence option"):
		code = sqlerr.SyntaxError
	case strings.Contains(g.Message, "not supported"), strings.Contains(g.Message, "not yet implemented"),
		strings.Contains(g.Message, "cannot be marked"):
		code = sqlerr.FeatureNotSupported
	case strings.Contains(g.Message, "invalid byte sequence"):
		code = sqlerr.CharacterNotInRepertoire
	}
	e := sqlerr.New(code, "%s", g.Message)
	if g.Cursorpos > 0 {
		e.At(src.shiftChars(g.Cursorpos))
	}
	return e
}
