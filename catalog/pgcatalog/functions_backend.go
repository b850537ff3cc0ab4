package pgcatalog

import "fmt"

func init() {
	define(func(c call) (any, error) { return signalBackend(c, false) }, "pg_cancel_backend(int4)")
	define(func(c call) (any, error) { return signalBackend(c, true) }, "pg_terminate_backend(int4,int8)")
	define(func(c call) (any, error) {
		return append([]int32{}, c.Session.BlockingPIDs(int32(c.int(0)))...), nil
	}, "pg_blocking_pids(int4)")
}

// warningCode is the SQLSTATE of a warning without one of its own.
const warningCode = "01000"

// signalBackend cancels a session's statement or ends the session.
func signalBackend(c call, terminate bool) (any, error) {
	pid := int32(c.int(0))
	if !c.Session.SignalBackend(pid, terminate) {
		c.Session.Notice(warningCode, fmt.Sprintf("PID %d is not a PostgreSQL backend process", pid))
		return false, nil
	}
	// Whoever signals itself goes no further.
	return true, c.Ctx.Err()
}
