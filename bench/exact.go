package main

import (
	"fmt"
	"sync"
)

// exact is search without an index, before one is built; a query has both cores.
func (b *bench) exact() error {
	if b.indexed {
		return fmt.Errorf("the table has its index already")
	}
	if err := b.loadWords(); err != nil {
		return err
	}
	loop, err := b.cLoop(b.set.Rows, b.set.Dim)
	if err != nil {
		return err
	}
	rows := float64(b.set.Len())
	var all []engine
	for _, s := range b.servers() {
		var settings []string
		if s.name != quiverName {
			settings = append(settings, "SET enable_indexscan = off") // its index may be there from an earlier run
		}
		w, err := b.newWire(s.name, s.dsn, nearestSQL, b.set, settings...)
		if err != nil {
			return err
		}
		defer w.close()
		all = append(all, w)
		r, err := recallOf(w, b.set, b.truth, 20, nil)
		if err != nil {
			return err
		}
		if r != 1 {
			return fmt.Errorf("%s: exact search has recall %v", s.name, r)
		}
	}
	var one, two []float64
	rates := make([][]float64, len(all))
	for range b.rounds {
		x, err := loop()
		if err != nil {
			return err
		}
		y, err := twice(loop)
		if err != nil {
			return err
		}
		one, two = append(one, x/rows), append(two, y/rows)
		for i, e := range all {
			x, err := e.rate(1, 2*slice)
			if err != nil {
				return err
			}
			rates[i] = append(rates[i], x)
		}
	}
	q := len(all) - 1
	if err := b.profileSearch(all[q].(*wire), "exact", 1); err != nil {
		return err
	}
	what := "Exact top-10 without index, 1 client"
	b.add(figure{what: what, quiver: median(rates[q]), peer: median(two), unit: "QPS", peerIs: "C loop, both cores", atLeast: 0.7})
	b.add(figure{what: what, quiver: median(rates[q]), peer: median(one), unit: "QPS", peerIs: "C loop, one core"})
	if q > 0 {
		b.add(figure{what: what, quiver: median(rates[q]), peer: median(rates[0]), unit: "QPS", peerIs: "pgvector"})
	}
	return nil
}

// twice runs a measurement two times at once and adds the results up.
func twice(f func() (float64, error)) (float64, error) {
	var x, y float64
	var errX, errY error
	var wg sync.WaitGroup
	wg.Go(func() { x, errX = f() })
	wg.Go(func() { y, errY = f() })
	wg.Wait()
	if errX != nil {
		return 0, errX
	}
	return x + y, errY
}
