package deltalog

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/storage/binlog"
)

// Dump prints a delta log, stats log or run for quiver inspect, at most rows
// entries of it, and checks every byte. Damage is printed as far as it lets
// and returned.
func Dump(w io.Writer, name string, data []byte, rows int) error {
	r, err := binlog.OpenBytes(name, data, memory.DefaultAllocator)
	if err != nil {
		// What its events would mean is not known without the footer.
		return binlog.Dump(w, name, data, binlog.DumpOptions{Rows: rows})
	}
	d := r.Descriptor()
	fmt.Fprintf(w, "%v log %s: %d bytes, table %d, partition %d, segment %d, log %d, schema version %d, %d rows\n",
		d.Kind, name, len(data), d.Table, d.Partition, d.Segment, d.Log, d.SchemaVersion, r.Rows())
	ctx := context.Background()
	if err = r.Verify(ctx); err == nil {
		switch d.Kind {
		case binlog.Delta:
			err = dumpDeltas(ctx, w, r, rows)
		case binlog.Stats:
			err = dumpStats(ctx, w, r)
		default:
			return binlog.Dump(w, name, data, binlog.DumpOptions{Rows: rows})
		}
	}
	if err != nil {
		fmt.Fprintf(w, "CORRUPT: %v\n", err)
	}
	return err
}

func dumpDeltas(ctx context.Context, w io.Writer, r *binlog.Reader, rows int) error {
	return Read(ctx, r, func(e Entry) error {
		if rows--; rows < 0 {
			return nil // read on: the check is of all
		}
		fmt.Fprintf(w, "  row %d deleted at %d, successor %d, key %x\n", e.RowID, e.Timestamp, e.Successor, e.Key)
		return nil
	})
}

func dumpStats(ctx context.Context, w io.Writer, r *binlog.Reader) error {
	s, err := ReadStats(ctx, r)
	if err != nil {
		return err
	}
	defer s.Release()
	fmt.Fprintf(w, "  keys from %x to %x, bloom filter of %d bytes\n", s.MinKey, s.MaxKey, s.Bloom.Bytes())
	return nil
}
