package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"quiver/bench/dataset"
	"quiver/bench/plot"
)

// Settings of the index that engines are compared with.
const (
	hnswM              = 16
	hnswEfConstruction = 200
)

// cacheDir keeps what is costly to fetch or make, below the repository.
const cacheDir = ".cache/bench"

// pgvectorControl is there when PostgreSQL has the extension.
const pgvectorControl = "/usr/share/postgresql/15/extension/vector.control"

// say shows how far a long part is.
func (b *bench) say(format string, a ...any) { fmt.Printf("   "+format+"\n", a...) }

// note adds a paragraph below the figures of the part.
func (b *bench) note(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	b.notes = append(b.notes, note{b.section, text})
	b.say("%s", text)
}

// picture is a plot that goes into docs/plots.
type picture struct{ section, file, title, svg string }

func (b *bench) addPlot(file, title string, p *plot.Plot) {
	b.plots = append(b.plots, picture{b.section, file, title, string(p.SVG())})
}

// wordVectors reads the word vectors and what is true of them, once.
func (b *bench) wordVectors() error {
	if b.set != nil {
		return nil
	}
	b.say("reading the word vectors")
	var err error
	if b.set, err = dataset.Wink(b.cache); err != nil {
		return err
	}
	if b.rows > 0 {
		b.set = b.set.First(b.rows)
	}
	b.truth, err = b.set.Nearest(b.cache, neighbors)
	return err
}

// hasPgvector says whether the peer is installed.
func (b *bench) hasPgvector() bool {
	_, err := os.Stat(pgvectorControl)
	return !b.without["pgvector"] && !errors.Is(err, fs.ErrNotExist)
}

const quiverName = "Quiver"

// server is one that searches are measured on.
type server struct{ name, dsn string }

func (b *bench) quiverServer() server   { return server{quiverName, b.quiver.DSN()} }
func (b *bench) pgvectorServer() server { return server{"pgvector", b.postgres} }

// servers are Quiver and, if it is there, PostgreSQL with pgvector.
func (b *bench) servers() []server {
	if b.hasPgvector() {
		return []server{b.pgvectorServer(), b.quiverServer()}
	}
	return []server{b.quiverServer()}
}

