// Package binlog is the file format of a segment's columns: Arrow buffers of
// one field for one row group, an event each, behind an index with statistics
// and checksums. docs/formats/binlog.md specifies the bytes.
//
//	| head: magic, descriptor, CRC, padding to 64     |
//	| event: header, layout, buffers, padding to 64   |
//	| event ...                                       |
//	| footer: descriptor again, event index, CRC      |
//	| trailer: footer length, file length, CRC, magic |
//
// One ranged read of the tail finds what a scan needs; each event is then one
// ranged read, or is used in place when the file is mapped.
//
// # Invariants
//
//   - Every byte of the file is under a CRC-32C. The footer's is checked when
//     the file is opened, an event's at its first touch.
//   - All events of a fixed-width field but the last hold the same power-of-two
//     number of rows and at most EventBytesMax bytes, so that a position is
//     found by shift and mask. Other fields are searched by first row.
//   - Every buffer of an uncompressed event lies at a multiple of 64 bytes.
//   - What does not decode is a *CorruptionError, never a panic.
//
// The package knows plain integers and Arrow and imports nothing of Quiver.
// delta logs, stats logs and key runs (package deltalog) are binlog files too.
//
// column.go holds a second, compact form of one column without padding, for
// WAL records. Start reading at descriptor.go, then writer.go, reader.go.
package binlog
