package parse

import (
	"slices"
	"strings"
	"unicode/utf8"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// takeOwnStatements parses the statements of text that are Quiver's own and
// returns them with what is left for the grammar: the same text with those
// statements blanked out, so that every place stays where it was.
func takeOwnStatements(text string) (own []placed, rest string, err error) {
	if !slices.ContainsFunc(ownWords, func(word string) bool { return mentions(text, word) }) {
		return nil, text, nil
	}
	src := &source{text: text}
	blanked := []byte(nil)
	for _, tokens := range statementsOf(src.tokens()) {
		f := &frontend{source: src, tokens: tokens}
		read := f.own()
		if read == nil {
			continue
		}
		stmt, err := read()
		if err != nil {
			return nil, "", err
		}
		first, last := tokens[0].start, tokens[len(tokens)-1].end
		own = append(own, placed{first, &ast.Statement{Stmt: stmt, Text: text[first:last]}})
		if blanked == nil {
			blanked = []byte(text)
		}
		for i := first; i < last; i++ {
			blanked[i] = ' '
		}
	}
	if blanked == nil {
		return nil, text, nil
	}
	return own, string(blanked), nil
}

// ownWords are in lower case; every statement of Quiver's own has one of them.
var ownWords = []string{"partition", "alias", "backup", "restore", "checkpoint"}

// mentions says whether a word, in lower case, is anywhere in text; it spares most
// texts the scan.
func mentions(text, word string) bool {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && isWord(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// statementsOf splits tokens at semicolons.
func statementsOf(tokens []token) [][]token {
	var out [][]token
	from := 0
	for i, t := range tokens {
		if t.kind == tokenSemi {
			out = append(out, tokens[from:i])
			from = i + 1
		}
	}
	return append(out, tokens[from:])
}

// frontend reads one statement from its tokens.
type frontend struct {
	*source
	tokens []token
	at     int
}

// own is what reads the statement, if it is one of Quiver's own.
func (f *frontend) own() func() (ast.Stmt, error) {
	if len(f.tokens) < 2 {
		return nil
	}
	switch verb := f.tokens[0].kind; {
	case verb == pgquery.Token_CHECKPOINT && f.tokens[1].kind != tokenOpen:
		return f.checkpoint
	case f.isWordAt(0, "backup"):
		return f.backup
	case f.isWordAt(0, "restore"):
		return f.restore
	case verb != pgquery.Token_CREATE && verb != pgquery.Token_DROP && verb != pgquery.Token_ALTER:
	case f.tokens[1].kind == pgquery.Token_PARTITION && verb != pgquery.Token_ALTER:
		return f.partition
	case f.isWordAt(1, "alias"):
		return f.alias
	}
	return nil
}

// checkpoint reads CHECKPOINT [schema.]t [, …].
func (f *frontend) checkpoint() (ast.Stmt, error) {
	f.at = 1
	tables, err := f.relations()
	if err != nil {
		return nil, err
	}
	s := &ast.CheckpointStmt{Tables: tables}
	if f.at < len(f.tokens) {
		return nil, f.unexpected()
	}
	return s, nil
}

// partition reads CREATE PARTITION [IF NOT EXISTS] [schema.]p ON [schema.]t [FOR
// VALUES …] [WITH (…)] and DROP PARTITION [IF EXISTS] [schema.]p ON [schema.]t.
func (f *frontend) partition() (ast.Stmt, error) {
	create := f.tokens[0].kind == pgquery.Token_CREATE
	f.at = 2
	exists := f.take(pgquery.Token_IF_P)
	if exists && create && !f.take(pgquery.Token_NOT) || exists && !f.take(pgquery.Token_EXISTS) {
		return nil, f.unexpected()
	}
	nameAt := f.at
	schema := ""
	name, ok := f.identifier()
	if ok && f.take(tokenDot) {
		schema = name
		name, ok = f.identifier()
	}
	if !ok || !f.take(pgquery.Token_ON) {
		return nil, f.unexpected()
	}
	namePos := f.chars(f.tokens[nameAt].start)
	table, err := f.relation()
	if err != nil {
		return nil, err
	}
	if !create {
		if f.at < len(f.tokens) {
			return nil, f.unexpected()
		}
		return &ast.DropPartitionStmt{Schema: schema, Name: name, NamePos: namePos, Table: table, IfExists: exists}, nil
	}
	s := &ast.CreatePartitionStmt{Schema: schema, Name: name, NamePos: namePos, Table: table, IfNotExists: exists}
	return s, f.clauses(s)
}

// standIn begins the statement of the grammar that has the clauses of CREATE
// PARTITION.
const standIn = "CREATE TABLE x PARTITION OF y "

// clauses reads FOR VALUES … or DEFAULT, and WITH (…).
func (f *frontend) clauses(s *ast.CreatePartitionStmt) error {
	clauses := f.tokens[f.at:]
	if len(clauses) == 0 {
		return nil
	}
	from, end := clauses[0].start, clauses[len(clauses)-1].end
	given := standIn
	switch clauses[0].kind {
	case pgquery.Token_FOR, pgquery.Token_DEFAULT:
	case pgquery.Token_WITH:
		given = "CREATE TABLE x () "
	default:
		return f.unexpected()
	}
	src := &source{text: f.text[:end], cutBytes: from - len(given)}
	stmts, err := parseGrammar(src, given+f.text[from:end])
	if err != nil {
		return err
	}
	table, ok := stmts[0].stmt.Stmt.(*ast.CreateTableStmt)
	if !ok || len(stmts) != 1 || table.Unsupported != "" || table.PartitionBy != nil || table.OnCommit != 0 {
		return f.unexpected()
	}
	s.Bound, s.Options = table.Bound, table.Options
	return nil
}

// isWordAt says whether the i-th token is a word that is no key word of the grammar.
func (f *frontend) isWordAt(i int, word string) bool {
	if i >= len(f.tokens) || f.tokens[i].kind != pgquery.Token_IDENT {
		return false
	}
	text := f.text[f.tokens[i].start:f.tokens[i].end]
	return len(text) == len(word) && isWord(text, word)
}

func (f *frontend) take(kind pgquery.Token) bool {
	if f.at < len(f.tokens) && f.tokens[f.at].kind == kind {
		f.at++
		return true
	}
	return false
}

// identifier reads a name: an identifier, or a key word that may be one.
func (f *frontend) identifier() (string, bool) {
	if f.at >= len(f.tokens) {
		return "", false
	}
	t := f.tokens[f.at]
	if t.kind != pgquery.Token_IDENT && (!t.keyword || reserved(t.kind)) {
		return "", false
	}
	f.at++
	return clipName(f.name(t)), true
}

// reserved lists the key words that end a name in this small grammar.
func reserved(k pgquery.Token) bool {
	switch k {
	case pgquery.Token_ON, pgquery.Token_FOR, pgquery.Token_WITH, pgquery.Token_DEFAULT, pgquery.Token_NOT:
		return true
	}
	return false
}

// nameBytesMax is NAMEDATALEN - 1: longer names are cut, as in PostgreSQL.
const nameBytesMax = 63

func clipName(name string) string {
	if len(name) <= nameBytesMax {
		return name
	}
	end := nameBytesMax
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}

// relations reads relation [, …].
func (f *frontend) relations() (list []*ast.RangeVar, err error) {
	for {
		r, err := f.relation()
		if err != nil {
			return nil, err
		}
		if list = append(list, r); !f.take(tokenComma) {
			return list, nil
		}
	}
}

// relation reads [schema.]name.
func (f *frontend) relation() (*ast.RangeVar, error) {
	r := &ast.RangeVar{Persistence: 'p'}
	if f.at < len(f.tokens) {
		r.Pos = ast.Pos(f.chars(f.tokens[f.at].start))
	}
	var names []string
	for {
		name, ok := f.identifier()
		if !ok {
			return nil, f.unexpected()
		}
		names = append(names, name)
		if !f.take(tokenDot) {
			break
		}
	}
	switch len(names) {
	case 1:
		r.Name = names[0]
	case 2:
		r.Schema, r.Name = names[0], names[1]
	case 3:
		r.Database, r.Schema, r.Name = names[0], names[1], names[2]
	default:
		return nil, sqlerr.New(sqlerr.SyntaxError, "improper qualified name (too many dotted names): %s",
			strings.Join(names, ".")).At(int(r.Pos))
	}
	return r, nil
}

// unexpected is the syntax error at the current token.
func (f *frontend) unexpected() error {
	if f.at >= len(f.tokens) {
		end := f.tokens[len(f.tokens)-1].end
		if end == len(f.text) || strings.TrimSpace(f.text[end:]) == "" {
			return sqlerr.New(sqlerr.SyntaxError, "syntax error at end of input").At(f.chars(end))
		}
		next := end + leadingBlank(f.text[end:])
		return sqlerr.New(sqlerr.SyntaxError, `syntax error at or near ";"`).At(f.chars(next))
	}
	t := f.tokens[f.at]
	return sqlerr.New(sqlerr.SyntaxError, `syntax error at or near "%s"`, f.text[t.start:t.end]).At(f.chars(t.start))
}
