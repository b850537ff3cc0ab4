package manifest

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"quiver/storage/binlog"
)

// Dump prints a manifest for quiver inspect. If read is not nil it fetches each
// file whole, and length and checksum are compared. Damage is printed and
// returned joined.
func Dump(w io.Writer, name string, object []byte, read func(key string) ([]byte, error)) error {
	m, err := Decode(name, object)
	if err != nil {
		fmt.Fprintf(w, "manifest %s: %d bytes\nCORRUPT: %v\n", name, len(object), err)
		return err
	}
	fmt.Fprintf(w, "manifest %s: table %d, partition %d, segment %d, shard %d, schema version %d\n",
		name, m.Table, m.Partition, m.Segment, m.Shard, m.SchemaVersion)
	fmt.Fprintf(w, "%d rows, timestamps [%d, %d], deletes to %v, %d bytes in %d files\n",
		m.Rows, m.MinTimestamp, m.MaxTimestamp, m.DeltaPosition, m.Bytes(), len(m.Files))
	var errs []error
	for i := range m.Files {
		f := &m.Files[i]
		fmt.Fprintf(w, "file %s: %s", f.Key, f.Kind)
		if len(f.Fields) > 0 {
			fmt.Fprintf(w, " of fields %v", f.Fields)
		}
		if f.Index != 0 {
			fmt.Fprintf(w, ", part %s of vector index %d", f.Part, f.Index)
		}
		fmt.Fprintf(w, ", %d rows, %d bytes of %d, crc %08x\n", f.Rows, f.Bytes, f.RawBytes, f.CRC)
		if read == nil {
			continue
		}
		if err := f.check(read); err != nil {
			fmt.Fprintf(w, "  CORRUPT: %v\n", err)
			errs = append(errs, err)
		}
	}
	for _, c := range m.Columns {
		fmt.Fprintf(w, "field %d: min %x, max %x, %d nulls\n", c.Field, c.Min, c.Max, c.Nulls)
	}
	return errors.Join(errs...)
}

// check compares an object with what the manifest says of it.
func (f *File) check(read func(key string) ([]byte, error)) error {
	b, err := read(f.Key)
	if err != nil {
		return err
	}
	if int64(len(b)) != f.Bytes {
		return &binlog.CorruptionError{Object: f.Key, Reason: fmt.Sprintf("object has %d bytes, the manifest says %d", len(b), f.Bytes)}
	}
	if crc := crc32.Checksum(b, castagnoli); crc != f.CRC {
		return &binlog.CorruptionError{Object: f.Key, Reason: fmt.Sprintf("object has CRC %08x, the manifest says %08x", crc, f.CRC)}
	}
	return nil
}
