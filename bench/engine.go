package main

import (
	"bufio"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/bench/dataset"
	"quiver/vector"
)

// engine answers the queries of a set: a server over the wire, or hnswlib.
type engine interface {
	name() string
	// tune sets hnsw.ef_search; 0 is what the engine does by itself.
	tune(ef int) error
	// answer returns the ids found for the first n queries.
	answer(n int) ([][]int32, error)
	// rate is searches a second by so many clients.
	rate(clients int, d time.Duration) (float64, error)
	close()
}

// maxClients is how many connections an engine over the wire has.
const maxClients = 8

// wire is a server and a statement, prepared on each connection, whose first
// parameter is the vector.
type wire struct {
	b       *bench
	is      string
	conns   []*pgconn.PgConn
	queries [][]byte
	// more are the parameters of a query after the vector, as text; nil for none.
	more func(query int) string
}

// newWire connects and prepares "SELECT id FROM …"; settings run on each
// connection first.
func (b *bench) newWire(is, dsn, sql string, s *dataset.Set, settings ...string) (*wire, error) {
	var queries [][]byte
	for q := range s.NumQueries() {
		queries = append(queries, dataset.AppendVector(nil, s.Query(q)))
	}
	return b.newWireOf(is, dsn, sql, queries, settings...)
}

