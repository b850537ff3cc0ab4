package vector

import (
	"fmt"
	"math"
)

// panelRows is how many rows a kernel of panels compares.
const panelRows = 6

// panelKernels compare rows with panels: a panel is so many vectors (lanes),
// first a number each that their sums begin with, then the first element of each
// and so on. The rows are numbers ids[0] to ids[panelRows-1] of a table, stride
// elements apart.
type panelKernels struct {
	lanes int
	// nearest keeps, by row and lane, the greatest sum (best) and the first
	// panel that has it (at), lanes of a row side by side.
	nearest func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, best []float32, at []uint32)
	// scores writes the sums of row i from out[i*apart] on.
	scores func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, out []float32, apart int)
}

// Panels are vectors laid out to be compared with many rows at a time, where the
// same few vectors meet very many rows: centroids, and the queries of a
// measurement. They do not change; any number of goroutines may use them.
//
// What they score is for choosing the greatest: inner products, or for L2 what is
// left of the squared distance when the part that is the same for all vectors is
// taken away, halved and turned round. That is an inner product too, of the row
// and the vector seen from the mean of the vectors: so what the vectors have in
// common costs no precision.
type Panels struct {
	dim, n int
	k      panelKernels
	values []float32
	mean   []float32 // nil for inner products
}

// NewPanels lays out vectors of dim elements, one after the other, for squared
// Euclidean distances.
func NewPanels(vectors []float32, dim int) *Panels { return fastest.newPanels(vectors, dim, true) }

// NewDotPanels is NewPanels for inner products.
func NewDotPanels(vectors []float32, dim int) *Panels { return fastest.newPanels(vectors, dim, false) }

func (k Kernels) newPanels(vectors []float32, dim int, distances bool) *Panels {
	p := &Panels{dim: dim, n: len(vectors) / max(dim, 1), k: k.panels}
	if distances {
		p.mean = meanOf(vectors, dim)
	}
	lanes := p.k.lanes
	p.values = make([]float32, p.Room()*(dim+1))
	for i := range p.Room() {
		panel := p.values[i/lanes*lanes*(dim+1):][:lanes*(dim+1)]
		lane := i % lanes
		if i >= p.n {
			panel[lane] = float32(math.Inf(-1)) // never the greatest
			continue
		}
		var begin float64
		for j, v := range vectors[i*dim : (i+1)*dim] {
			if distances {
				v -= p.mean[j]
				begin -= float64(v) * (float64(p.mean[j]) + float64(v)/2)
			}
			panel[(j+1)*lanes+lane] = v
		}
		panel[lane] = float32(begin)
	}
	return p
}

// meanOf is the mean of vectors.
func meanOf(vectors []float32, dim int) []float32 {
	sums := make([]float64, dim)
	n := len(vectors) / max(dim, 1)
	for i := range n {
		for j, v := range vectors[i*dim : (i+1)*dim] {
			sums[j] += float64(v)
		}
	}
	mean := make([]float32, dim)
	for j, s := range sums {
		mean[j] = float32(s / float64(max(n, 1)))
	}
	return mean
}

// Len is the number of vectors.
func (p *Panels) Len() int { return p.n }

// Room is the number of scores a row has: Len, and a few more of no vector.
func (p *Panels) Room() int { return (p.n + p.k.lanes - 1) / p.k.lanes * p.k.lanes }

// Mean is the mean of the vectors, from which L2 scores are seen: the squared
// distance of a row from a vector is its squared distance from Mean, less twice
// the score. nil for inner products.
func (p *Panels) Mean() []float32 { return p.mean }

// check panics when rows do not lie within their table: the assembly does not
// look.
func (p *Panels) check(rows []float32, stride int, ids []uint32) {
	for _, id := range ids {
		if at := int(id) * stride; stride < p.dim || at+p.dim > len(rows) {
			panic(fmt.Sprintf("vector: row %d of %d elements, %d apart, in %d", id, p.dim, stride, len(rows)))
		}
	}
}

