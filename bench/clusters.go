package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"quiver/bench/dataset"
	"quiver/test/servers"
	"quiver/vector"
)

// clusterQueries is how many held-out queries the generated set has.
const clusterQueries = 500

// The memory that the server has in the largest run: 8 GB with the system's part
// left out.
const (
	largeHeap    = "5GiB"
	largeOffHeap = "2GB"
)

// clusterWarmup is how long searches go on before they are counted.
const clusterWarmup = 10 * time.Second

// clusters loads, indexes and searches a million generated vectors.
func (b *bench) clusters() error { return b.generated(b.quiver, 1_000_000, "1M") }

// clusters10M is the same with ten million, in a server of bounded memory, and
// takes long: make bench-large.
func (b *bench) clusters10M() error {
	before, set := os.LookupEnv("GOMEMLIMIT")
	if err := os.Setenv("GOMEMLIMIT", largeHeap); err != nil {
		return err
	}
	q := servers.StartQuiver(b.life, "", "--memory-budget", largeOffHeap)
	defer q.Kill()
	if !set {
		os.Unsetenv("GOMEMLIMIT")
	} else if err := os.Setenv("GOMEMLIMIT", before); err != nil {
		return err
	}
	b.note("The server has GOMEMLIMIT=%s and --memory-budget %s.", largeHeap, largeOffHeap)
	if b.million == nil {
		if err := b.generated(q, 1_000_000, "1M"); err != nil {
			return err
		}
	}
	return b.generated(q, 10_000_000, "10M")
}

// generated streams n vectors into a table, as many as fit no client's memory,
// and searches them.
func (b *bench) generated(q *servers.Quiver, n int, name string) error {
	dsn := q.DSN()
	gen := dataset.NewClusters()
	s := &dataset.Set{Name: "clusters", Distance: vector.L2, Dim: gen.Dim, Queries: gen.Queries(clusterQueries)}
	if err := b.createVectors(dsn, "clusters", gen.Dim); err != nil {
		return err
	}
	peak := watchMemory(q.PID())
	defer peak.stop()
	exact := dataset.NewExactSearch(s.Distance, s.Dim, s.Queries, neighbors)
	took, err := b.streamClusters(dsn, gen, n, exact)
	if err != nil {
		return err
	}
	truth := exact.Truth(neighbors)
	b.note("%s × %d-d loaded in %.0f s, generating the rows and their exact search included.", name, gen.Dim, took.Seconds())
	built, err := b.timed(dsn, fmt.Sprintf("CREATE INDEX clusters_hnsw ON clusters USING hnsw (embedding vector_l2_ops) WITH (m = %d, ef_construction = %d)", hnswM, hnswEfConstruction))
	if err != nil {
		return err
	}
	b.add(figure{what: name + " generated vectors: CREATE INDEX", quiver: built.Seconds(), unit: "s"})
	size, err := b.size(dsn, "clusters_hnsw")
	if err != nil {
		return err
	}
	b.add(figure{what: name + " generated vectors: size of the index", quiver: size, unit: "MB"})
	w, err := b.newWire(quiverName, dsn, "SELECT id FROM clusters ORDER BY embedding <-> $1 LIMIT 10", s)
	if err != nil {
		return err
	}
	defer w.close()
	r, err := generatedRecall(w, gen, s, truth)
	if err != nil {
		return err
	}
	b.add(figure{what: name + " generated vectors: recall, no setting touched", quiver: r, unit: "recall@10", least: 0.95})
	// What a server does that has been searched for a while: pages of an index that was
	// just built are mapped one by one.
	if _, err := w.rate(maxClients, clusterWarmup); err != nil {
		return err
	}
	all := map[int]float64{}
	for _, clients := range []int{1, maxClients} {
		rates, err := b.inTurns([]engine{w}, clients, 2*slice)
		if err != nil {
			return err
		}
		f := figure{what: fmt.Sprintf("%s generated vectors: searches, %d client(s)", name, clients), quiver: rates[0], unit: "QPS"}
		if million := b.million[clients]; million > 0 {
			f.peer, f.peerIs, f.atLeast = million, "1M", 0.33
		}
		b.add(f)
		all[clients] = rates[0]
	}
	if n == 1_000_000 {
		b.million = all
	}
	own, total := peak.stop()
	b.note("At its most the server had %.0f MB of its own, and %.0f MB with the pages of mapped files that the system had left in memory.", own, total)
	return b.run(dsn, "DROP TABLE clusters")
}

// memoryWatch follows the memory of a process.
type memoryWatch struct {
	ended, done chan struct{}
	once        sync.Once
	own, total  float64 // the most there was, in MB
}

func watchMemory(pid int) *memoryWatch {
	m := &memoryWatch{ended: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			own, mapped := resident(pid)
			m.own, m.total = max(m.own, own), max(m.total, own+mapped)
			select {
			case <-m.ended:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return m
}

// stop ends the watch and returns the most memory of its own that the process
// had, and the most in all.
func (m *memoryWatch) stop() (own, total float64) {
	m.once.Do(func() { close(m.ended) })
	<-m.done
	return m.own, m.total
}

// generatedRecall makes the rows found again, to compare their distances.
func generatedRecall(w *wire, gen *dataset.Clusters, s *dataset.Set, truth *dataset.Truth) (float64, error) {
	answers, err := w.answer(s.NumQueries())
	if err != nil {
		return 0, err
	}
	good, row := 0, make([]float32, s.Dim)
	for q, ids := range answers {
		for _, id := range ids {
			gen.Fill(row, uint64(id))
			if vector.Exact(s.Distance, s.Query(q), row) <= truth.Worst[q] {
				good++
			}
		}
	}
	return float64(good) / float64(neighbors*len(answers)), nil
}

// streamClusters copies the rows into the table while they are made.
func (b *bench) streamClusters(dsn string, gen *dataset.Clusters, n int, exact *dataset.ExactSearch) (time.Duration, error) {
	c, err := b.connect(dsn)
	if err != nil {
		return 0, err
	}
	defer c.Close(b.ctx)
	start := time.Now()
	// One COPY is one transaction: a few hundred thousand rows each.
	const part, block = 250_000, 4096
	rows := make([]float32, block*gen.Dim)
	for from := 0; from < n; from += part {
		r, w := io.Pipe()
		go func() {
			var buf []byte
			buf = append(buf, dataset.CopyHeader...)
			for at := from; at < min(from+part, n); at += block {
				v := rows[:min(block, from+part-at, n-at)*gen.Dim]
				gen.Fill(v, uint64(at))
				exact.Add(v)
				for i := range len(v) / gen.Dim {
					buf = dataset.AppendCopyRow(buf, int32(at+i), int32((at+i)%1000), 'a'+byte((at+i)%26), v[i*gen.Dim:(i+1)*gen.Dim])
				}
				if _, err := w.Write(buf); err != nil {
					return
				}
				buf = buf[:0]
			}
			_, err := w.Write(dataset.CopyTrailer)
			w.CloseWithError(err)
		}()
		_, err := c.CopyFrom(b.ctx, r, "COPY clusters FROM STDIN (FORMAT binary)")
		r.CloseWithError(io.ErrClosedPipe)
		if err != nil {
			return 0, err
		}
		b.say("%d rows, %.0f s", min(from+part, n), time.Since(start).Seconds())
	}
	return time.Since(start), b.run(dsn, "CHECKPOINT")
}
