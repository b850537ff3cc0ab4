package main

import (
	"fmt"
	"io"
	"time"

	"quiver/bench/dataset"
	"quiver/vector"
)

// clusterQueries is how many held-out queries the generated set has.
const clusterQueries = 500

// clusters loads, indexes and searches a million generated vectors.
func (b *bench) clusters() error { return b.generated(1_000_000, "1M") }

// clusters10M is the same with ten million, which takes long: make bench-large.
func (b *bench) clusters10M() error { return b.generated(10_000_000, "10M") }

// generated streams n vectors into a table, as many as fit no client's memory,
// and searches them.
func (b *bench) generated(n int, name string) error {
	dsn := b.quiver.DSN()
	gen := dataset.NewClusters()
	s := &dataset.Set{Name: "clusters", Distance: vector.L2, Dim: gen.Dim, Queries: gen.Queries(clusterQueries)}
	if err := b.createVectors(dsn, "clusters", gen.Dim); err != nil {
		return err
	}
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
	w, err := b.newWire("Quiver", dsn, "SELECT id FROM clusters ORDER BY embedding <-> $1 LIMIT 10", s)
	if err != nil {
		return err
	}
	defer w.close()
	r, err := generatedRecall(w, gen, s, truth)
	if err != nil {
		return err
	}
	for _, clients := range []int{1, maxClients} {
		rates, err := b.inTurns([]engine{w}, clients, 2*slice)
		if err != nil {
			return err
		}
		b.add(figure{what: fmt.Sprintf("%s generated vectors: searches, recall %.3f, %d client(s)", name, r, clients), quiver: rates[0], unit: "QPS"})
	}
	own, mapped := resident(b.quiver.PID())
	b.note("The server then has %.0f MB of its own and %.0f MB of mapped files in memory.", own, mapped)
	return b.run(dsn, "DROP TABLE clusters")
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
