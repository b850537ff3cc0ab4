// Package check verifies the objects of a cluster against what the catalog says
// of them: that each is there, with its size and checksum; that a manifest is its
// segment's; that rows and deletes have the timestamps that it says; that no row
// is in two segments; and that the bucket holds nothing that belongs to nothing.
//
// The engine runs it on what it has pinned (storage/check.go), `quiver check` on
// a cluster that no server runs. It changes nothing.
package check
