// Package dataset makes the vectors that bench searches: the word vectors of an
// npm package (wink.go) and generated clusters (clustered.go), each with
// held-out queries, and the true nearest rows (truth.go) by exact search.
//
// What is costly to make is kept in a cache directory, in files that only this
// program reads (file.go).
//
// Start reading at Set.
package dataset
