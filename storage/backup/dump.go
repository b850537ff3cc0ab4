package backup

import (
	"fmt"
	"io"
	"strings"
)

// Magic begins a description: what Dump is for.
const Magic = "quiver-backup "

// Dump prints the description of a backup for quiver inspect and checks it.
// Damage is printed and returned.
func Dump(w io.Writer, name string, object []byte) error {
	d, err := Decode(name, object)
	if err != nil {
		fmt.Fprintf(w, "backup %s: %d bytes\nCORRUPT: %v\n", name, len(object), err)
		return err
	}
	scope := "everything"
	switch {
	case len(d.Scope.Tables) > 0:
		scope = "tables " + strings.Join(d.Scope.Tables, ", ") + " of database " + d.Scope.Database
	case d.Scope.Database != "":
		scope = "database " + d.Scope.Database
	}
	fmt.Fprintf(w, "backup %q of %s, cluster %s, made %s\n", d.Name, scope, d.Cluster, d.Created.UTC().Format("2006-01-02 15:04:05Z"))
	fmt.Fprintf(w, "shows timestamp %d, can be read from %d on; ids to %d\n", d.Timestamp, d.Earliest, d.IDs)
	fmt.Fprintf(w, "%d objects of %d bytes, %d of %d bytes copied for it\n", d.Objects, d.Bytes, d.NewObjects, d.NewBytes)
	for _, b := range d.Descriptors {
		if len(b) == 0 {
			continue
		}
		fmt.Fprintf(w, "descriptor %c: %s\n", b[0], b[1:])
	}
	for _, s := range d.Sequences {
		fmt.Fprintf(w, "sequence %d: last value %d, called %t\n", s.OID, s.Last, s.Called)
	}
	for i := range d.Segments {
		m := d.Segments[i].Manifest
		fmt.Fprintf(w, "segment %d of table %d, partition %d, shard %d: %d rows, %d bytes in %d files\n",
			m.Segment, m.Table, m.Partition, m.Shard, m.Rows, m.Bytes(), len(m.Files))
		for j := range m.Files {
			f := &m.Files[j]
			fmt.Fprintf(w, "  %s: %d bytes, crc %08x\n", d.Key(f.Key), f.Bytes, f.CRC)
		}
	}
	return nil
}
