package catalog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func openTest(t *testing.T) *Catalog {
	t.Helper()
	c, err := OpenInMemory(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func newTable(name string) *Table {
	return &Table{Object: Object{Name: name}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID}
}

func commit(t *testing.T, txn *Txn, id TxnID) {
	t.Helper()
	ctx := testContext(t)
	if err := txn.Stage(ctx, id); err != nil {
		t.Fatal(err)
	}
	if ok, err := txn.Decide(ctx, id); !ok || err != nil {
		t.Fatalf("Decide: %v, %v", ok, err)
	}
	txn.Install(id, 1)
}

func newTxnID(t *testing.T, c *Catalog) TxnID {
	t.Helper()
	id, err := c.NewTxnID(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestNewClusterHasTheFirstObjects(t *testing.T) {
	c := openTest(t)
	v := c.View(PostgresDatabaseOID)
	if db := v.Database(); db == nil || db.Name != "postgres" {
		t.Fatalf("database: %v", db)
	}
	for name, oid := range map[string]OID{
		"public": PublicSchemaOID, "pg_catalog": PgCatalogSchemaOID,
		"information_schema": InformationSchemaOID, "quiver": QuiverSchemaOID,
	} {
		if s := v.SchemaByName(name); s == nil || s.OID != oid {
			t.Errorf("schema %s: %v", name, s)
		}
	}
	if s := v.SchemaByName("nowhere"); s != nil {
		t.Errorf("schema nowhere: %v", s)
	}
}

func TestTxnSeesItsOwnChangesAloneUntilInstall(t *testing.T) {
	c := openTest(t)
	ctx := testContext(t)
	txn, other := c.Begin(PostgresDatabaseOID), c.Begin(PostgresDatabaseOID)
	before := txn.Stamp()
	if err := txn.CreateTable(ctx, newTable("a")); err != nil {
		t.Fatal(err)
	}
	if txn.Stamp() == before {
		t.Error("the stamp did not change")
	}
	table, ok := txn.Relation(PublicSchemaOID, "a").(*Table)
	if !ok {
		t.Fatal("the transaction does not see its table")
	}
	if parts := txn.Partitions(table.OID); len(parts) != 1 || !parts[0].Default {
		t.Errorf("partitions: %v", parts)
	}
	if txn.Relation(PublicSchemaOID, DefaultPartition) != nil {
		t.Error("the default partition is a relation")
	}
	if other.Relation(PublicSchemaOID, "a") != nil || c.View(PostgresDatabaseOID).Table(table.OID) != nil {
		t.Error("another sees an uncommitted table")
	}
	commit(t, txn, newTxnID(t, c))
	if other.Relation(PublicSchemaOID, "a") != nil {
		t.Error("a view moved under its statement")
	}
	other.Refresh()
	if other.Relation(PublicSchemaOID, "a") == nil {
		t.Error("a committed table is not seen after Refresh")
	}
	if got := c.Current().TableByStorage(table.Storage); got == nil || got.OID != table.OID {
		t.Errorf("TableByStorage: %v", got)
	}
}

func TestSavepoints(t *testing.T) {
	c := openTest(t)
	ctx := testContext(t)
	txn := c.Begin(PostgresDatabaseOID)
	create := func(name string) {
		t.Helper()
		if err := txn.CreateTable(ctx, newTable(name)); err != nil {
			t.Fatal(err)
		}
	}
	names := func() (s string) {
		for _, r := range txn.Relations(PublicSchemaOID) {
			s += r.Head().Name
		}
		return s
	}
	create("a")
	sp := txn.Savepoint()
	create("b")
	inner := txn.Savepoint()
	create("c")
	txn.Release(inner)
	txn.DropTable(txn.Relation(PublicSchemaOID, "a").Head().OID)
	if got := names(); got != "bc" {
		t.Errorf("before rollback: %s", got)
	}
	// Others commit meanwhile: a rollback goes back to own changes only.
	theirs := c.Begin(PostgresDatabaseOID)
	if err := theirs.CreateTable(ctx, newTable("z")); err != nil {
		t.Fatal(err)
	}
	commit(t, theirs, newTxnID(t, c))
	txn.Refresh()
	txn.RollbackTo(sp)
	if got := names(); got != "az" && got != "za" {
		t.Errorf("after rollback: %s", got)
	}
	txn.RollbackTo(sp)
	create("d")
	if got := len(txn.Relations(PublicSchemaOID)); got != 3 {
		t.Errorf("%d relations after the second rollback", got)
	}
}

func TestNamesAreUniqueWithinASchema(t *testing.T) {
	c := openTest(t)
	ctx := testContext(t)
	txn := c.Begin(PostgresDatabaseOID)
	if err := txn.CreateTable(ctx, newTable("a")); err != nil {
		t.Fatal(err)
	}
	if err := txn.CreateTable(ctx, newTable("a")); !errors.Is(err, ErrConflict) {
		t.Errorf("second a: %v", err)
	}
	oid, err := txn.NewOID(ctx)
	if err != nil {
		t.Fatal(err)
	}
	index := &Index{Object: Object{OID: oid, Name: "a"}, Schema: PublicSchemaOID, Database: PostgresDatabaseOID}
	if err := txn.Put(index); !errors.Is(err, ErrConflict) {
		t.Errorf("index a: %v", err)
	}
	clash := c.Begin(PostgresDatabaseOID)
	if err := clash.CreateTable(ctx, newTable("a")); err != nil {
		t.Fatal(err)
	}
	id := newTxnID(t, c)
	if err := txn.Stage(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := clash.Stage(ctx, id+1); !errors.Is(err, ErrConflict) {
		t.Errorf("staging a beside another a: %v", err)
	}
	if err := txn.Abort(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := clash.Stage(ctx, id+1); err != nil {
		t.Errorf("staging a once it is free: %v", err)
	}
}

func TestDroppedStorage(t *testing.T) {
	c := openTest(t)
	ctx := testContext(t)
	txn := c.Begin(PostgresDatabaseOID)
	a, b := newTable("a"), newTable("b")
	for _, table := range []*Table{a, b} {
		if err := txn.CreateTable(ctx, table); err != nil {
			t.Fatal(err)
		}
	}
	commit(t, txn, newTxnID(t, c))
	txn = c.Begin(PostgresDatabaseOID)
	oldPart := txn.Partitions(a.OID)[0].Storage
	if err := txn.Truncate(ctx, a.OID); err != nil {
		t.Fatal(err)
	}
	if err := txn.Truncate(ctx, a.OID); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(txn.DroppedStorage()); got != fmt.Sprint([]StorageID{oldPart}) {
		t.Errorf("after TRUNCATE: %s, want %d", got, oldPart)
	}
	txn.DropTable(b.OID)
	if got := len(txn.DroppedStorage()); got != 3 {
		t.Errorf("after DROP: %v", txn.DroppedStorage())
	}
}
