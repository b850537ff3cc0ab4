package wal

import (
	"fmt"
	"testing"
)

// TestLoadReader: the loads of committed transactions count, those taken back do
// not, however the log cuts the changes.
func TestLoadReader(t *testing.T) {
	stream := func(names ...string) (b []byte) {
		for i, name := range names {
			if name == "undo" {
				b = AppendUndo(b, Undo{FirstRowID: uint64(i)})
				continue
			}
			b = AppendLoad(b, &Load{Manifest: name, FirstRowID: uint64(i + 1)})
		}
		return b
	}
	record := func(kind Kind, txn uint64, payload []byte) []byte {
		return append((&Record{Kind: kind, Txn: txn}).AppendHeader(nil), payload...)
	}
	cut := stream("e", "f")
	var r LoadReader
	for i, b := range [][]byte{
		record(KindChunk, 1, stream("a", "b", "undo")), // takes back b
		record(KindChunk, 2, stream("c")),
		record(KindAbort, 2, nil),
		record(KindChunk, 3, cut[:9]),
		record(KindCommit, 1, stream("d")),
		record(KindChunk, 3, cut[9:20]),
		record(KindCommit, 3, cut[20:]),
		record(KindChunk, 4, stream("g")),
		record(KindChunk, 5, stream("h")),
		record(KindPrepare, 5, nil),
		{1, 2, 3},
	} {
		r.Record(Position{Offset: uint64(i)}, b)
	}
	got := ""
	for _, l := range r.Committed() {
		got += fmt.Sprintf("%s@%d ", l.Manifest, l.Commit.Offset)
	}
	if got != "a@4 d@4 e@6 f@6 h@9 " {
		t.Errorf("the loads are %s", got)
	}
}
