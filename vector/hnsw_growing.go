package vector

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// growingGraph is a graph of a growing segment. Searches go by a view, which is
// replaced when positions have been added: what is in its arrays before the end
// of the view does not change but for links, which are atomic. When the arrays
// are full they are copied to larger ones; searches under way keep the old. A node
// takes some hundred microseconds: where vectors have codes, inverted lists
// (package ivf) take rows in faster.
type growingGraph struct {
	space   Space
	options Options
	form    codeForm
	current atomic.Pointer[graphIndex]

	mu        sync.Mutex // one Append or Save at a time; guards what follows
	builder   *graphBuilder
	inserters []*inserter // of builder
	view      graphIndex  // the next current
	end       int         // positions seen
	measured  int         // ordinals when efforts were measured
}

// NewGrowing implements Kind.
func (k hnsw) NewGrowing(s Space, o Options) (Growing, error) {
	if err := k.Check(s, o); err != nil {
		return nil, err
	}
	o = hnswDefaults(s, o)
	form, err := codeFormOf(s, o.Quantization)
	if err != nil {
		return nil, err
	}
	g := &growingGraph{space: s, options: o, form: form}
	g.view = graphIndex{graphMeta: &graphMeta{codec: newGraphCodec(s, form.built()), m: o.M, ef: o.EfConstruction, effort: defaultEffort()}}
	g.view.graph = &graph{m: o.M}
	g.view.graph.entry.Store(noEntry)
	g.publish()
	return g, nil
}

// publish makes what has been added visible.
func (g *growingGraph) publish() {
	view, meta := g.view, *g.view.graphMeta
	view.graphMeta = &meta
	g.current.Store(&view)
}

const (
	growingRoomMin = 1 << 10
	// growingBatch is how many positions become visible at a time.
	growingBatch = 1 << 10
)

// Append implements Growing.
func (g *growingGraph) Append(ctx context.Context, column Column, end, workers int) error {
	if end > column.Len() || end > graphNodesMax {
		return fmt.Errorf("%w: hnsw of %d rows", ErrUnsupported, end)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.connect(ctx, column, end, workers)
}

// Unsettled implements Growing: Append puts nothing off.
func (g *growingGraph) Unsettled() bool { return false }

// Settle implements Growing.
func (g *growingGraph) Settle(context.Context, Column, int) error { return nil }

// connect adds nodes for the positions up to end.
func (g *growingGraph) connect(ctx context.Context, column Column, end, workers int) error {
	o := g.options
	o.Workers = max(workers, 1)
	o.Progress = nil
	for g.end < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		// A batch is a fourth of what is there at most, so that nodes of one
		// batch, which do not see each other, are few.
		to := min(end, g.end+max(growingBatch, g.view.ordinals/4))
		strays := g.strays(column, to)
		if strays || g.view.ordinals+to-g.end > g.view.room || !g.hasWords(column, to) {
			if err := g.grow(ctx, column, end, strays, o); err != nil {
				return err
			}
		}
		if g.view.ordinals >= max(growingRoomMin, measureAgain*g.measured) {
			if err := g.measure(ctx, column, to, o); err != nil {
				return err
			}
		}
		if err := g.add(column, to, o); err != nil {
			return err
		}
		g.end = to
		g.publish()
	}
	return nil
}

// straysShare is the part of the rows to come that may lie beyond the reach of
// codes, or else all are coded anew: where rows come in an order, of time for one,
// the first are unlike the later.
const straysShare = 64

// strays says whether more of the rows to come, up to a position, than that are
// beyond the reach of codes.
func (g *growingGraph) strays(column Column, to int) bool {
	codec := g.view.codec
	if g.view.ordinals == 0 {
		return false
	}
	buf, n := codec.newBuffer(), 0
	for p := g.end; p < to; p++ {
		if codec.strays(column.Row(p), buf) {
			n++
		}
	}
	return n*straysShare > to-g.end
}

