package pgcatalog

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// session is a session with default settings.
type session struct{ types.Session }

func (session) CurrentUser() string { return "postgres" }
func (session) SessionUser() string { return "postgres" }
func (session) Setting(name string) (string, bool) {
	return map[string]string{"search_path": `"$user", public`, "work_mem": "8MB"}[name], name == "search_path" || name == "work_mem"
}

// sample is a catalog with a table items (id serial primary key, name
// varchar(20) not null, a dropped column, v vector(3), check), an index and a
// partition.
func sample(t *testing.T) catalog.View {
	t.Helper()
	ctx := context.Background()
	c, err := catalog.OpenInMemory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	txn := c.Begin(catalog.PostgresDatabaseOID)
	put := func(d catalog.Descriptor) {
		t.Helper()
		if err := txn.Put(d); err != nil {
			t.Fatal(err)
		}
	}
	table := &catalog.Table{
		Object: catalog.Object{OID: 30000, Name: "items", Comment: "things"},
		Schema: catalog.PublicSchemaOID, Database: catalog.PostgresDatabaseOID, PrimaryKey: 30002,
		Columns: []catalog.Column{
			{Number: 1, Name: "id", Type: types.Of(types.Int4OID), NotNull: true, Default: "nextval('items_id_seq'::regclass)", Sequence: 30001},
			{Number: 2, Name: "name", Type: types.T{OID: types.VarcharOID, Mod: 24}, NotNull: true, Comment: "what it is called"},
			{Number: 3, Name: "gone", Type: types.Of(types.Int8OID), State: catalog.StateDropping},
			{Number: 4, Name: "Vec", Type: types.T{OID: types.VectorOID, Mod: 3}},
		},
		Constraints: []catalog.Constraint{
			{OID: 30003, Name: "items_pkey", Kind: catalog.ConstraintPrimaryKey, Columns: []int16{1}, Index: 30002},
			{OID: 30004, Name: "items_check", Kind: catalog.ConstraintCheck, Columns: []int16{1}, Expr: "(id > 0)"},
		},
		Options: catalog.StorageOptions{Parameters: []string{"shards=2"}},
	}
	if err := txn.CreateTable(ctx, table); err != nil {
		t.Fatal(err)
	}
	put(&catalog.Sequence{
		Object: catalog.Object{OID: 30001, Name: "items_id_seq"}, Schema: table.Schema, Database: table.Database, Type: types.Int4OID,
		Start: 1, Increment: 1, Min: 1, Max: 1<<31 - 1, Cache: 1, OwnerTable: table.OID, OwnerColumn: 1,
	})
	put(&catalog.Index{
		Object: catalog.Object{OID: 30002, Name: "items_pkey"}, Schema: table.Schema, Database: table.Database, Table: table.OID,
		Method: "btree", Unique: true, Primary: true, Columns: []catalog.IndexColumn{{Number: 1}},
	})
	put(&catalog.Index{
		Object: catalog.Object{OID: 30005, Name: "items_name"}, Schema: table.Schema, Database: table.Database, Table: table.OID,
		Method: "btree", Columns: []catalog.IndexColumn{{Number: 2, Desc: true, NullsFirst: true}, {Number: 1}},
	})
	if _, err := txn.CreatePartition(ctx, table, "p1"); err != nil {
		t.Fatal(err)
	}
	return txn.Snapshot()
}

// scan prints the rows of a relation whose first columns have the given text.
func scan(t *testing.T, v catalog.View, schema catalog.OID, name string, match ...string) (out []string) {
	t.Helper()
	r, ok := v.Relation(schema, name).(*catalog.Virtual)
	if !ok {
		t.Fatalf("no relation %s", name)
	}
	record, err := r.Rows(context.Background(), memory.DefaultAllocator, v, session{})
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()
	format := types.DefaultFormat()
	format.Names = Names{View: v, Session: session{}}
	for row := range int(record.NumRows()) {
		var fields []string
		for i, c := range r.Columns {
			if a := record.Column(i); a.IsNull(row) {
				fields = append(fields, "~")
			} else {
				fields = append(fields, string(c.Type.Type().AppendText(nil, a, row, format)))
			}
		}
		line := strings.Join(fields, "|")
		keep := true
		for _, m := range match {
			keep = keep && strings.Contains(line, m)
		}
		if keep {
			out = append(out, line)
		}
	}
	return out
}

