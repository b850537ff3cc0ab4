package main

import (
	"fmt"
	"math"
	"time"

	"quiver/bench/dataset"
	"quiver/bench/plot"
)

// neighbors is k of every search.
const neighbors = 10

// slice is how long an engine is measured before another has its turn.
const slice = time.Second

// point is what an engine does at a setting.
type point struct {
	ef          int
	recall, qps float64
}

// recall measures how much of the truth an engine finds in its first n answers.
func recallOf(e engine, s *dataset.Set, t *dataset.Truth, n int, pass func(q int, id int32) bool) (float64, error) {
	answers, err := e.answer(n)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", e.name(), err)
	}
	sum := 0.0
	for q, ids := range answers {
		var may func(int32) bool
		if pass != nil {
			may = func(id int32) bool { return pass(q, id) }
		}
		sum += t.Recall(s, q, ids, may)
	}
	return sum / float64(n), nil
}

// curve measures engines at each effort, in turn.
func (b *bench) curve(engines []engine, s *dataset.Set, t *dataset.Truth, efs []int) ([][]point, error) {
	out := make([][]point, len(engines))
	for _, ef := range efs {
		qps := make([][]float64, len(engines))
		for i, e := range engines {
			if err := e.tune(ef); err != nil {
				return nil, err
			}
			r, err := recallOf(e, s, t, min(s.NumQueries(), max(200, 100_000/ef)), nil)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], point{ef: ef, recall: r})
		}
		for range b.rounds {
			for i, e := range engines {
				x, err := e.rate(1, slice)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", e.name(), err)
				}
				qps[i] = append(qps[i], x)
			}
		}
		for i := range engines {
			p := &out[i][len(out[i])-1]
			p.qps = median(qps[i])
			b.say("ef %4d  %-20s recall %.4f  %8.0f QPS", ef, engines[i].name(), p.recall, p.qps)
		}
	}
	return out, nil
}

// effortFor is the setting at which a curve reaches a recall, between its points
// by the logarithm; false if it never does.
func effortFor(curve []point, recall float64) (int, bool) {
	for i, p := range curve {
		if p.recall < recall {
			continue
		}
		if i == 0 || p.recall == curve[i-1].recall {
			return p.ef, true
		}
		before := curve[i-1]
		// Recall goes to 1 as a power of the effort, nearly.
		miss := func(r float64) float64 { return math.Log(max(1-r, 1e-6)) }
		share := (miss(recall) - miss(before.recall)) / (miss(p.recall) - miss(before.recall))
		ef := math.Exp(math.Log(float64(before.ef)) + share*math.Log(float64(p.ef)/float64(before.ef)))
		return max(int(math.Ceil(ef)), before.ef), true
	}
	return 0, false
}

// inTurns measures the rates of engines as they are tuned, in turn, and returns
// the medians.
func (b *bench) inTurns(engines []engine, clients int, d time.Duration) ([]float64, error) {
	all := make([][]float64, len(engines))
	for range b.rounds {
		for i, e := range engines {
			x, err := e.rate(clients, d)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.name(), err)
			}
			all[i] = append(all[i], x)
		}
	}
	out := make([]float64, len(engines))
	for i := range all {
		out[i] = median(all[i])
	}
	return out, nil
}

// plotCurves keeps a plot of QPS over recall for the report.
func (b *bench) plotCurves(file, title string, engines []engine, curves [][]point) {
	p := plot.Plot{Title: title, X: "recall@10", Y: "queries a second, one client", LogY: true, Marks: []float64{0.95, 0.99}}
	for i, e := range engines {
		c := plot.Curve{Name: e.name()}
		for _, pt := range curves[i] {
			if pt.recall >= 0.7 {
				c.Points = append(c.Points, plot.Point{X: pt.recall, Y: pt.qps})
			}
		}
		p.Curves = append(p.Curves, c)
	}
	b.addPlot(file, title, &p)
}
