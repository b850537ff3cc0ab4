package vector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Build implements Kind: codes of all vectors first, then the nodes in their
// order, several at a time. Some are held back until all others are in, to ask
// the graph about as strangers, and measure how far it must look.
func (k hnsw) Build(ctx context.Context, s Space, column Column, o Options, parts PartWriter) error {
	if err := k.Check(s, o); err != nil {
		return err
	}
	o = hnswDefaults(s, o)
	form, err := codeFormOf(s.Element, o.Quantization)
	if err != nil {
		return err
	}
	if column.Len() > graphNodesMax {
		return fmt.Errorf("%w: hnsw of %d rows", ErrUnsupported, column.Len())
	}
	if needed := k.Estimate(s, column.Len(), o).BuildBytes; o.MemoryBytes > 0 && needed > o.MemoryBytes {
		return fmt.Errorf("%w: %d bytes are needed, %d allowed", ErrMemory, needed, o.MemoryBytes)
	}
	b := &graphBuild{space: s, options: o, column: column, codec: newGraphCodec(s, form)}
	defer b.memory.free()
	if err := b.encode(ctx); err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	im := graphImage{
		graph: b.graph, codec: b.codec, codes: b.codes, twins: b.twins, ordinals: b.nodes,
		position: func(ordinal uint32) uint32 { return b.positions[ordinal] },
	}
	return im.write(parts, &graphMeta{codec: b.codec, m: o.M, ef: o.EfConstruction, effort: b.effort})
}

// graphBuild is one build under way.
type graphBuild struct {
	graphBuilder
	space     Space
	options   Options
	column    Column
	codec     *graphCodec
	memory    blocks
	positions []uint32
	effort    effortTable
}

// row is the vector of an ordinal.
func (b *graphBuild) row(ordinal uint32) []byte { return b.column.Row(int(b.positions[ordinal])) }

// encode finds the rows that have a vector, and writes their codes.
func (b *graphBuild) encode(ctx context.Context) (err error) {
	n := b.column.Len()
	b.codec.train(b.column, n)
	if b.positions, err = b.memory.words(n, 0); err != nil {
		return err
	}
	rows := 0
	for p := range n {
		if b.codec.has(b.column.Row(p)) {
			b.positions[rows] = uint32(p)
			rows++
		}
	}
	b.positions = b.positions[:rows]
	if b.codes, err = b.memory.bytes(rows * b.codec.stride); err != nil {
		return err
	}
	stride := b.codec.stride
	buffers := make([][]float32, b.options.Workers)
	return b.share(ctx, "encoding vectors", rows, func(worker, ordinal int) error {
		if buffers[worker] == nil {
			buffers[worker] = make([]float32, b.space.Dim)
		}
		b.codec.encode(b.column.Row(int(b.positions[ordinal])), buffers[worker], b.codes[ordinal*stride:][:stride])
		return nil
	})
}

// share calls do for 0 to n-1, by all workers, and reports progress.
func (b *graphBuild) share(ctx context.Context, phase string, n int, do func(worker, i int) error) error {
	const chunk = 64
	var (
		next   atomic.Int64
		failed atomic.Pointer[error]
		all    sync.WaitGroup
	)
	for worker := range b.options.Workers {
		all.Go(func() {
			for failed.Load() == nil {
				from := int(next.Add(chunk)) - chunk
				if from >= n {
					return
				}
				if b.options.Progress != nil && from%(16*chunk) == 0 {
					b.options.Progress(phase, int64(from), int64(n))
				}
				err := ctx.Err()
				for i := from; i < min(from+chunk, n) && err == nil; i++ {
					err = do(worker, i)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	if b.options.Progress != nil {
		b.options.Progress(phase, int64(n), int64(n))
	}
	return nil
}

// connect makes the graph.
func (b *graphBuild) connect(ctx context.Context) (err error) {
	n, m := len(b.positions), b.options.M
	b.graph = &graph{m: m}
	b.graph.entry.Store(noEntry)
	b.nodes, b.ef = n, b.options.EfConstruction
	b.graphBuilder.codec = b.codec
	if b.links, err = b.memory.words(2*m*n, noNode); err != nil {
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
	samples := newEffortSamples(n)
	inserters := make([]*inserter, b.options.Workers)
	insert := func(worker int, node uint32) error {
		if inserters[worker] == nil {
			inserters[worker] = b.newInserter()
		}
		return inserters[worker].insert(ctx, node)
	}
	if err := b.share(ctx, "building graph", n, func(worker, i int) error {
		if samples.has(uint32(i)) {
			return nil
		}
		return insert(worker, uint32(i))
	}); err != nil {
		return err
	}
	b.effort = defaultEffort()
	if err := b.measure(ctx, samples); err != nil {
		return err
	}
	return b.share(ctx, "building graph", len(samples), func(worker, i int) error {
		return insert(worker, samples[i])
	})
}
