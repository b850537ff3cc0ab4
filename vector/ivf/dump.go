package ivf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"quiver/vector"
)

// PartMagic begins the parts of lists: what DumpPart is for.
const PartMagic = magic

// DumpPart prints a part of lists for quiver inspect, at most rows entries of it,
// and checks it. Lists are checked by the part centroids of the same index, which
// one of siblings may be. Damage is printed and returned; it wraps
// vector.ErrCorrupt.
func DumpPart(w io.Writer, object string, b []byte, rows int, siblings ...[]byte) error {
	part := uint32(0)
	if len(b) >= headerBytes {
		part = binary.LittleEndian.Uint32(b[12:])
	}
	d := dumper{w: w, rows: rows}
	fmt.Fprintf(w, "part %q of lists, %s: %d bytes\n", partNames[part], object, len(b))
	identity, payload, err := d.frame(b, part)
	if err == nil {
		fmt.Fprintf(w, "identity %016x, %d bytes of payload\n", identity, len(payload))
		switch part {
		case partCentroids:
			err = d.centroids(payload)
		case partPositions:
			err = vector.DumpPositions(w, payload, rows)
		case partLists:
			err = d.lists(payload, identity, siblings)
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", object, err)
		fmt.Fprintf(w, "CORRUPT: %v\n", err)
	}
	return err
}

type dumper struct {
	w    io.Writer
	rows int
}

// frame verifies the header and, but of lists, the payload.
func (d *dumper) frame(b []byte, part uint32) (identity uint64, payload []byte, err error) {
	identity, sum, err := decodeHeader(b, part, int64(len(b)))
	if err != nil {
		return 0, nil, err
	}
	if partNames[part] == "" {
		return 0, nil, fmt.Errorf("%w: part %d", vector.ErrCorrupt, part)
	}
	payload = b[headerBytes:]
	if part != partLists && crc32.Checksum(payload, castagnoli) != sum {
		return 0, nil, corrupt(part, "checksum")
	}
	return identity, payload, nil
}

// metaOf decodes centroids without knowing their access method or the lists.
func metaOf(payload []byte) (*meta, error) {
	if len(payload) < metaBytes {
		return nil, corrupt(partCentroids, "it ends early")
	}
	kind, _, _ := bytes.Cut(payload[:8], []byte{0})
	end := int64(0)
	if lists := int64(binary.LittleEndian.Uint32(payload[16:])); lists > 0 {
		last := int64(metaBytes+effortBytes) + (lists-1)*listEntryBytes
		if last+listEntryBytes > int64(len(payload)) {
			return nil, corrupt(partCentroids, "%d bytes", len(payload))
		}
		e := payload[last:]
		end = int64(binary.LittleEndian.Uint64(e)) + int64(binary.LittleEndian.Uint64(e[8:]))
	}
	return decodeMeta(bytes.Clone(payload), string(kind), end) // whose numbers are aligned
}

func (d *dumper) centroids(payload []byte) error {
	m, err := metaOf(payload)
	if err != nil {
		return err
	}
	codes := "vectors as they are"
	if m.bits > 0 {
		codes = fmt.Sprintf("codes of %d bits a dimension", m.bits)
	}
	fmt.Fprintf(d.w, "%s of %v: %s, %d lists in %d groups, %d rows\n", m.kind, m.space, codes, len(m.lists), m.centroids.Groups.Len(), m.rows)
	for i := range m.lists[:min(d.rows, len(m.lists))] {
		l := &m.lists[i]
		fmt.Fprintf(d.w, "  list %d: %d rows, %d bytes at %d, crc %08x, radius %.4g\n", i, l.rows, l.bytes, l.offset, l.sum, l.radius)
	}
	return nil
}

// lists checks each list by the centroids of the same index.
func (d *dumper) lists(payload []byte, identity uint64, siblings [][]byte) error {
	for _, b := range siblings {
		of, centroids, err := d.frame(b, partCentroids)
		if err != nil || of != identity {
			continue
		}
		m, err := metaOf(centroids)
		if err != nil {
			continue
		}
		var errs []error
		for i := range m.lists {
			l := &m.lists[i]
			if l.offset+l.bytes > int64(len(payload)) || crc32.Checksum(payload[l.offset:l.offset+l.bytes], castagnoli) != l.sum {
				errs = append(errs, corrupt(partLists, "checksum of list %d", i))
			}
		}
		if len(errs) == 0 {
			fmt.Fprintf(d.w, "%d lists, as the part centroids says\n", len(m.lists))
		}
		return errors.Join(errs...)
	}
	fmt.Fprintln(d.w, "lists are checked beside their part centroids, which is not here")
	return nil
}
