package catalog

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"quiver/sql/types"
)

func TestDescriptorsRoundTrip(t *testing.T) {
	missing := "1"
	ttl, retention, mmap := time.Duration(0), time.Minute, false
	head := Object{OID: 7, Version: 3, State: StatePublic, Name: "ä\"x", Comment: "c"}
	for _, d := range []Descriptor{
		&Database{Object: head, Settings: []string{"a=1"}, IsTemplate: true, RefuseConnections: true, ConnectionLimit: 3}, &Schema{Object: head, Database: 5},
		&Table{
			Object: head, Schema: 1, Database: 2, Storage: 3, NextField: 101, SchemaVersion: 4, PrimaryKey: 9, Shards: 2,
			Columns: []Column{{
				Number: 1, Field: 100, Name: "a", Type: types.T{OID: types.VarcharOID, Mod: 9}, State: StatePublic, NotNull: true,
				Default: "1", Missing: &missing, Identity: 'a', Sequence: 8, Comment: "d",
			}},
			Constraints: []Constraint{{OID: 5, Name: "k", Kind: ConstraintCheck, Columns: []int16{1}, Expr: "a > 0"}},
			Options:     StorageOptions{Parameters: []string{"ttl=0"}, TTL: &ttl, Retention: &retention, SegmentBytesMax: 5, Mmap: &mmap, Compression: "lz4"},
		},
		&Partition{Object: head, Table: 1, Storage: 2, Default: true},
		&Index{Object: head, Table: 1, Method: "btree", Unique: true, Columns: []IndexColumn{{Number: 1, Desc: true, NullsFirst: true}}},
		&Sequence{Object: head, Start: 1, Increment: -1, Min: -9, Max: 9, Cache: 1, Cycle: true, OwnerTable: 3, OwnerColumn: 1, Generation: 2, First: 4},
		&Alias{Object: head, Schema: 1, Database: 2, Table: 3},
	} {
		value, err := encodeDescriptor(d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeDescriptor("k", value)
		if err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%+v became %+v, %v", d, got, err)
		}
	}
}

func FuzzDecodeDescriptor(f *testing.F) {
	for _, d := range firstDescriptors() {
		value, err := encodeDescriptor(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Add([]byte{})
	f.Add([]byte("x"))
	f.Add([]byte(`t{"columns":[{"number":99999}]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := decodeDescriptor("k", value)
		var corrupt *CorruptionError
		if err != nil && !errors.As(err, &corrupt) {
			t.Errorf("%v is no CorruptionError", err)
		}
		if err == nil && d != nil {
			if _, err := encodeDescriptor(d); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzIdentify(f *testing.F) {
	f.Add("", "")
	f.Add("3f0b8a52-9a54-4c6e-9a35-0f6a2d0f6a11 new\n", "3f0b8a52-9a54-4c6e-9a35-0f6a2d0f6a11")
	f.Fuzz(func(t *testing.T, directory, bucket string) {
		id, err := Identify(directory, bucket)
		if err != nil {
			return
		}
		if again, err := Identify(id.Mark(), ""); id.New && (err != nil || again != id) {
			t.Errorf("%+v became %+v, %v", id, again, err)
		}
	})
}

func FuzzNumbers(f *testing.F) {
	f.Add("stage/00000000000000000001/0000000002")
	f.Fuzz(func(t *testing.T, key string) {
		if n, err := numbers(key, "stage/", 2); err == nil && len(n) != 2 {
			t.Errorf("%q: %v", key, n)
		}
	})
}
