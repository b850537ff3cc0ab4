// Command bench measures Quiver beside its peers on the same machine in the same
// run: `make bench` writes docs/benchmarks.md and docs/plots.
//
// Each figure is taken in rounds, the peers and Quiver in turn, and the median
// is kept, so that a machine whose speed drifts treats all alike. Where
// PostgreSQL has no pgvector it keeps vectors as real[], and the searches are
// compared with hnswlib alone; durability settings are the defaults (fsync and
// synchronous_commit on). Data sets come through npm or a generator (package
// dataset) and are kept in .cache/bench.
//
// `-only NAME,…` takes some figures alone; `-out FILE` replaces the sections of a
// report that were measured and leaves the others; `-without pgvector,hnswlib`
// does without peers that take long; `-postgres DSN` measures beside a PostgreSQL
// that is there, which keeps its indexed table for the next run; `-rows N` takes a
// part of the word vectors; `-profiles DIR` has CPU profiles of the server.
//
// Start reading at main.go; each figure has a file of its own. engine.go has
// what is measured, over the wire or in process.
package main
