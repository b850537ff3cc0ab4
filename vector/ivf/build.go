package ivf

import (
	"context"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"quiver/vector"
	"quiver/vector/kmeans"
	"quiver/vector/rabitq"
)

// seed makes builds of the same vectors the same.
const seed = 0x9e3779b97f4a7c15

// builder builds one index.
type builder struct {
	kind   *kind
	space  vector.Space
	column vector.Column
	o      vector.Options
	plan   plan
	memory arrays
	held   []uint32 // positions that have a place in the index
	// queries are some of them, ascending, to calibrate by; spare is the share of the
	// misses that are allowed which is not to be used up by them.
	queries []uint32
	spare   float64

	meta  meta
	codec *rabitq.Codec
	lists []uint32 // by row held
	// Rows sorted by list: positions of list l from starts[l].
	positions []uint32
	starts    []int
	radii     []float32 // by list
}

// What is asked for is not always like the rows. Less is spared for growing lists,
// which are calibrated again and again.
const (
	builtSpare   = 0.5
	growingSpare = 0.15
)

// Build makes the index of a column and writes its parts.
func (k *kind) Build(ctx context.Context, s vector.Space, column vector.Column, o vector.Options, parts vector.PartWriter) error {
	if err := k.Check(s, o); err != nil {
		return err
	}
	b := &builder{kind: k, space: s, column: column, o: o, plan: k.plan(s, column.Len(), o), spare: builtSpare}
	if need := k.Estimate(s, column.Len(), o).BuildBytes; o.MemoryBytes > 0 && need > o.MemoryBytes {
		work := workBytes(s, column.Len(), b.plan)
		if o.Scratch == nil {
			return &vector.MemoryError{Needed: need, Limit: o.MemoryBytes}
		}
		if work > o.MemoryBytes {
			return &vector.MemoryError{Needed: work, Limit: o.MemoryBytes}
		}
		b.memory = arrays{limit: max(o.MemoryBytes-work, 1), scratch: o.Scratch}
	}
	defer b.memory.free()
	if err := b.hold(ctx); err != nil {
		return err
	}
	b.plan = k.plan(s, len(b.held), o)
	if err := b.cluster(ctx); err != nil {
		return err
	}
	return b.write(ctx, parts)
}

func (b *builder) progress(phase string, done, total int64) {
	if b.o.Progress != nil {
		b.o.Progress(phase, done, total)
	}
}

// hold lists the rows that have distances.
func (b *builder) hold(ctx context.Context) (err error) {
	if b.held, _, err = b.memory.words(b.column.Len()); err != nil {
		return err
	}
	b.held = b.held[:0]
	wide := make([]float32, b.space.Dim)
	for p := range b.column.Len() {
		if p%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			b.rest(0)
		}
		if !hold(b.space, wide, b.column.Row(p)) {
			continue
		}
		b.held = append(b.held, uint32(p))
	}
	return nil
}

// hold says whether a row has distances: not null, and under cosine with a length,
// in which case it is widened.
func hold(s vector.Space, wide []float32, row []byte) bool {
	if row == nil || !spherical(s) {
		return row != nil
	}
	widen(s, wide, row)
	return hasLength(wide)
}

// hasLength is false for vectors without length, and those of which float64
// cannot tell it.
func hasLength(v []float32) bool {
	if s := square(v); s > 1e-30 && s < 1e30 {
		return true
	}
	length := math.Sqrt(vector.Dot(v, v))
	return length != 0 && !math.IsInf(length, 0) && length == length
}

// square is the squared length by float32 arithmetic.
func square(v []float32) float32 {
	var dot, out [1]float32
	vector.Fastest().ScoreDot(v, v, len(v), 1, dot[:], out[:])
	return out[0]
}

// normalise brings v to length one, if it has a length.
func normalise(v []float32) {
	if s := square(v); s > 1e-30 && s < 1e30 {
		scale := float32(1 / math.Sqrt(float64(s)))
		for i := range v {
			v[i] *= scale
		}
		return
	}
	if !hasLength(v) {
		return
	}
	length := math.Sqrt(vector.Dot(v, v))
	for i, f := range v {
		v[i] = float32(float64(f) / length)
	}
}

