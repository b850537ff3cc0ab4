package vector

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"sync"
)

// The parts of a graph, besides PartPositions: one position an ordinal, the
// nodes first and then their twins.
const (
	partGraph = "graph" // what follows, in graphMeta.encode
	partLinks = "links" // layer 0, 2m words a node; packed under codeRabitq
	partUpper = "upper" // upperAt, a word a node; then blocks of m words
	partCodes = "codes" // a code a node
	partTwins = "twins" // the next of equal codes, a word an ordinal; absent without twins
	// partRecords has what the codes of sparse vectors lead to; absent of others.
	partRecords = "records"
)

// graphMeta is what is known of a whole graph.
type graphMeta struct {
	codec       *graphCodec
	m, ef       int
	nodes       int
	ordinals    int
	upperBlocks int
	entry       uint64
	effort      effortTable
}

func (m *graphMeta) encode() []byte {
	le := binary.LittleEndian
	var b []byte
	for _, v := range []int{
		int(m.codec.space.Element), int(m.codec.space.Distance), m.codec.space.Dim, int(m.codec.form),
		m.m, m.ef, m.nodes, m.ordinals, m.upperBlocks,
	} {
		b = le.AppendUint32(b, uint32(v))
	}
	b = le.AppendUint64(b, m.entry)
	b = le.AppendUint32(b, math.Float32bits(m.codec.step))
	b = le.AppendUint64(b, math.Float64bits(m.codec.reach))
	bits := 0
	if m.codec.rabitq != nil {
		bits = m.codec.rabitq.Bits()
	}
	b = le.AppendUint32(b, uint32(bits))
	b = le.AppendUint32(b, math.Float32bits(m.codec.noise))
	b = le.AppendUint32(b, uint32(len(m.codec.mean)))
	b = append(b, EncodeFloat32s(m.codec.mean)...)
	return m.effort.append(b)
}

// dimMax bounds dimensions in files: far beyond what SQL has.
const dimMax = 1 << 24

// dimMaxOf is more of sparse vectors, as SQL has it.
func dimMaxOf(e Element) int {
	if e == Sparse {
		return 1e9
	}
	return dimMax
}

func decodeGraphMeta(payload []byte) (*graphMeta, error) {
	corrupt := &PartError{partGraph, "contents"}
	d := &partDecoder{payload, true}
	number := func() int { return int(d.uint32()) }
	space := Space{Element: Element(number()), Distance: Distance(number()), Dim: number()}
	form := codeForm(number())
	m := &graphMeta{m: number(), ef: number(), nodes: number(), ordinals: number(), upperBlocks: number(), entry: d.uint64()}
	step, reach := math.Float32frombits(d.uint32()), math.Float64frombits(d.uint64())
	bits, noise := number(), math.Float32frombits(d.uint32())
	means := number()
	if !d.ok || space.Dim < 1 || !space.Element.Has(space.Distance) || space.Dim > dimMaxOf(space.Element) || !formFits(space.Element, form) ||
		m.m < mMin || m.m > mMax || m.nodes > graphNodesMax || m.ordinals < m.nodes || means > space.Dim ||
		form == codeInt8 && !(step > 0) || !(reach >= 0) || !(noise >= 0) {
		return nil, corrupt
	}
	m.codec = newGraphCodec(space, form)
	if form == codeRabitq && m.codec.newRabitq(bits) != nil {
		return nil, corrupt
	}
	if means != len(m.codec.mean) {
		return nil, corrupt
	}
	m.codec.step, m.codec.reach, m.codec.noise = step, reach, noise
	copy(EncodeFloat32s(m.codec.mean), d.take(4*means))
	if form == codeRabitq {
		if step == 1 { // of older files
			m.codec.step = 0
		}
		m.codec.turn()
	}
	m.effort.decode(d)
	if !d.ok || len(d.b) != 0 {
		return nil, corrupt
	}
	return m, nil
}

// formFits says whether elements can be kept so.
func formFits(e Element, form codeForm) bool {
	switch e {
	case Bit:
		return form == codeBits
	case Sparse:
		return form == codeSparse
	case Float32, Float16:
		return form == codeInt8 || form == codeFloat || form == codeRabitq
	}
	return false
}

