package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const nearestSQL = "SELECT id FROM vectors ORDER BY embedding <=> $1 LIMIT 10"

// efMax is the greatest hnsw.ef_search.
const efMax = 1000

// searchers are the engines over the indexed word vectors, Quiver last. The
// caller closes those over the wire by closeAll.
func (b *bench) searchers() (all []engine, quiver, pgvector *wire, err error) {
	if err := b.indexWords(); err != nil {
		return nil, nil, nil, err
	}
	if b.hnswlib != nil {
		all = append(all, b.hnswlib)
	}
	if b.hasPgvector() {
		if pgvector, err = b.newWire("pgvector", b.postgres, nearestSQL, b.set); err != nil {
			return nil, nil, nil, err
		}
		all = append(all, pgvector)
	}
	if quiver, err = b.newWire("Quiver", b.quiver.DSN(), nearestSQL, b.set); err != nil {
		return nil, nil, nil, err
	}
	return append(all, quiver), quiver, pgvector, nil
}

// asked are the ratios that Quiver's rate must have to that of a peer.
func askedRate(e engine) float64 {
	if _, inProcess := e.(*hnswlib); inProcess {
		return 1
	}
	return 0
}

// search is the curve over hnsw.ef_search, then rates at equal recall.
func (b *bench) search() error {
	all, quiver, pgvector, err := b.searchers()
	if err != nil {
		return err
	}
	defer quiver.close()
	if pgvector != nil {
		defer pgvector.close()
	}
	curves, err := b.curve(all, b.set, b.truth, []int{20, 40, 80, 120, 200, 400, 800, efMax})
	if err != nil {
		return err
	}
	if h, ok := all[0].(*hnswlib); ok { // knows no limit
		more, err := b.curve([]engine{h}, b.set, b.truth, []int{2 * efMax})
		if err != nil {
			return err
		}
		curves[0] = append(curves[0], more[0]...)
	}
	b.plotCurves("words.svg", "Word vectors, 340,479 × 100-d, cosine", all, curves)
	b.curveTable(all, curves)
	for _, recall := range []float64{0.95, 0.99} {
		if err := b.atRecall(all, curves, recall); err != nil {
			return err
		}
	}
	if err := b.byDefault(quiver); err != nil {
		return err
	}
	return b.steady(all, curves, quiver, pgvector)
}

// curveTable is the curve as numbers.
func (b *bench) curveTable(all []engine, curves [][]point) {
	var t strings.Builder
	t.WriteString("| hnsw.ef_search |")
	for _, e := range all {
		fmt.Fprintf(&t, " %s: recall, QPS |", e.name())
	}
	t.WriteString("\n|---|" + strings.Repeat("---|", len(all)) + "\n")
	for i, p := range curves[len(curves)-1] {
		fmt.Fprintf(&t, "| %d |", p.ef)
		for _, c := range curves {
			fmt.Fprintf(&t, " %.4f, %s |", c[i].recall, number(c[i].qps))
		}
		t.WriteString("\n")
	}
	b.notes = append(b.notes, note{b.section, strings.TrimRight(t.String(), "\n")})
}

// tuneTo sets each engine to what its curve says for a recall; those that never
// reach it are left out.
func tuneTo(all []engine, curves [][]point, recall float64) (at []engine, err error) {
	for i, e := range all {
		ef, ok := effortFor(curves[i], recall)
		if !ok {
			continue
		}
		if err := e.tune(ef); err != nil {
			return nil, err
		}
		at = append(at, e)
	}
	return at, nil
}

// atRecall compares rates at equal recall, by one client and by eight. Where no
// hnsw.ef_search gives Quiver that recall, quiver.target_recall asks for it.
func (b *bench) atRecall(all []engine, curves [][]point, recall float64) error {
	at, err := tuneTo(all, curves, recall)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("Searches at recall %.2f", recall)
	quiver := all[len(all)-1].(*wire)
	if len(at) == 0 || at[len(at)-1] != quiver {
		if err := quiver.tune(0); err != nil {
			return err
		}
		if err := quiver.set(fmt.Sprintf("SET quiver.target_recall = %g", recall)); err != nil {
			return err
		}
		defer quiver.set("RESET quiver.target_recall")
		r, err := recallOf(quiver, b.set, b.truth, b.set.NumQueries(), nil)
		if err != nil {
			return err
		}
		at, what = append(at, quiver), fmt.Sprintf("%s (Quiver by quiver.target_recall: %.3f)", what, r)
	}
	for _, clients := range []int{1, maxClients} {
		rates, err := b.inTurns(at, clients, 2*slice)
		if err != nil {
			return err
		}
		q := len(at) - 1
		if err := b.profileSearch(quiver, fmt.Sprintf("search %g clients %d", recall, clients), clients); err != nil {
			return err
		}
		for i, e := range at[:q] {
			is := e.name()
			if _, inProcess := e.(*hnswlib); inProcess {
				is = fmt.Sprintf("hnswlib in process, %d thread(s)", min(clients, 2))
			}
			b.add(figure{what: fmt.Sprintf("%s, %d client(s)", what, clients),
				quiver: rates[q], peer: rates[i], unit: "QPS", peerIs: is, atLeast: askedRate(e)})
		}
	}
	return nil
}

