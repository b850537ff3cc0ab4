package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"

	"quiver/catalog"
	"quiver/storage/binlog"
	"quiver/storage/wal"
)

// Version is the manifest version that is written.
const Version = 1

// header is the first line of a manifest: version, CRC-32C and length of the
// JSON document after it.
const header = "quiver-manifest %d crc32c=%08x length=%d\n"

// Magic begins a manifest.
const Magic = "quiver-manifest "

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Manifest lists what a segment is made of.
type Manifest struct {
	Table     catalog.StorageID `json:"table"`
	Partition catalog.StorageID `json:"partition"`
	Segment   catalog.SegmentID `json:"segment"`
	Shard     int               `json:"shard"`
	// SchemaVersion is the table's that the insert logs were written under.
	SchemaVersion uint32 `json:"schema_version"`
	Rows          int64  `json:"rows"`
	// GroupRows is how many rows, a power of two, are read together: no event
	// of a fixed-width column ends within a group.
	GroupRows int `json:"group_rows,omitempty"`
	// MinTimestamp and MaxTimestamp bound the commit timestamps of the rows; 0
	// for a segment of deletes alone. Where they are equal the rows have no other,
	// whatever the files say: those of a bulk load are written before its commit.
	MinTimestamp uint64 `json:"min_timestamp"`
	MaxTimestamp uint64 `json:"max_timestamp"`
	// DeltaPosition says that all deletes of the segment's rows below it are in
	// the delta logs; those at or after it are in the write-ahead log.
	DeltaPosition wal.Position `json:"delta_position"`
	// Files by kind and field.
	Files []File `json:"files"`
	// Columns bound the fields, so that segments are pruned before a file of
	// theirs is opened.
	Columns []Column `json:"columns,omitempty"`

	size int64 // see Size
}

// File is one object of a segment.
type File struct {
	// Kind is one of KindInsert, KindDelta, KindStats, KindIndex.
	Kind string `json:"kind"`
	Key  string `json:"key"`
	// Fields are the columns in it: several of an insert log of narrow ones.
	Fields []catalog.FieldID `json:"fields,omitempty"`
	// Index is the storage id of the vector index that the file is Part of; 0
	// for other files.
	Index catalog.StorageID `json:"index,omitempty"`
	Part  string            `json:"part,omitempty"`
	Rows  int64             `json:"rows"`
	Bytes int64             `json:"bytes"`
	// RawBytes is before compression.
	RawBytes int64 `json:"raw_bytes"`
	// CRC is the CRC-32C of the whole object.
	CRC          uint32 `json:"crc32c"`
	MinTimestamp uint64 `json:"min_timestamp,omitempty"`
	MaxTimestamp uint64 `json:"max_timestamp,omitempty"`
}

// Column sums up a field over the segment. Min and Max are compact columns of
// one row (binlog.DecodeBound), absent if unknown. Asked is the codec that was asked
// for, "" if that is not known; Codec is "" for none, and RawBytes and StoredBytes are
// before and after it; manifests of before they were kept have none of these.
type Column struct {
	Field       catalog.FieldID `json:"field"`
	Min         []byte          `json:"min,omitempty"`
	Max         []byte          `json:"max,omitempty"`
	Nulls       int64           `json:"nulls"`
	Asked       string          `json:"asked,omitempty"`
	Codec       string          `json:"codec,omitempty"`
	RawBytes    int64           `json:"raw_bytes,omitempty"`
	StoredBytes int64           `json:"stored_bytes,omitempty"`
}

// Name returns the segment's name in keys.
func (m *Manifest) Name() Segment {
	return Segment{Table: m.Table, Partition: m.Partition, ID: m.Segment}
}

