// Command bench measures Quiver beside PostgreSQL 15 on the same machine in the
// same run and writes docs/benchmarks.md: `make bench`.
//
// Each figure is taken in rounds, PostgreSQL and Quiver in turn, and the median
// is kept, so that a machine whose speed drifts treats both alike. PostgreSQL
// keeps vectors as real[]; its durability settings are the defaults (fsync and
// synchronous_commit on). `-only NAME` takes some figures alone, and prints
// them without writing the file.
//
// Start reading at main.go; each figure has a file of its own.
package main
