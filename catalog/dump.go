package catalog

import (
	"encoding/json"
	"fmt"
	"io"

	"quiver/internal/hlc"
)

// Dump prints what the catalog knows, for quiver inspect: each descriptor, then
// segments and checkpoints, a line each.
func (c *Contents) Dump(w io.Writer) error {
	names := map[byte]string{
		kindDatabase: "database", kindSchema: "schema", kindTable: "table", kindPartition: "partition",
		kindIndex: "index", kindSequence: "sequence", kindAlias: "alias",
	}
	for _, d := range c.Version.Descriptors() {
		text, err := encodeDescriptor(d)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s %d %q: %s\n", names[text[0]], d.Head().OID, d.Head().Name, text[1:])
	}
	for _, s := range c.Segments {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		name := "of no table"
		if t, _ := c.Version.PlaceOfStorage(s.Partition); t != nil {
			name = fmt.Sprintf("of table %d %q", t.OID, t.Name)
		}
		fmt.Fprintf(w, "segment %d %s: %s\n", s.ID, name, text)
	}
	for _, p := range c.Checkpoints {
		fmt.Fprintf(w, "checkpoint of table %d, partition %d, shard %d: %x\n", p.Table, p.Partition, p.Shard, p.Position)
	}
	_, err := fmt.Fprintf(w, "timestamps to %d, %s\n", c.TimestampBound, hlc.Timestamp(c.TimestampBound).Time().UTC().Format("2006-01-02 15:04:05.000Z"))
	return err
}
