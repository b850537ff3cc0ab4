// Package jobs runs background work: each job is idempotent and is repeated,
// with growing pauses, until it succeeds or the runner closes; what is left then
// is found again by the next start.
//
// A job has a priority, the lower the sooner; jobs of one group never run at the
// same time, and of jobs with one key only one is there. Long ones share the
// processors by a Budget, whose Pacers have them rest while there are statements, and
// work on threads that the system has statements go ahead of.
//
// Start reading at runner.go, then budget.go. jobs imports nothing of Quiver.
package jobs
