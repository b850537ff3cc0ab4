package catalog

import (
	"cmp"
	"strings"
	"sync/atomic"
)

// Version is the whole catalog at one moment: immutable, shared by any number
// of readers. Its parts are persistent trees, so the next version costs the
// path to what changed, whatever the number of relations.
type Version struct {
	stamp     uint64
	objects   tree[OID, Descriptor]
	databases tree[string, *Database]
	schemas   tree[nameKey, *Schema]
	names     tree[nameKey, Relation]
	members   tree[memberKey, Relation]
	children  tree[childKey, Descriptor]
	storages  tree[StorageID, Descriptor]
	// placements are of partitions that have bounds, counts how many partitions a
	// table has.
	placements tree[placement, *Partition]
	counts     tree[OID, int]
	virtual    *virtualSet
	// statistics is no descriptor's: see RelationStatistics.
	statistics tree[OID, RelationStatistics]
	live       *Live
}

// nameKey is a name within its parent: a schema in a database, a relation in a
// schema.
type nameKey struct {
	parent OID
	name   string
}

// memberKey orders the relations of a schema by OID.
type memberKey struct{ schema, oid OID }

// childKey orders what belongs to a table: kind of child, then the first among
// its kind (default partition, primary key), then OID.
type childKey struct {
	table OID
	kind  childKind
	after bool
	oid   OID
}

type childKind byte

const (
	childPartition childKind = iota
	childIndex
	childSequence
	childAlias
)

func compareName(a, b nameKey) int {
	if a.parent != b.parent {
		return cmp.Compare(a.parent, b.parent)
	}
	return strings.Compare(a.name, b.name)
}

func compareMember(a, b memberKey) int {
	if a.schema != b.schema {
		return cmp.Compare(a.schema, b.schema)
	}
	return cmp.Compare(a.oid, b.oid)
}

func compareChild(a, b childKey) int {
	switch {
	case a.table != b.table:
		return cmp.Compare(a.table, b.table)
	case a.kind != b.kind:
		return cmp.Compare(a.kind, b.kind)
	case a.after != b.after && a.after:
		return 1
	case a.after != b.after:
		return -1
	}
	return cmp.Compare(a.oid, b.oid)
}

// lastStamp makes stamps unique within the process: two views with the same
// stamp show the same.
var lastStamp atomic.Uint64

func nextStamp() uint64 { return lastStamp.Add(1) }

// relation is what d is in pg_class, nil for what is not there: databases,
// schemas and default partitions.
func relation(d Descriptor) Relation {
	if p, ok := d.(*Partition); ok && (p.Default || p.Hidden) {
		return nil
	}
	r, _ := d.(Relation)
	return r
}

// child is the key under which d is found from its table.
func child(d Descriptor) (childKey, bool) {
	switch d := d.(type) {
	case *Partition:
		return childKey{d.Table, childPartition, !d.Default, d.OID}, true
	case *Index:
		return childKey{d.Table, childIndex, !d.Primary, d.OID}, true
	case *Sequence:
		return childKey{d.OwnerTable, childSequence, false, d.OID}, d.OwnerTable != 0
	case *Alias:
		return childKey{d.Table, childAlias, false, d.OID}, true
	}
	return childKey{}, false
}

// storageOf is the storage id of d; 0 for what has none.
func storageOf(d Descriptor) StorageID {
	switch d := d.(type) {
	case *Table:
		return d.Storage
	case *Partition:
		return d.Storage
	}
	return 0
}

// taken returns the object that has d's name already, or nil.
func (v *Version) taken(d Descriptor) Descriptor {
	switch d := d.(type) {
	case *Database:
		if other, ok := v.databases.get(strings.Compare, d.Name); ok {
			return other
		}
	case *Schema:
		for _, database := range []OID{d.Database, 0} {
			if other, ok := v.schemas.get(compareName, nameKey{database, d.Name}); ok {
				return other
			}
		}
	default:
		if r := relation(d); r != nil {
			if other := v.relation(r.SchemaOID(), d.Head().Name); other != nil {
				return other
			}
		}
	}
	return nil
}