// graphImage is a graph to be written: in the order of nodes, with those left
// out that are twins of others.
type graphImage struct {
	*graph
	codec *graphCodec
	codes []byte
	// twins chains ordinals; those that begin no chain are no nodes.
	twins    []uint32
	ordinals int
	// position of an ordinal.
	position func(ordinal uint32) uint32
}

// write writes all parts.
func (im *graphImage) write(parts PartWriter, meta *graphMeta) error {
	nodes, order, renamed := im.order()
	meta.nodes, meta.ordinals = nodes, im.ordinals
	links, codes := bytesOf(im.links[:im.ordinals*2*im.m]), im.codes[:im.ordinals*im.codec.stride]
	identity := uint64(crc32.Checksum(links, castagnoli))<<32 | uint64(crc32.Checksum(codes, castagnoli))

	rename := func(ids, to []uint32) {
		for i, id := range ids {
			if id == noNode {
				to[i] = noNode
			} else {
				to[i] = renamed[id]
			}
		}
	}
	if nodes < im.ordinals {
		twins := make([]uint32, im.ordinals)
		for at, ordinal := range order {
			rename(im.twins[ordinal:ordinal+1], twins[at:at+1])
		}
		if err := writePart(parts, partTwins, identity, bytesOf(twins)); err != nil {
			return err
		}
	}
	positions := make([]uint32, im.ordinals)
	for at, ordinal := range order {
		positions[at] = im.position(ordinal)
	}
	upperAt := make([]uint32, nodes)
	var upper []uint32
	meta.upperBlocks = 0
	for at, node := range order[:nodes] {
		upperAt[at] = noNode
		level := im.level(node)
		if level == 0 {
			continue
		}
		upperAt[at] = uint32(level)<<levelShift | uint32(meta.upperBlocks)
		meta.upperBlocks += level
		for layer := 1; layer <= level; layer++ {
			upper = append(upper, im.block(node, layer)...)
			block := upper[len(upper)-im.m:]
			rename(block, block)
		}
	}
	meta.entry = noEntry
	if entry, layer, ok := im.entryPoint(); ok {
		meta.entry = uint64(layer)<<32 | uint64(renamed[entry])
	}
	if err := writePart(parts, PartPositions, identity, bytesOf(positions)); err != nil {
		return err
	}
	if err := writePart(parts, partUpper, identity, bytesOf(upperAt), bytesOf(upper)); err != nil {
		return err
	}
	if err := im.writeLinks(parts, identity, order[:nodes], rename); err != nil {
		return err
	}
	if im.codec.form == codeSparse {
		if err := im.writeRecords(parts, identity, order[:nodes]); err != nil {
			return err
		}
		return writePart(parts, partGraph, identity, meta.encode())
	}
	stride := im.codec.stride
	if err := writeRows(parts, partCodes, identity, order[:nodes], stride, func(node uint32) []byte {
		return im.codes[int(node)*stride:][:stride]
	}); err != nil {
		return err
	}
	return writePart(parts, partGraph, identity, meta.encode())
}

// writeLinks writes the links of layer 0.
func (im *graphImage) writeLinks(parts PartWriter, identity uint64, order []uint32, rename func(ids, to []uint32)) error {
	block := make([]uint32, 2*im.m)
	if im.codec.form == codeRabitq {
		packed := newPackedLinks(len(order), im.m)
		packed.bytes = make([]byte, packed.size(len(order)))
		for at, node := range order {
			rename(im.block(node, 0), block)
			packed.pack(at, block)
		}
		return writePart(parts, partLinks, identity, packed.bytes)
	}
	return writeRows(parts, partLinks, identity, order, 4*len(block), func(node uint32) []byte {
		rename(im.block(node, 0), block)
		return bytesOf(block)
	})
}

// writeRows writes a part of rows of one size.
func writeRows(parts PartWriter, name string, identity uint64, order []uint32, size int, row func(node uint32) []byte) error {
	w, err := newPartEncoder(parts, name, identity, int64(size)*int64(len(order)))
	if err != nil {
		return err
	}
	for _, node := range order {
		if _, err := w.Write(row(node)); err != nil {
			return w.abort(err)
		}
	}
	return w.close()
}

