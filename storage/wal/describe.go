package wal

import (
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Describe says in a line what a record is, with the changes it holds where it
// holds them whole, for Dump.
func Describe(record []byte) (string, error) {
	r, err := DecodeRecord(record)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v of transaction %d, epoch %d", r.Kind, r.Txn, r.Epoch)
	switch r.Kind {
	case KindCommit:
		fmt.Fprintf(&b, ", timestamp %d, after %d chunks", r.Timestamp, r.Sequence)
	case KindChunk:
		fmt.Fprintf(&b, ", number %d", r.Sequence)
	default:
		fmt.Fprintf(&b, ", after %d chunks", r.Sequence)
	}
	if r.Kind != KindCommit || r.Sequence > 0 { // changes may begin in another record
		fmt.Fprintf(&b, ", %d bytes of changes", len(r.Payload))
		return b.String(), nil
	}
	for rest := r.Payload; len(rest) > 0; {
		var change []byte
		if change, rest = NextChange(rest); change == nil {
			return "", fmt.Errorf("%w: ends early", errChange)
		}
		text, err := describeChange(change)
		if err != nil {
			return "", err
		}
		b.WriteString("; " + text)
	}
	return b.String(), nil
}

func describeChange(change []byte) (string, error) {
	c, err := DecodeChange(change, memory.DefaultAllocator)
	if err != nil {
		return "", err
	}
	switch c := c.(type) {
	case *Insert:
		for _, a := range c.Columns {
			a.Release()
		}
		return fmt.Sprintf("insert %d rows from %d into %v", c.Rows(), c.FirstRowID, &c.Target), nil
	case *Delete:
		return fmt.Sprintf("delete %d rows from %v", len(c.Rows), &c.Target), nil
	case *Load:
		return fmt.Sprintf("load %s, row ids from %d, into %v", c.Manifest, c.FirstRowID, &c.Target), nil
	case *Undo:
		return fmt.Sprintf("undo inserts from %d and deletes from %d", c.FirstRowID, c.Deletes), nil
	}
	return fmt.Sprintf("%T", c), nil
}

func (t *Target) String() string {
	return fmt.Sprintf("table %d (storage %d, partition %d, shard %d, schema version %d)",
		t.Table, t.TableStorage, t.Partition, t.Shard, t.SchemaVersion)
}
