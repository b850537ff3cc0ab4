// Package manifest names the objects of a segment and lists them: the key of
// each kind of object (keys.go), and the one manifest object per segment that
// says which files it has, their sizes and checksums (manifest.go).
//
// The catalog holds a segment's state and the key of its manifest, the manifest
// everything else, so etcd stays small and the bucket is never listed to find
// the truth. A manifest is never changed: new delta logs make a new manifest
// with a higher log number, and the catalog moves to it.
//
// docs/formats/manifest.md specifies both. The package may import catalog (for
// ids) and storage/wal (for positions).
package manifest
