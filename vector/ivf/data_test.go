package ivf

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"quiver/vector"
)

// memory holds the parts of an index.
type memory map[string][]byte

type memoryFile struct {
	bytes.Buffer
	m    memory
	name string
}

func (m memory) Create(part string) (io.WriteCloser, error) {
	return &memoryFile{m: m, name: part}, nil
}

func (f *memoryFile) Close() error {
	b := alignedBytes(f.Len())
	copy(b, f.Bytes())
	f.m[f.name] = b
	return nil
}

var errAbsent = errors.New("no such part")

func (m memory) Open(part string) ([]byte, error) {
	if b, ok := m[part]; ok {
		return b, nil
	}
	return nil, errAbsent
}

// ranged is memory read by ranges; it counts and may fail.
type ranged struct {
	memory
	mu       sync.Mutex
	requests int
	bytes    int64
	closed   int
	failAt   int // the number of the request that fails; 0: none
}

var errRead = errors.New("read failed")

func (r *ranged) OpenRanges(part string) (vector.Ranges, error) {
	b, err := r.Open(part)
	return &rangedPart{r, b}, err
}

type rangedPart struct {
	r *ranged
	b []byte
}

func (p *rangedPart) Size() int64 { return int64(len(p.b)) }

func (p *rangedPart) ReadRange(ctx context.Context, b []byte, offset int64) error {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.r.requests++
	p.r.bytes += int64(len(b))
	if p.r.requests == p.r.failAt {
		return errRead
	}
	copy(b, p.b[offset:offset+int64(len(b))])
	return ctx.Err()
}

func (p *rangedPart) Close() error { p.r.closed++; return nil }

// column is vectors in memory; nil is null.
type column [][]byte

func (c column) Len() int                { return len(c) }
func (c column) Row(position int) []byte { return c[position] }

func encode(s vector.Space, v []float32) []byte {
	switch s.Element {
	case vector.Float16:
		h := make([]uint16, len(v))
		for i, f := range v {
			h[i] = vector.Float32ToHalf(f)
		}
		return vector.EncodeHalves(h)
	case vector.Bit:
		b := make([]byte, s.RowBytes())
		for i, f := range v {
			if f > 0 {
				b[i/8] |= 0x80 >> (i % 8)
			}
		}
		return b
	}
	return vector.EncodeFloat32s(v)
}

// data makes vectors, the last of them as queries that are not in the column.
type data struct {
	name string
	dim  int
	make func(r *rand.Rand, n int) [][]float32
}

func gaussian(r *rand.Rand, dim int, spread float64) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(r.NormFloat64() * spread)
	}
	return v
}

func clusteredData(dim, centres int, spread float64) func(r *rand.Rand, n int) [][]float32 {
	return func(r *rand.Rand, n int) (out [][]float32) {
		var c [][]float32
		for range centres {
			c = append(c, gaussian(r, dim, 1))
		}
		for range n {
			v := gaussian(r, dim, spread)
			for i, f := range c[r.IntN(centres)] {
				v[i] += f
			}
			out = append(out, v)
		}
		return out
	}
}

var datasets = []data{
	{"clustered", 64, clusteredData(64, 100, 0.4)},
	{"uniform", 24, func(r *rand.Rand, n int) (out [][]float32) {
		for range n {
			v := make([]float32, 24)
			for i := range v {
				v[i] = r.Float32()
			}
			out = append(out, v)
		}
		return out
	}},
	{"duplicates", 32, func(r *rand.Rand, n int) (out [][]float32) {
		distinct := clusteredData(32, 20, 0.5)(r, n/20)
		for range n {
			out = append(out, distinct[r.IntN(len(distinct))])
		}
		return out
	}},
	{"low-dimension", 3, func(r *rand.Rand, n int) (out [][]float32) {
		for range n {
			out = append(out, gaussian(r, 3, 1))
		}
		return out
	}},
}

// words are the vectors of examples/words.
var words = sync.OnceValue(func() (out [][]float32) {
	f, err := os.Open("../../examples/words/words.csv.gz")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		panic(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		panic(err)
	}
	for _, row := range rows[1:] {
		var v []float32
		for _, s := range strings.Split(strings.Trim(row[len(row)-1], "[]"), ",") {
			x, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
			if err != nil {
				break
			}
			v = append(v, float32(x))
		}
		if len(v) > 1 {
			out = append(out, v)
		}
	}
	return out
})

func build(t testing.TB, method string, s vector.Space, c vector.Column, o vector.Options) memory {
	t.Helper()
	parts := memory{}
	if err := vector.KindByName(method).Build(context.Background(), s, c, o, parts); err != nil {
		t.Fatal(err)
	}
	return parts
}

func open(t testing.TB, method string, parts vector.Parts) *index {
	t.Helper()
	x, err := vector.KindByName(method).Open(parts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x.(*index)
}

func encodeAll(s vector.Space, vectors [][]float32) (out column) {
	for _, v := range vectors {
		out = append(out, encode(s, v))
	}
	return out
}
