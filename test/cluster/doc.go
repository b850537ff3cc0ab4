// Package cluster is a whole server in one process on simulated hardware: its
// log lies on a disk that loses what was not synced when the power goes off, its
// objects and its catalog in stores in memory, its time runs as tests say. Tests
// speak SQL to it and break what it stands on.
package cluster
