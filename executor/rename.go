package executor

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// rename is ALTER … RENAME.
func (d *ddl) rename(ctx context.Context, s *ast.RenameStmt) error {
	switch s.Kind {
	case ast.ObjectSchema:
		return d.renameSchema(ctx, s)
	case ast.ObjectDatabase:
		return d.renameDatabase(ctx, s)
	case ast.ObjectTable, ast.ObjectIndex, ast.ObjectSequence, ast.ObjectView, ast.ObjectColumn, ast.ObjectConstraint:
	default:
		return sqlerr.Unsupported("ALTER … RENAME of this kind of object")
	}
	if s.Kind == ast.ObjectTable || s.Kind == ast.ObjectView {
		alias, err := d.lockAlias(ctx, s.Table)
		if err != nil {
			return err
		}
		if alias != nil {
			return d.renameAlias(ctx, alias, s.NewName)
		}
	}
	rel, err := d.lockRelation(ctx, s.Table, storage.LockAccessExclusive)
	if err != nil {
		return err
	}
	if rel == nil {
		return d.noSuchRelation(s.Table, s.IfExists)
	}
	if _, system := rel.(*catalog.Virtual); system {
		return isSystemCatalog(rel.Head().Name)
	}
	switch s.Kind {
	case ast.ObjectColumn:
		if table, ok := rel.(*catalog.Table); ok {
			return d.renameColumn(table, s)
		}
		return sqlerr.Unsupported("renaming columns of %s", quoted(rel.Head().Name))
	case ast.ObjectConstraint:
		if table, ok := rel.(*catalog.Table); ok {
			return d.renameConstraint(ctx, table, s)
		}
		return sqlerr.Unsupported("renaming constraints of %s", quoted(rel.Head().Name))
	}
	return d.renameRelation(ctx, rel, s.NewName)
}

func (d *ddl) renameSchema(ctx context.Context, s *ast.RenameStmt) error {
	schema, err := d.schemaNamed(s.Names[0], 0)
	if err != nil {
		return err
	}
	if err := d.newSchemaName(ctx, s.NewName); err != nil {
		return err
	}
	if isSystemSchema(schema) {
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied for schema %s", schema.Name)
	}
	var sequences []*catalog.Sequence
	for _, rel := range d.catalog().Relations(schema.OID) {
		if q, ok := rel.(*catalog.Sequence); ok {
			sequences = append(sequences, q)
		}
	}
	fresh := *schema
	fresh.Name = s.NewName
	return d.renameSequences(sequences, func() error { return d.catalog().Put(&fresh) })
}

// newSchemaName answers for names that a schema cannot have.
func (d *ddl) newSchemaName(ctx context.Context, name string) error {
	if err := d.lockName(ctx, d.catalog().Database().OID, name); err != nil {
		return err
	}
	if d.catalog().SchemaByName(name) != nil {
		return sqlerr.New(sqlerr.DuplicateSchema, "schema %s already exists", quoted(name))
	}
	if strings.HasPrefix(name, "pg_") {
		return sqlerr.New(sqlerr.ReservedName, "unacceptable schema name %s", quoted(name)).
			WithDetail("The prefix \"pg_\" is reserved for system schemas.")
	}
	return nil
}

func (d *ddl) renameDatabase(ctx context.Context, s *ast.RenameStmt) error {
	if err := d.lockName(ctx, 0, s.NewName); err != nil {
		return err
	}
	db := d.catalog().DatabaseByName(s.Names[0])
	switch {
	case db == nil:
		return noDatabase(s.Names[0])
	case d.catalog().DatabaseByName(s.NewName) != nil:
		return sqlerr.New(sqlerr.DuplicateDatabase, "database %s already exists", quoted(s.NewName))
	case db.OID == d.catalog().Database().OID:
		return sqlerr.New(sqlerr.FeatureNotSupported, "current database cannot be renamed")
	}
	if err := d.leave(ctx, db, false); err != nil {
		return err
	}
	fresh := *db
	fresh.Name = s.NewName
	return d.catalog().Put(&fresh)
}

func noDatabase(name string) error {
	return sqlerr.New(sqlerr.InvalidCatalogName, "database %s does not exist", quoted(name))
}

// renameRelation renames a table, index, sequence or partition.
func (d *ddl) renameRelation(ctx context.Context, rel catalog.Relation, name string) error {
	if err := d.lockName(ctx, rel.SchemaOID(), name); err != nil {
		return err
	}
	if d.catalog().Relation(rel.SchemaOID(), name) != nil {
		return duplicateRelation(name)
	}
	switch rel := rel.(type) {
	case *catalog.Table:
		_, err := d.update(rel, func(t *catalog.Table) { t.Name = name })
		return err
	case *catalog.Partition:
		fresh := *rel
		fresh.Name = name
		return d.catalog().Put(&fresh)
	case *catalog.Sequence:
		fresh := *rel
		fresh.Name = name
		return d.renameSequences([]*catalog.Sequence{rel}, func() error { return d.catalog().Put(&fresh) })
	case *catalog.Index:
		return d.renameIndex(rel, name)
	}
	return sqlerr.Unsupported("renaming %s", quoted(rel.Head().Name))
}

