package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// comment is COMMENT ON.
func (d *ddl) comment(ctx context.Context, s *ast.CommentStmt) error {
	text := ""
	if s.Text != nil {
		text = *s.Text
	}
	last := s.Names[len(s.Names)-1]
	switch s.Kind {
	case ast.ObjectSchema:
		schema, err := d.schemaNamed(last, 0)
		if err != nil {
			return err
		}
		fresh := *schema
		fresh.Comment = text
		return d.catalog().Put(&fresh)
	case ast.ObjectDatabase:
		db := d.catalog().DatabaseByName(last)
		if db == nil {
			return noDatabase(last)
		}
		fresh := *db
		fresh.Comment = text
		return d.catalog().Put(&fresh)
	case ast.ObjectColumn:
		return d.commentColumn(ctx, s.Names, text)
	case ast.ObjectTable, ast.ObjectSequence, ast.ObjectIndex:
		return d.commentRelation(ctx, s, text)
	}
	return sqlerr.Unsupported("COMMENT ON this kind of object")
}

func (d *ddl) commentColumn(ctx context.Context, names []string, text string) error {
	if len(names) < 2 {
		return sqlerr.New(sqlerr.SyntaxError, "column name must be qualified")
	}
	column := names[len(names)-1]
	table, err := d.lockTable(ctx, rangeVarOf(names[:len(names)-1]), storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	if columnNamed(table, column) == nil {
		return noColumn(column, table.Name)
	}
	_, err = d.update(table, func(t *catalog.Table) { columnNamed(t, column).Comment = text })
	return err
}

func (d *ddl) commentRelation(ctx context.Context, s *ast.CommentStmt, text string) error {
	r := rangeVarOf(s.Names)
	rel, err := d.lockRelation(ctx, r, storage.LockShareUpdateExclusive)
	if err != nil {
		return err
	}
	if rel == nil {
		return noRelation(r)
	}
	wrong := func(article, kind string) error {
		return sqlerr.New(sqlerr.WrongObjectType, "%s is not %s %s", quoted(rel.Head().Name), article, kind)
	}
	switch s.Kind {
	case ast.ObjectTable:
		switch rel := rel.(type) {
		case *catalog.Table:
			_, err := d.update(rel, func(t *catalog.Table) { t.Comment = text })
			return err
		case *catalog.Partition:
			fresh := *rel
			fresh.Comment = text
			return d.catalog().Put(&fresh)
		}
		return wrong("a", "table")
	case ast.ObjectSequence:
		if q, ok := rel.(*catalog.Sequence); ok {
			fresh := *q
			fresh.Comment = text
			return d.catalog().Put(&fresh)
		}
		return wrong("a", "sequence")
	}
	if index, ok := rel.(*catalog.Index); ok {
		fresh := *index
		fresh.Comment = text
		return d.catalog().Put(&fresh)
	}
	return wrong("an", "index")
}
