// Package ivf has the access methods of inverted files, which it registers with
// package vector: ivfflat, whose parts are mapped, and diskann, whose lists are
// read by few large ranges, for tables larger than memory.
//
// The vectors of a segment are clustered (package kmeans) into lists, stored one
// after the other. A search ranks the lists by the distance of their centroids
// to the query and scores those in front. How many lists that takes for the
// wanted share of the true nearest (the effort) is measured when the index is
// built: some rows that are held back while centroids are found are compared with
// all others exactly, and it is counted in which list, by rank, their neighbours
// are, and at which angle (meta.angle). A third of so many lists are scored first;
// then those whose angle, seen from the k-th row found, or from the bound that other
// segments have set, is among those measured of the neighbours not found before.
// Under a bitmap the nearest k rows kept are among so many more of all rows as the
// share kept of those passed tells; the effort for so many is taken.
// When fewer than k rows have been found after that, further lists are scored
// until there are none.
//
// Lists hold, by quantization:
//
//   - none: the vectors themselves, scored by the kernels of vector.Search.
//   - rabitq, sq8: codes of package rabitq, seen from the centroid. In ivfflat
//     blocks of 32 sign codes come first. A row whose bound by its signs lies
//     beyond the k-th best upper bound is passed over; then, of what is left, by
//     its full code; what is left then is compared exactly, from the column, in
//     order of the bounds, until no bound is below the k-th distance. diskann has
//     no blocks, more bits, and leaves the exact comparison to the caller. sq8 is
//     8 bits a dimension.
//
// Growing segments have lists of codes, too, to which rows are added beside searches
// (growing.go), whatever the access method of their index is: rows are added in
// microseconds.
//
// Files: kind.go (options and limits), build.go and lists.go (building),
// format.go (parts), index.go (opening), rank.go, scan.go, search.go, iterate.go
// (searching), ranges.go (reading lists), effort.go (calibration).
//
// An Index is used by any number of goroutines; the state of a search is pooled.
package ivf