// grow copies all to arrays with twice the room, if it is needed, with codes of a
// codec that has seen all rows up to end, and that reaches further yet if rows
// stray.
func (g *growingGraph) grow(ctx context.Context, column Column, end int, strays bool, o Options) error {
	v, n := &g.view, g.view.ordinals
	room := v.room
	if n+end-g.end > room {
		room = max(growingRoomMin, 2*room, 2*(n+end-g.end))
	}
	codec := newGraphCodec(g.space, g.form.built())
	if codec.train(column, end); strays {
		codec.reachFurther()
	}
	codes := alignedBytes(room * codec.stride)
	old := v.positions
	if codec.form == codeSparse {
		codec.records = make([]uint32, 2*(v.codec.used+g.words(column, end)))
		for i := range n {
			codec.reserve(column.Row(int(old[i])), codes[i*codec.stride:][:codec.stride])
		}
	}
	buffers := make([][]float32, o.Workers)
	err := share(context.WithoutCancel(ctx), o, "", n, func(worker, i int) error {
		if buffers[worker] == nil {
			buffers[worker] = codec.newBuffer()
		}
		codec.encode(column.Row(int(old[i])), buffers[worker], codes[i*codec.stride:][:codec.stride])
		return nil
	})
	if err != nil {
		return err
	}
	larger := func(old []uint32, n int) []uint32 {
		out := make([]uint32, n)
		for i := copy(out, old); i < n; i++ {
			out[i] = noNode
		}
		return out
	}
	next := &graph{m: o.M}
	next.entry.Store(v.graph.entry.Load())
	next.links = larger(v.graph.links, 2*o.M*room)
	next.upperAt = larger(v.graph.upperAt, room)
	blocks := uint32(0)
	for node := range uint32(room) {
		if level := levelOf(node, o.M); level > 0 {
			next.upperAt[node] = uint32(level)<<levelShift | blocks
			blocks += uint32(level)
		}
	}
	next.upper = larger(v.graph.upper, int(blocks)*o.M)

	meta := *v.graphMeta
	meta.codec = codec
	v.graphMeta, v.graph, v.codes, v.room = &meta, next, codes, room
	v.positions, v.twins, v.heads = larger(v.positions, room), larger(v.twins, room), larger(v.heads, room)
	b := &graphBuilder{graph: next, codec: codec, codes: codes, room: room, ef: o.EfConstruction, few: true, twins: v.twins, heads: v.heads}
	b.spares, b.upperSpares = make([]uint32, room*spareWords(2*o.M)), make([]uint32, int(blocks)*spareWords(o.M))
	if g.builder != nil {
		copy(b.spares, g.builder.spares)
		copy(b.upperSpares, g.builder.upperSpares)
	}
	g.builder = b
	g.inserters = nil
	shared := &graphIndex{graphMeta: &meta, codes: codes}
	v.walkers = &sync.Pool{New: func() any { return shared.newWalker() }}
	return nil
}

// words is the room that the records of rows to come, up to a position, take.
func (g *growingGraph) words(column Column, to int) (n int) {
	if g.form != codeSparse {
		return 0
	}
	for p := g.end; p < to; p++ {
		n += g.view.codec.recordWords(column.Row(p))
	}
	return n
}

// hasWords says whether there is room for them.
func (g *growingGraph) hasWords(column Column, to int) bool {
	c := g.view.codec
	return c.used+g.words(column, to) <= len(c.records)
}

// measure takes efforts from the rows to come up to a position or, if they are
// few, from the last ones held, which are easier to find.
func (g *growingGraph) measure(ctx context.Context, column Column, to int, o Options) error {
	v := &g.view
	var samples []uint32
	for p := g.end; p < to && len(samples) < growingSamples; p++ {
		if v.codec.has(column.Row(p)) {
			samples = append(samples, uint32(p))
		}
	}
	margin := float32(growingMargin)
	if len(samples) < samplesMin {
		margin *= growingMargin
		samples = v.positions[max(0, v.ordinals-growingSamples):v.ordinals]
	}
	if len(samples) < samplesMin || v.ordinals < growingRoomMin {
		return nil
	}
	if err := g.connectNodes(ctx); err != nil {
		return err
	}
	effort, err := measureEffort(ctx, v, column, g.end, samples, o)
	if err != nil {
		return err
	}
	effort.raise(margin)
	v.effort, g.measured = effort, v.ordinals
	return nil
}

// connectNodes brings all nodes within reach, and where walks for them find them.
func (g *growingGraph) connectNodes(ctx context.Context) error {
	if len(g.inserters) == 0 {
		return nil
	}
	heads, n := g.view.heads, g.view.ordinals
	r := reach{inserter: g.inserters[0], parent: make([]uint32, n), stack: make([]uint32, n)}
	if err := r.connectAll(ctx, func(node uint32) bool { return heads[node] != noNode }); err != nil {
		return err
	}
	return g.builder.leadHome(ctx, g.inserters, r.parent, r.stack, &g.view.effort, Options{Workers: len(g.inserters)})
}

