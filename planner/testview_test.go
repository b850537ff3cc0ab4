package planner

import (
	"fmt"
	"testing"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/parse"
	"quiver/sql/typename"
	"quiver/sql/types"
)

// testView is a catalog in memory, filled by CREATE TABLE texts.
type testView struct {
	catalog.View // the methods that planning never calls
	relations    map[string]catalog.Relation
	indexes      map[catalog.OID][]*catalog.Index
	next         catalog.OID
	rows         map[string]int64
}

func newTestView() *testView {
	return &testView{relations: map[string]catalog.Relation{}, indexes: map[catalog.OID][]*catalog.Index{}, next: 20000, rows: map[string]int64{}}
}

func (v *testView) Stamp() uint64 { return 1 }
func (v *testView) Database() *catalog.Database {
	return &catalog.Database{Object: catalog.Object{OID: 5, Name: "postgres"}}
}

func (v *testView) SchemaByName(name string) *catalog.Schema {
	switch name {
	case "public":
		return &catalog.Schema{Object: catalog.Object{OID: catalog.PublicSchemaOID, Name: name}}
	case "pg_catalog":
		return &catalog.Schema{Object: catalog.Object{OID: catalog.PgCatalogSchemaOID, Name: name}}
	}
	return nil
}

func (v *testView) SchemaByOID(oid catalog.OID) *catalog.Schema {
	if oid == catalog.PublicSchemaOID {
		return v.SchemaByName("public")
	}
	return v.SchemaByName("pg_catalog")
}

func (v *testView) Relation(schema catalog.OID, name string) catalog.Relation {
	if schema != catalog.PublicSchemaOID || v.relations[name] == nil {
		return nil
	}
	return v.relations[name]
}

func (v *testView) Table(oid catalog.OID) *catalog.Table {
	for _, r := range v.relations {
		if t, ok := r.(*catalog.Table); ok && t.OID == oid {
			return t
		}
	}
	return nil
}

func (v *testView) Indexes(table catalog.OID) []*catalog.Index { return v.indexes[table] }

// Rows serves Statistics.
func (v *testView) Rows(t *catalog.Table) int64 { return v.rows[t.Name] }

// exec runs CREATE TABLE and CREATE PARTITION.
func (v *testView) exec(t *testing.T, text string) {
	t.Helper()
	stmts, err := parse.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, s := range stmts {
		switch s := s.Stmt.(type) {
		case *ast.CreateTableStmt:
			v.create(t, s)
		case *ast.CreatePartitionStmt:
			v.next++
			table := v.relations[s.Table.Name].(*catalog.Table)
			v.relations[s.Name] = &catalog.Partition{Object: catalog.Object{OID: v.next, Name: s.Name}, Schema: catalog.PublicSchemaOID, Table: table.OID}
		default:
			t.Fatalf("cannot run %s", text)
		}
	}
}

func (v *testView) create(t *testing.T, s *ast.CreateTableStmt) {
	v.next++
	table := &catalog.Table{Object: catalog.Object{OID: v.next, Name: s.Table.Name, Version: 1}, Schema: catalog.PublicSchemaOID}
	var key []string
	for i, def := range s.Columns {
		typ, err := typename.Resolve(def.Type)
		if err != nil {
			t.Fatal(err)
		}
		c := catalog.Column{Number: int16(i + 1), Field: catalog.FieldID(100 + i), Name: def.Name, Type: typ, State: catalog.StatePublic}
		for _, k := range def.Constraints {
			switch k.Kind {
			case ast.ConstraintPrimaryKey:
				key, c.NotNull = append(key, def.Name), true
			case ast.ConstraintNotNull:
				c.NotNull = true
			case ast.ConstraintDefault:
				c.Default = k.ExprText
			case ast.ConstraintIdentity:
				v.next++
				c.Identity, c.Sequence = 'd', v.next
				if k.Always {
					c.Identity = 'a'
				}
			case ast.ConstraintCheck:
				table.Constraints = append(table.Constraints, catalog.Constraint{Name: fmt.Sprintf("%s_%s_check", table.Name, def.Name), Kind: catalog.ConstraintCheck, Expr: k.ExprText})
			}
		}
		table.Columns = append(table.Columns, c)
	}
	for _, k := range s.Constraints {
		if k.Kind == ast.ConstraintPrimaryKey {
			key = k.Columns
		}
	}
	if key != nil {
		v.next++
		index := &catalog.Index{Object: catalog.Object{OID: v.next, Name: table.Name + "_pkey"}, Table: table.OID, Primary: true, Unique: true}
		var numbers []int16
		for _, name := range key {
			for _, c := range table.Columns {
				if c.Name == name {
					numbers = append(numbers, c.Number)
					index.Columns = append(index.Columns, catalog.IndexColumn{Number: c.Number})
				}
			}
		}
		table.PrimaryKey = index.OID
		table.Constraints = append(table.Constraints, catalog.Constraint{Name: index.Name, Kind: catalog.ConstraintPrimaryKey, Columns: numbers, Index: index.OID})
		v.indexes[table.OID] = []*catalog.Index{index}
	}
	v.relations[table.Name] = table
}

// options plans as a session with default settings does.
func (v *testView) options() Options {
	return Options{View: v, SearchPath: []string{"pg_catalog", "public"}, Format: types.DefaultFormat(), Statistics: v}
}
