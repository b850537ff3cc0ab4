package limits

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// TestSpaceOfUpdates updates every row of a table a hundred times from psql and leaves
// the rest to the server, which flushes and merges by itself: what it stores stays a
// few copies. Of a table with a retention all versions stay until that is taken away.
func TestSpaceOfUpdates(t *testing.T) {
	const rows, rounds = 2000, 100
	q := servers.StartQuiver(t, "", "--segment-max-size", "1MB")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	psql := func(sql string) {
		t.Helper()
		cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", q.DSN())
		cmd.Stdin = strings.NewReader(sql)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
	}
	psql(`CREATE TABLE updated (id int PRIMARY KEY, n int, v vector(64)) WITH (gc_retention = 0);
		CREATE TABLE kept (id int PRIMARY KEY, n int, v vector(64)) WITH (gc_retention = '1 day');
		INSERT INTO updated SELECT g, 0, array_fill(sin(g)::real, ARRAY[64])::vector FROM generate_series(1, 2000) g;
		INSERT INTO kept SELECT * FROM updated;
		CHECKPOINT`)

	c, err := pgx.Connect(ctx, q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	number := func(sql string, args ...any) (n int64) {
		t.Helper()
		if err := c.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return n
	}
	// Compacted and dropped segments count: their objects are still there.
	stored := func(table string) int64 {
		t.Helper()
		return number("SELECT coalesce(sum(bytes_stored), 0)::bigint FROM quiver.segments WHERE table_name = $1", table)
	}
	settles := func(table string, most int64) {
		t.Helper()
		for stored(table) > most {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				t.Fatalf("%s stores %d bytes, not %d", table, stored(table), most)
			}
		}
	}
	one := stored("updated")
	if one < rows*64*4 {
		t.Fatalf("one copy has %d bytes, less than its vectors", one)
	}
	began := number("SELECT quiver.now()")

	peak := int64(0)
	for range rounds / 10 {
		psql(strings.Repeat("UPDATE updated SET n = n + 1;\n", 10))
		peak = max(peak, stored("updated"))
		settles("updated", 3*one)
	}
	t.Logf("%.2f copies at the most, looked at after every 10 rounds", float64(peak)/float64(one))
	psql("CHECKPOINT")
	settles("updated", one*3/2)
	if n := number("SELECT count(*) FROM updated WHERE n = $1", rounds); n != rows {
		t.Errorf("%d rows were updated %d times", n, rounds)
	}

	psql(strings.Repeat("UPDATE kept SET n = n + 1;\n", 10) + "CHECKPOINT")
	if n := stored("kept"); n < 11*rows*64*4 {
		t.Errorf("within the retention %d bytes are left of 11 versions", n)
	}
	if _, err := c.Exec(ctx, fmt.Sprintf("SET quiver.read_timestamp = %d", began)); err != nil {
		t.Fatal(err)
	}
	if n := number("SELECT count(*) FROM kept WHERE n = 0"); n != rows {
		t.Errorf("%d rows are read as they were", n)
	}
	psql("ALTER TABLE kept SET (gc_retention = 0)")
	if _, err := c.Exec(ctx, "RESET quiver.read_timestamp"); err != nil {
		t.Fatal(err)
	}
	settles("kept", one*3/2)
	if n := number("SELECT count(*) FROM kept WHERE n = 10"); n != rows {
		t.Errorf("%d rows are left", n)
	}
}
