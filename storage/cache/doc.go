// Package cache keeps objects within reach: files mapped into memory (files.go)
// and the decoded form of compressed events (events.go), each under a byte
// budget, the least recently used given up first.
//
// Objects of a local store are mapped in place and cost nothing. Others are
// copied whole into scratch files, which are worthless after a restart. What is
// pinned is never given up, so the budget may be passed while many readers run.
//
// A pin is given back once; arrays that Pin wraps give theirs back at their
// last Release. Everything is safe for concurrent use. Start at files.go.
package cache