// row widens the vector at a position, at length one under cosine.
func (b *builder) row(dst []float32, position uint32) {
	widen(b.space, dst, b.column.Row(int(position)))
	if spherical(b.space) {
		normalise(dst)
	}
}

// cluster finds the centroids and sorts the rows by list.
func (b *builder) cluster(ctx context.Context) error {
	dim := b.space.Dim
	centroids := &kmeans.Centroids{Matrix: kmeans.Matrix{Dim: dim}}
	if len(b.held) > 0 {
		var err error
		if centroids, err = b.centroids(ctx); err != nil {
			return err
		}
	}
	b.meta = meta{kind: b.kind.name, space: b.space, bits: b.plan.bits, blocks: b.plan.blocks, rows: len(b.held), seed: seed, centroids: centroids}
	if b.plan.bits > 0 {
		var err error
		if b.codec, err = rabitq.New(rabitq.Distance(b.space.Distance), dim, b.plan.bits, seed); err != nil {
			return err
		}
	}
	return b.assign(ctx)
}

// centroids clusters a sample of the rows, of which those to calibrate by are no
// part.
func (b *builder) centroids(ctx context.Context) (*kmeans.Centroids, error) {
	dim := b.space.Dim
	r := rand.New(rand.NewPCG(seed, 1))
	for i, p := range b.held {
		if r.IntN(len(b.held)-i) < b.plan.queries-len(b.queries) {
			b.queries = append(b.queries, p)
		}
	}
	values, release, err := b.memory.floats(b.plan.sample * dim)
	if err != nil {
		return nil, err
	}
	defer release()
	sample := kmeans.Matrix{Values: values, Dim: dim}
	at, queries, left := 0, b.queries, len(b.held)-len(b.queries)
	for _, p := range b.held { // every row with the same probability
		if len(queries) > 0 && p == queries[0] {
			queries = queries[1:]
			continue
		}
		left--
		if r.IntN(left+1) < b.plan.sample-at {
			b.row(sample.Row(at), p)
			if at++; at%4096 == 0 {
				b.rest(0)
			}
		}
	}
	return kmeans.Cluster(ctx, sample, kmeans.Options{
		K: b.plan.lists, Spherical: spherical(b.space), Seed: seed, Workers: b.plan.workers,
		Progress: func(done float64) { b.progress("performing k-means", int64(1000*done), 1000) },
		Rest:     b.o.Rest,
	})
}

// assignedRows is how many rows are assigned at a time.
const assignedRows = 480

// assign sorts the rows by their nearest centroids.
func (b *builder) assign(ctx context.Context) error {
	const chunk = assignedRows
	dim := b.space.Dim
	lists, _, err := b.memory.words(len(b.held))
	if err != nil {
		return err
	}
	b.lists = lists
	squares, releaseSquares, err := b.memory.floats(len(b.held))
	if err != nil {
		return err
	}
	defer releaseSquares()
	chunks := (len(b.held) + chunk - 1) / chunk
	var done atomic.Int64
	shared := b.meta.centroids.NewAssigner()
	err = b.parallel(ctx, chunks, func(int) func(int) error {
		a, wide := shared.Fork(), kmeans.Matrix{Values: make([]float32, chunk*dim), Dim: dim}
		return func(c int) error {
			from, end := c*chunk, min((c+1)*chunk, len(b.held))
			wide.Values = wide.Values[:(end-from)*dim]
			for i, p := range b.held[from:end] {
				b.row(wide.Row(i), p)
			}
			a.Assign(wide, lists[from:end], squares[from:end])
			b.progress("assigning tuples", done.Add(int64(end-from)), int64(len(b.held)))
			return nil
		}
	})
	if err != nil {
		return err
	}
	n := b.meta.centroids.Len()
	b.starts = make([]int, n+1)
	for _, l := range lists {
		b.starts[l+1]++
	}
	sums := make([]float64, n)
	for i, l := range lists {
		sums[l] += float64(squares[i])
	}
	b.radii = make([]float32, n)
	for l := range n {
		b.radii[l] = float32(math.Sqrt(sums[l] / float64(max(b.starts[l+1], 1))))
		b.starts[l+1] += b.starts[l]
	}
	if b.positions, _, err = b.memory.words(len(b.held)); err != nil {
		return err
	}
	at := slices.Clone(b.starts)
	for i, l := range lists {
		b.positions[at[l]] = b.held[i]
		at[l]++
	}
	return nil
}