func TestEveryRelationHasRowsOfItsShape(t *testing.T) {
	v := sample(t)
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	names := map[string]bool{}
	for _, r := range relations {
		names[schemaName(v, r.Schema)+"."+r.Name] = true
		record, err := r.compute(context.Background(), mem, v, session{})
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		if int(record.NumCols()) != len(r.Columns) {
			t.Errorf("%s: %d columns, want %d", r.Name, record.NumCols(), len(r.Columns))
		}
		for i, c := range r.Columns {
			if c.NotNull && record.Column(i).NullN() > 0 {
				t.Errorf("%s.%s: null in a NOT NULL column", r.Name, c.Name)
			}
			if !arrow.TypeEqual(record.Column(i).DataType(), c.Type.Arrow()) {
				t.Errorf("%s.%s: %v, want %v", r.Name, c.Name, record.Column(i).DataType(), c.Type.Arrow())
			}
		}
		record.Release()
	}
	for name := range sources {
		if !names[name] {
			t.Errorf("a source for %s, which is no relation", name)
		}
	}
}

func TestRelations(t *testing.T) {
	v := sample(t)
	tests := []struct {
		schema catalog.OID
		name   string
		match  []string
		want   string
	}{
		{11, "pg_namespace", nil, "13000|information_schema|10|~ 11|pg_catalog|10|~ 13001|quiver|10|~ 2200|public|10|~"},
		{11, "pg_class", []string{"|items|"}, "30000|items|2200|30000|0|10|2|30000|0|0|-1|0|0|t|f|p|r|4|1|f|f|f|f|f|t|d|f|0|0|0|~|{shards=2}|~"},
		{11, "pg_attribute", []string{"30000|Vec|"}, "30000|Vec|16385|-1|-1|4|0|-1|3|f|i|e||f|f|f|||f|t|0|0|~|~|~|~"},
		{11, "pg_attribute", []string{"30000|", "dropped"}, "30000|........pg.dropped.3........|0|-1|8|3|0|-1|-1|t|d|p||f|f|f|||t|t|0|0|~|~|~|~"},
		{11, "pg_index", []string{"30005|"}, "30005|30000|2|2|f|f|f|f|t|f|t|f|t|t|f|2 1|100 0|3126 1978|3 0|~|~"},
		{11, "pg_constraint", []string{"items_pkey"}, "30003|items_pkey|2200|p|f|f|t|30000|0|30002|0|0| | | |t|0|t|{1}|~|~|~|~|~|~|~"},
		{11, "pg_sequences", nil, "public|items_id_seq|postgres|integer|1|1|2147483647|1|f|1|~"},
		{11, "pg_indexes", []string{"items_name"}, `public|items|items_name|~|CREATE INDEX items_name ON public.items USING btree (name DESC, id)`},
		{11, "pg_settings", []string{"|What a sort"}, "work_mem|8192|kB|"},
		{11, "pg_type", []string{"23|int4|"}, "23|int4|11|10|4|t|b|N|f|t|,|0|-|0|1007|int4in|int4out|int4recv|int4send|-|-|-|i|p|f|0|-1|0|0|~|~|~"},
		{11, "pg_type", []string{"|_int4|"}, "1007|_int4|11|10|-1|f|b|A|f|t|,|0|array_subscript_handler|23|0|array_in|array_out|array_recv|array_send|-|-|array_typanalyze|i|x|f|0|-1|0|0|~|~|~"},
		{13000, "columns", []string{"|items|name|"}, "postgres|public|items|name|2|~|NO|character varying|20|80|"},
		{13000, "columns", []string{"|items|Vec|"}, "postgres|public|items|Vec|4|~|YES|USER-DEFINED|~|"},
		{13000, "tables", []string{"|p1|"}, "postgres|public|p1|BASE TABLE|~|~|~|~|~|YES|NO|~"},
		{13000, "key_column_usage", nil, "postgres|public|items_pkey|postgres|public|items|id|1|~"},
	}
	for _, test := range tests {
		got := strings.Join(scan(t, v, test.schema, test.name, test.match...), " ")
		if !strings.HasPrefix(got, test.want) {
			t.Errorf("%s %v:\n got %s\nwant %s", test.name, test.match, got, test.want)
		}
	}
}

