package session

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"sync/atomic"
	"testing"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/server/pgwire"
	"quiver/sql/parse"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// stepClock goes on by a millisecond a reading.
type stepClock struct{ now atomic.Uint64 }

func (c *stepClock) Next() (hlc.Timestamp, error) {
	return hlc.Timestamp(c.now.Add(1 << hlc.CounterBits)), nil
}

func (c *stepClock) Now() hlc.Timestamp { return hlc.Timestamp(c.now.Load()) }

func (c *stepClock) Observe(t hlc.Timestamp) {
	for now := c.now.Load(); uint64(t) > now && !c.now.CompareAndSwap(now, uint64(t)); now = c.now.Load() {
	}
}

// discard is a client that reads everything and says nothing.
type discard struct{ net.Conn }

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Read([]byte) (int, error)    { return 0, io.EOF }

// newBenchSession is a session over an engine in memory, without a client.
func newBenchSession(b *testing.B) *Session {
	b.Helper()
	ctx := context.Background()
	c, err := catalog.OpenInMemory(ctx)
	if err != nil {
		b.Fatal(err)
	}
	clock := &stepClock{}
	clock.now.Store(1 << 40)
	engine, err := storage.Open(ctx, storage.Options{
		Catalog: c, Log: wal.NewMemLog(), Clock: clock, Objects: objstore.NewMem(), Manual: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	cfg := &Config{
		Catalog: c, Engine: engine, Parsed: parse.NewCache(1 << 20), TempDir: b.TempDir(), StatementBytesMax: 64 << 20, Parallel: 1,
	}
	s, err := New(ctx, cfg, pgwire.NewConn(discard{}), &pgwire.Startup{User: "postgres", Database: "postgres"}, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		s.Close()
		engine.Close()
		c.Close(ctx)
	})
	return s
}

// executePrepared runs what a client does with a prepared statement: Bind,
// Execute, Sync.
func executePrepared(b *testing.B, s *Session, params func(i int) [][]byte, text string) {
	b.Helper()
	if err := s.Parse("s", text, nil); err != nil {
		b.Fatal(err)
	}
	bind := &pgwire.Bind{Statement: "s", ParamFormats: []int16{1}, ResultFormats: []int16{1}}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		bind.Params = params(i)
		i++
		err := s.Bind(bind)
		if err == nil {
			err = s.Execute("", 0)
		}
		if err == nil {
			err = s.Sync()
		}
		if err == nil {
			err = s.conn.Flush()
		}
		if err != nil {
			b.Fatal(s.Failed(err))
		}
	}
}

// int4Param is $1 of type int4 in binary, in memory that is used again.
func int4Param() func(i int) [][]byte {
	value := make([]byte, 4)
	params := [][]byte{value}
	return func(i int) [][]byte {
		binary.BigEndian.PutUint32(value, uint32(i))
		return params
	}
}

func BenchmarkSelectOne(b *testing.B) {
	executePrepared(b, newBenchSession(b), func(int) [][]byte { return nil }, "select 1")
}

func BenchmarkPointRead(b *testing.B) {
	s := newBenchSession(b)
	if err := s.Query("create table t (id int primary key, name text); insert into t select g, 'name ' || g from generate_series(0, 9999) g"); err != nil {
		b.Fatal(s.Failed(err))
	}
	param := int4Param()
	executePrepared(b, s, func(i int) [][]byte { return param(i % 10000) }, "select name from t where id = $1")
}

// BenchmarkVectorSearch is of few rows, whose graph is passed over soon: what is
// left is what a search costs beside its index.
func BenchmarkVectorSearch(b *testing.B) {
	const rows, dims = 2000, 100
	s := newBenchSession(b)
	for _, text := range []string{
		"create table t (id int primary key, v vector(100))",
		"insert into t select g, array_agg(sin(g * 100 + i))::vector(100) from generate_series(1, 2000) g, generate_series(1, 100) i group by g",
		"checkpoint",
		"create index on t using hnsw (v vector_cosine_ops)",
	} {
		if err := s.Query(text); err != nil {
			b.Fatal(s.Failed(err))
		}
	}
	value := binary.BigEndian.AppendUint16(nil, dims)
	value = append(value, make([]byte, 2+4*dims)...)
	params := [][]byte{value}
	executePrepared(b, s, func(i int) [][]byte {
		for d := range dims {
			x := math.Sin(float64(i%rows*100+d) + 0.1)
			binary.BigEndian.PutUint32(value[4+4*d:], math.Float32bits(float32(x)))
		}
		return params
	}, "select id from t order by v <=> $1 limit 10")
}

func BenchmarkInsertOne(b *testing.B) {
	s := newBenchSession(b)
	if err := s.Query("create table t (id int primary key, name text)"); err != nil {
		b.Fatal(s.Failed(err))
	}
	executePrepared(b, s, int4Param(), "insert into t values ($1, 'a name')")
}
