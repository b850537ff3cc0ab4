package main

import "fmt"

// quantised is the same index over codes instead of vectors.
func (b *bench) quantised() error {
	if err := b.indexWords(); err != nil {
		return err
	}
	dsn := b.quiver.DSN()
	w, err := b.newWire("Quiver", dsn, nearestSQL, b.set)
	if err != nil {
		return err
	}
	plain, err := b.inTurns([]engine{w}, 1, 2*slice)
	w.close()
	if err != nil {
		return err
	}
	defer func() {
		b.indexed, b.loaded = false, false // the table's index is another one
	}()
	for _, form := range []string{"sq8", "rabitq"} {
		if err := b.run(dsn, "DROP INDEX IF EXISTS vectors_hnsw"); err != nil {
			return err
		}
		took, err := b.timed(dsn, indexSQL("vectors_hnsw", "vectors", fmt.Sprintf(" WITH (m = %d, ef_construction = %d, quantization = '%s')", hnswM, hnswEfConstruction, form)))
		if err != nil {
			b.note("quantization = '%s': %v", form, err)
			continue
		}
		size, err := b.size(dsn, "vectors_hnsw")
		if err != nil {
			return err
		}
		w, err := b.newWire("Quiver", dsn, nearestSQL, b.set)
		if err != nil {
			return err
		}
		r, err := recallOf(w, b.set, b.truth, b.set.NumQueries(), nil)
		if err != nil {
			return err
		}
		rate, err := b.inTurns([]engine{w}, 1, 2*slice)
		w.close()
		if err != nil {
			return err
		}
		b.add(figure{what: fmt.Sprintf("quantization = '%s', recall %.3f, %s MB, built in %.0f s", form, r, number(size), took.Seconds()),
			quiver: rate[0], peer: plain[0], unit: "QPS", peerIs: "Quiver's default form", atLeast: 0.5})
	}
	return nil
}
