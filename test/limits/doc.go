// Package limits holds the server to its memory: results far larger than it
// stream with back-pressure, transactions far larger than it spill. And to its
// disk: the space of what was updated comes back by itself.
package limits