// renameIndex renames an index with the constraint that it backs.
func (d *ddl) renameIndex(index *catalog.Index, name string) error {
	fresh := *index
	fresh.Name = name
	if err := d.catalog().Put(&fresh); err != nil {
		return err
	}
	_, err := d.update(d.catalog().Table(index.Table), func(t *catalog.Table) {
		for i := range t.Constraints {
			if t.Constraints[i].Index == index.OID {
				t.Constraints[i].Name = name
			}
		}
	})
	return err
}

// renameSequences gives sequences other names by rename, and names them so in the
// defaults that use them.
func (d *ddl) renameSequences(list []*catalog.Sequence, rename func() error) error {
	type use struct {
		sequenceUser
		old string
		q   *catalog.Sequence
	}
	var uses []use
	for _, q := range list {
		for _, user := range d.sequenceUsers(q) {
			uses = append(uses, use{user, d.sequenceText(q), q})
		}
	}
	if err := rename(); err != nil {
		return err
	}
	for _, u := range uses {
		text := d.sequenceText(d.catalog().RelationByOID(u.q.OID).(*catalog.Sequence))
		_, err := d.update(d.catalog().Table(u.table.OID), func(t *catalog.Table) {
			c := columnByNumber(t, u.column.Number)
			c.Default = strings.ReplaceAll(c.Default, u.old, text)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// renameColumn renames a column, in the texts of CHECK constraints too.
func (d *ddl) renameColumn(table *catalog.Table, s *ast.RenameStmt) error {
	col := columnNamed(table, s.Column)
	switch {
	case col == nil:
		return sqlerr.New(sqlerr.UndefinedColumn, "column %s does not exist", quoted(s.Column))
	case columnNamed(table, s.NewName) != nil:
		return duplicateColumn(s.NewName, table.Name)
	case slices.Contains(catalog.SystemColumns, s.NewName):
		return sqlerr.New(sqlerr.DuplicateColumn, "column name %s conflicts with a system column name", quoted(s.NewName))
	}
	if err := refuseMeta(table, col); err != nil {
		return err
	}
	number := col.Number
	var failed error
	_, err := d.update(table, func(t *catalog.Table) {
		columnByNumber(t, number).Name = s.NewName
		for i := range t.Constraints {
			if k := &t.Constraints[i]; k.Kind == catalog.ConstraintCheck && slices.Contains(k.Columns, number) {
				text, err := renameInText(k.Expr, s.Column, s.NewName)
				if err != nil {
					failed = err
				}
				k.Expr = text
			}
		}
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return d.renameInIndexes(table, s.Column, s.NewName)
}

// renameInText replaces a column's name in the text of an expression.
func renameInText(text, old, name string) (string, error) {
	const before = "SELECT ("
	stmts, err := parse.Parse(before + text + ")")
	if err != nil {
		return "", err
	}
	var places []int
	visitNodes(reflect.ValueOf(stmts[0].Stmt), func(n any) {
		if ref, ok := n.(*ast.ColumnRef); ok && len(ref.Names) > 0 && ref.Names[len(ref.Names)-1] == old {
			places = append(places, ref.Position()-1-len(before))
		}
	})
	slices.Sort(places)
	runes := []rune(text)
	for _, at := range slices.Backward(slices.Compact(places)) {
		start, end := lastName(runes, at)
		runes = slices.Replace(runes, start, end, []rune(identifier(name))...)
	}
	return string(runes), nil
}

// lastName is where the last name of a possibly qualified one that begins at at
// lies.
func lastName(runes []rune, at int) (start, end int) {
	for {
		start = at
		if runes[at] == '"' {
			for at++; runes[at] != '"' || at+1 < len(runes) && runes[at+1] == '"'; at++ {
				if runes[at] == '"' {
					at++
				}
			}
			at++
		} else {
			for at < len(runes) && (runes[at] == '_' || runes[at] == '$' || runes[at] >= 0x80 ||
				runes[at] >= '0' && runes[at] <= '9' || runes[at]|0x20 >= 'a' && runes[at]|0x20 <= 'z') {
				at++
			}
		}
		end = at
		if at >= len(runes) || runes[at] != '.' {
			return start, end
		}
		at++
	}
}

func (d *ddl) renameConstraint(ctx context.Context, table *catalog.Table, s *ast.RenameStmt) error {
	at := slices.IndexFunc(table.Constraints, func(k catalog.Constraint) bool { return k.Name == s.Column })
	if at < 0 {
		return sqlerr.New(sqlerr.UndefinedObject, "constraint %s for table %s does not exist", quoted(s.Column), quoted(table.Name))
	}
	if slices.ContainsFunc(table.Constraints, func(k catalog.Constraint) bool { return k.Name == s.NewName }) {
		return sqlerr.New(sqlerr.DuplicateObject, "constraint %s for relation %s already exists", quoted(s.NewName), quoted(table.Name))
	}
	if oid := table.Constraints[at].Index; oid != 0 {
		return d.renameRelation(ctx, d.catalog().RelationByOID(oid), s.NewName)
	}
	_, err := d.update(table, func(t *catalog.Table) { t.Constraints[at].Name = s.NewName })
	return err
}
