// Package deltalog holds what a segment needs beside its columns: the deletes
// of its rows (delta log), the bloom filter and bounds of its primary key
// (stats log), and the sorted runs that find a row by key or by row id.
//
// All are binlog files of another kind, so they share its index, checksums,
// alignment and dump. docs/formats/deltalog.md names their fields.
//
// # Invariants
//
//   - A delete names a row version for ever: {row id, timestamp, successor row
//     id or 0, primary key}. The key only routes it to bloom filters. Applying
//     one twice changes nothing.
//   - A stats log never says no to a key that the segment holds, and yes to at
//     most one in a thousand that it does not.
//   - Runs are uncompressed and sorted, so that a mapped one is searched in
//     place: a warm point read unpacks nothing.
//
// Keys are the order-preserving encoding of the primary key's columns
// (types.Type.AppendKey), opaque here. The package imports storage/binlog
// alone. Start reading at delta.go, then stats.go, run.go.
package deltalog