// rest lets a worker rest.
func (b *builder) rest(worker int) {
	if b.o.Rest != nil {
		b.o.Rest(worker)
	}
}

// parallel calls do, one made for each worker, for 0 to n; workers rest after
// each call.
func (b *builder) parallel(ctx context.Context, n int, worker func(w int) func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, min(b.plan.workers, max(n, 1)))
	for w := range errs {
		group.Go(func() {
			do := worker(w)
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = do(i)
				}
				if errs[w] != nil {
					next.Add(int64(n))
					return
				}
				b.rest(w)
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// write encodes the lists and writes the parts: the lists first, since the
// others describe them.
func (b *builder) write(ctx context.Context, parts vector.PartWriter) error {
	layout := newLayout(b.space, b.codec, b.plan.blocks)
	centroids := b.meta.centroids
	end := int64(0)
	for l := range centroids.Len() {
		rows := b.starts[l+1] - b.starts[l]
		e := listEntry{offset: roundUp(end), bytes: layout.size(rows), rows: rows, radius: b.radii[l], first: b.starts[l]}
		end = e.offset + e.bytes
		b.meta.lists = append(b.meta.lists, e)
	}
	identity := b.meta.identity()
	if err := b.writeLists(ctx, parts, identity, end); err != nil {
		return err
	}
	if err := b.calibrate(ctx); err != nil {
		return err
	}
	if err := writePart(parts, partPositions, identity, bytesOf(b.positions)); err != nil {
		return err
	}
	return writePart(parts, partCentroids, identity, b.meta.append(nil))
}

// writeLists encodes some lists at a time by all workers and writes them in
// order.
func (b *builder) writeLists(ctx context.Context, parts vector.PartWriter, identity uint64, size int64) error {
	w, err := parts.Create(partNames[partLists])
	if err != nil {
		return err
	}
	if _, err := w.Write(header(partLists, identity, int(size), 0)); err != nil {
		return abort(w, err)
	}
	var base []float32
	if b.codec != nil {
		base = baseOf(b.codec, b.meta.centroids)
	}
	encoders := make([]*encoder, b.plan.workers)
	for i := range encoders {
		encoders[i] = newEncoder(b.space, b.codec, b.plan.blocks)
		if b.codec != nil {
			encoders[i].enc.Base = base
		}
		encoders[i].rest = func() { b.rest(i) }
	}
	var batch []byte
	most := int64(b.plan.workers) * batchBytes
	for from := 0; from < len(b.meta.lists); {
		// Lists that lie within so many bytes, or one.
		start, to := b.meta.lists[from].offset, from+1
		for to < len(b.meta.lists) && b.meta.lists[to].offset+b.meta.lists[to].bytes-start <= most {
			to++
		}
		last := b.meta.lists[to-1]
		size, release := last.offset+last.bytes-start, func() {}
		if out := batch; size <= most {
			if int64(cap(out)) < size {
				out = alignedBytes(int(most))
				batch = out
			}
			batch = batch[:size]
			clear(batch)
		} else if batch, release, err = b.memory.bytes(size); err != nil {
			return abort(w, err)
		}
		err := b.parallel(ctx, to-from, func(w int) func(int) error {
			e := encoders[w]
			return func(i int) error {
				l := from + i
				entry := &b.meta.lists[l]
				list := batch[entry.offset-start:][:entry.bytes]
				e.list(list, b.column, b.positions[b.starts[l]:b.starts[l+1]], b.meta.centroids.Row(l))
				entry.sum = crc32.Checksum(list, castagnoli)
				return nil
			}
		})
		if err == nil {
			_, err = w.Write(batch)
		}
		if size > most {
			batch = nil
			release()
		}
		if err != nil {
			return abort(w, err)
		}
		if to < len(b.meta.lists) {
			var zeros [64]byte
			if _, err := w.Write(zeros[:b.meta.lists[to].offset-start-size]); err != nil {
				return abort(w, err)
			}
		}
		from = to
		b.progress("loading tuples", int64(b.starts[from]), int64(len(b.held)))
	}
	return w.Close()
}
