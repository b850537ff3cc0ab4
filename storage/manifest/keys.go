package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"quiver/catalog"
)

// Segment names a segment in object keys. Log numbers below it are never
// reused.
type Segment struct {
	Table, Partition catalog.StorageID
	ID               catalog.SegmentID
}

// The kinds of objects under files/.
const (
	KindInsert   = "insert_log"
	KindDelta    = "delta_log"
	KindStats    = "stats_log"
	KindIndex    = "index"
	KindManifest = "manifest"
)

// Prefix is the beginning of every key of a kind of the segment.
func (s Segment) Prefix(kind string) string {
	return fmt.Sprintf("files/%s/%d/%d/%d/", kind, s.Table, s.Partition, s.ID)
}

// InsertLog is the key of a column file; field is the lowest in it.
func (s Segment) InsertLog(field catalog.FieldID, log uint64) string {
	return fmt.Sprintf("%s%d/%d", s.Prefix(KindInsert), field, log)
}

// DeltaLog is the key of a file of deletes.
func (s Segment) DeltaLog(log uint64) string {
	return fmt.Sprintf("%s%d", s.Prefix(KindDelta), log)
}

// StatsLog is the key of a bloom filter and bounds of a field: the first one of
// the primary key.
func (s Segment) StatsLog(field catalog.FieldID, log uint64) string {
	return fmt.Sprintf("%s%d/%d", s.Prefix(KindStats), field, log)
}

// Index is the key of an index, or of one part of it. Key runs and row id runs
// are indexes: of the key's first field, and of the hidden row id field.
func (s Segment) Index(field catalog.FieldID, index uint64, part string) string {
	key := fmt.Sprintf("%s%d/%d", s.Prefix(KindIndex), field, index)
	if part != "" {
		key += "/" + part
	}
	return key
}

// IndexPart is the key of a part of a vector index: the number makes it unlike
// that of any other attempt to build the part.
func (s Segment) IndexPart(field catalog.FieldID, index catalog.StorageID, part string, log uint64) string {
	return s.Index(field, uint64(index), fmt.Sprintf("%s-%d", part, log))
}

// PartLog is the number in the key of a part of a vector index.
func (k *Key) PartLog() (log uint64, ok bool) {
	i := strings.LastIndexByte(k.Part, '-')
	if i < 0 {
		return 0, false
	}
	log, err := strconv.ParseUint(k.Part[i+1:], 10, 64)
	return log, err == nil
}

// Manifest is the key of a manifest.
func (s Segment) Manifest(log uint64) string {
	return fmt.Sprintf("%s%d", s.Prefix(KindManifest), log)
}

// Key is an object key taken apart.
type Key struct {
	Kind string
	Segment
	// Field is 0 where the kind has none.
	Field catalog.FieldID
	Log   uint64
	// Part is of an index.
	Part string
}

// ParseKey takes a key apart; ok is false for keys that none of the builders
// makes.
func ParseKey(key string) (k Key, ok bool) {
	parts := strings.Split(key, "/")
	if len(parts) < 6 || parts[0] != "files" {
		return Key{}, false
	}
	numbers := parts[2:]
	if parts[1] == KindIndex && len(parts) == 8 {
		numbers, k.Part = parts[2:7], parts[7]
	}
	n := make([]uint64, len(numbers))
	for i, p := range numbers {
		v, err := strconv.ParseUint(p, 10, 64)
		if err != nil || strconv.FormatUint(v, 10) != p {
			return Key{}, false
		}
		n[i] = v
	}
	k.Kind = parts[1]
	k.Segment = Segment{Table: catalog.StorageID(n[0]), Partition: catalog.StorageID(n[1]), ID: catalog.SegmentID(n[2])}
	k.Log = n[len(n)-1]
	switch k.Kind {
	case KindInsert, KindStats, KindIndex:
		if len(n) != 5 || n[3] > 1<<31-1 {
			return Key{}, false
		}
		k.Field = catalog.FieldID(n[3])
		return k, k.Part != "" || len(parts) == 7
	case KindDelta, KindManifest:
		return k, len(n) == 4
	}
	return Key{}, false
}
