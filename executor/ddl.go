package executor

import (
	"context"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// ddl is one running statement that changes the catalog. Changes go to the
// transaction's overlay after the lock that Postgres takes for them, and are
// durable with the transaction.
type ddl struct {
	x    *execution
	text string
	// query is that of CREATE TABLE AS.
	query        operator
	queryColumns []plan.OutputColumn
	// index is what CREATE INDEX is about.
	index *plan.IndexDefinition
}

// run dispatches on the statement's type.
func (d *ddl) run(ctx context.Context, stmt ast.Stmt) error {
	switch s := stmt.(type) {
	case *ast.CreateTableStmt:
		return d.createTable(ctx, s)
	case *ast.DropStmt:
		return d.drop(ctx, s)
	case *ast.TruncateStmt:
		return d.truncate(ctx, s)
	case *ast.CreateSequenceStmt:
		return d.createSequence(ctx, s)
	case *ast.AlterSequenceStmt:
		return d.alterSequence(ctx, s)
	case *ast.AlterTableStmt:
		return d.alterTable(ctx, s)
	case *ast.RenameStmt:
		return d.rename(ctx, s)
	case *ast.CreateSchemaStmt:
		return d.createSchema(ctx, s)
	case *ast.CreateExtensionStmt:
		return d.createExtension(s)
	case *ast.AlterExtensionStmt:
		return d.alterExtension(s)
	case *ast.CreateDatabaseStmt:
		return d.createDatabase(ctx, s)
	case *ast.DropDatabaseStmt:
		return d.dropDatabase(ctx, s)
	case *ast.AlterDatabaseStmt:
		return d.alterDatabase(s)
	case *ast.CommentStmt:
		return d.comment(ctx, s)
	case *ast.CreatePartitionStmt:
		return d.createPartition(ctx, s)
	case *ast.DropPartitionStmt:
		return d.dropPartition(ctx, s)
	case *ast.CreateAliasStmt:
		return d.createAlias(ctx, s)
	case *ast.AlterAliasStmt:
		return d.alterAlias(ctx, s)
	case *ast.DropAliasStmt:
		return d.dropAliases(ctx, s)
	case *ast.BackupStmt:
		_, err := d.backup(ctx, s)
		return err
	case *ast.RestoreStmt:
		_, err := d.restore(ctx, s)
		return err
	case *ast.CallStmt:
		return d.call(ctx, s)
	case *ast.VacuumStmt:
		return d.vacuum(ctx, s)
	case *ast.LockStmt:
		return d.lock(ctx, s)
	case *ast.CheckpointStmt:
		return d.checkpoint(ctx, s)
	case *ast.CreateIndexStmt:
		return d.createIndex(ctx, s)
	case *ast.ReindexStmt:
		return d.reindex(ctx, s)
	case *ast.UnsupportedStmt:
		return sqlerr.Unsupported("%s", s.Feature)
	}
	return sqlerr.New(sqlerr.InternalError, "no way to run statement %T", stmt)
}

func (d *ddl) catalog() *catalog.Txn { return d.x.catalog() }

// notice tells the client what IF EXISTS and its like passed over.
func (d *ddl) notice(code sqlerr.Code, format string, args ...any) {
	if s := d.x.c.Session; s != nil {
		s.Notice(string(code), sqlerr.New(code, format, args...).Message)
	}
}

// searchPath lists the schemas that unqualified names are looked up in, as the
// setting names them; those that do not exist are left out.
func (d *ddl) searchPath() []*catalog.Schema {
	value := `"$user", public`
	user := ""
	if s := d.x.c.Session; s != nil {
		user = s.CurrentUser()
		if v, ok := s.Setting("search_path"); ok {
			value = v
		}
	}
	var out []*catalog.Schema
	for _, name := range splitNames(value) {
		if name == "$user" {
			name = user
		}
		if schema := d.catalog().SchemaByName(name); schema != nil {
			out = append(out, schema)
		}
	}
	return out
}

// splitNames reads a list of identifiers: a, "B c".
func splitNames(list string) []string {
	var out []string
	for list = strings.TrimSpace(list); list != ""; {
		var name string
		if list[0] == '"' {
			end := 1
			for end < len(list) {
				if list[end] == '"' {
					if end+1 < len(list) && list[end+1] == '"' {
						end++
					} else {
						break
					}
				}
				end++
			}
			name = strings.ReplaceAll(list[1:end], `""`, `"`)
			list = list[min(end+1, len(list)):]
		} else {
			end := strings.IndexByte(list, ',')
			if end < 0 {
				end = len(list)
			}
			name = strings.ToLower(strings.TrimSpace(list[:end]))
			list = list[end:]
		}
		if name != "" {
			out = append(out, name)
		}
		list = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(list), ","))
	}
	return out
}

// creationSchema is where a new relation goes.
func (d *ddl) creationSchema(r *ast.RangeVar) (*catalog.Schema, error) {
	if r.Schema == "" {
		path := d.searchPath()
		if len(path) == 0 {
			return nil, sqlerr.New(sqlerr.InvalidSchemaName, "no schema has been selected to create in").At(r.Position())
		}
		if !isSystemSchema(path[0]) {
			return path[0], nil
		}
		return nil, systemCatalog(path[0].Name, r.Name)
	}
	schema, err := d.schemaNamed(r.Schema, r.Position())
	if err == nil && isSystemSchema(schema) {
		err = systemCatalog(schema.Name, r.Name)
	}
	return schema, err
}

