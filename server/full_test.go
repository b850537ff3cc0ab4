package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/storage/wal"
)

// failingLog is a log whose appends fail once failure is set.
type failingLog struct {
	*wal.MemLog
	failure atomic.Pointer[error]
}

func (l *failingLog) Append(record []byte) (wal.Future, error) {
	if err := l.failure.Load(); err != nil {
		return nil, *err
	}
	return l.MemLog.Append(record)
}

// TestFailedLogIsToldToTheClient: an error of a file or of a connection to
// another server is the statement's, and not taken for a client that is gone.
func TestFailedLogIsToldToTheClient(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		failure error
		code    string
	}{
		"full disk": {&fs.PathError{Op: "fallocate", Path: "spare-1", Err: syscall.ENOSPC}, "53100"},
		"network":   {&net.OpError{Op: "write", Net: "tcp", Err: &os.SyscallError{Syscall: "write", Err: syscall.ECONNRESET}}, "57P03"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &failingLog{MemLog: wal.NewMemLog()}
			conn := connect(t, startOver(t, log, nil))
			if _, err := conn.Exec(ctx, "create table t (id int); insert into t values (1)"); err != nil {
				t.Fatal(err)
			}
			log.failure.Store(&c.failure)
			for range 2 { // the second finds the log fenced
				_, err := conn.Exec(ctx, "insert into t values (2)")
				var e *pgconn.PgError
				if !errors.As(err, &e) || e.Code != c.code || e.Hint == "" {
					t.Fatalf("insert: %v", err)
				}
			}
			var n int
			if err := conn.QueryRow(ctx, "select count(*) from t").Scan(&n); err != nil || n != 1 {
				t.Errorf("%d rows, %v", n, err)
			}
		})
	}
}
