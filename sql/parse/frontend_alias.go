package parse

import (
	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
)

// alias reads CREATE ALIAS [IF NOT EXISTS] a FOR t, ALTER ALIAS [IF EXISTS] a FOR
// t and DROP ALIAS [IF EXISTS] a, … [CASCADE | RESTRICT].
func (f *frontend) alias() (ast.Stmt, error) {
	verb := f.tokens[0].kind
	f.at = 2
	exists := f.take(pgquery.Token_IF_P)
	if exists && verb == pgquery.Token_CREATE && !f.take(pgquery.Token_NOT) || exists && !f.take(pgquery.Token_EXISTS) {
		return nil, f.unexpected()
	}
	if verb == pgquery.Token_DROP {
		return f.dropAlias(exists)
	}
	alias, err := f.relation()
	if err != nil {
		return nil, err
	}
	if !f.take(pgquery.Token_FOR) {
		return nil, f.unexpected()
	}
	table, err := f.relation()
	if err != nil {
		return nil, err
	}
	if f.at < len(f.tokens) {
		return nil, f.unexpected()
	}
	if verb == pgquery.Token_CREATE {
		return &ast.CreateAliasStmt{Alias: alias, Table: table, IfNotExists: exists}, nil
	}
	return &ast.AlterAliasStmt{Alias: alias, Table: table, IfExists: exists}, nil
}

func (f *frontend) dropAlias(ifExists bool) (ast.Stmt, error) {
	s := &ast.DropAliasStmt{IfExists: ifExists}
	for {
		alias, err := f.relation()
		if err != nil {
			return nil, err
		}
		s.Aliases = append(s.Aliases, alias)
		if !f.take(tokenComma) {
			break
		}
	}
	if !f.take(pgquery.Token_CASCADE) {
		f.take(pgquery.Token_RESTRICT)
	}
	if f.at < len(f.tokens) {
		return nil, f.unexpected()
	}
	return s, nil
}