// evaluate calls a function with constant text arguments.
func evaluateText(t *testing.T, v catalog.View, name string, args ...any) string {
	t.Helper()
	var vecs []types.Vec
	var oids []types.OID
	for _, arg := range args {
		typ := types.TextOID
		switch arg.(type) {
		case types.OID:
			typ = types.OIDOID
		case int:
			typ = types.Int4OID
		case bool:
			typ = types.BoolOID
		}
		b := types.NewBuilder(types.Of(typ), memory.DefaultAllocator)
		appendValue(b, catalog.VirtualColumn{Type: types.Of(typ)}, arg)
		vecs, oids = append(vecs, types.Vec{Array: b.NewArray(), Const: true}), append(oids, typ)
	}
	for _, f := range funcs.Lookup("", name) {
		if !acceptsText(f.Args, oids) {
			continue
		}
		format := types.DefaultFormat()
		format.Names = Names{View: v, Session: session{}}
		out, err := f.Kernel(&types.EvalContext{
			Ctx: context.Background(), Mem: memory.DefaultAllocator, Format: format, Session: session{}, Catalog: v,
		}, vecs, 1)
		if err != nil {
			return "error: " + err.Error()
		}
		if out.IsNull(0) {
			return "~"
		}
		return string(types.ByOID(f.Result).AppendText(nil, out, 0, format))
	}
	t.Fatalf("no function %s(%v)", name, oids)
	return ""
}

// acceptsText matches the types of arguments, with reg… and name as what they
// are stored as.
func acceptsText(params, args []types.OID) bool {
	if len(params) != len(args) {
		return false
	}
	for i := range params {
		if types.Of(params[i]).Arrow().ID() != types.Of(args[i]).Arrow().ID() {
			return false
		}
	}
	return true
}

