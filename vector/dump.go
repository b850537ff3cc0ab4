package vector

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// PartMagic begins the parts of graphs, and those that name a kind: what DumpPart is for.
const PartMagic = partMagic

// codeNames are the forms of codes, by quantization where one makes them.
var codeNames = map[codeForm]string{codeInt8: "sq8", codeFloat: "none", codeBits: "bits", codeRabitq: "rabitq", codeSparse: "sparse"}

// DumpPart prints a part of a graph for quiver inspect, at most rows entries of
// it, and checks its frame and what can be checked without the other parts.
// Damage is printed and returned; it wraps ErrCorrupt.
func DumpPart(w io.Writer, object string, b []byte, rows int) error {
	name, _, _ := bytes.Cut(b[min(12, len(b)):min(12+partNameBytes, len(b))], []byte{0})
	part := string(name)
	of := "a graph"
	if part == PartInterim || part == PartKind {
		of = "an index"
	}
	fmt.Fprintf(w, "part %q of %s, %s: %d bytes\n", part, of, object, len(b))
	payload, identity, err := decodePart(b, part)
	if err == nil {
		fmt.Fprintf(w, "identity %016x, %d bytes of payload\n", identity, len(payload))
		err = dumpPayload(w, part, payload, rows)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", object, err)
		fmt.Fprintf(w, "CORRUPT: %v\n", err)
	}
	return err
}

func dumpPayload(w io.Writer, part string, payload []byte, rows int) error {
	switch part {
	case partGraph:
		m, err := decodeGraphMeta(payload)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "vectors %v, codes %s of %d bytes, m %d, ef_construction %d\n", m.codec.space, codeNames[m.codec.form], m.codec.stride, m.m, m.ef)
		fmt.Fprintf(w, "%d nodes, %d ordinals, %d blocks of upper layers\n", m.nodes, m.ordinals, m.upperBlocks)
		if m.entry != noEntry {
			fmt.Fprintf(w, "walks begin at node %d of layer %d\n", uint32(m.entry), m.entry>>32)
		}
		return nil
	case PartPositions:
		return DumpPositions(w, payload, rows)
	case PartInterim, PartKind:
		fmt.Fprintf(w, "the other parts are of %s\n", payload)
	case partTwins, partUpper:
		if len(payload)%4 != 0 {
			return &PartError{part, "size"}
		}
		fmt.Fprintf(w, "%d words\n", len(payload)/4)
	}
	return nil
}

// DumpPositions prints the payload of PartPositions, of any kind of index: the
// first rows of it. It wraps ErrCorrupt if that is none.
func DumpPositions(w io.Writer, payload []byte, rows int) error {
	if len(payload)%4 != 0 {
		return &PartError{PartPositions, "size"}
	}
	gone := 0
	for i := 0; i < len(payload); i += 4 {
		position := binary.LittleEndian.Uint32(payload[i:])
		if position == NoPosition {
			gone++
		}
		switch {
		case i/4 >= rows:
		case position == NoPosition:
			fmt.Fprintf(w, "  %d: gone\n", i/4)
		default:
			fmt.Fprintf(w, "  %d: row %d\n", i/4, position)
		}
	}
	fmt.Fprintf(w, "%d ordinals, %d of rows that are gone\n", len(payload)/4, gone)
	return nil
}
