package wal

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

func TestDescribe(t *testing.T) {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	b.AppendValues([]int32{1, 2, 3}, nil)
	column := b.NewArray()
	target := Target{Table: 20000, TableStorage: 7, Partition: 8, Shard: 0, SchemaVersion: 2}
	payload, err := AppendInsert(nil, &Insert{Target: target, FirstRowID: 40, Fields: []int32{100}, Columns: []arrow.Array{column}}, 0, 3)
	must(t, err)
	payload = AppendDelete(payload, &Delete{Target: target, Rows: []Deleted{{RowID: 12, Successor: 40, Key: []byte("k")}}})
	payload = AppendUndo(payload, Undo{FirstRowID: 41, Deletes: 1})
	payload = AppendLoad(payload, &Load{Target: target, Manifest: "files/m", FirstRowID: 50, LastID: 60})
	whole := Record{Kind: KindCommit, Stream: 1, Epoch: 2, Txn: 3, Timestamp: 4}
	record := append(whole.AppendHeader(nil), payload...)
	for name, c := range map[string]struct {
		record []byte
		want   string
	}{
		"commit": {record, "commit of transaction 3, epoch 2, timestamp 4, after 0 chunks" +
			"; insert 3 rows from 40 into table 20000 (storage 7, partition 8, shard 0, schema version 2)" +
			"; delete 1 rows from table 20000 (storage 7, partition 8, shard 0, schema version 2); undo inserts from 41 and deletes from 1" +
			"; load files/m, row ids from 50, into table 20000 (storage 7, partition 8, shard 0, schema version 2)"},
		"chunk": {append((&Record{Kind: KindChunk, Txn: 3, Sequence: 5}).AppendHeader(nil), 1, 2), "chunk of transaction 3, epoch 0, number 5, 2 bytes of changes"},
		"abort": {(&Record{Kind: KindAbort, Txn: 3}).AppendHeader(nil), "abort of transaction 3, epoch 0, after 0 chunks, 0 bytes of changes"},
	} {
		if got, err := Describe(c.record); got != c.want || err != nil {
			t.Errorf("%s is %q, %v; want %q", name, got, err, c.want)
		}
	}
	for n := range record {
		if n == HeaderBytes {
			continue // a commit of nothing
		}
		if text, err := Describe(record[:n]); err == nil && n < HeaderBytes+4 {
			t.Errorf("the first %d bytes are %q", n, text)
		}
	}
}
