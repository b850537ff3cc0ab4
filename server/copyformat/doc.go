// Package copyformat reads and writes the formats of COPY: text, CSV and
// binary (manual, chapter COPY, "File Formats"), and JSON, an object a line. It knows bytes, columns and
// Arrow builders; the session brings the messages and the table.
//
// A Reader is pushed the bytes as they come and fills Arrow builders, so that a
// COPY of any length takes the memory of one batch and one row. A Writer
// appends rows of a record to a buffer.
//
// Start reading at options.go, then reader.go; text.go, csv.go, binary.go
// and json.go hold one format each.
package copyformat
