package manifest

import (
	"errors"
	"reflect"
	"testing"

	"quiver/storage/binlog"
	"quiver/storage/wal"
)

func TestKeys(t *testing.T) {
	s := Segment{Table: 7, Partition: 8, ID: 9}
	for _, test := range []struct {
		key, want string
		parsed    Key
	}{
		{s.InsertLog(100, 3), "files/insert_log/7/8/9/100/3", Key{Kind: KindInsert, Segment: s, Field: 100, Log: 3}},
		{s.DeltaLog(4), "files/delta_log/7/8/9/4", Key{Kind: KindDelta, Segment: s, Log: 4}},
		{s.StatsLog(100, 5), "files/stats_log/7/8/9/100/5", Key{Kind: KindStats, Segment: s, Field: 100, Log: 5}},
		{s.Index(100, 6, ""), "files/index/7/8/9/100/6", Key{Kind: KindIndex, Segment: s, Field: 100, Log: 6}},
		{s.Index(0, 6, "rows"), "files/index/7/8/9/0/6/rows", Key{Kind: KindIndex, Segment: s, Log: 6, Part: "rows"}},
		{s.Manifest(2), "files/manifest/7/8/9/2", Key{Kind: KindManifest, Segment: s, Log: 2}},
	} {
		if test.key != test.want {
			t.Errorf("key %s, want %s", test.key, test.want)
		}
		if k, ok := ParseKey(test.key); !ok || k != test.parsed {
			t.Errorf("%s parses as %+v, %v", test.key, k, ok)
		}
	}
	for _, bad := range []string{
		"", "files", "files/insert_log/7/8/9/100", "files/insert_log/7/8/9/100/3/x", "files/insert_log/7/8/9/100/03",
		"files/delta_log/7/8/9/4/5", "files/other/7/8/9/4", "meta/delta_log/7/8/9/4", "files/delta_log/7/8/-9/4",
		"files/index/7/8/9/0/6/a/b", "files/index/7/8/9/0/6/", "files/insert_log/7/8/9/4294967396/3",
	} {
		if k, ok := ParseKey(bad); ok {
			t.Errorf("%q parses as %+v", bad, k)
		}
	}
}

func sample() *Manifest {
	m := &Manifest{
		Table: 1, Partition: 2, Segment: 3, Shard: 1, SchemaVersion: 4, Rows: 5, MinTimestamp: 6, MaxTimestamp: 7,
		DeltaPosition: wal.Position{Stream: 1, Offset: 0x8000},
	}
	m.Add(KindInsert, m.Name().InsertLog(100, 1), &binlog.Summary{
		Rows: 5, Bytes: 1000, CRC: 0xdeadbeef, RawBytes: 2000, MinTimestamp: 6, MaxTimestamp: 7,
		Fields: []binlog.FieldSummary{{ID: 100, Min: []byte{1, 0, 1}, Max: []byte{1, 0, 9}}, {ID: 101, Nulls: 5}},
	})
	m.Add(KindDelta, m.Name().DeltaLog(2), &binlog.Summary{Rows: 1, Bytes: 10})
	return m
}

func TestManifestRoundTrip(t *testing.T) {
	m := sample()
	object, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("m", object)
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("read %+v, %v; wrote %+v", got, err, m)
	}
	if m.Bytes() != 1010 || m.File(101) != &m.Files[0] || m.File(102) != nil {
		t.Errorf("bytes %d, files %v %v", m.Bytes(), m.File(101), m.File(102))
	}
}

// TestManifestFlippedBits: every flipped bit and every missing end is caught.
func TestManifestFlippedBits(t *testing.T) {
	object, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range object {
		for bit := range 8 {
			object[i] ^= 1 << bit
			if _, err := Decode("m", object); !errors.As(err, new(*binlog.CorruptionError)) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			object[i] ^= 1 << bit
		}
		if _, err := Decode("m", object[:i]); err == nil {
			t.Fatalf("the first %d bytes decode", i)
		}
	}
}

func FuzzDecode(f *testing.F) {
	object, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(object)
	f.Add([]byte("quiver-manifest 1 crc32c=00000000 length=0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode("m", b)
		if err == nil && m == nil {
			t.Fatal("neither manifest nor error")
		}
	})
}