// growingSamples is how many searches an effort is taken from: few, for it is
// measured while rows come.
const growingSamples = 48

// measureAgain is how many times as many rows are measured again.
const measureAgain = 3

// growingMargin is for what is added until efforts are measured again.
const growingMargin = 1.0

// add encodes the rows up to a position and adds them as nodes. It is not to be
// stopped half way.
func (g *growingGraph) add(column Column, to int, o Options) error {
	v := &g.view
	first := v.ordinals
	buf := v.codec.newBuffer()
	for p := g.end; p < to; p++ {
		row := column.Row(p)
		if !v.codec.has(row) {
			continue
		}
		n := v.ordinals
		code := v.codes[n*v.codec.stride:][:v.codec.stride]
		if v.codec.form == codeSparse {
			v.codec.reserve(row, code)
		}
		if v.codec.encode(row, buf, code) {
			v.positions[n] = uint32(p)
			v.ordinals++
		}
	}
	v.nodes, v.rows = v.ordinals, v.ordinals
	for len(g.inserters) < o.Workers && len(g.inserters) < v.ordinals-first {
		g.inserters = append(g.inserters, g.builder.newInserter())
	}
	o.Workers = min(o.Workers, len(g.inserters))
	return share(context.Background(), o, "", v.ordinals-first, func(worker, i int) error {
		return g.inserters[worker].insert(context.Background(), uint32(first+i))
	})
}

// alignedBytes returns zeroed bytes at an address aligned to a cache line.
func alignedBytes(n int) []byte {
	b := EncodeFloat32s(make([]float32, n/4+32))
	skip := -addressOf(b) & 63
	return b[skip:][:n]
}

// Save implements Growing.
func (g *growingGraph) Save(ctx context.Context, parts PartWriter, moved func(old uint32) (uint32, bool)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.connectNodes(ctx); err != nil {
		return err
	}
	v := &g.view
	kept, codes, err := g.kept()
	if err != nil {
		return err
	}
	im := graphImage{
		graph: v.graph, codec: kept, codes: codes, twins: v.twins, ordinals: v.ordinals,
		position: func(ordinal uint32) uint32 {
			if to, ok := moved(v.positions[ordinal]); ok {
				return to
			}
			return NoPosition
		},
	}
	return im.write(parts, &graphMeta{codec: kept, m: v.m, ef: v.ef, effort: v.effort})
}

// kept is the codec and the codes of a saved index: the graph itself goes by
// int8 codes where those are records, which are made of what these stand for.
func (g *growingGraph) kept() (*graphCodec, []byte, error) {
	v := &g.view
	if g.form != codeRabitq {
		return v.codec, v.codes, nil
	}
	kept, err := v.codec.fromInt8(g.options.Bits)
	if err != nil {
		return nil, nil, err
	}
	r := newRecorder(kept)
	codes := alignedBytes(v.ordinals * kept.stride)
	for n := range v.ordinals {
		v.codec.decodeInt8(v.codes[n*v.codec.stride:], r.values)
		r.record(r.values, codes[n*kept.stride:][:kept.stride])
	}
	kept.noise = noiseOf(g.space.Distance, []*recorder{r})
	return kept, codes, nil
}

// Kind implements Index.
func (g *growingGraph) Kind() string { return hnswName }

// Space implements Index.
func (g *growingGraph) Space() Space { return g.space }

// Len implements Index.
func (g *growingGraph) Len() int { return g.current.Load().rows }

// Search implements Index.
func (g *growingGraph) Search(ctx context.Context, dst []Candidate, r *SearchRequest, stats *SearchStats) ([]Candidate, error) {
	return g.current.Load().Search(ctx, dst, r, stats)
}

// Iterate implements Index.
func (g *growingGraph) Iterate(r *SearchRequest, stats *SearchStats) Iterator {
	return g.current.Load().Iterate(r, stats)
}

// ResidentBytes implements Index.
func (g *growingGraph) ResidentBytes() int64 { return g.current.Load().ResidentBytes() }

// Close implements Index.
func (g *growingGraph) Close() {}
