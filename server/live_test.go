package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// until runs a query that answers a bool until it says true.
func until(t *testing.T, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ok := false; !ok; {
		if err := conn.QueryRow(ctx, sql, args...).Scan(&ok); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// beginCopy takes the connection from its library, starts a COPY and sends data
// of it.
func beginCopy(t *testing.T, conn *pgx.Conn, sql, data string) (*pgproto3.Frontend, func()) {
	t.Helper()
	hijacked, err := conn.PgConn().Hijack()
	if err != nil {
		t.Fatal(err)
	}
	front := hijacked.Frontend
	front.Send(&pgproto3.Query{String: sql})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	if m, err := front.Receive(); err != nil {
		t.Fatal(err)
	} else if _, ok := m.(*pgproto3.CopyInResponse); !ok {
		t.Fatalf("%T", m)
	}
	front.Send(&pgproto3.CopyData{Data: []byte(data)})
	if err := front.Flush(); err != nil {
		t.Fatal(err)
	}
	return front, func() { hijacked.Conn.Close() }
}

// TestSilentCopy: a COPY whose client is silent ends by a cancel request, by
// pg_cancel_backend, by statement_timeout and by pg_terminate_backend.
func TestSilentCopy(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	watcher := connect(t, url)
	if _, err := watcher.Exec(ctx, "create table c (i int primary key)"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, before string
		end          func(t *testing.T, conn *pgconn.PgConn, pid uint32)
		want         string
		dead         bool
	}{
		{name: "request", end: func(t *testing.T, conn *pgconn.PgConn, _ uint32) {
			if err := conn.CancelRequest(ctx); err != nil {
				t.Error(err)
			}
		}, want: "ERROR 57014 I"},
		{name: "pg_cancel_backend", end: func(t *testing.T, _ *pgconn.PgConn, pid uint32) {
			until(t, watcher, "select pg_cancel_backend($1)", pid)
		}, want: "ERROR 57014 I"},
		{name: "timeout", before: "set statement_timeout = 50", end: func(*testing.T, *pgconn.PgConn, uint32) {}, want: "ERROR 57014 I"},
		{name: "pg_terminate_backend", end: func(t *testing.T, _ *pgconn.PgConn, pid uint32) {
			until(t, watcher, "select pg_terminate_backend($1)", pid)
		}, want: "FATAL 57P01 closed", dead: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := connect(t, url)
			if _, err := conn.Exec(ctx, c.before); err != nil {
				t.Fatal(err)
			}
			pid, cancel := conn.PgConn().PID(), conn.PgConn()
			front, closeConn := beginCopy(t, conn, "copy c from stdin", "1\n")
			defer closeConn()
			c.end(t, cancel, pid)
			got := ""
			for ready := false; !ready; {
				m, err := front.Receive()
				if err != nil {
					got += " closed"
					break
				}
				switch m := m.(type) {
				case *pgproto3.ErrorResponse:
					got += m.Severity + " " + m.Code
				case *pgproto3.ReadyForQuery:
					got += " " + string(m.TxStatus)
					ready = true
				}
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if !c.dead { // what comes late of the COPY is ignored
				front.Send(&pgproto3.CopyData{Data: []byte("2\n")})
				front.Send(&pgproto3.CopyDone{})
				front.Send(&pgproto3.Query{String: "select 1"})
				if err := front.Flush(); err != nil {
					t.Fatal(err)
				}
				if m, err := front.Receive(); err != nil {
					t.Error(err)
				} else if _, ok := m.(*pgproto3.RowDescription); !ok {
					t.Errorf("afterwards: %T", m)
				}
			}
			var n int
			if err := watcher.QueryRow(ctx, "select count(*) from c").Scan(&n); err != nil || n != 0 {
				t.Errorf("%d rows are left of it, %v", n, err)
			}
		})
	}
}

// TestBackends: what one session sees of another, and how it ends it.
func TestBackends(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	watcher, other := connect(t, url), connect(t, url+"&application_name=other")
	for _, sql := range []string{"create table b (i int primary key)", "insert into b values (1)"} {
		if _, err := watcher.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	pid := other.PgConn().PID()
	const state = "select state = $2 and query = $3 and application_name = 'other' and (xact_start is not null) = $4 from pg_stat_activity where pid = $1"
	step(other.PgConn(), "select 7")
	until(t, watcher, state, pid, "idle", "select 7", false)
	step(other.PgConn(), "begin; update b set i = 2")
	until(t, watcher, state, pid, "idle in transaction", "begin; update b set i = 2", true)
	until(t, watcher, "select count(*) = 1 from pg_locks where pid = $1 and relation = 'b'::regclass and mode = 'RowExclusiveLock' and granted", pid)

	third := connect(t, url)
	waits := make(chan error, 1)
	go func() {
		_, err := third.Exec(ctx, "update b set i = 3")
		waits <- err
	}()
	blocked := third.PgConn().PID()
	until(t, watcher, "select $2 = any(pg_blocking_pids($1))", blocked, pid)
	until(t, watcher, "select wait_event_type = 'Lock' and wait_event = 'transactionid' from pg_stat_activity where pid = $1", blocked)
	until(t, watcher, "select count(*) = 1 from pg_locks where pid = $1 and not granted and waitstart <= clock_timestamp()", blocked)
	until(t, watcher, "select pg_terminate_backend($1)", pid)
	if err := <-waits; err != nil {
		t.Errorf("the lock of the session that was ended: %v", err)
	}
	if _, err := other.Exec(ctx, "select 1"); code(err) != "57P01" && !errors.Is(err, io.ErrUnexpectedEOF) && !pgconn.SafeToRetry(err) {
		t.Errorf("the session that was ended: %v", err)
	}
	until(t, watcher, "select count(*) = 0 from pg_stat_activity where pid = $1", pid)

	for _, self := range []struct{ function, code string }{{"pg_cancel_backend", "57014"}, {"pg_terminate_backend", "57P01"}} {
		if _, err := third.Exec(ctx, "select "+self.function+"(pg_backend_pid())"); code(err) != self.code {
			t.Errorf("%s of oneself: %v", self.function, err)
		}
	}
	if got := step(watcher.PgConn(), "select pg_cancel_backend(0), pg_blocking_pids(0)"); !strings.HasPrefix(got, "f|{}") {
		t.Error(got)
	}
}

// TestStatementTimeoutIsEachOnes: in a text of several statements a SET counts
// for the next one.
func TestStatementTimeoutIsEachOnes(t *testing.T) {
	conn := connect(t, start(t, nil)).PgConn()
	if got := step(conn, "set statement_timeout = 30; select pg_sleep(600)"); got != "SET; 57014 I" {
		t.Error(got)
	}
}

// TestTableSize: sizes come from storage.
func TestTableSize(t *testing.T) {
	conn := connect(t, start(t, nil))
	step(conn.PgConn(), "create table z (t text); insert into z select repeat('x', 1000) from generate_series(1, 100)")
	until(t, conn, "select pg_relation_size('z') > 100000 and pg_database_size('postgres') >= pg_total_relation_size('z') and pg_database_size('postgres') = pg_database_size(current_database())")
}
