package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"quiver/server/session"
	"quiver/storage"
)

// step runs a text by the simple protocol and prints what comes back: rows,
// tags, notices, the SQLSTATE.
func step(conn *pgconn.PgConn, sql string) string {
	var out []string
	results, err := conn.Exec(context.Background(), sql).ReadAll()
	for _, r := range results {
		for _, row := range r.Rows {
			var cells []string
			for _, c := range row {
				if c == nil {
					c = []byte("∅")
				}
				cells = append(cells, string(c))
			}
			out = append(out, strings.Join(cells, "|"))
		}
		if r.Err == nil {
			out = append(out, r.CommandTag.String())
		}
	}
	if err != nil {
		out = append(out, code(err))
	}
	return strings.Join(out, "; ") + " " + string(conn.TxStatus())
}

// TestSessions plays statements whose answers PostgreSQL 15 gave.
func TestSessions(t *testing.T) {
	url := start(t, nil)
	for name, script := range map[string][]string{
		"blocks": {
			"create table a (i int primary key)", "CREATE TABLE I",
			"begin", "BEGIN T",
			"insert into a values (1)", "INSERT 0 1 T",
			"insert into a values (1)", "23505 E",
			"select 1", "25P02 E",
			"commit", "ROLLBACK I",
			"select count(*) from a", "0; SELECT 1 I",
			"commit", "COMMIT I",
			"rollback", "ROLLBACK I",
			"begin; begin", "BEGIN; BEGIN T",
			"rollback", "ROLLBACK I",
			"insert into a values (1); insert into a values (1)", "INSERT 0 1; 23505 I",
			"select count(*) from a", "0; SELECT 1 I",
			"insert into a values (1); begin; insert into a values (2)", "INSERT 0 1; BEGIN; INSERT 0 1 T",
			"rollback", "ROLLBACK I",
			"select count(*) from a", "0; SELECT 1 I",
			"begin; insert into a values (7); commit and chain", "BEGIN; INSERT 0 1; COMMIT T",
			"rollback", "ROLLBACK I",
			"commit and chain", "25P01 I",
			"", " I",
			";", " I",
		},
		"savepoints": {
			"savepoint s", "25P01 I",
			"create table s (i int primary key)", "CREATE TABLE I",
			"begin; insert into s values (1); savepoint x; insert into s values (2)", "BEGIN; INSERT 0 1; SAVEPOINT; INSERT 0 1 T",
			"insert into s values (1)", "23505 E",
			"savepoint y", "25P02 E",
			"rollback to nosuch", "3B001 E",
			"rollback to x", "ROLLBACK T",
			"select * from s", "1; SELECT 1 T",
			"insert into s values (3); release x; release x", "INSERT 0 1; RELEASE; 3B001 E",
			"rollback", "ROLLBACK I",
			"begin; savepoint x; create table gone (i int); rollback to x; commit", "BEGIN; SAVEPOINT; CREATE TABLE; ROLLBACK; COMMIT I",
			"select * from gone", "42P01 I",
			"select count(*) from s", "0; SELECT 1 I",
		},
		"settings": {
			"set work_mem = '1GB'; show work_mem", "SET; 1GB; SHOW I",
			"begin; set work_mem = '2GB'; set local statement_timeout = 5000; rollback", "BEGIN; SET; SET; ROLLBACK I",
			"show work_mem; show statement_timeout", "1GB; SHOW; 0; SHOW I",
			"begin; set local work_mem = '2GB'; show work_mem; commit", "BEGIN; SET; 2GB; SHOW; COMMIT I",
			"show work_mem; reset work_mem; show work_mem", "1GB; SHOW; RESET; 4MB; SHOW I",
			"show nosuch", "42704 I",
			"set server_version = 1", "55P02 I",
			"set a.b = 'x'; show a.b; select current_setting('a.b')", "SET; x; SHOW; x; SELECT 1 I",
			"select set_config('a.b', 'y', false)", "y; SELECT 1 I",
			"show a.b", "y; SHOW I",
			"set search_path = one, \"Two\"; show search_path; select current_schemas(false)", "SET; one, \"Two\"; SHOW; {}; SELECT 1 I",
			"discard all; show search_path", "25001 I",
			"discard all", "DISCARD ALL I",
			"show search_path", "\"$user\", public; SHOW I",
			"begin transaction isolation level repeatable read, read only; show transaction_isolation; show transaction_read_only", "BEGIN; repeatable read; SHOW; on; SHOW T",
			"create table no (i int)", "25006 E",
			"rollback", "ROLLBACK I",
			"begin; select 1; set transaction isolation level repeatable read", "BEGIN; 1; SELECT 1; 25001 E",
			"rollback", "ROLLBACK I",
			"set session characteristics as transaction read only; show transaction_read_only", "SET; off; SHOW I",
			"show transaction_read_only", "on; SHOW I",
			"set default_transaction_read_only = off", "SET I",
			"set time zone interval '+02:00' hour to minute; show timezone; set datestyle = sql, dmy; show datestyle", "SET; <+02>-02; SHOW; SET; SQL, DMY; SHOW I",
		},
		"prepared": {
			"prepare p (int) as select $1 + 1; execute p (4)", "PREPARE; 5; SELECT 1 I",
			"execute p ('6')", "7; SELECT 1 I",
			"execute p", "42601 I",
			"prepare p as select 1", "42P05 I",
			"deallocate p; execute p(1)", "DEALLOCATE; 26000 I",
			"deallocate nosuch", "26000 I",
			"create table pt (i int); prepare q as select * from pt; execute q", "CREATE TABLE; PREPARE; SELECT 0 I",
			"alter table pt add column j int", "ALTER TABLE I",
			"execute q", "0A000 I",
			"deallocate all", "DEALLOCATE ALL I",
		},
		"cursors": {
			"declare c cursor for select 1", "25P01 I",
			"begin; declare c cursor for select g from generate_series(1, 5) g; fetch 2 c", "BEGIN; DECLARE CURSOR; 1; 2; FETCH 2 T",
			"fetch c; move 1 c; fetch all c; fetch c", "3; FETCH 1; MOVE 1; 5; FETCH 1; FETCH 0 T",
			"rollback", "ROLLBACK I",
			"begin; declare c scroll cursor for select g from generate_series(1, 5) g; fetch last c; fetch prior c; fetch absolute 2 c; fetch relative -1 c; fetch backward all c; fetch first c; fetch absolute -1 c",
			"BEGIN; DECLARE CURSOR; 5; FETCH 1; 4; FETCH 1; 2; FETCH 1; 1; FETCH 1; FETCH 0; 1; FETCH 1; 5; FETCH 1 T",
			"fetch 0 c; move absolute 0 c; fetch forward all c; fetch backward 2 c; close c; fetch c", "5; FETCH 1; MOVE 0; 1; 2; 3; 4; 5; FETCH 5; 5; 4; FETCH 2; CLOSE CURSOR; 34000 E",
			"commit", "ROLLBACK I",
			"begin; declare h cursor with hold for select g from generate_series(1, 3) g; fetch h; commit; fetch h; fetch backward 1 h",
			"BEGIN; DECLARE CURSOR; 1; FETCH 1; COMMIT; 2; FETCH 1; 1; FETCH 1 I",
			"close all; fetch h", "CLOSE CURSOR ALL; 34000 I",
		},
		"errors": {
			"selec", "42601 I",
			"select * from nosuch", "42P01 I",
			"begin; vacuum", "BEGIN; 25001 E",
			"rollback", "ROLLBACK I",
			"select 1; selec", "42601 I",
		},
		// What PostgreSQL does and Quiver does not.
		"refused": {
			"listen x", "0A000 I",
			"create view v as select 1", "0A000 I",
			"copy (select 1) to program 'cat'", "0A000 I",
			"begin isolation level serializable", "0A000 E",
			"rollback", "ROLLBACK I",
			"begin; declare c cursor for select 1; fetch c; fetch backward 1 c", "BEGIN; DECLARE CURSOR; 1; FETCH 1; 55000 E",
			"rollback", "ROLLBACK I",
		},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, url).PgConn()
			for i := 0; i < len(script); i += 2 {
				if got := step(conn, script[i]); got != script[i+1] {
					t.Errorf("%s\n got %s\nwant %s", script[i], got, script[i+1])
				}
			}
		})
	}
}

