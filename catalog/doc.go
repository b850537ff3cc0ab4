// Package catalog keeps what DDL changes: descriptors of databases, schemas,
// tables, partitions, indexes, sequences and segments, in etcd behind the
// interface KV. Everything else reads them through an immutable View.
//
// Descriptors are the source; pg_class, pg_attribute and their like are views
// of them (subpackage pgcatalog). Segments are descriptors of state and
// manifest name only: their files are listed by the manifest object.
//
// # Versions
//
// The process holds one immutable Version in memory, replaced whole when a DDL
// transaction commits. A statement binds against one Version plus its
// transaction's overlay (Txn): own DDL, savepoint stack, temporary tables.
//
// # Commit with DDL (DESIGN.md §4)
//
// Stage writes descriptor versions under the transaction id, in as many etcd
// transactions as needed and invisible; the WAL syncs PREPARE; Decide writes
// the status key in one guarded etcd transaction, which is the commit point;
// Install makes the new Version current. A staged descriptor counts only if
// its transaction's status says committed. Recovery settles the rest.
//
// catalog imports sql (registries) and internal/hlc; etcd is imported by
// kv_etcd.go and embedded.go alone.
//
// Start reading at descriptor.go, then view.go, then txn.go.
package catalog
