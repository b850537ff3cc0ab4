package wal

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range []Record{
		{Kind: KindChunk, Stream: 1, Epoch: 2, Txn: 3, Sequence: 4, Payload: []byte("payload")},
		{Kind: KindPrepare, Epoch: 1<<64 - 1, Txn: 1<<64 - 1, Sequence: 1<<32 - 1, Payload: []byte{}},
		{Kind: KindCommit, Epoch: 1, Txn: 9, Timestamp: 77, Payload: []byte{0}},
		{Kind: KindAbort, Epoch: 1, Txn: 9, Payload: []byte{}},
	} {
		b := append(r.AppendHeader(nil), r.Payload...)
		if len(b) != HeaderBytes+len(r.Payload) {
			t.Errorf("%v: header of %d bytes", r.Kind, len(b)-len(r.Payload))
		}
		got, err := DecodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("read %+v, %v; wrote %+v", got, err, r)
		}
		SetTimestamp(b, 123)
		if got, err = DecodeRecord(b); err != nil || got.Timestamp != 123 {
			t.Errorf("timestamp %d, %v", got.Timestamp, err)
		}
	}
	old := Record{Kind: KindCommit}
	b := old.AppendHeader(nil)
	for version := range byte(4) {
		b[1] = version
		if _, err := DecodeRecord(b); (err == nil) != (version == 1 || version == 2) {
			t.Errorf("version %d: %v", version, err)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, HeaderBytes-1), make([]byte, HeaderBytes), bytes.Repeat([]byte{9}, HeaderBytes)} {
		if _, err := DecodeRecord(bad); err == nil {
			t.Errorf("%x decodes", bad)
		}
	}
}

func sampleInsert(mem memory.Allocator) *Insert {
	ids, names := array.NewInt64Builder(mem), array.NewStringBuilder(mem)
	defer ids.Release()
	defer names.Release()
	for i := range int64(5) {
		ids.Append(i)
		if i == 2 {
			names.AppendNull()
		} else {
			names.Append("name")
		}
	}
	return &Insert{
		Target:     Target{Table: 20000, TableStorage: 7, Partition: 8, Shard: 3, SchemaVersion: 2},
		FirstRowID: 1 << 60, Fields: []int32{100, 101}, Key: []KeyColumn{{Field: 0, Type: 20}},
		Columns: []arrow.Array{ids.NewArray(), names.NewArray()},
	}
}

// TestChangesSurviveCuts: the stream of changes cut anywhere gives the same
// changes.
func TestChangesSurviveCuts(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	in := sampleInsert(mem)
	defer func() {
		for _, c := range in.Columns {
			c.Release()
		}
	}()
	del := &Delete{Target: in.Target, Rows: []Deleted{{RowID: 5, Successor: 9, Key: []byte("k")}, {RowID: 6, Key: []byte{}}}}
	undo := Undo{FirstRowID: 4, Deletes: 1}
	stream, err := AppendInsert(nil, in, 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	load := &Load{Target: in.Target, Manifest: "files/insert_log/7/8/9/manifest", FirstRowID: 1 << 59, LastID: 1 << 61}
	stream = AppendLoad(AppendUndo(AppendDelete(stream, del), undo), load)
	for cut := range len(stream) {
		var got []any
		var buf []byte
		for _, part := range [][]byte{stream[:cut], stream[cut:]} {
			buf = append(buf, part...)
			for {
				change, rest := NextChange(buf)
				if change == nil {
					break
				}
				c, err := DecodeChange(change, mem)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, c)
				buf = rest
			}
		}
		if len(got) != 4 || len(buf) != 0 {
			t.Fatalf("cut at %d: %d changes, %d bytes left", cut, len(got), len(buf))
		}
		insert := got[0].(*Insert)
		if insert.Target != in.Target || insert.FirstRowID != in.FirstRowID || insert.Rows() != 3 ||
			!reflect.DeepEqual(insert.Fields, in.Fields) || !reflect.DeepEqual(insert.Key, in.Key) {
			t.Fatalf("insert %+v", insert)
		}
		for i, c := range insert.Columns {
			want := array.NewSlice(in.Columns[i], 1, 4)
			if !array.Equal(c, want) {
				t.Fatalf("column %d is %v, want %v", i, c, want)
			}
			want.Release()
			c.Release()
		}
		if !reflect.DeepEqual(got[1], del) || !reflect.DeepEqual(got[2], &undo) || !reflect.DeepEqual(got[3], load) {
			t.Fatalf("%+v, %+v, %+v", got[1], got[2], got[3])
		}
	}
}

func FuzzDecodeChange(f *testing.F) {
	in := sampleInsert(memory.DefaultAllocator)
	stream, err := AppendInsert(nil, in, 0, 5)
	if err != nil {
		f.Fatal(err)
	}
	stream = AppendDelete(stream, &Delete{Target: in.Target, Rows: []Deleted{{RowID: 1, Successor: 2, Key: []byte("k")}}})
	stream = AppendUndo(stream, Undo{FirstRowID: 1, Deletes: 2})
	stream = AppendLoad(stream, &Load{Target: in.Target, Manifest: "m", FirstRowID: 1, LastID: 2})
	for rest := stream; ; {
		change, after := NextChange(rest)
		if change == nil {
			break
		}
		f.Add(change)
		rest = after
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		c, err := DecodeChange(b, mem)
		if err != nil {
			return
		}
		if in, ok := c.(*Insert); ok {
			if again, err := AppendInsert(nil, in, 0, in.Rows()); err == nil && len(in.Columns) > 0 && len(again) == 0 {
				t.Error("an insert encodes to nothing")
			}
			for _, a := range in.Columns {
				a.Release()
			}
		}
	})
}

func FuzzDecodeRecord(f *testing.F) {
	r := Record{Kind: KindCommit, Epoch: 1, Txn: 2, Timestamp: 3, Sequence: 4, Payload: []byte("p")}
	f.Add(append(r.AppendHeader(nil), r.Payload...))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRecord(b)
		if err != nil {
			return
		}
		again, err := DecodeRecord(append(r.AppendHeader(nil), r.Payload...))
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v becomes %+v, %v", r, again, err)
		}
	})
}
