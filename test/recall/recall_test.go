package recall

import (
	"os"
	"testing"

	"quiver/test/servers"
)

// all asks for the whole product.
var all = os.Getenv("QUIVER_RECALL") == "all"

// Rows that tables begin with: usually, in the whole product, of word vectors.
const rowsFew, rowsMany, rowsOfWords = 2000, 5000, 60000

// TestRecall takes combinations through the life of a table: all with all kinds
// of data, or some, each with the next one.
func TestRecall(t *testing.T) {
	if all {
		for _, d := range dataKinds {
			t.Run(d.name, func(t *testing.T) {
				var tables []*table
				for i, c := range combinations() {
					tables = append(tables, newTable(t, i, c, d, rowsMany))
				}
				live(t, tables)
			})
		}
		return
	}
	var tables []*table
	for i, c := range representatives() {
		tables = append(tables, newTable(t, i, c, dataKinds[i%len(dataKinds)], rowsFew))
	}
	live(t, tables)
}

// TestRecallOfWords takes the main combinations through lives of tens of thousands
// of word vectors, of the npm package that bench measures with.
func TestRecallOfWords(t *testing.T) {
	if !all {
		return // TestRecall has the words of examples/words
	}
	words := data{"word vectors", 100, 100, 0, winkSource}
	var tables []*table
	for i, c := range []combination{
		{method: "hnsw", typ: "vector", distance: cosine},
		{method: "hnsw", typ: "vector", distance: l2},
		{method: "hnsw", typ: "vector", distance: ip},
		{method: "hnsw", typ: "vector", distance: cosine, quantization: "none"},
		{method: "hnsw", typ: "vector", distance: cosine, quantization: "rabitq"},
		{method: "hnsw", typ: "halfvec", distance: cosine},
		{method: "hnsw", typ: "bit", distance: hamming},
		{method: "hnsw", typ: "sparsevec", distance: cosine},
		{method: "ivfflat", typ: "vector", distance: cosine},
		{method: "ivfflat", typ: "vector", distance: l2, quantization: "none"},
		{method: "ivfflat", typ: "halfvec", distance: ip},
		{method: "diskann", typ: "vector", distance: cosine},
		{method: "diskann", typ: "vector", distance: ip, quantization: "rabitq", bits: 4},
	} {
		tables = append(tables, newTable(t, i, c, words, rowsOfWords))
	}
	live(t, tables)
}

// live takes tables through their lives, some at a time, and the server they are
// on through a crash.
func live(t *testing.T, tables []*table) {
	q := servers.StartQuiver(t, "")
	each := func(name string, run func(*testing.T, *table)) {
		t.Run(name, func(t *testing.T) {
			for _, w := range tables {
				t.Run(w.name(), func(t *testing.T) {
					t.Parallel()
					run(t, w)
				})
			}
		})
	}
	each("live", func(t *testing.T, w *table) { w.live(t, connect(t, q)) })
	q.Kill()
	q.Start()
	each("live on", func(t *testing.T, w *table) { w.liveOn(t, connect(t, q)) })
}