// byDefault is what a user gets who touches no setting: quiver.target_recall
// decides.
func (b *bench) byDefault(quiver *wire) error {
	if err := quiver.tune(0); err != nil {
		return err
	}
	defer quiver.set("RESET quiver.target_recall")
	for _, target := range []float64{0.90, 0.95, 0.99} {
		if err := quiver.set(fmt.Sprintf("SET quiver.target_recall = %g", target)); err != nil {
			return err
		}
		r, err := recallOf(quiver, b.set, b.truth, b.set.NumQueries(), nil)
		if err != nil {
			return err
		}
		rates, err := b.inTurns([]engine{quiver}, 1, 2*slice)
		if err != nil {
			return err
		}
		is := ""
		if target == 0.95 {
			is = ", the default"
		}
		b.add(figure{what: fmt.Sprintf("Recall by quiver.target_recall = %.2f%s (%s QPS)", target, is, number(rates[0])),
			quiver: r, unit: "recall@10", least: target})
	}
	return nil
}

const (
	// steadyRates is how often a rate is taken to find what a server can keep up.
	steadyRates = 4
	// steadyRuns is how often a percentile is taken at least, by turns of the
	// servers: where others share the machine it stands still now and then, and one
	// run may meet that or not.
	steadyRuns = 5
)

// steady is the time to an answer when searches come at a steady rate, 80% of
// what each server can do at recall 0.95, and Quiver's at pgvector's rate as well.
func (b *bench) steady(all []engine, curves [][]point, quiver, pgvector *wire) error {
	if _, err := tuneTo(all, curves, 0.95); err != nil {
		return err
	}
	ownLoad, err := b.steadyLoad(quiver)
	if err != nil {
		return err
	}
	loads := []*load{ownLoad}
	var peerLoad, atPeerRate *load
	if pgvector != nil {
		if peerLoad, err = b.steadyLoad(pgvector); err != nil {
			return err
		}
		atPeerRate = &load{server: quiver, perSecond: peerLoad.perSecond}
		loads = append(loads, peerLoad, atPeerRate)
	}
	for range max(b.rounds, steadyRuns) {
		for _, l := range loads {
			run, err := l.server.openLoop(l.perSecond, 6*time.Second)
			if err != nil {
				return err
			}
			l.runs = append(l.runs, run)
		}
	}
	own := figure{what: "99% of searches answered within, 80% load, recall 0.95", quiver: b.steadyNote(ownLoad), unit: "ms"}
	if pgvector == nil {
		b.add(own)
		return nil
	}
	peer := b.steadyNote(peerLoad)
	own.peer, own.peerIs, own.atMost = peer, "pgvector", 0.2
	b.add(own)
	b.add(figure{what: "99% of searches answered within, at 80% of pgvector's rate",
		quiver: b.steadyNote(atPeerRate), unit: "ms", peer: peer, peerIs: "pgvector", atMost: 0.2})
	return nil
}

// load is a steady rate of searches that a server is asked for, and its runs.
type load struct {
	server    *wire
	perSecond float64
	runs      []latencies
}

// steadyLoad is 80% of what a server can do with 8 clients: of the least of a few
// rates, for a server that did more for a while than it can keep up would be asked
// for more than it can do.
func (b *bench) steadyLoad(w *wire) (*load, error) {
	top := math.Inf(1)
	for range steadyRates {
		rate, err := w.rate(maxClients, 2*slice)
		if err != nil {
			return nil, err
		}
		top = min(top, rate)
	}
	return &load{server: w, perSecond: 0.8 * top}, nil
}

// steadyNote says what the runs of a load took, and returns the milliseconds within
// which 99% were answered in the median run.
func (b *bench) steadyNote(l *load) float64 {
	mid := medianLatencies(l.runs)
	b.note("%s at %s searches a second, the median of %d runs: half answered within %.2f ms, 95%% within %.2f ms, 99%% within %.2f ms (%.2f to %.2f).",
		l.server.name(), number(l.perSecond), len(l.runs), ms(mid.p50), ms(mid.p95), ms(mid.p99), ms(l.runs[0].p99), ms(l.runs[len(l.runs)-1].p99))
	return ms(mid.p99)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
