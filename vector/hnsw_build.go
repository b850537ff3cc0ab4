package vector

import (
	"context"
	"fmt"
	"slices"
)

// Build implements Kind: codes of all vectors first, then the nodes in their
// order, several at a time. Some are held back until all others are in, to ask
// the graph about as strangers, and measure how far it must look.
func (k hnsw) Build(ctx context.Context, s Space, column Column, o Options, parts PartWriter) error {
	if err := k.Check(s, o); err != nil {
		return err
	}
	o = hnswDefaults(s, o)
	form, err := codeFormOf(s, o.Quantization)
	if err != nil {
		return err
	}
	if column.Len() > graphNodesMax {
		return fmt.Errorf("%w: hnsw of %d rows", ErrUnsupported, column.Len())
	}
	b := &graphBuild{space: s, options: o, column: column, codec: newGraphCodec(s, form.built()), form: form}
	if needed := k.Estimate(s, column.Len(), o).BuildBytes; o.MemoryBytes > 0 && needed > o.MemoryBytes {
		if o.Scratch == nil {
			return &MemoryError{Needed: needed, Limit: o.MemoryBytes}
		}
		overhead := buildOverhead(b.codec, o, column.Len())
		for ; overhead > o.MemoryBytes && o.Workers > 1; overhead = buildOverhead(b.codec, o, column.Len()) {
			o.Workers--
		}
		if overhead > o.MemoryBytes {
			return &MemoryError{Needed: overhead, Limit: o.MemoryBytes}
		}
		b.options = o
		b.memory = blocks{limit: max(o.MemoryBytes-overhead, 1), scratch: o.Scratch}
	}
	defer b.memory.free()
	if err := b.encode(ctx); err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	im := graphImage{
		graph: b.graph, codec: b.kept, codes: b.keptCodes, twins: b.twins, ordinals: b.room,
		position: func(ordinal uint32) uint32 { return b.positions[ordinal] },
	}
	return im.write(parts, &graphMeta{codec: b.kept, m: o.M, ef: o.EfConstruction, effort: b.effort})
}

// graphBuild is one build under way.
type graphBuild struct {
	graphBuilder
	space   Space
	options Options
	column  Column
	codec   *graphCodec
	form    codeForm
	// kept is the codec of the codes that the index keeps, which may be others
	// than those that the graph is built by.
	kept      *graphCodec
	keptCodes []byte
	memory    blocks
	positions []uint32
	effort    effortTable
	// parents and stack are for reach.
	parents, stack []uint32
}

// encode finds the rows that have a vector, and writes their codes.
func (b *graphBuild) encode(ctx context.Context) (err error) {
	n := b.column.Len()
	b.codec.train(b.column, n)
	if b.positions, err = b.memory.words(n, 0); err != nil {
		return err
	}
	rows, words := 0, 0
	for p := range n {
		if row := b.column.Row(p); b.codec.has(row) {
			b.positions[rows] = uint32(p)
			words += b.codec.recordWords(row)
			rows++
		}
	}
	b.positions = b.positions[:rows]
	if b.codes, err = b.memory.bytes(rows * b.codec.stride); err != nil {
		return err
	}
	stride := b.codec.stride
	if b.codec.form == codeSparse {
		// What the estimate supposed of each row, or more.
		needed := (hnsw{}).Estimate(b.space, n, b.options).BuildBytes - int64(n)*sparseUsual + 4*int64(words)
		if limit := b.options.MemoryBytes; limit > 0 && needed > limit {
			return &MemoryError{Needed: needed, Limit: limit}
		}
		if b.codec.records, err = b.memory.words(words, 0); err != nil {
			return err
		}
		for ordinal, p := range b.positions {
			b.codec.reserve(b.column.Row(int(p)), b.codes[ordinal*stride:][:stride])
		}
	}
	buffers := make([][]float32, b.options.Workers)
	return share(ctx, b.options, "encoding vectors", rows, func(worker, ordinal int) error {
		if buffers[worker] == nil {
			buffers[worker] = b.codec.newBuffer()
		}
		b.codec.encode(b.column.Row(int(b.positions[ordinal])), buffers[worker], b.codes[ordinal*stride:][:stride])
		return nil
	})
}

