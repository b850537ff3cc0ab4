package catalog

import (
	"context"
	"fmt"
	"strconv"
)

// CreateTable gives a new table its ids (those that are still 0), its _default
// partition and puts both. Columns must be numbered; their field ids are given
// here. The OIDs of constraints and indexes are the caller's.
func (t *Txn) CreateTable(ctx context.Context, table *Table) error {
	var err error
	if table.OID == 0 {
		if table.OID, err = t.NewOID(ctx); err != nil {
			return err
		}
	}
	if table.Storage, err = t.NewStorageID(ctx); err != nil {
		return err
	}
	if table.NextField < FirstUserField {
		table.NextField = FirstUserField
	}
	for i := range table.Columns {
		col := &table.Columns[i]
		if col.Field == 0 {
			col.Field = table.NextField
			table.NextField++
		}
		if col.State == StateAbsent {
			col.State = StatePublic
		}
	}
	if table.Shards == 0 {
		table.Shards = 1
	}
	if err := t.Put(table); err != nil {
		return err
	}
	key := table.PartitionKey
	if key == nil {
		return t.AddPartition(ctx, table, &Partition{Object: Object{Name: DefaultPartition}, Default: true})
	}
	for i := range key.Automatic {
		err := t.AddPartition(ctx, table, &Partition{
			Object: Object{Name: DefaultPartition + "_" + strconv.Itoa(i)}, Hidden: true,
			Bound: &PartitionBound{Modulus: uint64(key.Automatic), Remainder: uint64(i)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CreatePartition adds a partition of that name to a table.
func (t *Txn) CreatePartition(ctx context.Context, table *Table, name string) (*Partition, error) {
	p := &Partition{Object: Object{Name: name}}
	return p, t.AddPartition(ctx, table, p)
}

// AddPartition adds a partition to a table: p has its name and bound, its schema if
// that is not the table's, and the storage id of rows that there are; the rest is
// given here.
func (t *Txn) AddPartition(ctx context.Context, table *Table, p *Partition) error {
	var err error
	if p.OID, err = t.NewOID(ctx); err != nil {
		return err
	}
	if p.Storage == 0 {
		if p.Storage, err = t.NewStorageID(ctx); err != nil {
			return err
		}
	}
	if p.Schema == 0 {
		p.Schema = table.Schema
	}
	p.Database, p.Table = table.Database, table.OID
	return t.Put(p)
}

// DropTable drops a table with its partitions, indexes, aliases and the
// sequences that its columns own.
func (t *Txn) DropTable(oid OID) {
	for _, p := range t.Partitions(oid) {
		t.Drop(p.OID)
	}
	for _, i := range t.Indexes(oid) {
		t.Drop(i.OID)
	}
	for _, s := range t.OwnedSequences(oid) {
		t.Drop(s.OID)
	}
	for _, a := range t.Aliases(oid) {
		t.Drop(a.OID)
	}
	t.Drop(oid)
}

// Truncate gives the partitions of a table new storage ids: their rows are
// gone for whoever sees the change. The table's own storage id stays, for row
// ids are unique under it.
func (t *Txn) Truncate(ctx context.Context, table OID) error {
	if t.Table(table) == nil {
		return fmt.Errorf("%w: table %d", ErrNotFound, table)
	}
	for _, p := range t.Partitions(table) {
		if err := t.TruncatePartition(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// TruncatePartition gives one partition a new storage id.
func (t *Txn) TruncatePartition(ctx context.Context, p *Partition) error {
	storage, err := t.NewStorageID(ctx)
	if err != nil {
		return err
	}
	fresh := *p
	fresh.Storage = storage
	return t.Put(&fresh)
}

// RestartSequence makes a sequence begin anew at value, in this transaction
// alone until it commits.
func (t *Txn) RestartSequence(s *Sequence, value int64) error {
	fresh := *s
	fresh.Generation++
	fresh.First = value
	return t.Put(&fresh)
}

// CreateDatabase gives a new database its OID and its schema public.
func (t *Txn) CreateDatabase(ctx context.Context, d *Database) error {
	oid, err := t.NewOID(ctx)
	if err != nil {
		return err
	}
	public, err := t.NewOID(ctx)
	if err != nil {
		return err
	}
	d.OID = oid
	if err := t.Put(d); err != nil {
		return err
	}
	return t.Put(&Schema{Object: Object{OID: public, Name: "public", Comment: publicComment}, Database: oid})
}
