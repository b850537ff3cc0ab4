package catalog

import (
	"strings"
	"testing"

	"quiver/sql/types"
)

// TestTransplantKnowsEveryKind: whatever the catalog stores can be copied.
func TestTransplantKnowsEveryKind(t *testing.T) {
	c, err := OpenInMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	kinds := 0
	for kind := byte('A'); kind <= 'z'; kind++ {
		d, err := decodeDescriptor("k", []byte(string(kind)+`{"oid": 30000, "name": "x", "database": 29999}`))
		if err != nil || d == nil {
			continue
		}
		kinds++
		list := []Descriptor{d}
		if DatabaseOf(d) != 30000 {
			list = append(list, &Database{Object: Object{OID: 29999, Name: "fresh"}})
		}
		if DatabaseOf(d) == 0 {
			t.Errorf("%T lies in no database", d)
		}
		if _, err := c.Begin(PostgresDatabaseOID).Transplant(t.Context(), Transplant{Descriptors: list}); err != nil {
			t.Errorf("%T: %v", d, err)
		}
	}
	if kinds < 7 {
		t.Errorf("%d kinds were tried", kinds)
	}
}

// TestTransplant copies a table with all that it has beside itself, and its
// database under another name.
func TestTransplant(t *testing.T) {
	ctx := t.Context()
	c, err := OpenInMemory(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tx := c.Begin(PostgresDatabaseOID)
	oid := func() OID {
		o, err := tx.NewOID(ctx)
		check(err)
		return o
	}
	storage, err := tx.NewStorageID(ctx)
	check(err)
	seq := &Sequence{Object: Object{OID: oid(), Name: "t_id_seq"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID, Generation: 3, First: 9, Start: 1}
	index := &Index{Object: Object{OID: oid(), Name: "t_pkey"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID, Primary: true}
	near := &Index{Object: Object{OID: oid(), Name: "near"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID, Storage: storage}
	table := &Table{
		Object: Object{OID: oid(), Name: "t", Comment: "c"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID, PrimaryKey: index.OID,
		Columns:     []Column{{Number: 1, Name: "id", Type: types.Of(types.Int4OID), Sequence: seq.OID, Default: "nextval('public.t_id_seq'::regclass)"}},
		Constraints: []Constraint{{OID: oid(), Name: "t_pkey", Kind: ConstraintPrimaryKey, Index: index.OID}},
	}
	check(tx.CreateTable(ctx, table))
	seq.OwnerTable, seq.OwnerColumn, index.Table, near.Table = table.OID, 1, table.OID, table.OID
	for _, d := range []Descriptor{seq, index, near} {
		check(tx.Put(d))
	}
	part, err := tx.CreatePartition(ctx, table, "p")
	check(err)
	check(tx.CreateAlias(oid(), tx.SchemaByName("public"), "other", table))

	// again reads the descriptors as a backup has them.
	again := func(keep func(OID) bool) (list []Descriptor) {
		for _, d := range tx.own.Export(PostgresDatabaseOID, keep) {
			value, err := EncodeDescriptor(d)
			check(err)
			fresh, err := DecodeDescriptor("d", value)
			check(err)
			list = append(list, fresh)
		}
		return list
	}
	text := func(schema, name string) string { return "'" + schema + "." + name + "'::regclass" }
	here := map[OID]*Database{PostgresDatabaseOID: tx.Database()}
	only := func(oid OID) bool { return oid == table.OID }
	got, err := tx.Transplant(ctx, Transplant{Descriptors: again(only), Databases: here, Names: map[OID]string{table.OID: "u"}, SequenceText: text})
	check(err)
	u := tx.Relation(PublicSchemaOID, "u").(*Table)
	if u.Storage == table.Storage || got.Storage[table.Storage] != u.Storage || got.OIDs[table.OID] != u.OID || u.Comment != "c" {
		t.Errorf("the table became %+v", u)
	}
	if u.Columns[0].Default != "nextval('public.u_id_seq'::regclass)" || u.Columns[0].Sequence != got.Sequences[seq.OID].OID {
		t.Errorf("the column became %+v", u.Columns[0])
	}
	if s := tx.Relation(PublicSchemaOID, "u_id_seq").(*Sequence); s.OwnerTable != u.OID || s.Generation != 0 {
		t.Errorf("the sequence became %+v", s)
	}
	if k := u.Constraints[0]; k.Name != "u_pkey" || k.Index != u.PrimaryKey || tx.RelationByOID(u.PrimaryKey).Head().Name != "u_pkey" {
		t.Errorf("the primary key became %+v", k)
	}
	var names []string
	for _, x := range tx.Indexes(u.OID) {
		names = append(names, x.Name)
		if x.Storage != 0 && x.Storage != got.Storage[near.Storage] {
			t.Errorf("the index became %+v", x)
		}
	}
	for _, p := range tx.Partitions(u.OID) {
		names = append(names, p.Name)
	}
	if list := strings.Join(names, " "); list != "u_pkey u_near _default u_p" {
		t.Errorf("names %s", list)
	}
	if got.Storage[part.Storage] == 0 || len(tx.Aliases(u.OID)) != 0 {
		t.Error("the partition was lost, or an alias came along")
	}
	if _, err := tx.Transplant(ctx, Transplant{Descriptors: again(only), Databases: here, SequenceText: text}); err == nil || !strings.Contains(err.Error(), `relation "t" already exists`) {
		t.Errorf("a name that is taken: %v", err)
	}
	tx.DropTable(u.OID)

	if _, err := tx.Transplant(ctx, Transplant{Descriptors: again(nil), SequenceText: text}); err == nil || !strings.Contains(err.Error(), `database "postgres" already exists`) {
		t.Errorf("a database that is there: %v", err)
	}
	got, err = tx.Transplant(ctx, Transplant{Descriptors: again(nil), Names: map[OID]string{PostgresDatabaseOID: "copy"}, SequenceText: text})
	check(err)
	view := tx.own.In(tx.DatabaseByName("copy").OID)
	public := view.SchemaByName("public")
	if public.OID == PublicSchemaOID || view.Relation(public.OID, "t") == nil || view.Relation(public.OID, "t_id_seq") == nil {
		t.Error("the database has not its tables")
	}
	if a, ok := view.Relation(public.OID, "other").(*Alias); !ok || a.Table != got.OIDs[table.OID] {
		t.Errorf("the alias became %+v", a)
	}
}
