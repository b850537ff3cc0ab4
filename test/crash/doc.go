// Package crash kills the server at random moments under a mixed load and
// checks after each restart that every acknowledged commit is there, whole, and
// that no unacknowledged one is there in part.
//
// Each worker owns a range of keys and tables of its own, so its model is a
// plain map: what was acknowledged, plus at most one transaction whose fate the
// worker did not learn. After the restart the server must hold the one or the
// other, exactly.
//
// Beside their transactions workers flush, merge, rebuild an index and back up. The
// etcd and the MinIO under a server are killed as well, while it lives or with it.
//
// QUIVER_CRASH_KILLS sets the kills on each store (20). QUIVER_CRASH_SEED
// repeats a load; the seed in use is printed.
package crash