// TestNotices: warnings as PostgreSQL words them.
func TestNotices(t *testing.T) {
	config, err := pgx.ParseConfig(start(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		got = append(got, n.Severity+" "+n.Code+" "+n.Message)
	}
	ctx := context.Background()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"commit", "begin; begin; commit", "set local work_mem = '1GB'; set transaction read write", "set local work_mem = '1GB'",
		"set transaction read only", "drop table if exists nosuch", "set client_min_messages = error; rollback",
	} {
		step(conn.PgConn(), sql)
	}
	want := []string{
		"WARNING 25P01 there is no transaction in progress",
		"WARNING 25001 there is already a transaction in progress",
		"WARNING 25P01 SET LOCAL can only be used in transaction blocks",
		"WARNING 25P01 SET TRANSACTION can only be used in transaction blocks",
		`NOTICE 00000 table "nosuch" does not exist, skipping`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

// TestCancel: a cancel request and statement_timeout end a statement, not the
// session.
func TestCancel(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	conn := connect(t, url)
	const long = "select count(*) from generate_series(1, 1000000000000)"
	if _, err := conn.Exec(ctx, "set statement_timeout = 20; "); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Exec(ctx, long)
	if code(err) != "57014" || !strings.Contains(err.Error(), "canceling statement due to statement timeout") {
		t.Errorf("timeout: %v", err)
	}
	if _, err := conn.Exec(ctx, "set statement_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	watcher, ended := connect(t, url), make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, long)
		ended <- err
	}()
	until(t, watcher, "select state = 'active' and query = $2 from pg_stat_activity where pid = $1", conn.PgConn().PID(), long)
	if err := conn.PgConn().CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	err = <-ended
	if code(err) != "57014" || !strings.Contains(err.Error(), "user request") {
		t.Errorf("cancel: %v", err)
	}
	var one int
	if err := conn.QueryRow(ctx, "select 1").Scan(&one); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// panicking is an engine that panics when asked for a transaction.
type panicking struct{ session.Engine }

func (panicking) Begin(context.Context, storage.TxnOptions) (storage.Txn, error) { panic("boom") }

// TestPanic: the client is told XX000, its connection ends, the server lives.
func TestPanic(t *testing.T) {
	ctx := context.Background()
	url := start(t, func(o *Options) { o.Config.Engine = panicking{o.Config.Engine} })
	conn := connect(t, url)
	if _, err := conn.Exec(ctx, "create table t (i int)"); code(err) != "XX000" {
		t.Errorf("got %v", err)
	}
	if _, err := conn.Exec(ctx, "select 1"); err == nil {
		t.Error("the connection still works")
	}
	if _, err := connect(t, url).Exec(ctx, "select 1"); err != nil {
		t.Errorf("the server does not: %v", err)
	}
}

func TestCopy(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	conn := connect(t, url)
	if _, err := conn.Exec(ctx, "create table t (id int primary key, name varchar(5) not null default 'none', at timestamptz)"); err != nil {
		t.Fatal(err)
	}
	when := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	rows := make([][]any, 5000)
	for i := range rows {
		rows[i] = []any{i, fmt.Sprint(i), when}
	}
	if n, err := conn.CopyFrom(ctx, pgx.Identifier{"t"}, []string{"id", "name", "at"}, pgx.CopyFromRows(rows)); err != nil || n != 5000 {
		t.Fatalf("binary: %d, %v", n, err)
	}
	copyIn := func(sql, data string) error {
		_, err := conn.PgConn().CopyFrom(ctx, strings.NewReader(data), sql)
		return err
	}
	if err := copyIn("copy t (id) from stdin", "5000\n5001\n"); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ data, code, where string }{
		{"6000\n0\n6001\n", "23505", "COPY t, line 2"},
		{"6000\n6001\n6000\n", "23505", "COPY t, line 3"},
		{"6000\nx\n", "22P02", `COPY t, line 2, column id: "x"`},
		{"6000\ta\n", "22P04", "COPY t, line 1: \"6000\ta\""},
	} {
		err := copyIn("copy t (id) from stdin", c.data)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != c.code || e.Where != c.where {
			t.Errorf("%q: %v (%+v)", c.data, err, e)
		}
	}
	if err := copyIn("copy t (id, name) from stdin csv", "7000,too long\n"); code(err) != "22001" {
		t.Errorf("too long: %v", err)
	}
	if err := copyIn("copy t (id, name) from stdin csv", "7000,\n"); code(err) != "23502" {
		t.Errorf("null: %v", err)
	}
	var out strings.Builder
	if _, err := conn.PgConn().CopyTo(ctx, &out, "copy (select id, name from t where id >= 4999 order by id) to stdout (format csv, header)"); err != nil {
		t.Error(err)
	}
	if out.String() != "id,name\n4999,4999\n5000,none\n5001,none\n" {
		t.Errorf("got %q", out.String())
	}
}

// TestCopyVanishes: a client that goes in the middle of COPY leaves nothing.
func TestCopyVanishes(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	conn := connect(t, url)
	if _, err := conn.Exec(ctx, "create table t (id int primary key)"); err != nil {
		t.Fatal(err)
	}
	gone := connect(t, url)
	hijacked, err := gone.PgConn().Hijack()
	if err != nil {
		t.Fatal(err)
	}
	send := func(c net.Conn, kind byte, body string) {
		n := len(body) + 4
		c.Write(append([]byte{kind, 0, 0, byte(n >> 8), byte(n)}, body...))
	}
	send(hijacked.Conn, 'Q', "copy t from stdin\x00")
	if _, err := hijacked.Frontend.Receive(); err != nil {
		t.Fatal(err)
	}
	send(hijacked.Conn, 'd', "1\n2\n3\n")
	hijacked.Conn.Close()
	// The table lock is free once the session has rolled back.
	var count int
	if _, err := conn.Exec(ctx, "alter table t add column j int"); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(ctx, "select count(*) from t").Scan(&count); err != nil || count != 0 {
		t.Errorf("%d rows, %v", count, err)
	}
}

// TestStop: sessions are told 57P01 and the server ends while they are idle.
func TestStop(t *testing.T) {
	var conns []*pgx.Conn
	t.Run("server", func(t *testing.T) {
		url := start(t, nil)
		for range 3 {
			conn, err := pgx.Connect(context.Background(), url)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		step(conns[0].PgConn(), "begin")
	})
	for _, conn := range conns {
		if _, err := conn.Exec(context.Background(), "select 1"); err == nil {
			t.Error("the session lives on")
		}
		conn.Close(context.Background())
	}
}

func TestIdleTimeouts(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	for setting, want := range map[string]string{
		"idle_session_timeout":                "57P05",
		"idle_in_transaction_session_timeout": "25P03",
	} {
		conn := connect(t, url)
		if _, err := conn.PgConn().Exec(ctx, "set "+setting+" = 30; begin; "+map[bool]string{true: "commit"}[setting == "idle_session_timeout"]).ReadAll(); err != nil {
			t.Fatal(err)
		}
		hijacked, err := conn.PgConn().Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Conn.Close()
		// It may have been read with the answer before.
		m, err := hijacked.Frontend.Receive()
		if e, ok := m.(*pgproto3.ErrorResponse); !ok || e.Code != want {
			t.Errorf("%s: %#v, %v", setting, m, err)
		}
	}
}

func BenchmarkSelectOne(b *testing.B) {
	ctx := context.Background()
	conn := connect(b, start(b, nil))
	b.ReportAllocs()
	for b.Loop() {
		var one int
		if err := conn.QueryRow(ctx, "select 1").Scan(&one); err != nil {
			b.Fatal(err)
		}
	}
}
