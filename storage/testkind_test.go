package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"quiver/vector"
)

// testKind is an exact "hnsw": its parts are the vectors by ordinal and their
// positions. It drives everything that storage does with an index.
type testKind struct {
	built, reordered, grown, saved atomic.Int64
	// fail, if set, is returned by Build.
	fail error
	// building, if set, is called at the begin of each Build.
	building func(context.Context)
}

func (*testKind) Name() string                             { return "hnsw" }
func (*testKind) Check(vector.Space, vector.Options) error { return nil }
func (*testKind) Estimate(vector.Space, int, vector.Options) vector.Estimate {
	return vector.Estimate{}
}

// NewGrowing is an exact index, too.
func (k *testKind) NewGrowing(s vector.Space, _ vector.Options) (vector.Growing, error) {
	k.grown.Add(1)
	return &testGrowing{kind: k, dim: s.Dim}, nil
}

// testGrowing copies the vectors.
type testGrowing struct {
	kind *testKind
	dim  int
	mu   sync.RWMutex
	testIndex
	end int
}

func (g *testGrowing) Append(_ context.Context, c vector.Column, end, _ int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for ; g.end < end; g.end++ {
		if row := c.Row(g.end); row != nil {
			g.data = append(g.data, row...)
			g.positions = binary.LittleEndian.AppendUint32(g.positions, uint32(g.end))
		}
	}
	g.testIndex.dim = g.dim
	return nil
}

// Unsettled: Settle has nothing to do.
func (g *testGrowing) Unsettled() bool { return false }

// Settle has nothing to do.
func (g *testGrowing) Settle(context.Context, vector.Column, int) error { return nil }

func (g *testGrowing) Search(ctx context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.testIndex.Search(ctx, dst, r, stats)
}

func (g *testGrowing) Save(_ context.Context, parts vector.PartWriter, moved func(uint32) (uint32, bool)) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	g.kind.saved.Add(1)
	if err := writePart(parts, "vectors", append(slices.Clone(g.data), byte(g.dim))); err != nil {
		return err
	}
	return writePart(parts, vector.PartPositions, movePositions(append([]byte(testPartHeader), g.positions...), moved))
}

// choosingKind leaves all columns to another kind, whose parts are its own.
type choosingKind struct {
	testKind
	other namedKind
}

// namedKind is a testKind of another name.
type namedKind struct {
	testKind
	name string
}

func (k *namedKind) Name() string { return k.name }

func (k *choosingKind) Choose(_ context.Context, _ vector.Space, _ vector.Column, o vector.Options) (vector.Kind, vector.Options, error) {
	return &k.other, o, nil
}

func (k *choosingKind) byName(method string) vector.Kind {
	switch method {
	case "hnsw":
		return k
	case k.other.name:
		return &k.other
	}
	return nil
}

const testPartHeader = "test"

func (k *testKind) Build(ctx context.Context, s vector.Space, c vector.Column, o vector.Options, parts vector.PartWriter) error {
	k.built.Add(1)
	if k.building != nil {
		k.building(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var data []byte
	positions := []byte(testPartHeader)
	for pos := range c.Len() {
		if o.Progress != nil {
			o.Progress("building", int64(pos), int64(c.Len()))
		}
		if row := c.Row(pos); row != nil {
			if len(row) != 4*s.Dim {
				return fmt.Errorf("row %d has %d bytes", pos, len(row))
			}
			data = append(data, row...)
			positions = binary.LittleEndian.AppendUint32(positions, uint32(pos))
		}
	}
	if k.fail != nil {
		return k.fail
	}
	if err := writePart(parts, "vectors", append(data, byte(s.Dim))); err != nil {
		return err
	}
	return writePart(parts, vector.PartPositions, positions)
}

func writePart(parts vector.PartWriter, name string, data []byte) error {
	w, err := parts.Create(name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func (k *testKind) Open(parts vector.Parts) (vector.Index, error) {
	data, err := parts.Open("vectors")
	if err != nil {
		return nil, err
	}
	positions, err := parts.Open(vector.PartPositions)
	if err != nil {
		return nil, err
	}
	dim := int(data[len(data)-1])
	if n := (len(positions) - len(testPartHeader)) / 4; string(positions[:4]) != testPartHeader || len(data) != n*dim*4+1 {
		return nil, vector.ErrCorrupt
	}
	return &testIndex{data: data, positions: positions[len(testPartHeader):], dim: dim}, nil
}

func (k *testKind) Reorder(old vector.Parts, parts vector.PartWriter, moved func(uint32) (uint32, bool)) error {
	k.reordered.Add(1)
	positions, err := old.Open(vector.PartPositions)
	if err != nil {
		return err
	}
	return writePart(parts, vector.PartPositions, movePositions(slices.Clone(positions), moved))
}

func movePositions(positions []byte, moved func(uint32) (uint32, bool)) []byte {
	for at := len(testPartHeader); at < len(positions); at += 4 {
		to := vector.NoPosition
		if pos := binary.LittleEndian.Uint32(positions[at:]); pos != vector.NoPosition {
			if p, ok := moved(pos); ok {
				to = p
			}
		}
		binary.LittleEndian.PutUint32(positions[at:], to)
	}
	return positions
}

// testIndex compares with every vector.
type testIndex struct {
	data, positions []byte
	dim             int
	closed          atomic.Bool
}

func (x *testIndex) Kind() string                                                       { return "hnsw" }
func (x *testIndex) Space() vector.Space                                                { return vector.Space{Dim: x.dim} }
func (x *testIndex) Len() int                                                           { return len(x.positions) / 4 }
func (x *testIndex) ResidentBytes() int64                                               { return int64(len(x.data)) }
func (x *testIndex) Close()                                                             { x.closed.Store(true) }
func (x *testIndex) Iterate(*vector.SearchRequest, *vector.SearchStats) vector.Iterator { return nil }

func (x *testIndex) Search(_ context.Context, dst []vector.Candidate, r *vector.SearchRequest, stats *vector.SearchStats) ([]vector.Candidate, error) {
	if x.closed.Load() {
		return dst, fmt.Errorf("a closed index is searched")
	}
	start := len(dst)
	for i := range x.Len() {
		pos := binary.LittleEndian.Uint32(x.positions[4*i:])
		if pos == vector.NoPosition || r.Keep != nil && !Bitmap(r.Keep).Get(int(pos)) {
			continue
		}
		stats.Distances++
		d := vector.Exact(vector.L2, floats(r.Query), floats(x.data[i*x.dim*4:][:x.dim*4]))
		dst = append(dst, vector.Candidate{Position: pos, Distance: float32(d)})
	}
	slices.SortFunc(dst[start:], func(a, b vector.Candidate) int {
		if a.Distance != b.Distance {
			if a.Distance < b.Distance {
				return -1
			}
			return 1
		}
		return int(a.Position) - int(b.Position)
	})
	return dst[:min(len(dst), start+r.K)], nil
}
