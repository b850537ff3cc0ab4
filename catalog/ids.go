package catalog

import "quiver/sql/types"

// OID names an object that Postgres clients see: relation, schema, database.
type OID = types.OID

// StorageID names the rows of a table or a partition in object keys. TRUNCATE,
// rewrites and restores give a relation a new one; it is never reused.
type StorageID uint64

// SegmentID names a segment; never reused.
type SegmentID uint64

// FieldID names a column's data in segments: 0 is the row id, 1 the commit
// timestamp, user columns count from FirstUserField (Milvus' numbering). It is
// never reused within a table, so a dropped and re-added column reads nothing
// old.
type FieldID int32

// The hidden fields and the first user field.
const (
	RowIDField     FieldID = 0
	TimestampField FieldID = 1
	FirstUserField FieldID = 100
)

// TxnID names a transaction; unique over restarts.
type TxnID uint64

// OIDs of what exists in every cluster, as in Postgres.
const (
	PgCatalogSchemaOID  OID = 11
	PublicSchemaOID     OID = 2200
	TemplateDatabaseOID OID = 1
	PostgresDatabaseOID OID = 5
	// InformationSchemaOID and QuiverSchemaOID lie in the range initdb uses.
	InformationSchemaOID OID = 13000
	QuiverSchemaOID      OID = 13001
	ToastSchemaOID       OID = 99
	BootstrapRoleOID     OID = 10
	// FirstUserOID is the first OID given to users' objects.
	FirstUserOID OID = 20000
)