// put adds d, in place of the one with its OID. v must be the caller's own
// copy.
func (v *Version) put(d Descriptor) {
	v.remove(d.Head().OID)
	o := d.Head()
	v.objects = v.objects.with(cmp.Compare[OID], o.OID, d)
	switch d := d.(type) {
	case *Database:
		v.databases = v.databases.with(strings.Compare, d.Name, d)
	case *Schema:
		v.schemas = v.schemas.with(compareName, nameKey{d.Database, d.Name}, d)
	}
	if r := relation(d); r != nil {
		v.names = v.names.with(compareName, nameKey{r.SchemaOID(), o.Name}, r)
		v.members = v.members.with(compareMember, memberKey{r.SchemaOID(), o.OID}, r)
	}
	if key, ok := child(d); ok {
		v.children = v.children.with(compareChild, key, d)
	}
	if p, ok := d.(*Partition); ok {
		v.place(p)
	}
	if id := storageOf(d); id != 0 {
		v.storages = v.storages.with(cmp.Compare[StorageID], id, d)
	}
}

// remove takes away the object with that OID, if there. v must be the
// caller's own copy.
func (v *Version) remove(oid OID) {
	d, ok := v.objects.get(cmp.Compare[OID], oid)
	if !ok {
		return
	}
	v.objects = v.objects.without(cmp.Compare[OID], oid)
	name := d.Head().Name
	switch d := d.(type) {
	case *Database:
		v.databases = v.databases.without(strings.Compare, name)
	case *Schema:
		v.schemas = v.schemas.without(compareName, nameKey{d.Database, name})
	}
	if r := relation(d); r != nil {
		v.names = v.names.without(compareName, nameKey{r.SchemaOID(), name})
		v.members = v.members.without(compareMember, memberKey{r.SchemaOID(), oid})
	}
	if key, ok := child(d); ok {
		v.children = v.children.without(compareChild, key)
	}
	if p, ok := d.(*Partition); ok {
		v.displace(p)
	}
	if id := storageOf(d); id != 0 {
		v.storages = v.storages.without(cmp.Compare[StorageID], id)
	}
}

// Stamp changes whenever anything in the catalog changes.
func (v *Version) Stamp() uint64 { return v.stamp }

// Descriptor returns the object with that OID, or nil.
func (v *Version) Descriptor(oid OID) Descriptor {
	d, _ := v.objects.get(cmp.Compare[OID], oid)
	return d
}

// Descriptors returns every object in OID order.
func (v *Version) Descriptors() []Descriptor {
	var out []Descriptor
	v.objects.from(cmp.Compare[OID], 0, func(_ OID, d Descriptor) bool {
		out = append(out, d)
		return true
	})
	return out
}

// TableByStorage returns the table that was given id, or nil. The rows of a partition
// may lie under the id of another table; see PlaceOfStorage.
func (v *Version) TableByStorage(id StorageID) *Table {
	d, _ := v.storages.get(cmp.Compare[StorageID], id)
	t, _ := d.(*Table)
	return t
}

// PartitionByStorage returns the partition whose rows lie under id, or nil.
func (v *Version) PartitionByStorage(id StorageID) *Partition {
	d, _ := v.storages.get(cmp.Compare[StorageID], id)
	p, _ := d.(*Partition)
	return p
}

// PlaceOfStorage returns the partition whose rows lie under id, and its table; nil if
// it is gone. Replay and segments name storage, not OIDs.
func (v *Version) PlaceOfStorage(id StorageID) (*Table, *Partition) {
	p := v.PartitionByStorage(id)
	if p == nil {
		return nil, nil
	}
	return v.Table(p.Table), p
}

func (v *Version) hasStorage(id StorageID) bool {
	_, ok := v.storages.get(cmp.Compare[StorageID], id)
	return ok
}

// Databases returns the databases in name order.
func (v *Version) Databases() []*Database {
	var out []*Database
	v.databases.from(strings.Compare, "", func(_ string, d *Database) bool {
		out = append(out, d)
		return true
	})
	return out
}

