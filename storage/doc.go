// Package storage keeps tables as sets of segments: transactions, snapshots,
// the commit pipeline, recovery, and (in its subpackages) the formats and the
// background work.
//
//	vfs/ objstore/        files and objects: real, in memory, faulty
//	wal/ binlog/ deltalog/  formats: encoder, decoder, dump
//	growing/ segment/     rows in memory; flushed segments
//	lock/                 table, row and key locks; deadlock search
//	jobs/                 seal, flush, collect
//	cache/                mapped local files under a byte budget
//	backup/ check/        backups in a place of their own; what is wrong with objects
//
// # Who may call what
//
// executor calls Engine, Txn and Snapshot (api.go); server opens the Engine. A
// Txn belongs to one session goroutine; a Snapshot may be read by many
// goroutines at once. Filters reach storage through the interface Filter.
//
// # Which orders hold
//
// See the comment on commitPipeline: WAL order = commit timestamp order; apply
// in that order; the visible watermark moves last.
//
// Start with testdata, which shows what each step leaves in memory, log and
// objects; then api.go, txn.go, commit.go, recovery.go.
package storage
