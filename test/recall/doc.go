// Package recall counts how many of the true nearest rows searches by index
// find, over the wire: for each access method, type, distance and quantization
// (combinations_test.go), on several kinds of data (data_test.go), after the
// build, after inserts, after deletes and updates, after a checkpoint and VACUUM,
// after REINDEX, and after the server was killed, with conditions that keep all,
// some and few rows (table_test.go). The truth is a map of what was written,
// compared one by one. filters_test.go has conditions of all widths, that keep rows
// like the query or unlike it.
//
// Usually some forms of each method, type and distance meet a kind of data each,
// the next one another. With QUIVER_RECALL=all (make recall) all meet them all, in
// larger tables, and the main ones tens of thousands of word vectors.
package recall
