package executor

import (
	"context"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

func (d *ddl) createSchema(ctx context.Context, s *ast.CreateSchemaStmt) error {
	if err := d.lockName(ctx, d.catalog().Database().OID, s.Name); err != nil {
		return err
	}
	if d.catalog().SchemaByName(s.Name) != nil && s.IfNotExists {
		d.notice(sqlerr.DuplicateSchema, "schema %s already exists, skipping", quoted(s.Name))
		return nil
	}
	if err := d.newSchemaName(ctx, s.Name); err != nil {
		return err
	}
	oid, err := d.catalog().NewOID(ctx)
	if err != nil {
		return err
	}
	schema := &catalog.Schema{Object: catalog.Object{OID: oid, Name: s.Name}, Database: d.catalog().Database().OID}
	if err := d.catalog().Put(schema); err != nil {
		return err
	}
	for _, e := range s.Elements {
		if err := d.schemaElement(ctx, s.Name, e); err != nil {
			return err
		}
	}
	return nil
}

// schemaElement runs a CREATE inside CREATE SCHEMA: unqualified names go to the
// new schema.
func (d *ddl) schemaElement(ctx context.Context, schema string, e ast.Stmt) error {
	within := func(r *ast.RangeVar) (*ast.RangeVar, error) {
		if r.Schema != "" && r.Schema != schema {
			return nil, sqlerr.New(sqlerr.InvalidSchemaDefinition, "CREATE specifies a schema (%s) different from the one being created (%s)", r.Schema, schema)
		}
		moved := *r
		moved.Schema = schema
		return &moved, nil
	}
	switch e := e.(type) {
	case *ast.CreateTableStmt:
		moved := *e
		var err error
		if moved.Table, err = within(e.Table); err != nil {
			return err
		}
		return d.createTable(ctx, &moved)
	case *ast.CreateSequenceStmt:
		moved := *e
		var err error
		if moved.Name, err = within(e.Name); err != nil {
			return err
		}
		return d.createSequence(ctx, &moved)
	}
	return sqlerr.Unsupported("this statement in CREATE SCHEMA")
}

// createExtension: vector is built in.
func (d *ddl) createExtension(s *ast.CreateExtensionStmt) error {
	if s.Name != vectorExtension {
		return sqlerr.New(sqlerr.FeatureNotSupported, "extension %s is not available", quoted(s.Name)).
			WithHint("The types and functions of extension \"vector\" are built in; others are not supported.")
	}
	if s.IfNotExists {
		d.notice(sqlerr.DuplicateObject, "extension %s already exists, skipping", quoted(s.Name))
	}
	return nil
}

// alterExtension is ALTER EXTENSION … UPDATE: there is but one version.
func (d *ddl) alterExtension(s *ast.AlterExtensionStmt) error {
	if s.Name != vectorExtension {
		return sqlerr.New(sqlerr.UndefinedObject, "extension %s does not exist", quoted(s.Name))
	}
	for _, o := range s.Options {
		if wanted := optionText(o); wanted != catalog.VectorVersion {
			return sqlerr.New(sqlerr.InvalidParameterValue, "extension %s has no update path from version %s to version %s",
				quoted(s.Name), quoted(catalog.VectorVersion), quoted(wanted))
		}
	}
	d.notice(sqlerr.SuccessfulCompletion, "version %s of extension %s is already installed", quoted(catalog.VectorVersion), quoted(s.Name))
	return nil
}