// run executes statements on a connection of their own.
func (b *bench) run(dsn string, statements ...string) error {
	c, err := b.connect(dsn)
	if err != nil {
		return err
	}
	defer c.Close(b.ctx)
	for _, sql := range statements {
		if err := b.exec(c, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// ask returns the first value of a statement's answer.
func (b *bench) askText(dsn, sql string) (string, error) {
	c, err := b.connect(dsn)
	if err != nil {
		return "", err
	}
	defer c.Close(b.ctx)
	r, err := c.Exec(b.ctx, sql).ReadAll()
	if err != nil || len(r) == 0 || len(r[0].Rows) == 0 {
		return "", err
	}
	return string(r[0].Rows[0][0]), nil
}

func (b *bench) askNumber(dsn, sql string) (float64, error) {
	text, err := b.askText(dsn, sql)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}

// createVectors makes a table for the rows of a set; statements follow in it.
func (b *bench) createVectors(dsn, table string, dim int, more ...string) error {
	return b.run(dsn, append([]string{
		"CREATE EXTENSION IF NOT EXISTS vector", "DROP TABLE IF EXISTS " + table,
		fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, bucket int NOT NULL, label text NOT NULL, embedding vector(%d))", table, dim),
	}, more...)...)
}

// copyVectors loads rows by COPY and returns how long it took to the answer.
func (b *bench) copyVectors(dsn, table string, data []byte) (time.Duration, error) {
	c, err := b.connect(dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(b.ctx)
	start := time.Now()
	_, err = c.CopyFrom(b.ctx, bytes.NewReader(data), "COPY "+table+" FROM STDIN (FORMAT binary)")
	return time.Since(start), err
}

// loadWords puts the word vectors into table vectors of each server, once.
func (b *bench) loadWords() error {
	if err := b.wordVectors(); err != nil || b.loaded {
		return err
	}
	data := b.set.CopyBinary(0, b.set.Len(), 0)
	for _, s := range b.servers() {
		if b.keeps(s, "vectors") {
			b.say("%s has kept its table", s.name)
			continue
		}
		if err := b.createVectors(s.dsn, "vectors", b.set.Dim); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		took, err := b.copyVectors(s.dsn, "vectors", data)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := b.run(s.dsn, "ANALYZE vectors", "CHECKPOINT"); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		b.say("%s has %d rows after %.1f s", s.name, b.set.Len(), took.Seconds())
	}
	b.loaded = true
	return nil
}

func indexSQL(name, table, options string) string {
	return fmt.Sprintf("CREATE INDEX %s ON %s USING hnsw (embedding vector_cosine_ops)%s", name, table, options)
}

func sameIndexSQL(name, table string) string {
	return indexSQL(name, table, fmt.Sprintf(" WITH (m = %d, ef_construction = %d)", hnswM, hnswEfConstruction))
}

// timed runs a statement and returns how long it took.
func (b *bench) timed(dsn, sql string) (time.Duration, error) {
	start := time.Now()
	err := b.run(dsn, sql)
	return time.Since(start), err
}

// indexWords builds the index on each server and in hnswlib, once, timing it.
func (b *bench) indexWords() error {
	if err := b.loadWords(); err != nil || b.indexed {
		return err
	}
	b.builds = map[string]time.Duration{}
	for _, s := range b.servers() {
		took, kept := b.keptBuild(s)
		if !kept {
			var err error
			if took, err = b.indexServer(s); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		b.builds[s.name] = took
		b.say("%s built its index in %.1f s", s.name, took.Seconds())
	}
	if !b.without["hnswlib"] {
		took, err := b.indexHnswlib()
		if err != nil {
			return err
		}
		b.builds["hnswlib"] = took
		b.say("hnswlib built its index in %.1f s", took.Seconds())
	}
	b.indexed = true
	return nil
}

func (b *bench) indexServer(s server) (time.Duration, error) {
	wait := func() {}
	if s.name == quiverName {
		wait = b.profiled("build", 15*time.Second)
	}
	took, err := b.timed(s.dsn, sameIndexSQL("vectors_hnsw", "vectors"))
	wait()
	if err != nil || !b.kept || s.name == quiverName {
		return took, err
	}
	return took, b.run(s.dsn, fmt.Sprintf("COMMENT ON INDEX vectors_hnsw IS '%s'", took))
}

// keeps says whether a server has the rows of a table from an earlier run.
func (b *bench) keeps(s server, table string) bool {
	if !b.kept || s.name == quiverName {
		return false
	}
	n, err := b.askNumber(s.dsn, "SELECT count(*) FROM "+table)
	return err == nil && int(n) == b.set.Len()
}

// keptBuild is how long the build took of an index that an earlier run left.
func (b *bench) keptBuild(s server) (time.Duration, bool) {
	if !b.kept || s.name == quiverName {
		return 0, false
	}
	text, err := b.askText(s.dsn, "SELECT obj_description('vectors_hnsw'::regclass)")
	if err != nil {
		return 0, false // there is no such index
	}
	took, err := time.ParseDuration(text)
	return took, err == nil
}

// build is the time to build the index.
func (b *bench) build() error {
	if err := b.indexWords(); err != nil {
		return err
	}
	what := fmt.Sprintf("CREATE INDEX … USING hnsw WITH (m = %d, ef_construction = %d)", hnswM, hnswEfConstruction)
	for _, peer := range []struct {
		name, is string
		atMost   float64
	}{{"pgvector", "pgvector, 2 workers", 0.25}, {"hnswlib", "hnswlib, 2 threads", 1}} {
		if took := b.builds[peer.name]; took > 0 {
			b.add(figure{what: what, quiver: b.builds["Quiver"].Seconds(), peer: took.Seconds(), unit: "s", peerIs: peer.is, atMost: peer.atMost})
		}
	}
	return nil
}

// size is pg_relation_size in MB.
func (b *bench) size(dsn, relation string) (float64, error) {
	n, err := b.askNumber(dsn, "SELECT pg_relation_size('"+relation+"')")
	return n / 1e6, err
}

// resident is the memory of a process by kind, in MB: its own, and of files
// that it maps.
func resident(pid int) (own, mapped float64) {
	status := fmt.Sprintf("/proc/%d/status", pid)
	kB := func(what string) float64 {
		n, err := strconv.ParseFloat(strings.TrimSuffix(firstLine(status, what), " kB"), 64)
		if err != nil {
			return 0
		}
		return n / 1000
	}
	return kB("RssAnon:") + kB("RssShmem:"), kB("RssFile:")
}

// memory is the size of the index and of the process.
func (b *bench) memory() error {
	if err := b.indexWords(); err != nil {
		return err
	}
	size, err := b.size(b.quiver.DSN(), "vectors_hnsw")
	if err != nil {
		return err
	}
	f := figure{what: "Size of the index (pg_relation_size)", quiver: size, unit: "MB", most: 250}
	if b.hasPgvector() {
		if f.peer, err = b.size(b.postgres, "vectors_hnsw"); err != nil {
			return err
		}
		f.peerIs = "pgvector"
	}
	b.add(f)
	own, mapped := resident(b.quiver.PID())
	peer, peerIs := 0.0, ""
	if b.hnswlib != nil {
		bytes, err := b.hnswlib.number("memory")
		if err != nil {
			return err
		}
		peer, peerIs = bytes/1e6, "hnswlib, with vectors twice"
	}
	b.add(figure{what: "Memory of the process, mapped files included", quiver: own + mapped, peer: peer, unit: "MB", peerIs: peerIs})
	b.note("Of Quiver's memory %.0f MB are its own and %.0f MB are pages of mapped files, which the system takes back when it needs them.", own, mapped)
	return nil
}
