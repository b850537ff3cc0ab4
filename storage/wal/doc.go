// Package wal is the write-ahead log: the interface Log, its implementation
// over local files, and the records that transactions write to it.
//
// docs/formats/wal.md specifies the bytes. The contract of Log is free of
// files, so that object storage, Kafka or Pulsar can stand behind it later.
//
// # Order
//
// Append gives positions in the order of calls; futures complete in that
// order. Concurrent appends share one sync (group commit). A failed write or
// sync fences the log: every later Append and every unfinished future fails
// with ErrFenced until the process restarts, because after a failed fsync the
// page cache no longer tells what is on disk.
//
// Start reading at log.go (the contract), then record.go (what transactions
// say), then filelog.go.
package wal