// newWireOf is newWire with the first parameter of each query, in binary form.
func (b *bench) newWireOf(is, dsn, sql string, queries [][]byte, settings ...string) (*wire, error) {
	w := &wire{b: b, is: is, queries: queries}
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.DialFunc = dialBlocking
	for range maxClients {
		c, err := pgconn.ConnectConfig(b.ctx, config)
		if err != nil {
			w.close()
			return nil, err
		}
		w.conns = append(w.conns, c)
	}
	for _, set := range settings {
		if err := w.set(set); err != nil {
			w.close()
			return nil, err
		}
	}
	for _, c := range w.conns {
		if _, err := c.Prepare(b.ctx, "nearest", sql, nil); err != nil {
			w.close()
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
	}
	return w, nil
}

func (w *wire) name() string { return w.is }

// set runs a statement on each connection.
func (w *wire) set(sql string) error {
	for _, c := range w.conns {
		if err := w.b.exec(c, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

func (w *wire) tune(ef int) error {
	if ef == 0 {
		return w.set("RESET hnsw.ef_search")
	}
	return w.set(fmt.Sprintf("SET hnsw.ef_search = %d", ef))
}

func (w *wire) close() {
	for _, c := range w.conns {
		c.Close(w.b.ctx)
	}
}

func (w *wire) ask(c *pgconn.PgConn, q int) *pgconn.Result {
	if w.more == nil {
		return c.ExecPrepared(w.b.ctx, "nearest", [][]byte{w.queries[q]}, []int16{1}, []int16{1}).Read()
	}
	return c.ExecPrepared(w.b.ctx, "nearest", [][]byte{w.queries[q], []byte(w.more(q))}, []int16{1, 0}, []int16{1}).Read()
}

func (w *wire) answer(n int) ([][]int32, error) {
	out := make([][]int32, n)
	for q := range out {
		r := w.ask(w.conns[0], q)
		if r.Err != nil {
			return nil, r.Err
		}
		for _, row := range r.Rows {
			out[q] = append(out[q], int32(binary.BigEndian.Uint32(row[0])))
		}
	}
	return out, nil
}

func (w *wire) rate(clients int, d time.Duration) (float64, error) {
	if clients > 1 {
		crowd, err := w.newCrowd(clients)
		if err != nil {
			return 0, err
		}
		start := time.Now()
		times, err := crowd.run(d, 0)
		return float64(len(times)) / time.Since(start).Seconds(), err
	}
	defer processorsFor(clients)()
	calls := 0
	start := time.Now()
	for ; time.Since(start) < d; calls++ {
		if err := w.search(w.conns[0], calls%len(w.queries)); err != nil {
			return 0, err
		}
	}
	return float64(calls) / time.Since(start).Seconds(), nil
}

//go:embed peers/hnswlib.cpp
var hnswlibSource []byte

// Versions and settings of the hnswlib peer.
const (
	hnswlibPackage = "hnswlib-node" // ships the headers
	hnswlibVersion = "3.0.0"
)

// hnswlib is the C++ program of peers/hnswlib.cpp, running.
type hnswlib struct {
	in    io.WriteCloser
	out   *bufio.Reader
	cmd   *exec.Cmd
	ef    int
	cores int
	mu    sync.Mutex
}

// startHnswlib builds the program for this machine and starts it over a set.
func (b *bench) startHnswlib(s *dataset.Set, m, efConstruction int) (*hnswlib, error) {
	dir, err := dataset.NPM(b.cache, hnswlibPackage, hnswlibVersion)
	if err != nil {
		return nil, err
	}
	tmp := b.life.TempDir()
	source, bin := filepath.Join(tmp, "hnswlib.cpp"), filepath.Join(tmp, "hnswlib")
	rows, queries := filepath.Join(tmp, "rows"), filepath.Join(tmp, "queries")
	for file, content := range map[string][]byte{source: hnswlibSource, rows: vector.EncodeFloat32s(s.Rows), queries: vector.EncodeFloat32s(s.Queries)} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return nil, err
		}
	}
	if out, err := exec.Command("g++", "-O3", "-march=native", "-std=c++17", "-I", filepath.Join(dir, "src"), "-o", bin, source, "-lpthread").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("g++: %v\n%s", err, out)
	}
	space := "l2"
	if s.Distance == vector.Cosine {
		space = "ip"
	}
	h := &hnswlib{cores: 2}
	h.cmd = exec.Command(bin, space, strconv.Itoa(s.Dim), rows, queries, strconv.Itoa(m), strconv.Itoa(efConstruction))
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = bufio.NewReaderSize(out, 1<<20)
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	b.life.Cleanup(h.close)
	return h, nil
}

// indexHnswlib starts hnswlib over the word vectors and builds its index on two
// threads, or opens the one that an earlier run kept.
func (b *bench) indexHnswlib() (time.Duration, error) {
	var err error
	if b.hnswlib, err = b.startHnswlib(b.set, hnswM, hnswEfConstruction); err != nil {
		return 0, err
	}
	file := filepath.Join(b.cache, fmt.Sprintf("hnswlib-%d-m%d-ef%d", b.set.Len(), hnswM, hnswEfConstruction))
	if b.kept {
		if text, err := os.ReadFile(file + ".built"); err == nil {
			if took, err := time.ParseDuration(string(text)); err == nil {
				_, err = b.hnswlib.number("load %s", file)
				return took, err
			}
		}
	}
	seconds, err := b.hnswlib.number("build 2")
	took := time.Duration(seconds * float64(time.Second))
	if err != nil || !b.kept {
		return took, err
	}
	if _, err := b.hnswlib.number("save %s", file); err != nil {
		return took, err
	}
	return took, os.WriteFile(file+".built", []byte(took.String()), 0o600)
}

func (h *hnswlib) name() string { return "hnswlib in process" }

func (h *hnswlib) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd != nil {
		h.in.Close()
		_ = h.cmd.Wait() // it ends with its input
		h.cmd = nil
	}
}

// do sends a line and reads the answer.
func (h *hnswlib) do(format string, a ...any) (string, error) {
	if _, err := fmt.Fprintf(h.in, format+"\n", a...); err != nil {
		return "", err
	}
	line, err := h.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (h *hnswlib) number(format string, a ...any) (float64, error) {
	line, err := h.do(format, a...)
	if err != nil {
		return math.NaN(), err
	}
	return strconv.ParseFloat(line, 64)
}

func (h *hnswlib) tune(ef int) error { h.ef = ef; return nil }

func (h *hnswlib) answer(n int) ([][]int32, error) {
	line, err := h.do("ids %d %d", h.ef, n)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(line)
	if len(words) != n*neighbors {
		return nil, fmt.Errorf("hnswlib found %d rows for %d queries", len(words), n)
	}
	out := make([][]int32, n)
	for i, word := range words {
		id, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		out[i/neighbors] = append(out[i/neighbors], int32(id))
	}
	return out, nil
}

// rate uses no more threads than the machine has cores.
func (h *hnswlib) rate(clients int, d time.Duration) (float64, error) {
	return h.number("rate %d %d %g", h.ef, min(clients, h.cores), d.Seconds())
}
