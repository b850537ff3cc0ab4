package vector

import (
	"cmp"
	"slices"
)

// Neighbor is a row and its distance.
type Neighbor struct {
	Row      uint64
	Distance float64
}

// compare orders by distance, then by row.
func (n Neighbor) compare(m Neighbor) int {
	return cmp.Or(Compare(n.Distance, m.Distance), cmp.Compare(n.Row, m.Row))
}

// TopK keeps the k nearest of the rows it is offered, ties by row: a heap with
// the farthest on top. It is not for use by several goroutines at once.
type TopK struct {
	k    int
	heap []Neighbor
}

// NewTopK returns an empty TopK for k ≥ 0 rows.
func NewTopK(k int) *TopK { return &TopK{k: k, heap: make([]Neighbor, 0, min(k, 1024))} }

// Full says whether k rows are held.
func (t *TopK) Full() bool { return len(t.heap) >= t.k }

// Len is the number of rows held.
func (t *TopK) Len() int { return len(t.heap) }

// Farthest is the farthest of the rows held; there must be one.
func (t *TopK) Farthest() Neighbor { return t.heap[0] }

// Push offers a row and says whether it was taken.
func (t *TopK) Push(n Neighbor) bool {
	switch {
	case t.k == 0:
		return false
	case !t.Full():
		t.heap = append(t.heap, n)
		t.up(len(t.heap) - 1)
		return true
	case n.compare(t.heap[0]) >= 0:
		return false
	}
	t.heap[0] = n
	t.down(0)
	return true
}

// Merge offers the rows of another TopK.
func (t *TopK) Merge(other *TopK) {
	for _, n := range other.heap {
		t.Push(n)
	}
}

// Sorted returns the rows held, the nearest first, and leaves t empty.
func (t *TopK) Sorted() []Neighbor {
	out := t.heap
	t.heap = nil
	slices.SortFunc(out, Neighbor.compare)
	return out
}

func (t *TopK) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if t.heap[i].compare(t.heap[parent]) <= 0 {
			return
		}
		t.heap[i], t.heap[parent] = t.heap[parent], t.heap[i]
		i = parent
	}
}

func (t *TopK) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(t.heap) {
			return
		}
		if child+1 < len(t.heap) && t.heap[child+1].compare(t.heap[child]) > 0 {
			child++
		}
		if t.heap[child].compare(t.heap[i]) <= 0 {
			return
		}
		t.heap[i], t.heap[child] = t.heap[child], t.heap[i]
		i = child
	}
}
