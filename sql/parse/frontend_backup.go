package parse

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// backup reads BACKUP [DATABASE d | TABLE t, …] TO 'url' [WITH (name = '…')].
func (f *frontend) backup() (ast.Stmt, error) {
	s := &ast.BackupStmt{}
	f.at = 1
	switch {
	case f.take(pgquery.Token_DATABASE):
		name, ok := f.identifier()
		if !ok {
			return nil, f.unexpected()
		}
		s.Database = name
	case f.take(pgquery.Token_TABLE):
		tables, err := f.relations()
		if err != nil {
			return nil, err
		}
		s.Tables = tables
	}
	if !f.take(pgquery.Token_TO) {
		return nil, f.unexpected()
	}
	var ok bool
	if s.URL, ok = f.literal(); !ok {
		return nil, f.unexpected()
	}
	return s, f.textOptions("BACKUP", map[string]*string{"name": &s.Name})
}

// restore reads RESTORE [DATABASE d [AS e] | TABLE t [AS u], …] FROM 'url' [WITH
// (backup = '…', timestamp = '…')].
func (f *frontend) restore() (ast.Stmt, error) {
	s := &ast.RestoreStmt{}
	f.at = 1
	var ok bool
	switch {
	case f.take(pgquery.Token_DATABASE):
		if s.Database, ok = f.identifier(); !ok {
			return nil, f.unexpected()
		}
		if f.take(pgquery.Token_AS) {
			if s.DatabaseAs, ok = f.identifier(); !ok {
				return nil, f.unexpected()
			}
		}
	case f.take(pgquery.Token_TABLE):
		for {
			table, err := f.relation()
			if err != nil {
				return nil, err
			}
			t := ast.RestoredTable{Table: table}
			if f.take(pgquery.Token_AS) {
				if t.As, ok = f.identifier(); !ok {
					return nil, f.unexpected()
				}
			}
			s.Tables = append(s.Tables, t)
			if !f.take(tokenComma) {
				break
			}
		}
	}
	if !f.take(pgquery.Token_FROM) {
		return nil, f.unexpected()
	}
	if s.URL, ok = f.literal(); !ok {
		return nil, f.unexpected()
	}
	return s, f.textOptions("RESTORE", map[string]*string{"backup": &s.Backup, "timestamp": &s.Timestamp})
}

// literal reads a string in plain quotes.
func (f *frontend) literal() (string, bool) {
	if f.at >= len(f.tokens) || f.tokens[f.at].kind != pgquery.Token_SCONST {
		return "", false
	}
	text := f.text[f.tokens[f.at].start:f.tokens[f.at].end]
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return "", false
	}
	f.at++
	return strings.ReplaceAll(text[1:len(text)-1], "''", "'"), true
}

// textOptions reads what is left: nothing, or WITH (name = 'text', …).
func (f *frontend) textOptions(statement string, options map[string]*string) error {
	if f.at == len(f.tokens) {
		return nil
	}
	if !f.take(pgquery.Token_WITH) || !f.take(tokenOpen) {
		return f.unexpected()
	}
	given := map[string]bool{}
	for {
		at := f.at
		name, ok := f.identifier()
		if !ok {
			return f.unexpected()
		}
		position := f.chars(f.tokens[at].start)
		to := options[name]
		if to == nil {
			return sqlerr.New(sqlerr.SyntaxError, "unrecognized %s option \"%s\"", statement, name).At(position)
		}
		if given[name] {
			return sqlerr.New(sqlerr.SyntaxError, "conflicting or redundant options").At(position)
		}
		given[name] = true
		f.take(tokenEqual)
		if *to, ok = f.literal(); !ok {
			return f.unexpected()
		}
		if !f.take(tokenComma) {
			break
		}
	}
	if !f.take(tokenClose) || f.at < len(f.tokens) {
		return f.unexpected()
	}
	return nil
}
