package ivf

import (
	"context"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"quiver/vector"
	"quiver/vector/kmeans"
	"quiver/vector/rabitq"
)

// growing is an index of a growing segment. Its first rows are clustered as those
// of a build are; later ones are put into the lists of their nearest centroids at
// once, which takes some microseconds each. When there are twice as many, or
// they are unlike the first, all are clustered anew (Settle), beside which
// searches and Appends go on.
//
// Searches go by a view, an index whose lists are prefixes of what is there: what
// lies before their ends does not change. The signs of rows are packed in blocks of
// 32; until a block is full its rows have none and are scored by their records.
type growing struct {
	space   vector.Space
	current atomic.Pointer[index] // nil before the first row

	mu   sync.Mutex // guards what follows; one Append, Save, or swap at a time
	now  *generation
	next *generation // clustered by Settle, to be brought up to date

	settling sync.Mutex // one Settle at a time
}

// growingBits a dimension have few rows compared exactly.
const growingBits = 4

// Lists are twice the root of the rows that they are made of, and made again
// for twice as many. They have sampleRows each at least: with fewer, centroids lie
// nearer to those rows than to any that come later, which misleads calibration.
const (
	growingLists  = 2
	clusterAgain  = 2
	straysAgain   = 4 // a fourth more rows that are
	straysFarther = 2 // times as far off (in squares)
)

// NewGrowing is nil for vectors that have no codes: growing segments of them are
// searched exactly.
func (k *kind) NewGrowing(s vector.Space, _ vector.Options) (vector.Growing, error) {
	if !quantizable(s) {
		return nil, nil
	}
	return &growing{space: s}, nil
}

// generation is the lists around one set of centroids.
type generation struct {
	view     index // what all views have in common, and the lists as they are now
	encoder  *encoder
	assigner *kmeans.Assigner
	open     []openBlock // by list
	end      int         // positions seen
	rows     int         // in lists
	// trained is how many rows there were when they were clustered, spread the mean
	// of their squared distances to the centroids; strays sums those of later rows.
	trained        int
	spread, strays float64

	wide    kmeans.Matrix
	nearest []uint32
	squares []float32
	held    []uint32
}

// openBlock is the signs of the rows that do not fill a block yet.
type openBlock struct {
	signs   []byte
	factors rabitq.BlockFactors
}

// cluster makes a generation of the first rows of a column.
func (g *growing) cluster(ctx context.Context, column vector.Column, end, workers int) (*generation, error) {
	o := vector.Options{Quantization: "rabitq", Bits: growingBits, Lists: max(1, min(int(growingLists*math.Sqrt(float64(end))), end/sampleRows, ListsMax)), Workers: workers}
	b := &builder{kind: flat, space: g.space, column: vector.Prefix{Column: column, Rows: end}, o: o, plan: flat.plan(g.space, end, o), spare: growingSpare}
	if err := b.hold(ctx); err != nil {
		return nil, err
	}
	b.plan = flat.plan(g.space, len(b.held), o)
	if err := b.cluster(ctx); err != nil {
		return nil, err
	}
	n := b.meta.centroids.Len()
	b.meta.lists = make([]listEntry, n)
	sum := 0.0
	for l := range n {
		rows := b.starts[l+1] - b.starts[l]
		b.meta.lists[l] = listEntry{rows: rows, radius: b.radii[l]}
		sum += float64(b.radii[l]) * float64(b.radii[l]) * float64(rows)
	}
	if err := b.calibrate(ctx); err != nil {
		return nil, err
	}
	out := &generation{
		view:    index{meta: b.meta, k: flat, codec: b.codec, layout: newLayout(g.space, b.codec, true), grown: make([]list, n)},
		encoder: newEncoder(g.space, b.codec, true), open: make([]openBlock, n),
		end: end, trained: len(b.held), spread: sum / float64(max(len(b.held), 1)),
	}
	x := &out.view
	x.rotateCentroids()
	out.encoder.enc.Base = x.base
	x.searchers = &sync.Pool{New: func() any { return newSearcher(x) }}
	for l := range n {
		for i, p := range b.positions[b.starts[l]:b.starts[l+1]] {
			if i%restRows == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			widen(g.space, out.encoder.wide, column.Row(int(p)))
			out.add(l, p, out.encoder.wide)
		}
	}
	if n > 0 {
		out.assigner = x.centroids.NewAssigner()
	}
	return out, nil
}

