// Package vector finds the nearest vectors: distances, kernels that score many
// rows at once, and the exact scan. It knows nothing of SQL, files or
// transactions, and imports nothing of Quiver.
//
// There are two forms of each distance:
//
//   - Exact gives the value that SQL shows and sorts by: float64 arithmetic over
//     the elements in order, the same bits on every machine.
//   - The kernels (kernel.go) score n rows by float32 arithmetic in whatever
//     order is fast: portable Go, AVX2 with FMA, or AVX-512, chosen when the
//     program starts. Their error is bounded (bound.go).
//
// Search joins the two: a row whose score says that it cannot be among the k
// nearest, error included, is passed over; for any other the exact distance is
// computed and offered to a heap. So the answer is exact whichever kernel ran,
// ties are by row id, and the exact form runs for a few rows only.
//
// A Space is an element (float32, float16, bit, sparse), a distance and a
// dimension. Space.Exact and NewSpaceSearch are the same two things for any of
// them: every half is a float32, so halves are scored as those. Sparse vectors are
// looked up in a table of the query (sparse_table.go), in float64.
//
// The assembly is generated: go generate ./vector runs tools/asmgen, in the module of tools.
//
// Index is what finds neighbours without comparing all. The graphs of hnsw are in
// the files hnsw_*.go: codes that a walk goes by (hnsw_codec.go, scored by the
// kernels of gather.go, hnsw_rabitq.go, or hnsw_sparse.go), the links (hnsw_graph.go and, in
// fewer bits, hnsw_packed.go), adding nodes
// (hnsw_insert.go, hnsw_build.go, hnsw_reach.go; as rows come hnsw_growing.go), the
// walk itself (hnsw_walk.go), searches
// (hnsw_index.go, hnsw_iterate.go), how far to look (hnsw_measure.go,
// hnsw_effort.go), the parts (part.go, hnsw_save.go), and whether lists are the better
// index of some vectors (hnsw_choose.go).
//
// Packages below: ivf has the inverted files (ivfflat and diskann), kmeans makes
// their lists, rabitq the codes of few bits, and roofline measures what kernels
// are compared with (docs/kernels.md).
//
// Start reading at Distance, then Search.
package vector

//go:generate go run -C ../tools ./asmgen -out ../vector/kernel_amd64.s -stubs ../vector/kernel_stub_amd64.go -pkg vector
//go:generate go run -C ../tools ./asmgen/bits -out ../vector/bits_amd64.s -stubs ../vector/bits_stub_amd64.go -pkg vector
//go:generate go run -C ../tools ./asmgen/gather -out ../vector/gather_amd64.s -stubs ../vector/gather_stub_amd64.go -pkg vector
//go:generate go run -C ../tools ./asmgen/sparse -out ../vector/sparse_amd64.s -stubs ../vector/sparse_stub_amd64.go -pkg vector
//go:generate go run -C ../tools ./asmgen/panel -out ../vector/panel_amd64.s -stubs ../vector/panel_stub_amd64.go -pkg vector
