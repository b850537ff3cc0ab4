// Package copyfile reads and writes the files of COPY: it finds them on this
// machine or in an object store, unpacks them, and turns what Parquet, Arrow and
// the files of vectors hold into columns of the table's types, and back.
//
//	find.go        names and patterns → files, on disk or behind s3://
//	stream.go      an object as a stream, read ahead
//	compression.go gzip, zstd, snappy, lz4 around a file
//	source.go      Source: batches of columns; Open picks one by format
//	parquet.go arrow.go vectors.go npy.go   one family of formats each
//	convert.go     Arrow columns → columns of SQL types
//	export.go      columns of SQL types → Arrow columns
//	describe.go    a file → the columns of a table for it
//	sink.go        Sink: batches out, into a Parquet or Arrow file; sink_times.go, its times
//	spool.go       a file that appears whole or not at all
//
// What is read is not trusted: an error of a file is one with SQLSTATE 22P04
// (bad_copy_file_format), and none is a panic. Memory is that of a row group of
// Parquet, of a batch of Arrow, or of a few thousand rows.
//
// The formats of rows (text, CSV, binary, JSON) are those of package copyformat.
package copyfile
