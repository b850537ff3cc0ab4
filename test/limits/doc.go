// Package limits holds the server to its memory: results far larger than it
// stream with back-pressure, transactions far larger than it spill.
package limits
