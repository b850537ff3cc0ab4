package executor

import (
	"context"
	"fmt"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// drop is DROP of tables, sequences, schemas, indexes and extensions.
func (d *ddl) drop(ctx context.Context, s *ast.DropStmt) error {
	switch s.Kind {
	case ast.ObjectTable, ast.ObjectSequence, ast.ObjectIndex, ast.ObjectView, ast.ObjectMaterializedView:
		return d.dropRelations(ctx, s)
	case ast.ObjectSchema:
		for _, name := range s.Names {
			if err := d.dropSchema(ctx, s, name[len(name)-1]); err != nil {
				return err
			}
		}
		return nil
	case ast.ObjectExtension:
		return d.dropExtension(s)
	}
	return sqlerr.Unsupported("DROP %s", strings.ToUpper(s.KindName))
}

// relationKind names a relation as messages do, with its article.
func relationKind(r catalog.Relation) (article, kind string) {
	switch r := r.(type) {
	case *catalog.Index:
		return "an", "index"
	case *catalog.Sequence:
		return "a", "sequence"
	case *catalog.Alias:
		return "an", "alias"
	case *catalog.Partition:
		return "a", "partition"
	case *catalog.Virtual:
		if r.View {
			return "a", "view"
		}
	}
	return "a", "table"
}

func (d *ddl) dropRelations(ctx context.Context, s *ast.DropStmt) error {
	if s.Concurrent {
		switch {
		case len(s.Names) > 1:
			return sqlerr.New(sqlerr.FeatureNotSupported, "DROP INDEX CONCURRENTLY does not support dropping multiple objects")
		case s.Cascade:
			return sqlerr.New(sqlerr.FeatureNotSupported, "DROP INDEX CONCURRENTLY does not support CASCADE")
		}
	}
	for i, names := range s.Names {
		r := rangeVarOf(names)
		if i < len(s.Positions) {
			r.Pos = ast.Pos(s.Positions[i])
		}
		rel, err := d.lockDropped(ctx, r, s)
		if err != nil {
			return err
		}
		if rel == nil {
			if err := d.missing(s, r); err != nil {
				return err
			}
			continue
		}
		if err := d.dropRelation(s, rel); err != nil {
			return err
		}
	}
	return nil
}

// lockDropped locks what a DROP names; for an index its table, which the index
// is a part of.
func (d *ddl) lockDropped(ctx context.Context, r *ast.RangeVar, s *ast.DropStmt) (catalog.Relation, error) {
	mode := storage.LockAccessExclusive
	if s.Concurrent {
		mode = storage.LockShareUpdateExclusive
	}
	rel, err := d.named(r)
	if err != nil {
		return nil, err
	}
	if _, isAlias := rel.(*catalog.Alias); isAlias {
		return rel, nil
	}
	if _, isIndex := rel.(*catalog.Index); isIndex && s.Kind == ast.ObjectIndex {
		rel, err := d.lockIndex(ctx, r, mode)
		if rel == nil || err != nil {
			return nil, err
		}
		return rel, nil
	}
	return d.lockRelation(ctx, r, storage.LockAccessExclusive)
}

// rangeVarOf is a dotted name as a relation.
func rangeVarOf(names []string) *ast.RangeVar {
	r := &ast.RangeVar{Name: names[len(names)-1]}
	if len(names) > 1 {
		r.Schema = names[len(names)-2]
	}
	if len(names) > 2 {
		r.Database = names[len(names)-3]
	}
	return r
}

// missing answers for a name that is not there: an error, or IF EXISTS' notice.
func (d *ddl) missing(s *ast.DropStmt, r *ast.RangeVar) error {
	if r.Schema != "" && d.catalog().SchemaByName(r.Schema) == nil {
		if !s.IfExists {
			_, err := d.schemaNamed(r.Schema, r.Position())
			return err
		}
		d.notice(sqlerr.SuccessfulCompletion, "schema %s does not exist, skipping", quoted(r.Schema))
		return nil
	}
	kind := strings.ToLower(s.KindName)
	if !s.IfExists {
		code := sqlerr.UndefinedTable
		if s.Kind == ast.ObjectIndex {
			code = sqlerr.UndefinedObject
		}
		return sqlerr.New(code, "%s %s does not exist", kind, quoted(rangeName(r)))
	}
	d.notice(sqlerr.SuccessfulCompletion, "%s %s does not exist, skipping", kind, quoted(rangeName(r)))
	return nil
}

func (d *ddl) dropRelation(s *ast.DropStmt, rel catalog.Relation) error {
	name := rel.Head().Name
	if p, ok := rel.(*catalog.Partition); ok && s.Kind == ast.ObjectTable {
		d.catalog().Drop(p.OID)
		return nil
	}
	_, kind := relationKind(rel)
	if _, system := rel.(*catalog.Virtual); system {
		return isSystemCatalog(name)
	}
	if want := strings.ToLower(s.KindName); kind != want {
		article := "a"
		if want == "index" {
			article = "an"
		}
		err := sqlerr.New(sqlerr.WrongObjectType, "%s is not %s %s", quoted(name), article, want)
		if _, isPartition := rel.(*catalog.Partition); isPartition {
			return err.WithHint("Use DROP PARTITION to remove a partition.")
		}
		has, _ := relationKind(rel)
		return err.WithHint("Use DROP %s to remove %s %s.", strings.ToUpper(kind), has, kind)
	}
	switch rel := rel.(type) {
	case *catalog.Table:
		return d.dropTable(rel, s.Cascade)
	case *catalog.Sequence:
		return d.dropSequence(rel, s.Cascade)
	case *catalog.Index:
		return d.dropIndex(rel)
	}
	return sqlerr.Unsupported("DROP %s", strings.ToUpper(kind))
}

// dropTable drops a table and what belongs to it; defaults of other tables that
// draw from its sequences depend on it.
func (d *ddl) dropTable(table *catalog.Table, cascade bool) error {
	for _, s := range d.catalog().OwnedSequences(table.OID) {
		for _, user := range d.sequenceUsers(s) {
			if user.table.OID == table.OID {
				continue
			}
			if !cascade {
				return dependents("table "+table.Name, user.describe()+" depends on sequence "+s.Name)
			}
			if err := d.dropDefaults(user); err != nil {
				return err
			}
		}
	}
	if err := d.dependentAliases(table, cascade); err != nil {
		return err
	}
	d.catalog().DropTable(table.OID)
	return nil
}

// dependents is 2BP01.
func dependents(object, detail string) error {
	return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop %s because other objects depend on it", object).
		WithDetail("%s", detail).WithHint("Use DROP ... CASCADE to drop the dependent objects too.")
}

// sequenceUser is a column whose default draws from a sequence.
type sequenceUser struct {
	table  *catalog.Table
	column *catalog.Column
}

func (u sequenceUser) describe() string {
	return fmt.Sprintf("default value for column %s of table %s", u.column.Name, u.table.Name)
}

// sequenceUsers finds the columns that take their default from s.
func (d *ddl) sequenceUsers(s *catalog.Sequence) []sequenceUser {
	var out []sequenceUser
	for _, schema := range d.catalog().Schemas() {
		for _, rel := range d.catalog().Relations(schema.OID) {
			table, ok := rel.(*catalog.Table)
			if !ok {
				continue
			}
			for i := range table.Columns {
				c := &table.Columns[i]
				if !c.Dropped() && (c.Identity != 0 && c.Sequence == s.OID || strings.Contains(c.Default, d.sequenceText(s))) {
					out = append(out, sequenceUser{table, c})
				}
			}
		}
	}
	return out
}

func (d *ddl) dropDefaults(u sequenceUser) error {
	table := d.catalog().Table(u.table.OID)
	_, err := d.update(table, func(t *catalog.Table) {
		for i := range t.Columns {
			if t.Columns[i].Number == u.column.Number {
				t.Columns[i].Default, t.Columns[i].Sequence = "", 0
			}
		}
	})
	return err
}

func (d *ddl) dropSequence(s *catalog.Sequence, cascade bool) error {
	for _, user := range d.sequenceUsers(s) {
		if user.column.Identity != 0 {
			return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop sequence %s because column %s of table %s requires it", s.Name, user.column.Name, user.table.Name).
				WithHint("You can drop column %s of table %s instead.", user.column.Name, user.table.Name)
		}
		if !cascade {
			return dependents("sequence "+s.Name, user.describe()+" depends on sequence "+s.Name)
		}
		d.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", user.describe())
		if err := d.dropDefaults(user); err != nil {
			return err
		}
	}
	d.catalog().Drop(s.OID)
	return nil
}

func (d *ddl) dropSchema(ctx context.Context, s *ast.DropStmt, name string) error {
	schema := d.catalog().SchemaByName(name)
	if schema == nil {
		if s.IfExists {
			d.notice(sqlerr.SuccessfulCompletion, "schema %s does not exist, skipping", quoted(name))
			return nil
		}
		_, err := d.schemaNamed(name, 0)
		return err
	}
	if isSystemSchema(schema) {
		return sqlerr.New(sqlerr.DependentObjectsStillExist, "cannot drop schema %s because it is required by the database system", name)
	}
	// Lock what is inside before looking again at what that is.
	for _, rel := range d.catalog().Relations(schema.OID) {
		if t, ok := rel.(*catalog.Table); ok {
			if err := d.x.env.Txn.LockTable(ctx, t.OID, storage.LockAccessExclusive, storage.WaitBlock); err != nil {
				return err
			}
		}
	}
	d.catalog().Refresh()
	inside, names := d.membersOf(schema)
	if len(names) > 0 && !s.Cascade {
		for i := range names {
			names[i] += " depends on schema " + schema.Name
		}
		return dependents("schema "+schema.Name, strings.Join(names, "\n"))
	}
	if len(names) == 1 {
		d.notice(sqlerr.SuccessfulCompletion, "drop cascades to %s", names[0])
	} else if len(names) > 1 {
		d.notice(sqlerr.SuccessfulCompletion, "drop cascades to %d other objects", len(names))
	}
	for _, rel := range inside {
		var err error
		switch rel := rel.(type) {
		case *catalog.Table:
			err = d.dropTable(rel, true)
		case *catalog.Sequence:
			if d.catalog().RelationByOID(rel.OID) != nil {
				err = d.dropSequence(rel, true)
			}
		case *catalog.Alias:
			d.catalog().Drop(rel.OID)
		}
		if err != nil {
			return err
		}
	}
	d.catalog().Drop(schema.OID)
	return nil
}

// membersOf lists the tables and free-standing sequences of a schema, and how
// messages name them.
func (d *ddl) membersOf(schema *catalog.Schema) (members []catalog.Relation, names []string) {
	for _, rel := range d.catalog().Relations(schema.OID) {
		switch r := rel.(type) {
		case *catalog.Table, *catalog.Alias:
		case *catalog.Sequence:
			if r.OwnerTable != 0 {
				continue
			}
		default:
			continue
		}
		_, kind := relationKind(rel)
		members = append(members, rel)
		names = append(names, kind+" "+schema.Name+"."+rel.Head().Name)
	}
	return members, names
}

// truncate is TRUNCATE: the partitions get new storage ids.
func (d *ddl) truncate(ctx context.Context, s *ast.TruncateStmt) error {
	for _, r := range s.Tables {
		rel, err := d.lockRelation(ctx, r, storage.LockAccessExclusive)
		if err != nil {
			return err
		}
		switch rel := rel.(type) {
		case nil:
			return noRelation(r)
		case *catalog.Table:
			err = d.catalog().Truncate(ctx, rel.OID)
			if err == nil && s.RestartIdentity {
				err = d.restartSequences(rel)
			}
		case *catalog.Partition:
			err = d.catalog().TruncatePartition(ctx, rel)
		case *catalog.Virtual:
			return isSystemCatalog(rel.Name)
		default:
			return sqlerr.New(sqlerr.WrongObjectType, "%s is not a table", quoted(rel.Head().Name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *ddl) restartSequences(table *catalog.Table) error {
	for _, s := range d.catalog().OwnedSequences(table.OID) {
		if err := d.catalog().RestartSequence(s, s.Start); err != nil {
			return err
		}
	}
	return nil
}

// dropExtension: what is built in cannot be dropped.
func (d *ddl) dropExtension(s *ast.DropStmt) error {
	for _, names := range s.Names {
		name := names[len(names)-1]
		if name == vectorExtension {
			return sqlerr.New(sqlerr.FeatureNotSupported, "extension %s is built in and cannot be dropped", quoted(name))
		}
		if !s.IfExists {
			return sqlerr.New(sqlerr.UndefinedObject, "extension %s does not exist", quoted(name))
		}
		d.notice(sqlerr.SuccessfulCompletion, "extension %s does not exist, skipping", quoted(name))
	}
	return nil
}

// vectorExtension is the name of the extension whose types and functions are
// built in.
const vectorExtension = "vector"
