package crash

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// TestRestarts: numbers of identity columns, serial ones and sequences are unique
// over kills and restarts; the past that was readable before is readable after.
func TestRestarts(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	q := servers.StartQuiver(t, "")
	var conn *pgx.Conn
	connect := func() {
		t.Helper()
		var err error
		if conn, err = pgx.Connect(ctx, q.DSN()); err != nil {
			t.Fatal(err)
		}
	}
	query := func(sql string) (values []int64) {
		t.Helper()
		rows, err := conn.Query(ctx, sql)
		if err == nil {
			values, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		}
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return values
	}
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	connect()
	exec(`CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n bigserial);
		CREATE SEQUENCE cached CACHE 20; CREATE SEQUENCE down INCREMENT -3 MAXVALUE 1000 START 1000`)
	var ids, serials, cached, down []int64
	take := func() {
		t.Helper()
		ids = append(ids, query("INSERT INTO t SELECT FROM generate_series(1, 7) RETURNING id")...)
		serials = query("SELECT n FROM t")
		exec("BEGIN; INSERT INTO t DEFAULT VALUES; ROLLBACK")
		cached = append(cached, query("SELECT nextval('cached')")...)
		down = append(down, query("SELECT nextval('down')")...)
	}
	type past struct {
		at   int64
		rows int64
	}
	var pasts []past
	for round := range 4 {
		take()
		if round%2 == 1 {
			exec("CHECKPOINT")
		}
		pasts = append(pasts, past{query("SELECT quiver.now()::bigint")[0], query("SELECT count(*) FROM t")[0]})
		if round == 2 {
			conn.Close(ctx)
			if err := q.Stop(); err != nil {
				t.Fatal(err)
			}
		} else {
			q.Kill()
		}
		q.Start()
		connect()
		for _, p := range pasts {
			exec("SET quiver.read_timestamp = '" + strconv.FormatInt(p.at, 10) + "'")
			if n := query("SELECT count(*) FROM t")[0]; n != p.rows {
				t.Errorf("round %d: at %d there were %d rows, now %d", round, p.at, p.rows, n)
			}
			exec("RESET quiver.read_timestamp")
		}
	}
	take()
	conn.Close(ctx)
	for name, list := range map[string][]int64{"identity": ids, "serial": serials, "sequence with CACHE": cached, "descending sequence": down} {
		if len(list) < 5 {
			t.Errorf("%s: %d values", name, len(list))
		}
		slices.Sort(list)
		if n := len(list); len(slices.Compact(list)) != n {
			t.Errorf("%s: %v has a number twice", name, list)
		}
	}
	if strings.Contains(q.Log(), "panic") {
		t.Error(q.Log())
	}
}

// TestClockAfterStop: a server that was stopped goes on at the wall clock, so that a
// time to live, and a read at some time, mean the same as before.
func TestClockAfterStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	q := servers.StartQuiver(t, "")
	for range 3 {
		conn, err := pgx.Connect(ctx, q.DSN())
		if err != nil {
			t.Fatal(err)
		}
		var ahead float64
		err = conn.QueryRow(ctx, "SELECT (quiver.now()::bigint >> 18) / 1000.0 - extract(epoch FROM clock_timestamp())").Scan(&ahead)
		if err != nil || ahead > 5 {
			t.Fatalf("the clock is %.1f s ahead, %v", ahead, err)
		}
		if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS t (); INSERT INTO t DEFAULT VALUES"); err != nil {
			t.Fatal(err)
		}
		conn.Close(ctx)
		if err := q.Stop(); err != nil {
			t.Fatal(err)
		}
		q.Start()
	}
}