func systemCatalog(schema, name string) error {
	return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied to create \"%s.%s\"", schema, name).
		WithDetail("System catalog modifications are currently disallowed.")
}

func isSystemSchema(s *catalog.Schema) bool {
	return s.OID == catalog.PgCatalogSchemaOID || s.OID == catalog.InformationSchemaOID || s.OID == catalog.QuiverSchemaOID
}

func (d *ddl) schemaNamed(name string, position int) (*catalog.Schema, error) {
	if s := d.catalog().SchemaByName(name); s != nil {
		return s, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %s does not exist", quoted(name)).At(position)
}

// find looks up what a name stands for; nil when there is none. An alias stands
// for its table.
func (d *ddl) find(r *ast.RangeVar) (catalog.Relation, error) {
	rel, err := d.named(r)
	return catalog.Follow(d.catalog(), rel), err
}

// named looks a relation up; nil when there is none.
func (d *ddl) named(r *ast.RangeVar) (catalog.Relation, error) {
	if r.Database != "" && r.Database != d.catalog().Database().Name {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cross-database references are not implemented: \"%s.%s.%s\"", r.Database, r.Schema, r.Name).At(r.Position())
	}
	if r.Schema != "" {
		schema := d.catalog().SchemaByName(r.Schema)
		if schema == nil {
			return nil, nil
		}
		return d.catalog().Relation(schema.OID, r.Name), nil
	}
	path := d.searchPath()
	if !slices.ContainsFunc(path, func(s *catalog.Schema) bool { return s.OID == catalog.PgCatalogSchemaOID }) {
		if rel := d.catalog().Relation(catalog.PgCatalogSchemaOID, r.Name); rel != nil {
			return rel, nil
		}
	}
	for _, s := range path {
		if rel := d.catalog().Relation(s.OID, r.Name); rel != nil {
			return rel, nil
		}
	}
	return nil, nil
}

// lockRelation looks a relation up and locks it. While the lock was waited for
// the name may have come to mean another relation: then it starts again.
func (d *ddl) lockRelation(ctx context.Context, r *ast.RangeVar, mode storage.TableLockMode) (catalog.Relation, error) {
	for {
		rel, err := d.find(r)
		if rel == nil || err != nil {
			return nil, err
		}
		oid := rel.Head().OID
		if p, ok := rel.(*catalog.Partition); ok {
			oid = p.Table
		}
		if _, virtual := rel.(*catalog.Virtual); virtual {
			return rel, nil
		}
		if err := d.x.env.Txn.LockTable(ctx, oid, mode, storage.WaitBlock); err != nil {
			return nil, err
		}
		d.catalog().Refresh()
		again, err := d.find(r)
		if err != nil {
			return nil, err
		}
		if again != nil && again.Head().OID == rel.Head().OID {
			return again, nil
		}
	}
}

// lockTable is lockRelation for statements about tables: anything else is
// 42809, nothing 42P01.
func (d *ddl) lockTable(ctx context.Context, r *ast.RangeVar, mode storage.TableLockMode) (*catalog.Table, error) {
	rel, err := d.lockRelation(ctx, r, mode)
	if err != nil {
		return nil, err
	}
	switch rel := rel.(type) {
	case nil:
		return nil, noRelation(r)
	case *catalog.Table:
		return rel, nil
	case *catalog.Virtual:
		return nil, isSystemCatalog(rel.Name)
	}
	return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is not a table", quoted(rel.Head().Name))
}

func isSystemCatalog(name string) error {
	return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: %s is a system catalog", quoted(name))
}

func noRelation(r *ast.RangeVar) error {
	return sqlerr.New(sqlerr.UndefinedTable, "relation %s does not exist", quoted(rangeName(r)))
}

// rangeName prints a relation's name as it was written.
func rangeName(r *ast.RangeVar) string {
	if r.Schema != "" {
		return r.Schema + "." + r.Name
	}
	return r.Name
}

// identifier quotes a name where SQL needs it.
func identifier(name string) string {
	plain := name != ""
	for i, c := range []byte(name) {
		if c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			plain = false
		}
	}
	if plain && !reservedWords[name] {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// qualified prints schema.name, quoted where needed.
func (d *ddl) qualified(schema catalog.OID, name string) string {
	s := d.catalog().SchemaByOID(schema)
	if s == nil {
		return identifier(name)
	}
	return identifier(s.Name) + "." + identifier(name)
}

// literal is a quoted string.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// update puts a changed copy of a table.
func (d *ddl) update(table *catalog.Table, change func(*catalog.Table)) (*catalog.Table, error) {
	fresh := *table
	fresh.Columns = slices.Clone(table.Columns)
	fresh.Constraints = slices.Clone(table.Constraints)
	change(&fresh)
	return &fresh, d.catalog().Put(&fresh)
}