func TestFunctions(t *testing.T) {
	v := sample(t)
	tests := []struct {
		name string
		args []any
		want string
	}{
		{"format_type", []any{types.VarcharOID, 24}, "character varying(20)"},
		{"format_type", []any{types.VectorOID, 3}, "vector(3)"},
		{"format_type", []any{types.OID(1), -1}, "???"},
		{"pg_get_indexdef", []any{types.OID(30002)}, "CREATE UNIQUE INDEX items_pkey ON public.items USING btree (id)"},
		{"pg_get_indexdef", []any{types.OID(30002), 0, true}, "CREATE UNIQUE INDEX items_pkey ON items USING btree (id)"},
		{"pg_get_indexdef", []any{types.OID(30005), 1, false}, "name"},
		{"pg_get_indexdef", []any{types.OID(1)}, "~"},
		{"pg_get_constraintdef", []any{types.OID(30003)}, "PRIMARY KEY (id)"},
		{"pg_get_constraintdef", []any{types.OID(30004)}, "CHECK ((id > 0))"},
		{"pg_get_constraintdef", []any{types.OID(30004), true}, "CHECK (id > 0)"},
		{"pg_get_expr", []any{"nextval('public.items_id_seq'::regclass)", types.OID(30000)}, "nextval('items_id_seq'::regclass)"},
		{"to_regproc", []any{"pg_catalog.array_in"}, "array_in"},
		{"to_regproc", []any{"abs"}, "~"},
		{"pg_get_serial_sequence", []any{"items", "id"}, "public.items_id_seq"},
		{"pg_get_serial_sequence", []any{"items", "name"}, "~"},
		{"pg_get_serial_sequence", []any{"items", "x"}, `error: column "x" of relation "items" does not exist (SQLSTATE 42703)`},
		{"to_regclass", []any{"public.items"}, "items"},
		{"to_regclass", []any{"ITEMS"}, "items"},
		{"to_regclass", []any{`"ITEMS"`}, "~"},
		{"to_regclass", []any{"information_schema.tables"}, "information_schema.tables"},
		{"to_regtype", []any{"vector"}, "vector"},
		{"to_regtype", []any{"_vector"}, "vector[]"},
		{"to_regtype", []any{"varchar(10)[]"}, "character varying[]"},
		{"to_regtype", []any{"no such"}, "~"},
		{"to_regnamespace", []any{"public"}, "public"},
		{"regclass", []any{"nowhere"}, `error: relation "nowhere" does not exist (SQLSTATE 42P01)`},
		{"obj_description", []any{types.OID(30000), "pg_class"}, "things"},
		{"col_description", []any{types.OID(30000), 2}, "what it is called"},
		{"shobj_description", []any{catalog.PostgresDatabaseOID, "pg_database"}, "default administrative connection database"},
		{"pg_get_userbyid", []any{types.OID(10)}, "postgres"},
		{"pg_get_userbyid", []any{types.OID(11)}, "unknown (OID=11)"},
		{"pg_encoding_to_char", []any{6}, "UTF8"},
		{"pg_table_is_visible", []any{types.OID(30000)}, "t"},
		{"pg_table_is_visible", []any{types.OID(13425)}, "f"},
		{"pg_table_is_visible", []any{types.OID(7)}, "~"},
		{"has_table_privilege", []any{"items", "select"}, "t"},
		{"has_table_privilege", []any{"nowhere", "select"}, `error: relation "nowhere" does not exist (SQLSTATE 42P01)`},
		{"has_schema_privilege", []any{types.OID(2200), "usage"}, "t"},
		{"current_schemas", []any{true}, "{pg_catalog,public}"},
		{"current_schemas", []any{false}, "{public}"},
		{"current_schema", nil, "public"},
		{"pg_describe_object", []any{classCatalog, types.OID(30000), 2}, "column name of table items"},
	}
	for _, test := range tests {
		if got := evaluateText(t, v, test.name, test.args...); got != test.want {
			t.Errorf("%s%v: %s, want %s", test.name, test.args, got, test.want)
		}
	}
}

func TestQuoteIdent(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a", "a1_": "a1_", "1a": `"1a"`, "A": `"A"`, `a"b`: `"a""b"`, "select": `"select"`, "name": "name", "": `""`, "ü": `"ü"`,
	} {
		if got := quoteIdent(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a.b", `"a""b".c`, "int4[]", "varchar(3)", "abs(integer)", "+(integer,integer)", "-", "", `"`, "]", ")("} {
		f.Add(seed)
	}
	c, err := catalog.OpenInMemory(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	n := Names{View: c.View(catalog.PostgresDatabaseOID), Session: session{}}
	f.Fuzz(func(t *testing.T, text string) {
		for _, typ := range []types.OID{
			types.RegclassOID, types.RegtypeOID, types.RegprocOID, types.RegprocedureOID, types.RegoperOID, types.RegoperatorOID,
			types.RegnamespaceOID, types.RegroleOID, types.RegcollationOID,
		} {
			oid, err := n.OID(typ, text)
			if err == nil && typ == types.RegclassOID && n.View.RelationByOID(oid) == nil {
				t.Errorf("%q is relation %d, which is not there", text, oid)
			}
		}
	})
}

func TestRelationsAreCachedByVersion(t *testing.T) {
	v := sample(t)
	r := v.Relation(catalog.PgCatalogSchemaOID, "pg_class").(*catalog.Virtual)
	get := func() *array.Uint32 {
		record, err := r.Rows(context.Background(), memory.DefaultAllocator, v, session{})
		if err != nil {
			t.Fatal(err)
		}
		defer record.Release()
		return record.Column(0).(*array.Uint32)
	}
	if first, again := get(), get(); first != again {
		t.Error("computed again for the same version")
	}
}