// order returns the ordinals in the order of writing, nodes first, and then
// each chain of twins one after the other; and the place of each therein.
func (im *graphImage) order() (nodes int, order, renamed []uint32) {
	follows := make([]bool, im.ordinals)
	for _, next := range im.twins[:im.ordinals] {
		if next != noNode {
			follows[next] = true
		}
	}
	order = make([]uint32, 0, im.ordinals)
	for ordinal := range follows {
		if !follows[ordinal] {
			order = append(order, uint32(ordinal))
		}
	}
	nodes = len(order)
	for _, node := range order[:nodes] {
		for next := im.twins[node]; next != noNode; next = im.twins[next] {
			order = append(order, next)
		}
	}
	renamed = make([]uint32, im.ordinals)
	for at, ordinal := range order {
		renamed[ordinal] = uint32(at)
	}
	return nodes, order, renamed
}

// openGraph verifies the parts: after it no number in them leads astray.
func openGraph(parts Parts) (*graphIndex, error) {
	payload, identity, err := openPart(parts, partGraph)
	if err != nil {
		return nil, err
	}
	meta, err := decodeGraphMeta(payload)
	if err != nil {
		return nil, err
	}
	open := func(name string, size int) []byte {
		if err != nil {
			return nil
		}
		var part []byte
		var id uint64
		if part, id, err = openPart(parts, name); err == nil && (id != identity || len(part) != size) {
			err = &PartError{name, "not of this index"}
		}
		return part
	}
	g := &graph{m: meta.m}
	g.entry.Store(meta.entry)
	x := &graphIndex{graphMeta: meta, graph: g, room: meta.nodes}
	if meta.codec.form == codeRabitq {
		g.packed = newPackedLinks(meta.nodes, meta.m)
		g.packed.bytes = open(partLinks, g.packed.size(meta.nodes))
	} else {
		g.links = wordsOf(open(partLinks, 8*meta.m*meta.nodes))
	}
	upper := wordsOf(open(partUpper, 4*(meta.nodes+meta.m*meta.upperBlocks)))
	x.codes = open(partCodes, meta.codec.stride*meta.nodes)
	x.positions = wordsOf(open(PartPositions, 4*meta.ordinals))
	if meta.ordinals > meta.nodes {
		x.twins = wordsOf(open(partTwins, 4*meta.ordinals))
	}
	if meta.codec.form == codeSparse && err == nil {
		meta.codec.records, err = openRecords(parts, identity)
	}
	if err != nil {
		return nil, err
	}
	g.upperAt, g.upper = upper[:meta.nodes], upper[meta.nodes:]
	if err := x.check(); err != nil {
		return nil, err
	}
	x.walkers = &sync.Pool{New: func() any { return x.newWalker() }}
	x.survey()
	return x, nil
}

// check tells whether all numbers of nodes, layers and ordinals exist.
func (x *graphIndex) check() error {
	corrupt := func(part string) error { return &PartError{part, "contents"} }
	g, nodes := x.graph, uint32(x.nodes)
	entry, layer, ok := g.entryPoint()
	switch {
	case ok != (nodes > 0):
		return corrupt(partGraph)
	case ok && (entry >= nodes || layer != g.level(entry)):
		return corrupt(partGraph)
	case x.codec.form == codeSparse && !x.checkRecords():
		return corrupt(partRecords)
	}
	if g.packed.bytes != nil {
		ids := make([]uint32, g.packed.count)
		for node := range nodes {
			for _, id := range ids[:g.packed.unpack(node, ids)] {
				if id >= nodes {
					return corrupt(partLinks)
				}
			}
		}
	}
	for _, id := range g.links {
		if id >= nodes && id != noNode {
			return corrupt(partLinks)
		}
	}
	for node, at := range g.upperAt {
		if at == noNode {
			continue
		}
		level := at >> levelShift
		if level == 0 || level > levelMax || at&(1<<levelShift-1)+level > uint32(x.upperBlocks) {
			return corrupt(partUpper)
		}
		for layer := 1; layer <= int(level); layer++ {
			for _, id := range g.block(uint32(node), layer) {
				if id != noNode && (id >= nodes || g.level(id) < layer) {
					return corrupt(partUpper)
				}
			}
		}
	}
	for ordinal, next := range x.twins {
		if next != noNode && (next >= uint32(x.ordinals) || next < nodes || next <= uint32(ordinal)) {
			return corrupt(partTwins)
		}
	}
	return nil
}
