// Package growing keeps rows in memory as Arrow column chunks: the growing
// segment that each shard appends to, and the private segments that hold a
// transaction's own rows until it commits.
//
// # Layout
//
// A segment is a list of chunks of 64, 64, 128 … rows up to the schema's
// maximum (4,096, fewer for very wide vectors), so position → (chunk, row) is
// a few bit operations. A chunk has one vector per column, the row ids, the
// commit timestamps (shared segments only: a transaction's rows have one), and
// the encoded primary keys. Buffers above 64 KB lie off the heap.
//
//	positions 0..63 | 64..127 | 128..255 | … | 4096 each
//
// # Who may call what
//
// One appender at a time. Rows are published by one atomic count, stored last;
// readers wrap the prefix of each chunk as Arrow arrays without copying, at any
// time and from any goroutine. Validity is a byte a row while a chunk fills,
// since shared bitmap bytes would race, and a bitmap once it is full. A buffer
// that grows (texts) is replaced under the segment's mutex; arrays that readers
// hold keep the old one alive.
//
// A segment is freed at its last Release; Arrow arrays handed out stay valid
// until they are released themselves.
//
// Start reading at segment.go, then vec.go.
package growing