// each calls do for the rows, some at a time; the last ones are repeated to be
// as many.
func (p *Panels) each(ids []uint32, do func(from, n int, together *[panelRows]uint32)) {
	var together [panelRows]uint32
	for from := 0; from < len(ids); from += panelRows {
		n := copy(together[:], ids[from:])
		for i := n; i < panelRows; i++ {
			together[i] = together[n-1]
		}
		do(from, n, &together)
	}
}

// Nearest writes which vector has the greatest score, the first of equals, for
// each of some rows of a table, row i being rows[i*stride:][:dim]. A row whose
// scores are not numbers has vector 0. There must be a vector.
func (p *Panels) Nearest(rows []float32, stride int, ids, nearest []uint32) {
	p.check(rows, stride, ids)
	_ = nearest[:len(ids)]
	lanes := p.k.lanes
	best, at := make([]float32, panelRows*lanes), make([]uint32, panelRows*lanes)
	p.each(ids, func(from, n int, together *[panelRows]uint32) {
		for i := range best {
			best[i], at[i] = float32(math.Inf(-1)), 0
		}
		p.k.nearest(rows, stride, together, p.values, p.dim, best, at)
		for i := range n {
			greatest, first := float32(math.Inf(-1)), uint32(0)
			for lane, s := range best[i*lanes : (i+1)*lanes] {
				if v := at[i*lanes+lane]*uint32(lanes) + uint32(lane); s > greatest || s == greatest && v < first {
					greatest, first = s, v
				}
			}
			nearest[from+i] = min(first, uint32(p.n-1))
		}
	})
}

// Scores writes the scores of rows, as of Nearest: that of row ids[i] and vector
// j is out[i*Room()+j].
func (p *Panels) Scores(rows []float32, stride int, ids []uint32, out []float32) {
	p.check(rows, stride, ids)
	room := p.Room()
	var last [panelRows]uint32
	full := len(ids) / panelRows * panelRows
	p.each(ids[:full], func(from, _ int, together *[panelRows]uint32) {
		p.k.scores(rows, stride, together, p.values, p.dim, out[from*room:(from+panelRows)*room], room)
	})
	if n := copy(last[:], ids[full:]); n > 0 {
		for i := n; i < panelRows; i++ {
			last[i] = last[n-1]
		}
		more := make([]float32, panelRows*room)
		p.k.scores(rows, stride, &last, p.values, p.dim, more, room)
		copy(out[full*room:len(ids)*room], more)
	}
}

// portablePanels are panels in Go.
var portablePanels = panelKernels{
	lanes: portableLanes,
	nearest: func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, best []float32, at []uint32) {
		var sums [portableLanes]float32
		for panel := 0; panel*portableLanes*(dim+1) < len(panels); panel++ {
			for i, id := range ids {
				portablePanel(rows[int(id)*stride:][:dim], panels[panel*portableLanes*(dim+1):], &sums)
				for lane, s := range sums {
					if to := i*portableLanes + lane; s > best[to] {
						best[to], at[to] = s, uint32(panel)
					}
				}
			}
		}
	},
	scores: func(rows []float32, stride int, ids *[panelRows]uint32, panels []float32, dim int, out []float32, apart int) {
		var sums [portableLanes]float32
		for panel := 0; panel*portableLanes*(dim+1) < len(panels); panel++ {
			for i, id := range ids {
				portablePanel(rows[int(id)*stride:][:dim], panels[panel*portableLanes*(dim+1):], &sums)
				copy(out[i*apart+panel*portableLanes:], sums[:])
			}
		}
	},
}

const portableLanes = 8

// portablePanel multiplies a row with a panel.
func portablePanel(row, panel []float32, sums *[portableLanes]float32) {
	copy(sums[:], panel)
	for j, v := range row {
		lanes := (*[portableLanes]float32)(panel[(j+1)*portableLanes:])
		for lane, w := range lanes {
			sums[lane] += v * w
		}
	}
}
