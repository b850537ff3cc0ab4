package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

const migrationTables = 200

// migration is one transaction that makes many tables with rows.
func migration(prefix string) string {
	var b strings.Builder
	for i := range migrationTables {
		fmt.Fprintf(&b, "CREATE TABLE %[1]s_%[2]d (id serial PRIMARY KEY, v int DEFAULT %[2]d); INSERT INTO %[1]s_%[2]d (v) VALUES (1), (%[2]d); ", prefix, i)
	}
	return b.String()
}

// migrated says whether all of a migration is there; a part of it is an error.
func migrated(ctx context.Context, conn *pgx.Conn, prefix string) (bool, error) {
	var tables, indexes int
	err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE relkind = 'r'), count(*) FILTER (WHERE relkind = 'i') FROM pg_class WHERE relname ~ $1`, "^"+prefix+"_").Scan(&tables, &indexes)
	switch {
	case err != nil:
		return false, err
	case tables == 0 && indexes == 0:
		return false, nil
	case tables != migrationTables || indexes != migrationTables:
		return false, fmt.Errorf("%d tables and %d indexes of %s", tables, indexes, prefix)
	}
	for i := range migrationTables {
		var rows, sum, next int
		err := conn.QueryRow(ctx, fmt.Sprintf("SELECT count(*), sum(v) FROM %s_%d", prefix, i)).Scan(&rows, &sum)
		if err == nil {
			err = conn.QueryRow(ctx, fmt.Sprintf("SELECT nextval('%s_%d_id_seq')", prefix, i)).Scan(&next)
		}
		if err != nil || rows != 2 || sum != i+1 || next < 3 {
			return false, fmt.Errorf("table %d of %s: %d rows, sum %d, next id %d, %v", i, prefix, rows, sum, next, err)
		}
	}
	return true, nil
}

// TestKillDuringMigration kills the server at a random moment of the COMMIT of a
// migration that the catalog takes in several steps: afterwards it is there as a
// whole or not at all, and there for certain once it was acknowledged.
func TestKillDuringMigration(t *testing.T) {
	kills := setting(t, "QUIVER_CRASH_MIGRATIONS", 6)
	seed := setting(t, "QUIVER_CRASH_SEED", time.Now().UnixNano())
	t.Logf("QUIVER_CRASH_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(uint64(seed), 9))
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	q := servers.StartQuiver(t, "")
	connect := func() *pgx.Conn {
		t.Helper()
		conn, err := pgx.Connect(ctx, q.DSN())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	begin := func(prefix string) *pgx.Conn {
		t.Helper()
		conn := connect()
		if _, err := conn.PgConn().Exec(ctx, "BEGIN; "+migration(prefix)).ReadAll(); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	check := func(prefix string) bool {
		t.Helper()
		conn := connect()
		defer conn.Close(ctx)
		there, err := migrated(ctx, conn, prefix)
		if err != nil {
			t.Fatalf("%v\n%s", err, q.Log())
		}
		return there
	}
	// The first is left alone: how long a COMMIT takes.
	conn := begin("calm")
	start := time.Now()
	if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	conn.Close(ctx)
	if !check("calm") {
		t.Fatal("a migration that was committed is not there")
	}
	survived, acknowledged := 0, 0
	for kill := range kills {
		prefix := fmt.Sprint("m", kill)
		conn := begin(prefix)
		answer := make(chan error, 1)
		go func() {
			_, err := conn.Exec(ctx, "COMMIT")
			answer <- err
		}()
		time.Sleep(time.Duration(rnd.Int64N(int64(took) * 3 / 2)))
		q.Kill()
		err := <-answer
		conn.Close(ctx)
		q.Start()
		there := check(prefix)
		if err == nil {
			acknowledged++
			if !there {
				t.Fatalf("kill %d: an acknowledged migration is lost\n%s", kill, q.Log())
			}
		}
		if there {
			survived++
		}
	}
	if !check("calm") {
		t.Error("an earlier migration is lost")
	}
	t.Logf("%d kills during the COMMIT of %d tables, which takes %v: %d acknowledged, %d there afterwards, none in part", kills, migrationTables, took, acknowledged, survived)
}
