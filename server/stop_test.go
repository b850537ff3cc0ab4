package server

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// TestStopEndsEverySession: clients that are idle, in a transaction, in a
// statement, waiting for a lock, in a COPY and not reading are told 57P01 or
// cut off; the server ends.
func TestStopEndsEverySession(t *testing.T) {
	ctx := context.Background()
	var ends []func() string
	t.Run("server", func(t *testing.T) {
		url := start(t, nil)
		watcher := connect(t, url)
		step(watcher.PgConn(), "create table s (i int primary key); insert into s values (1)")
		begin := func(sql, state string) {
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			pid := conn.PgConn().PID()
			hijacked, err := conn.PgConn().Hijack()
			if err != nil {
				t.Fatal(err)
			}
			hijacked.Frontend.Send(&pgproto3.Query{String: sql})
			if err := hijacked.Frontend.Flush(); err != nil {
				t.Fatal(err)
			}
			until(t, watcher, "select count(*) = 1 from pg_stat_activity where pid = $1 and query = $2 and state = $3", pid, sql, state)
			ends = append(ends, func() string {
				defer hijacked.Conn.Close()
				code := ""
				for {
					m, err := hijacked.Frontend.Receive()
					if err != nil {
						return sql + ": " + code
					}
					if e, ok := m.(*pgproto3.ErrorResponse); ok {
						code = e.Severity + " " + e.Code
					}
				}
			})
		}
		begin("select 1", "idle")
		begin("begin; update s set i = 2", "idle in transaction")
		begin("begin; select 1/0", "idle in transaction (aborted)")
		begin("select pg_sleep(600)", "active")
		begin("select count(*) from generate_series(1, 1000000000000)", "active")
		begin("update s set i = 3", "active")
		begin("copy s from stdin", "active")
		begin("select repeat('x', 1000) from generate_series(1, 1000000000)", "active")
	})
	for _, end := range ends {
		switch got := end(); got {
		// What is in the middle of a row cannot be told anything.
		case "select repeat('x', 1000) from generate_series(1, 1000000000): ":
		default:
			if want := "FATAL 57P01"; got[len(got)-len(want):] != want {
				t.Error(got)
			}
		}
	}
}

// TestTooManyConnections: one more than max_connections is 53300, and there is
// room again once one has gone.
func TestTooManyConnections(t *testing.T) {
	ctx := context.Background()
	url := start(t, func(o *Options) { o.ConnectionsMax = 2 })
	first, second := connect(t, url), connect(t, url)
	if got := step(first.PgConn(), "show max_connections"); got != "2; SHOW I" {
		t.Error(got)
	}
	if _, err := pgx.Connect(ctx, url); code(err) != "53300" {
		t.Errorf("a third: %v", err)
	}
	second.Close(ctx)
	until(t, first, "select count(*) = 1 from pg_stat_activity")
	for { // the slot is free a moment after the session is
		third, err := pgx.Connect(ctx, url)
		if err == nil {
			third.Close(ctx)
			return
		}
		if code(err) != "53300" {
			t.Fatal(err)
		}
	}
}