// Add lists a finished file, and its columns' bounds if it is an insert log.
func (m *Manifest) Add(kind, key string, s *binlog.Summary) {
	f := File{
		Kind: kind, Key: key, Rows: s.Rows, Bytes: s.Bytes, RawBytes: s.RawBytes, CRC: s.CRC,
		MinTimestamp: s.MinTimestamp, MaxTimestamp: s.MaxTimestamp,
	}
	if kind == KindInsert {
		for _, c := range s.Fields {
			f.Fields = append(f.Fields, catalog.FieldID(c.ID))
			column := Column{Field: catalog.FieldID(c.ID), Min: c.Min, Max: c.Max, Nulls: c.Nulls, Asked: c.Asked.String(), RawBytes: c.RawBytes, StoredBytes: c.StoredBytes}
			if c.Codec != binlog.None {
				column.Codec = c.Codec.String()
			}
			m.Columns = append(m.Columns, column)
		}
	}
	m.Files = append(m.Files, f)
}

// File returns the insert log that holds a field, or nil.
func (m *Manifest) File(field catalog.FieldID) *File {
	for i := range m.Files {
		if m.Files[i].Kind != KindInsert {
			continue
		}
		for _, f := range m.Files[i].Fields {
			if f == field {
				return &m.Files[i]
			}
		}
	}
	return nil
}

// Parts returns the files of a vector index; none if it was not built.
func (m *Manifest) Parts(index catalog.StorageID) (parts []File) {
	for i := range m.Files {
		if m.Files[i].Index == index && index != 0 {
			parts = append(parts, m.Files[i])
		}
	}
	return parts
}

// HasParts says whether Parts has any.
func (m *Manifest) HasParts(index catalog.StorageID) bool {
	return index != 0 && slices.ContainsFunc(m.Files, func(f File) bool { return f.Index == index })
}

// Indexes returns the storage ids of the vector indexes built, each once.
func (m *Manifest) Indexes() (indexes []catalog.StorageID) {
	for i := range m.Files {
		if x := m.Files[i].Index; x != 0 && !slices.Contains(indexes, x) {
			indexes = append(indexes, x)
		}
	}
	return indexes
}

// With returns a copy of the manifest that has no files of the indexes in
// without, and the files of parts.
func (m *Manifest) With(parts []File, without ...catalog.StorageID) *Manifest {
	c := *m
	c.Files = slices.DeleteFunc(slices.Clone(m.Files), func(f File) bool { return f.Index != 0 && slices.Contains(without, f.Index) })
	c.Files = append(c.Files, parts...)
	return &c
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() int64 {
	total := int64(0)
	for i := range m.Files {
		total += m.Files[i].Bytes
	}
	return total
}

// Size is how large the object is that the manifest was decoded from or, last, encoded
// to.
func (m *Manifest) Size() int64 { return m.size }

// Encode returns the manifest object.
func (m *Manifest) Encode() ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out := append(fmt.Appendf(nil, header, Version, crc32.Checksum(body, castagnoli), len(body)), body...)
	m.size = int64(len(out))
	return out, nil
}

// Decode reads a manifest object; name is for errors. What is not exactly what
// Encode wrote is a *binlog.CorruptionError.
func Decode(name string, object []byte) (*Manifest, error) {
	corrupt := func(offset int, reason string) error {
		return &binlog.CorruptionError{Object: name, Offset: int64(offset), Reason: reason}
	}
	end := bytes.IndexByte(object, '\n') + 1
	body := object[end:]
	var version, length int
	var crc uint32
	if _, err := fmt.Sscanf(string(object[:end]), header, &version, &crc, &length); err != nil {
		return nil, corrupt(0, "no manifest begins here")
	}
	if version != Version {
		return nil, corrupt(0, fmt.Sprintf("version %d is not known", version))
	}
	// Compared as bytes: Sscanf is lenient about spaces and case.
	if want := fmt.Sprintf(header, version, crc32.Checksum(body, castagnoli), len(body)); want != string(object[:end]) {
		return nil, corrupt(end, "manifest does not match its checksum")
	}
	m := &Manifest{size: int64(len(object))}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, corrupt(end, err.Error())
	}
	return m, nil
}