// connect makes the graph.
func (b *graphBuild) connect(ctx context.Context) (err error) {
	n, m := len(b.positions), b.options.M
	b.graph = &graph{m: m}
	b.graph.entry.Store(noEntry)
	b.room, b.ef = n, b.options.EfConstruction
	b.graphBuilder.codec = b.codec
	if b.links, err = b.memory.words(2*m*n, noNode); err != nil {
		return err
	}
	if b.spares, err = b.memory.words(spareWords(2*m)*n, 0); err != nil {
		return err
	}
	if b.twins, err = b.memory.words(n, noNode); err != nil {
		return err
	}
	if b.upperAt, err = b.memory.words(n, noNode); err != nil {
		return err
	}
	upper := uint32(0)
	for node := range uint32(n) {
		if level := levelOf(node, m); level > 0 {
			b.upperAt[node] = uint32(level)<<levelShift | upper
			upper += uint32(level)
		}
	}
	if b.upper, err = b.memory.words(int(upper)*m, noNode); err != nil {
		return err
	}
	if b.upperSpares, err = b.memory.words(spareWords(m)*int(upper), 0); err != nil {
		return err
	}
	if b.parents, err = b.memory.words(n, 0); err != nil {
		return err
	}
	if b.stack, err = b.memory.words(n, 0); err != nil {
		return err
	}
	samples := newEffortSamples(n, samplesFor(b.codec, b.options))
	inserters := make([]*inserter, b.options.Workers)
	insert := func(worker int, node uint32) error {
		if inserters[worker] == nil {
			inserters[worker] = b.newInserter()
		}
		return inserters[worker].insert(ctx, node)
	}
	if err := share(ctx, b.options, "building graph", n, func(worker, i int) error {
		if samples.has(uint32(i)) {
			return nil
		}
		return insert(worker, uint32(i))
	}); err != nil {
		return err
	}
	if err := b.connectNodes(ctx, inserters, samples.has); err != nil {
		return err
	}
	if err := b.keep(ctx); err != nil {
		return err
	}
	held := make([]uint32, len(samples))
	for i, node := range samples {
		held[i] = b.positions[node]
	}
	if b.effort, err = measureEffort(ctx, b.view(), b.column, b.column.Len(), held, b.options); err != nil {
		return err
	}
	if err := share(ctx, b.options, "building graph", len(samples), func(worker, i int) error {
		return insert(worker, samples[i])
	}); err != nil {
		return err
	}
	if err := b.connectNodes(ctx, inserters, func(uint32) bool { return false }); err != nil {
		return err
	}
	inserters = slices.DeleteFunc(inserters, func(in *inserter) bool { return in == nil })
	return b.leadHome(ctx, inserters, b.parents, b.stack, &b.effort, b.options)
}

// connectNodes brings all nodes within reach but those not yet inserted.
func (b *graphBuild) connectNodes(ctx context.Context, inserters []*inserter, absent func(node uint32) bool) error {
	for _, in := range inserters {
		if in == nil {
			continue
		}
		follows := followers(b.twins, b.room)
		r := reach{inserter: in, parent: b.parents, stack: b.stack}
		return r.connectAll(ctx, func(node uint32) bool { return follows[node] || absent(node) })
	}
	return nil
}

// keep makes the codes that the index keeps.
func (b *graphBuild) keep(ctx context.Context) (err error) {
	b.kept, b.keptCodes = b.codec, b.codes
	if b.form != codeRabitq {
		return nil
	}
	if b.kept, err = b.codec.fromInt8(b.options.Bits); err != nil {
		return err
	}
	stride := b.kept.stride
	if b.keptCodes, err = b.memory.bytes(b.room * stride); err != nil {
		return err
	}
	recorders := make([]*recorder, b.options.Workers)
	err = share(ctx, b.options, "encoding vectors", b.room, func(worker, ordinal int) error {
		if recorders[worker] == nil {
			recorders[worker] = newRecorder(b.kept)
		}
		r := recorders[worker]
		if v, ok := b.codec.values(b.column.Row(int(b.positions[ordinal])), r.values); ok {
			r.record(v, b.keptCodes[ordinal*stride:][:stride])
		}
		return nil
	})
	b.kept.noise = noiseOf(b.space.Distance, recorders)
	return err
}

// view is the graph as an index.
func (b *graphBuild) view() *graphIndex {
	return &graphIndex{
		graphMeta: &graphMeta{codec: b.kept, m: b.options.M, nodes: b.room, ordinals: b.room},
		graph:     b.graph, codes: b.keptCodes, positions: b.positions, twins: b.twins, room: b.room,
	}
}