// add puts a row into a list. A vector need not have length one.
func (n *generation) add(id int, position uint32, wide []float32) {
	e, x := n.encoder, &n.view
	l, open := &x.grown[id], &n.open[id]
	padded := x.codec.Padded()
	if open.signs == nil {
		open.signs = make([]byte, x.layout.blockBytes)
	}
	e.scratch = e.enc.Record(e.scratch[:0], wide, x.rotated[id*padded:][:padded])
	i := len(l.positions) % rabitq.BlockCodes
	e.enc.PackSigns(open.signs, i)
	open.factors.Set(i, e.enc.Sign())
	l.positions = append(l.positions, position)
	l.rows = append(l.rows, e.scratch...)
	n.rows++
	if i == rabitq.BlockCodes-1 {
		l.signs = append(l.signs, open.signs...)
		l.factors = append(l.factors, open.factors)
		clear(open.signs)
	}
}

// extend adds the rows of a column up to a position.
func (n *generation) extend(ctx context.Context, column vector.Column, end int) error {
	if n.assigner == nil {
		n.end = end
		return nil
	}
	x := &n.view
	dim := x.space.Dim
	if n.wide.Values == nil {
		n.wide = kmeans.Matrix{Values: make([]float32, assignedRows*dim), Dim: dim}
		n.nearest, n.squares = make([]uint32, assignedRows), make([]float32, assignedRows)
	}
	for n.end < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		n.held = n.held[:0]
		for ; n.end < end && len(n.held) < assignedRows; n.end++ {
			wide := n.wide.Values[len(n.held)*dim:][:dim]
			if !hold(x.space, wide, column.Row(n.end)) {
				continue
			}
			if spherical(x.space) {
				normalise(wide)
			} else {
				widen(x.space, wide, column.Row(n.end))
			}
			n.held = append(n.held, uint32(n.end))
		}
		wide := kmeans.Matrix{Values: n.wide.Values[:len(n.held)*dim], Dim: dim}
		n.assigner.Assign(wide, n.nearest[:len(n.held)], n.squares[:len(n.held)])
		for i, p := range n.held {
			n.strays += float64(n.squares[i])
			n.add(int(n.nearest[i]), p, wide.Row(i))
		}
	}
	return nil
}

// finds says whether there is a row with a distance up to a position.
func (n *generation) finds(column vector.Column, end int) bool {
	for p := n.end; p < end; p++ {
		if hold(n.view.space, n.encoder.wide, column.Row(p)) {
			return true
		}
	}
	return false
}

// outgrown says that the rows should be clustered anew.
func (n *generation) outgrown() bool {
	added := n.rows - n.trained
	switch {
	case n.assigner == nil:
		return false
	case n.rows >= clusterAgain*n.trained:
		return true
	case added*straysAgain < n.trained:
		return false
	}
	return n.strays > straysFarther*n.spread*float64(added)
}

// meta describes what there is now. Efforts were measured of the rows that were
// clustered, and are carried over to those that have come since.
func (n *generation) meta() meta {
	m := n.view.meta
	m.rows, m.lists = n.rows, slices.Clone(m.lists)
	for i := range m.lists {
		m.lists[i].rows = len(n.view.grown[i].positions)
	}
	m.spread = m.spreads()
	m.effort = m.effort.grown(float64(n.rows)/float64(max(n.trained, 1)), len(m.lists))
	return m
}

// publish makes what a generation has visible.
func (g *growing) publish(n *generation) {
	view := n.view
	view.grown = slices.Clone(n.view.grown)
	view.meta, view.end = n.meta(), n.end
	g.now = n
	g.current.Store(&view)
}

// Append implements vector.Growing.
func (g *growing) Append(ctx context.Context, column vector.Column, end, workers int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.now
	if n == nil || n.assigner == nil && n.finds(column, end) {
		var err error
		if n, err = g.cluster(ctx, column, end, workers); err != nil {
			return err
		}
	}
	if err := n.extend(ctx, column, end); err != nil {
		return err
	}
	g.publish(n)
	if g.next == nil {
		return nil
	}
	// A part at a time: the rows to come wait meanwhile, and are compared one by one.
	if err := g.next.extend(ctx, column, min(end, g.next.end+catchUpRows)); err != nil {
		return err
	}
	if g.next.end == end {
		g.publish(g.next)
		g.next = nil
	}
	return nil
}

// catchUpRows is how many rows an Append brings to what was clustered anew.
const catchUpRows = 4096

