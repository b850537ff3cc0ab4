package catalog

import "quiver/sql/types"

// State is the schema-change state of a descriptor, a column or an index, so
// that many nodes can later step safely under leases (as in F1, Rae et al.
// 2013). With one node, DDL steps from absent to public in one transaction.
type State byte

// The states, in the order of an ADD; DROP goes the other way.
const (
	StateAbsent State = iota
	StateDeleteOnly
	StateWriteOnly
	StatePublic
	StateDropping
)

// Descriptor is what the catalog stores under one key. Descriptors are
// immutable once handed out: a change is a new value with Version+1.
type Descriptor interface {
	Head() *Object
}

// Object is the head of every descriptor.
type Object struct {
	OID     OID    `json:"oid"`
	Version uint64 `json:"version"`
	State   State  `json:"state"`
	Name    string `json:"name"`
	Comment string `json:"comment,omitempty"`
}

// Head returns o; it makes every type that embeds Object a Descriptor.
func (o *Object) Head() *Object { return o }

// Database is a row of pg_database.
type Database struct {
	Object
	// Settings are of ALTER DATABASE SET, as "name=value": what sessions begin
	// with.
	Settings []string `json:"settings,omitempty"`
	// IsTemplate databases are not dropped; those that RefuseConnections cannot
	// be connected to.
	IsTemplate        bool `json:"is_template,omitempty"`
	RefuseConnections bool `json:"refuse_connections,omitempty"`
	// ConnectionLimit is one more than datconnlimit, so that 0 is none. It binds
	// no superuser, which every role is.
	ConnectionLimit int `json:"connection_limit,omitempty"`
}

// Schema is a row of pg_namespace.
type Schema struct {
	Object
	Database OID `json:"database"`
}

// Column is a column of a table.
type Column struct {
	// Number is pg_attribute.attnum, from 1; a dropped column keeps its place.
	Number  int16   `json:"number"`
	Field   FieldID `json:"field"`
	Name    string  `json:"name"`
	Type    types.T `json:"type"`
	State   State   `json:"state"`
	NotNull bool    `json:"not_null,omitempty"`
	// Default is the SQL text of the default, "" for none; it is bound anew
	// where it is used. serial is nextval('…'::regclass).
	Default string `json:"default,omitempty"`
	// Missing is the value, in text form, that rows older than the column
	// read (ADD COLUMN with a default); nil reads null.
	Missing *string `json:"missing,omitempty"`
	// Hidden columns are left out of *: MetaColumn is one.
	Hidden bool `json:"hidden,omitempty"`
	// Former are the fields that the column had before its type was widened, the
	// newest first: rows that have not Field are read from the first they have.
	Former []FormerField `json:"former,omitempty"`
	// Identity is 0, 'a'lways or 'd'efault; Sequence backs it and serial.
	Identity byte   `json:"identity,omitempty"`
	Sequence OID    `json:"sequence,omitempty"`
	Comment  string `json:"comment,omitempty"`
	// Storage is pg_attribute.attstorage if it is not that of the type: what
	// SET STORAGE said, which has no other effect.
	Storage byte `json:"storage,omitempty"`
	// Compression is the codec of COMPRESSION, or pglz, which is the same as
	// none given; "" leaves it to the table.
	Compression string `json:"compression,omitempty"`
}

// SystemColumns are names that no column and no dynamic field can have.
var SystemColumns = []string{"tableoid", "ctid", "xmin", "cmin", "xmax", "cmax"}

// MetaColumn is the name of the hidden jsonb column of a table with dynamic
// fields.
const MetaColumn = "$meta"

// FormerField is where rows keep a column that were written before its type was
// widened to what it is.
type FormerField struct {
	Field FieldID `json:"field"`
	Type  types.T `json:"type"`
}

// Dropped says whether the column is gone for users.
func (c *Column) Dropped() bool { return c.State == StateAbsent || c.State == StateDropping }

// Table is a collection: a row of pg_class with relkind r. Partitions and
// indexes are descriptors of their own that point here.
type Table struct {
	Object
	Schema   OID `json:"schema"`
	Database OID `json:"database"`
	// Storage names the table in object keys; see StorageID.
	Storage StorageID `json:"storage"`
	Columns []Column  `json:"columns"`
	// NextField is the field id of the next added column.
	NextField FieldID `json:"next_field"`
	// SchemaVersion counts changes of Columns; segments and WAL records name
	// the one they were written under.
	SchemaVersion uint32 `json:"schema_version"`
	// PrimaryKey is the OID of the primary key's index; 0 for none.
	PrimaryKey  OID          `json:"primary_key,omitempty"`
	Constraints []Constraint `json:"constraints,omitempty"`
	// Shards is how many ways rows are split by hash of the primary key.
	Shards int `json:"shards"`
	// Options are the storage parameters.
	Options StorageOptions `json:"options,omitzero"`
	// PartitionKey is PARTITION BY; nil for a table whose partitions take the rows
	// that name them.
	PartitionKey *PartitionKey `json:"partition_key,omitempty"`
	// Temporary tables live in a transaction overlay or session, never in etcd.
	Temporary bool `json:"-"`
}

// ConstraintKind is pg_constraint.contype.
type ConstraintKind byte

// The constraint kinds.
const (
	ConstraintPrimaryKey ConstraintKind = 'p'
	ConstraintUnique     ConstraintKind = 'u'
	ConstraintCheck      ConstraintKind = 'c'
	ConstraintForeignKey ConstraintKind = 'f'
)

