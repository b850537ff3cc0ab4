// Package kmeans groups vectors around centroids, for inverted files: Lloyd's
// iterations over a sample held in memory, begun from k-means++.
//
// More than flatMax clusters are made in two levels: about √k groups first,
// then each group by itself into its share of the clusters, and a few iterations
// over all, so that the work grows with k^½ instead of k; Centroids keeps the
// groups, and an Assigner looks into the nearest of them only. Spherical clusters
// are those of vectors of length one, with centroids of length one, for cosine.
//
// A cluster that loses all its vectors begins again at the vector farthest from
// its centroid. There may be fewer clusters than wanted, when there are fewer
// distinct vectors.
//
// The result depends on the vectors, the options and the seed alone, not on the
// number of workers: vectors are assigned side by side, but each centroid is
// summed by one worker, in order. Memory beyond the vectors is at most 20 bytes a
// vector and 16 bytes for each number of the centroids.
package kmeans