// Unsettled implements vector.Growing.
func (g *growing) Unsettled() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now != nil && g.next == nil && g.now.outgrown()
}

// Settle clusters the rows anew; the next Appends bring them up to date.
func (g *growing) Settle(ctx context.Context, column vector.Column, workers int) error {
	g.settling.Lock()
	defer g.settling.Unlock()
	if !g.Unsettled() {
		return nil
	}
	n, err := g.cluster(ctx, column, column.Len(), workers)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next = n; n.end == g.now.end {
		g.next = nil
		g.publish(n)
	}
	return nil
}

// Save implements vector.Growing: what is written is opened by the kind ivfflat.
func (g *growing) Save(ctx context.Context, parts vector.PartWriter, moved func(old uint32) (uint32, bool)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.now
	if n == nil {
		return errors.New("ivf: a growing index is saved before it has rows")
	}
	m := n.meta()
	identity := m.identity()
	positions := make([]uint32, 0, n.rows)
	end := int64(0)
	for id := range n.view.grown {
		l, e := &n.view.grown[id], &m.lists[id]
		e.first, e.offset = len(positions), roundUp(end)
		e.bytes = n.view.layout.size(e.rows)
		end = e.offset + e.bytes
		for _, p := range l.positions {
			to, ok := moved(p)
			if !ok {
				to = vector.NoPosition
			}
			positions = append(positions, to)
		}
	}
	if err := n.writeLists(ctx, parts, identity, end, m.lists); err != nil {
		return err
	}
	if err := writePart(parts, partPositions, identity, bytesOf(positions)); err != nil {
		return err
	}
	return writePart(parts, partCentroids, identity, m.append(nil))
}

// writeLists writes the part, and checksums into the entries.
func (n *generation) writeLists(ctx context.Context, parts vector.PartWriter, identity uint64, size int64, entries []listEntry) error {
	w, err := parts.Create(partNames[partLists])
	if err != nil {
		return err
	}
	if _, err := w.Write(header(partLists, identity, int(size), 0)); err != nil {
		return abort(w, err)
	}
	var out []byte
	end := int64(0)
	for id := range entries {
		if err := ctx.Err(); err != nil {
			return abort(w, err)
		}
		e := &entries[id]
		gap := int(e.offset - end)
		out = n.appendList(append(out[:0], make([]byte, gap)...), id)
		e.sum = crc32.Checksum(out[gap:], castagnoli)
		if _, err := w.Write(out); err != nil {
			return abort(w, err)
		}
		end = e.offset + e.bytes
	}
	return w.Close()
}

// appendList appends a list as it is saved.
func (n *generation) appendList(b []byte, id int) []byte {
	l, open := &n.view.grown[id], &n.open[id]
	partly := len(l.positions)%rabitq.BlockCodes > 0
	b = append(b, l.signs...)
	if partly {
		b = append(b, open.signs...)
	}
	b = append(b, factorBytes(l.factors)...)
	if partly {
		b = append(b, factorBytes([]rabitq.BlockFactors{open.factors})...)
	}
	return append(b, l.rows...)
}

func factorBytes(f []rabitq.BlockFactors) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), len(f)*int(unsafe.Sizeof(rabitq.BlockFactors{})))
}

// Kind implements vector.Index.
func (g *growing) Kind() string { return flat.name }

// Space implements vector.Index.
func (g *growing) Space() vector.Space { return g.space }

// Len implements vector.Index.
func (g *growing) Len() int {
	if x := g.current.Load(); x != nil {
		return x.Len()
	}
	return 0
}

// Search implements vector.Index.
func (g *growing) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	x := g.current.Load()
	if x == nil {
		return dst, ctx.Err()
	}
	return x.Search(ctx, dst, r, stats)
}

// Iterate implements vector.Index.
func (g *growing) Iterate(r *vector.SearchRequest, stats *vector.SearchStats) vector.Iterator {
	x := g.current.Load()
	if x == nil {
		x = &index{k: flat}
	}
	return x.Iterate(r, stats)
}

// ResidentBytes implements vector.Index.
func (g *growing) ResidentBytes() int64 {
	x := g.current.Load()
	if x == nil {
		return 0
	}
	n := x.ResidentBytes()
	for i := range x.grown {
		l := &x.grown[i]
		n += int64(len(l.signs) + len(factorBytes(l.factors)) + len(l.rows) + 4*len(l.positions))
	}
	return n
}

// Close implements vector.Index.
func (g *growing) Close() {}