// Constraint is a row of pg_constraint.
type Constraint struct {
	OID     OID            `json:"oid"`
	Name    string         `json:"name"`
	Kind    ConstraintKind `json:"kind"`
	Columns []int16        `json:"columns,omitempty"`
	// Index backs a primary key or unique constraint.
	Index OID `json:"index,omitempty"`
	// Expr is the SQL text of a CHECK.
	Expr string `json:"expr,omitempty"`
}

// Partition is where a table's rows lie: a table without PARTITION BY has one named
// _default, which is no relation; those made by CREATE PARTITION, or by CREATE
// TABLE … PARTITION OF, are.
type Partition struct {
	Object
	Schema   OID       `json:"schema"`
	Database OID       `json:"database"`
	Table    OID       `json:"table"`
	Storage  StorageID `json:"storage"`
	// Default marks the _default partition.
	Default bool `json:"default,omitempty"`
	// TruncatedAt is a timestamp of internal/hlc: earlier rows lie in storage that
	// TRUNCATE or a rewrite has left behind, or in that of a table that was attached.
	// 0 if there never was another one; see TruncatedByCommit.
	TruncatedAt uint64 `json:"truncated_at,omitempty"`
	// Options are those that the table's do not decide: see StorageOptions.Over.
	Options StorageOptions `json:"options,omitzero"`
	// Bound is FOR VALUES …, of a partitioned table's partitions.
	Bound *PartitionBound `json:"bound,omitempty"`
	// Hidden partitions are no relations: automatic ones, of which users know the
	// number alone.
	Hidden bool `json:"hidden,omitempty"`
}

// DefaultPartition is the name of the partition that every table has.
const DefaultPartition = "_default"

// Index is a row of pg_index and pg_class with relkind i.
type Index struct {
	Object
	Schema   OID `json:"schema"`
	Database OID `json:"database"`
	Table    OID `json:"table"`
	// Storage names the index in object keys; REINDEX gives it a new one. 0 for
	// the index of a primary key, which is part of the segments themselves.
	Storage StorageID `json:"storage,omitempty"`
	// Method is the access method: btree, or a kind of vector index.
	Method  string        `json:"method"`
	Unique  bool          `json:"unique,omitempty"`
	Primary bool          `json:"primary,omitempty"`
	Columns []IndexColumn `json:"columns"`
	// Invalid: CREATE INDEX CONCURRENTLY has not finished, or failed. Such an
	// index is kept up to date but not searched.
	Invalid bool `json:"invalid,omitempty"`
	// Predicate is the SQL text of a partial index's WHERE, "" for none.
	Predicate string            `json:"predicate,omitempty"`
	Options   map[string]string `json:"options,omitempty"`
	// OptionOrder is the names of Options in the order they were given.
	OptionOrder []string `json:"option_order,omitempty"`
}

// IndexColumn is a key column of an index.
type IndexColumn struct {
	// Number is of the table's column, 0 for an expression.
	Number int16 `json:"number"`
	// Name is what an expression is called as a column of the index.
	Name string `json:"name,omitempty"`
	// Expr is the SQL text of an expression, and Type the type of its value.
	Expr string  `json:"expr,omitempty"`
	Type types.T `json:"type,omitempty"`
	// Opclass is the operator class, the default one too; "" for btree.
	Opclass    string `json:"opclass,omitempty"`
	Desc       bool   `json:"desc,omitempty"`
	NullsFirst bool   `json:"nulls_first,omitempty"`
}

// Sequence is a row of pg_sequence and pg_class with relkind S. Its current
// value is no part of the descriptor: see Sequences.
type Sequence struct {
	Object
	Schema    OID       `json:"schema"`
	Database  OID       `json:"database"`
	Type      types.OID `json:"type"`
	Start     int64     `json:"start"`
	Increment int64     `json:"increment"`
	Min       int64     `json:"min"`
	Max       int64     `json:"max"`
	Cache     int64     `json:"cache"`
	Cycle     bool      `json:"cycle,omitempty"`
	// OwnerTable and OwnerColumn are of OWNED BY: dropped together.
	OwnerTable  OID   `json:"owner_table,omitempty"`
	OwnerColumn int16 `json:"owner_column,omitempty"`
	// Generation changes at RESTART, so that a rolled-back one leaves the old
	// values; First is the value that a generation above 0 begins with (0
	// begins with Start).
	Generation uint64 `json:"generation,omitempty"`
	First      int64  `json:"first,omitempty"`
}

// SegmentState is the state of a segment that the catalog knows. Growing and
// sealed segments live in memory, covered by the WAL (DESIGN.md §4,
// Checkpoint).
type SegmentState byte

// The states and, in segment.Transitions, the allowed moves.
const (
	SegmentGrowing SegmentState = iota
	SegmentSealed
	SegmentFlushed
	SegmentIndexed
	SegmentCompacted
	SegmentDropped
)

// Segment is the catalog's word on a flushed segment: its state and the name
// of the manifest object that lists its files.
type Segment struct {
	ID        SegmentID    `json:"id"`
	Table     StorageID    `json:"table"`
	Partition StorageID    `json:"partition"`
	Shard     int          `json:"shard"`
	State     SegmentState `json:"state"`
	Manifest  string       `json:"manifest"`
	Rows      int64        `json:"rows"`
	Bytes     int64        `json:"bytes"`
	// MinTimestamp and MaxTimestamp bound the commit timestamps of its rows.
	MinTimestamp uint64 `json:"min_ts"`
	MaxTimestamp uint64 `json:"max_ts"`
	// Revision is that of the stored descriptor, 0 before it is stored; see
	// Catalog.CommitSegments.
	Revision int64 `json:"-"`
}
