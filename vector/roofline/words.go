package roofline

import (
	"math"
	"math/rand/v2"
	"sync"
)

// WordsDim is how many dimensions sparse vectors of words have: as many as a
// vocabulary has words.
const WordsDim = 30522

// Words sets indexes to those of words, each as frequent as one over its rank: most
// of what is looked up is near at hand, as that of texts is.
func Words(indexes []uint32) {
	r := rand.New(rand.NewPCG(2, 2))
	for i := range indexes {
		rank := uint32(math.Pow(WordsDim, r.Float64()))
		indexes[i] = rank * 7919 % WordsDim // 7919 has no factor in common with WordsDim
	}
}

// words are a table of all words and indexes to look up in it, as many as whole
// turns of every loop take.
var words = sync.OnceValues(func() (table []float32, indexes []uint32) {
	table, indexes = make([]float32, WordsDim), make([]uint32, 25*chains*16)
	Words(indexes)
	return table, indexes
})
