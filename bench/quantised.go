package main

import (
	"fmt"
	"strings"
)

// quantised is the same index over codes instead of vectors, in a table of its
// own, so that both are searched in turn.
func (b *bench) quantised() error {
	if err := b.indexWords(); err != nil {
		return err
	}
	dsn := b.quiver.DSN()
	if err := b.createVectors(dsn, "codes", b.set.Dim); err != nil {
		return err
	}
	if _, err := b.copyVectors(dsn, "codes", b.set.CopyBinary(0, b.set.Len(), 0)); err != nil {
		return err
	}
	if err := b.run(dsn, "ANALYZE codes", "CHECKPOINT"); err != nil {
		return err
	}
	plain, err := b.newWire(quiverName, dsn, nearestSQL, b.set)
	if err != nil {
		return err
	}
	defer plain.close()
	for _, form := range []string{"sq8", "rabitq"} {
		if err := b.quantisedAs(form, plain); err != nil {
			return err
		}
	}
	return b.run(dsn, "DROP TABLE codes")
}

func (b *bench) quantisedAs(form string, plain *wire) error {
	dsn := b.quiver.DSN()
	if err := b.run(dsn, "DROP INDEX IF EXISTS codes_hnsw"); err != nil {
		return err
	}
	took, err := b.timed(dsn, indexSQL("codes_hnsw", "codes", fmt.Sprintf(" WITH (m = %d, ef_construction = %d, quantization = '%s')", hnswM, hnswEfConstruction, form)))
	if err != nil {
		b.note("quantization = '%s': %v", form, err)
		return nil
	}
	size, err := b.size(dsn, "codes_hnsw")
	if err != nil {
		return err
	}
	w, err := b.newWire(quiverName, dsn, strings.Replace(nearestSQL, "vectors", "codes", 1), b.set)
	if err != nil {
		return err
	}
	defer w.close()
	r, err := recallOf(w, b.set, b.truth, b.set.NumQueries(), nil)
	if err != nil {
		return err
	}
	rates, err := b.inTurns([]engine{plain, w}, 1, 2*slice)
	if err != nil {
		return err
	}
	if err := b.profileSearch(w, form, 1); err != nil {
		return err
	}
	b.add(figure{what: fmt.Sprintf("quantization = '%s': recall %.3f, built in %.0f s", form, r, took.Seconds()),
		quiver: rates[1], peer: rates[0], unit: "QPS", peerIs: "Quiver's default form", atLeast: 0.5})
	f := figure{what: "its size (pg_relation_size)", quiver: size, unit: "MB"}
	if form == "rabitq" {
		f.most = 65
	}
	b.add(f)
	return nil
}
