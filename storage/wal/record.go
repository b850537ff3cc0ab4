package wal

import (
	"encoding/binary"
	"fmt"
)

// Kind says what a record is.
type Kind byte

// The kinds; never renumbered.
const (
	// KindChunk carries a part of a large transaction's changes; it counts
	// only if a Commit of the transaction follows.
	KindChunk Kind = 1
	// KindPrepare says that a transaction with DDL is staged in the catalog
	// and all its chunks precede; the catalog decides.
	KindPrepare Kind = 2
	// KindCommit makes the transaction's chunks and its own payload committed
	// at a timestamp.
	KindCommit Kind = 3
	// KindAbort lets a reader forget a transaction's chunks early. Without it
	// they are forgotten at the end.
	KindAbort Kind = 4
)

func (k Kind) String() string {
	switch k {
	case KindChunk:
		return "chunk"
	case KindPrepare:
		return "prepare"
	case KindCommit:
		return "commit"
	case KindAbort:
		return "abort"
	}
	return fmt.Sprintf("kind(%d)", byte(k))
}

// Record is one record of the log. Its changes are a byte stream (change.go)
// that may be cut anywhere into the chunks of a transaction and its commit.
type Record struct {
	Kind   Kind
	Stream uint32
	// Epoch is the owner's that wrote it.
	Epoch uint64
	Txn   uint64
	// Timestamp is the commit timestamp (KindCommit).
	Timestamp uint64
	// Sequence numbers a transaction's chunks from 0; in the other kinds it is
	// how many chunks precede.
	Sequence uint32
	Payload  []byte
}

// HeaderBytes is the length of a record without its payload.
const HeaderBytes = 40

// PayloadBytesMax bounds a record's payload.
const PayloadBytesMax = RecordBytesMax - HeaderBytes

// recordVersion is that of records; since 2, numeric(p,s) is decimal128 where that
// holds it, as in binlogs. Records of version 1 are read too: an insert names its
// columns' types.
const recordVersion = 2

// AppendHeader appends all of r but the payload, which follows it.
func (r *Record) AppendHeader(dst []byte) []byte {
	dst = append(dst, byte(r.Kind), recordVersion, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, r.Stream)
	dst = binary.LittleEndian.AppendUint64(dst, r.Epoch)
	dst = binary.LittleEndian.AppendUint64(dst, r.Txn)
	dst = binary.LittleEndian.AppendUint64(dst, r.Timestamp)
	dst = binary.LittleEndian.AppendUint32(dst, r.Sequence)
	return append(dst, 0, 0, 0, 0)
}

// SetTimestamp writes the timestamp into an encoded record, so that encoding
// need not wait for the commit lock.
func SetTimestamp(record []byte, at uint64) {
	binary.LittleEndian.PutUint64(record[24:], at)
}

// DecodeRecord reads a record; the payload is a view of b. The log's checksum
// already held, so an error means a version that is not known, or a bug.
func DecodeRecord(b []byte) (Record, error) {
	if len(b) < HeaderBytes {
		return Record{}, fmt.Errorf("wal: record of %d bytes", len(b))
	}
	if b[1] < 1 || b[1] > recordVersion {
		return Record{}, fmt.Errorf("wal: record version %d is not known", b[1])
	}
	r := Record{
		Kind:      Kind(b[0]),
		Stream:    binary.LittleEndian.Uint32(b[4:]),
		Epoch:     binary.LittleEndian.Uint64(b[8:]),
		Txn:       binary.LittleEndian.Uint64(b[16:]),
		Timestamp: binary.LittleEndian.Uint64(b[24:]),
		Sequence:  binary.LittleEndian.Uint32(b[32:]),
		Payload:   b[HeaderBytes:],
	}
	if r.Kind < KindChunk || r.Kind > KindAbort {
		return Record{}, fmt.Errorf("wal: record of %v", r.Kind)
	}
	return r, nil
}
