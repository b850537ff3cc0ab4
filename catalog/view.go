package catalog

// Relation is what a name in FROM, INTO or DROP can stand for: *Table,
// *Partition, *Index, *Sequence, *Alias or *Virtual.
type Relation interface {
	Descriptor
	// Kind is pg_class.relkind: r, p, i, S, v.
	Kind() byte
	SchemaOID() OID
}

// Kind returns r, an ordinary table, or p for one whose partitions are made one by
// one by their bounds.
func (t *Table) Kind() byte {
	if t.Explicit() {
		return 'p'
	}
	return 'r'
}

// Kind returns r: to clients a partition is a table of its own.
func (*Partition) Kind() byte { return 'r' }

// Kind returns i.
func (*Index) Kind() byte { return 'i' }

// Kind returns S.
func (*Sequence) Kind() byte { return 'S' }

// SchemaOID returns the schema the relation lies in.
func (t *Table) SchemaOID() OID     { return t.Schema }
func (p *Partition) SchemaOID() OID { return p.Schema }
func (i *Index) SchemaOID() OID     { return i.Schema }
func (s *Sequence) SchemaOID() OID  { return s.Schema }

// View is the catalog as one statement sees it: an immutable Version, or a
// transaction's Txn over one. A View is bound to one database. Lookups by name
// are exact (callers fold case and walk search_path). What is not there is
// nil. Returned descriptors must not be changed.
type View interface {
	// Stamp changes whenever anything the View shows changes; plans are
	// revalidated by it.
	Stamp() uint64
	Database() *Database
	Databases() []*Database
	DatabaseByName(name string) *Database

	Schemas() []*Schema
	SchemaByName(name string) *Schema
	SchemaByOID(oid OID) *Schema

	// Relation finds by name within a schema; virtual relations too.
	Relation(schema OID, name string) Relation
	RelationByOID(oid OID) Relation
	// Relations lists those of one schema in OID order; virtual ones too.
	Relations(schema OID) []Relation

	Table(oid OID) *Table
	// Partitions of a table, the default one first, then in OID order.
	Partitions(table OID) []*Partition
	Bounds
	// Indexes of a table, the primary key first, then in OID order.
	Indexes(table OID) []*Index
	// OwnedSequences lists sequences owned by columns of a table.
	OwnedSequences(table OID) []*Sequence
	// Aliases of a table, in OID order.
	Aliases(table OID) []*Alias
}

// Bounds finds partitions of a partitioned table by the values of rows, which come
// as keys: for each column of the partition key AppendKeyDatum and the value's
// types.Type.AppendKey, or AppendKeyNull. None of the methods looks at every
// partition but those that return many.
type Bounds interface {
	// Partition returns the partition with that OID, hidden ones too.
	Partition(oid OID) *Partition
	// PartitionByStorage returns the partition whose rows lie under id, or nil.
	PartitionByStorage(id StorageID) *Partition
	PartitionCount(table OID) int
	// SomePartitions returns the first n of Partitions.
	SomePartitions(table OID, n int) []*Partition
	// DefaultOf returns the partition that takes what no other does.
	DefaultOf(table OID) *Partition
	PartitionOfList(table OID, key []byte) *Partition
	PartitionOfRange(table OID, key []byte) *Partition
	PartitionOfHash(table OID, hash uint64) *Partition
	// PartitionsOfList and PartitionsOfRange return those that take rows between
	// two keys, both included; a shorter key stands for all that begin with it.
	PartitionsOfList(table OID, from, to []byte) []*Partition
	PartitionsOfRange(table OID, from, to []byte) []*Partition
	// Moduli lists the moduli of hash partitions, each once.
	Moduli(table OID) []uint64
	PartitionByRemainder(table OID, modulus, remainder uint64) *Partition
	// Overlapping returns a partition that takes some of what bound takes.
	Overlapping(table OID, bound *PartitionBound) *Partition
}
