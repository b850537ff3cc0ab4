// Package recall counts how many of the true nearest rows searches by index
// find, over the wire: for each access method, type, distance and quantization,
// after the build, after inserts, after deletes and updates, after a checkpoint
// and VACUUM, after REINDEX, and after the server was killed, each with conditions that keep all,
// some and few rows. The truth is a map of what was written, compared one by one.
package recall
