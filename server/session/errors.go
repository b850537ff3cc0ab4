package session

import (
	"context"
	"errors"
	"os"
	"syscall"

	"quiver/catalog"
	"quiver/server/pgwire"
	"quiver/sql/sqlerr"
	"quiver/storage"
	"quiver/storage/binlog"
	"quiver/storage/objstore"
	"quiver/storage/wal"
)

// sentinels maps what storage and catalog return to what clients see.
var sentinels = []struct {
	err     error
	code    sqlerr.Code
	message string
}{
	{storage.ErrSerialization, sqlerr.SerializationFailure, "could not serialize access due to concurrent update"},
	{storage.ErrSerializationDelete, sqlerr.SerializationFailure, "could not serialize access due to concurrent delete"},
	{storage.ErrDeadlock, sqlerr.DeadlockDetected, "deadlock detected"},
	{storage.ErrLockTimeout, sqlerr.LockNotAvailable, "canceling statement due to lock timeout"},
	{storage.ErrLockNotAvailable, sqlerr.LockNotAvailable, "could not obtain lock"},
	{storage.ErrReadTime, sqlerr.InvalidParameterValue, "the read timestamp lies in the future"},
	{storage.ErrReadOnly, sqlerr.ReadOnlySQLTransaction, "cannot execute this statement in a read-only transaction"},
	{storage.ErrUnknownOutcome, sqlerr.StatementCompletionUnknown, "the outcome of the commit is unknown"},
	{storage.ErrStalled, sqlerr.DiskFull, "could not write: rows cannot be moved into the object store, and memory is full"},
	{syscall.ENOSPC, sqlerr.DiskFull, "could not write: no space left on device"},
	{storage.ErrFenced, sqlerr.CannotConnectNow, "the write-ahead log is fenced"},
	{storage.ErrClosed, sqlerr.AdminShutdown, "terminating connection due to administrator command"},
	{catalog.ErrFenced, sqlerr.CannotConnectNow, "another server owns the data, this one cannot write"},
	{catalog.ErrUnavailable, sqlerr.IOError, "the catalog store cannot be reached"},
	{catalog.ErrConflict, sqlerr.SerializationFailure, "could not serialize access due to concurrent change of the catalog"},
	{objstore.ErrUnavailable, sqlerr.IOError, "the object store cannot be reached"},
	{os.ErrDeadlineExceeded, sqlerr.IOError, "what the server asked for was not answered in time"}, // of etcd or the object store
}

// Failed ends what an error ends (an implicit transaction, the usability of a
// block) and returns what to tell the client; nil when the client is gone.
func (s *Session) Failed(err error) *sqlerr.Error {
	gone := pgwire.Gone(err)
	idle := gone && errors.Is(err, os.ErrDeadlineExceeded)
	if gone && !idle {
		return nil
	}
	e := s.clientError(err)
	if s.running.parent.Err() != nil && (idle || cancellation(err)) { // the server stops
		e, idle = cancelError(errTerminated), false
	}
	s.running.end()
	s.abort()
	if idle {
		if !s.txn.inBlock() {
			e = sqlerr.New("57P05", "terminating connection due to idle-session timeout")
		}
		e.Severity = sqlerr.SeverityFatal
	}
	if e.Code == sqlerr.InternalError || e.Code == sqlerr.DataCorrupted {
		s.cfg.Logger.Error("statement failed", "error", err, "pid", s.pid, "database", s.database.Name)
	}
	return e
}

// clientError turns any error into the fields of an ErrorResponse.
func (s *Session) clientError(err error) *sqlerr.Error {
	var e *sqlerr.Error
	if cause := s.running.cause(); cause != nil && (errors.Is(err, cause) || cancellation(err)) {
		if e = cancelError(cause); sqlerr.CodeOf(err) == e.Code {
			errors.As(err, &e) // it was told apart already, with its context
		}
		return e
	}
	if errors.As(err, &e) {
		return e
	}
	var early *storage.TooEarlyError
	if errors.As(err, &early) {
		return s.tooEarly(early)
	}
	if pgwire.Gone(err) { // within the time that a client may leave a block open
		return sqlerr.Wrap(err, sqlerr.IdleInTransactionSessionTimeout, "terminating connection due to idle-in-transaction timeout")
	}
	for _, m := range sentinels {
		if errors.Is(err, m.err) {
			e = sqlerr.Wrap(err, m.code, "%s", m.message)
			if errors.Is(err, storage.ErrFenced) {
				e = e.WithHint("The write-ahead log failed and is fenced: mend what failed, then restart the server.")
			}
			if e.Code == sqlerr.IOError {
				e = e.WithDetail("%s", err.Error())
			}
			return e
		}
	}
	if corrupt(err) {
		return sqlerr.Wrap(err, sqlerr.DataCorrupted, "%s", err.Error())
	}
	if errors.Is(err, objstore.ErrNotFound) { // users' objects have errors of their own
		return sqlerr.Wrap(err, sqlerr.DataCorrupted, "an object is missing: %s", err.Error())
	}
	return sqlerr.Wrap(err, sqlerr.InternalError, "%s", err.Error())
}

// corrupt says whether err tells of damaged data.
func corrupt(err error) bool {
	var inBinlog *binlog.CorruptionError
	var inLog *wal.CorruptionError
	var inCatalog *catalog.CorruptionError
	return errors.As(err, &inBinlog) || errors.As(err, &inLog) || errors.As(err, &inCatalog)
}

// cancellation says whether err may come from a context that ended. Some
// layers answer a cancelled wait with an error of their own.
func cancellation(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		sqlerr.CodeOf(err) == sqlerr.InternalError || sqlerr.CodeOf(err) == sqlerr.QueryCanceled
}

func cancelError(cause error) *sqlerr.Error {
	switch {
	case errors.Is(cause, errCanceled), errors.Is(cause, errStatementTimeout):
		return sqlerr.Wrap(cause, sqlerr.QueryCanceled, "%s", cause.Error())
	}
	e := sqlerr.Wrap(cause, sqlerr.AdminShutdown, "%s", errTerminated.Error())
	e.Severity = sqlerr.SeverityFatal
	return e
}