// DatabaseByName returns the database of that name, or nil.
func (v *Version) DatabaseByName(name string) *Database {
	d, _ := v.databases.get(strings.Compare, name)
	return d
}

// Table returns the table with that OID, in whatever database, or nil.
func (v *Version) Table(oid OID) *Table {
	t, _ := v.Descriptor(oid).(*Table)
	return t
}

// Partitions of a table, the default one first, then in OID order.
func (v *Version) Partitions(table OID) []*Partition {
	return childrenOf[*Partition](v, table, childPartition)
}

// Indexes of a table, the primary key first, then in OID order.
func (v *Version) Indexes(table OID) []*Index {
	return childrenOf[*Index](v, table, childIndex)
}

// OwnedSequences lists sequences owned by columns of a table.
func (v *Version) OwnedSequences(table OID) []*Sequence {
	return childrenOf[*Sequence](v, table, childSequence)
}

// Aliases lists the aliases of a table in OID order.
func (v *Version) Aliases(table OID) []*Alias {
	return childrenOf[*Alias](v, table, childAlias)
}

func childrenOf[T Descriptor](v *Version, table OID, kind childKind) []T {
	var out []T
	v.children.from(compareChild, childKey{table: table, kind: kind}, func(k childKey, d Descriptor) bool {
		if k.table != table || k.kind != kind {
			return false
		}
		out = append(out, d.(T))
		return true
	})
	return out
}

// relation finds by name within a schema; virtual ones too.
func (v *Version) relation(schema OID, name string) Relation {
	if r, ok := v.names.get(compareName, nameKey{schema, name}); ok {
		return r
	}
	return v.virtual.byName(schema, name)
}

// In returns the view of one database; the database need not exist.
func (v *Version) In(database OID) View { return &databaseView{v, database} }

// databaseView narrows a Version to what one database shows: its own objects
// and those that every database shares (the system schemas).
type databaseView struct {
	*Version
	database OID
}

func (v *databaseView) shows(database OID) bool { return database == v.database || database == 0 }

func (v *databaseView) Database() *Database {
	d, _ := v.Descriptor(v.database).(*Database)
	return d
}

func (v *databaseView) Schemas() []*Schema {
	var out []*Schema
	for _, db := range []OID{0, v.database} {
		v.schemas.from(compareName, nameKey{parent: db}, func(k nameKey, s *Schema) bool {
			if k.parent == db {
				out = append(out, s)
			}
			return k.parent == db
		})
	}
	return out
}

func (v *databaseView) SchemaByName(name string) *Schema {
	if s, ok := v.schemas.get(compareName, nameKey{v.database, name}); ok {
		return s
	}
	s, _ := v.schemas.get(compareName, nameKey{0, name})
	return s
}

func (v *databaseView) SchemaByOID(oid OID) *Schema {
	s, _ := v.Descriptor(oid).(*Schema)
	if s == nil || !v.shows(s.Database) {
		return nil
	}
	return s
}

func (v *databaseView) Relation(schema OID, name string) Relation {
	if r := v.relation(schema, name); r != nil && v.shows(databaseOf(r)) {
		return r
	}
	return nil
}

func (v *databaseView) RelationByOID(oid OID) Relation {
	if r := relation(v.Descriptor(oid)); r != nil && v.shows(databaseOf(r)) {
		return r
	}
	return v.virtual.byOID(oid)
}

func (v *databaseView) Relations(schema OID) []Relation {
	out := v.virtual.inSchema(schema)
	v.members.from(compareMember, memberKey{schema: schema}, func(k memberKey, r Relation) bool {
		if k.schema != schema {
			return false
		}
		if v.shows(databaseOf(r)) {
			out = append(out, r)
		}
		return true
	})
	return out
}

func (v *databaseView) Table(oid OID) *Table {
	if t := v.Version.Table(oid); t != nil && v.shows(t.Database) {
		return t
	}
	return nil
}

func databaseOf(r Relation) OID {
	switch r := r.(type) {
	case *Table:
		return r.Database
	case *Partition:
		return r.Database
	case *Index:
		return r.Database
	case *Sequence:
		return r.Database
	case *Alias:
		return r.Database
	}
	return 0
}
