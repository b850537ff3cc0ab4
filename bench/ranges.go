package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"quiver/bench/dataset"
	"quiver/vector"
	_ "quiver/vector/ivf" // diskann
)

// What a search of a million vectors that lie far away may ask for.
const (
	rangeRows        = 1_000_000
	rangeRequestsMax = 20
	rangeBytesMax    = 1 << 20
	rangeRecall      = 0.95
)

// ranges builds a diskann index of generated vectors and searches it in process
// by ranges of its file, which are counted: what an object store would be asked
// for.
func (b *bench) ranges() error {
	gen := dataset.NewClusters()
	set := gen.Set(rangeRows, clusterQueries)
	truth := set.Exact(clusterQueries, neighbors, nil)
	kind := vector.KindByName("diskann")
	space := vector.Space{Distance: vector.L2, Dim: set.Dim}
	for _, o := range []vector.Options{{}, {Quantization: "rabitq", Bits: 4}} {
		dir := partFiles(b.life.TempDir())
		o.Workers = runtime.NumCPU()
		start := time.Now()
		if err := kind.Build(b.ctx, space, setColumn{set}, o, dir); err != nil {
			return err
		}
		took := time.Since(start)
		if err := b.searchRanges(kind, dir, set, truth, o, took); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) searchRanges(kind vector.Kind, dir partFiles, set *dataset.Set, truth *dataset.Truth, o vector.Options, took time.Duration) error {
	far := &countedParts{partFiles: dir}
	x, err := kind.Open(far)
	if err != nil {
		return err
	}
	defer x.Close()
	far.requests.Store(0)
	far.bytes.Store(0)
	var stats vector.SearchStats
	recall, candidates := 0.0, 0
	start := time.Now()
	for q := range clusterQueries {
		got, err := x.Search(b.ctx, nil, &vector.SearchRequest{Query: vector.EncodeFloat32s(set.Query(q)), K: neighbors, Recall: rangeRecall}, &stats)
		if err != nil {
			return err
		}
		candidates += len(got)
		recall += truth.Recall(set, q, nearestOf(set, q, got), nil)
	}
	perQuery := func(n int64) float64 { return float64(n) / clusterQueries }
	form := "8 bits"
	if o.Bits > 0 {
		form = fmt.Sprintf("%d bits", o.Bits)
	}
	what := "1M × 96-d, diskann by ranges, " + form + ": "
	b.add(figure{what: what + "recall@10", quiver: recall / clusterQueries, least: rangeRecall})
	b.add(figure{what: what + "requests a search", quiver: perQuery(far.requests.Load()), most: rangeRequestsMax})
	b.add(figure{what: what + "bytes a search", quiver: perQuery(far.bytes.Load()), unit: "B", most: rangeBytesMax})
	b.note("%s%.0f lists and %.0f candidates a search, %.1f ms; built in %.1f s, %.0f MB resident of %.0f MB.", what,
		perQuery(stats.Visited), perQuery(int64(candidates)), time.Since(start).Seconds()*1000/clusterQueries, took.Seconds(),
		float64(x.ResidentBytes())/1e6, float64(dir.size("lists"))/1e6)
	return nil
}

// nearestOf are the ids of the nearest of candidates by their exact distances.
func nearestOf(set *dataset.Set, q int, candidates []vector.Candidate) []int32 {
	top := vector.NewTopK(neighbors)
	for _, c := range candidates {
		row := set.Rows[int(c.Position)*set.Dim:][:set.Dim]
		top.Push(vector.Neighbor{Row: uint64(c.Position), Distance: vector.Exact(set.Distance, set.Query(q), row)})
	}
	var ids []int32
	for _, n := range top.Sorted() {
		ids = append(ids, int32(n.Row))
	}
	return ids
}

// setColumn is the rows of a set.
type setColumn struct{ *dataset.Set }

func (c setColumn) Row(i int) []byte {
	return vector.EncodeFloat32s(c.Rows[i*c.Dim : (i+1)*c.Dim])
}

// partFiles are the parts of an index in a directory.
type partFiles string

func (p partFiles) Create(part string) (io.WriteCloser, error) {
	return os.Create(filepath.Join(string(p), part))
}

func (p partFiles) Open(part string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(p), part))
}

func (p partFiles) size(part string) int64 {
	info, err := os.Stat(filepath.Join(string(p), part))
	if err != nil {
		return 0
	}
	return info.Size()
}

// countedParts reads parts by ranges and counts them.
type countedParts struct {
	partFiles
	requests, bytes atomic.Int64
}

func (p *countedParts) OpenRanges(part string) (vector.Ranges, error) {
	f, err := os.Open(filepath.Join(string(p.partFiles), part))
	return &countedFile{File: f, parts: p, size: p.size(part)}, err
}

type countedFile struct {
	*os.File
	parts *countedParts
	size  int64
}

func (f *countedFile) Size() int64 { return f.size }

func (f *countedFile) ReadRange(ctx context.Context, b []byte, offset int64) error {
	f.parts.requests.Add(1)
	f.parts.bytes.Add(int64(len(b)))
	_, err := f.ReadAt(b, offset)
	return errors.Join(err, ctx.Err())
}
