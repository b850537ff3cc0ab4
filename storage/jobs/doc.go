// Package jobs runs background work: each job is idempotent and is repeated,
// with growing pauses, until it succeeds or the runner closes; what is left then
// is found again by the next start.
//
// Jobs run one at a time, so that they never take more than one core from
// statements. Start reading at runner.go. jobs imports nothing of Quiver.
package jobs
