package isolation

import (
	"fmt"
	"strings"
	"testing"

	"quiver/test/servers"
)

const migrationTables = 200

// migration is 200 tables, made, filled, altered and described.
func migration() string {
	var b strings.Builder
	for i := range migrationTables {
		fmt.Fprintf(&b, `CREATE TABLE m%[1]d (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'n%[1]d', price numeric(12,2) CHECK (price >= 0), at date DEFAULT '2026-01-01');
COMMENT ON TABLE m%[1]d IS 'table %[1]d';
INSERT INTO m%[1]d (price) VALUES (%[1]d), (%[1]d.5), (NULL);
`, i)
		switch i % 4 {
		case 1:
			fmt.Fprintf(&b, "ALTER TABLE m%[1]d ADD COLUMN extra int DEFAULT %[1]d; UPDATE m%[1]d SET price = extra WHERE price IS NULL;\n", i)
		case 2:
			fmt.Fprintf(&b, "ALTER TABLE m%[1]d DROP COLUMN at; DELETE FROM m%[1]d WHERE id = 2;\n", i)
		case 3:
			fmt.Fprintf(&b, "ALTER TABLE m%[1]d ALTER COLUMN name SET DEFAULT 'later', ALTER COLUMN at DROP DEFAULT;\n", i)
		}
	}
	return b.String()
}

// probes look at the migration from every side.
func probes() []string {
	var sum []string
	for i := range migrationTables {
		sum = append(sum, fmt.Sprintf("SELECT %[1]d AS t, count(*) AS n, sum(price) AS p, max(id) AS i FROM m%[1]d", i))
	}
	return []string{
		`SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = current_schema() AND relkind = 'r' AND relname ~ '^m[0-9]+$'`,
		`SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = current_schema() AND relkind IN ('i', 'S') AND relname ~ '^m[0-9]+_'`,
		`SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND table_name ~ '^m[0-9]+$'`,
		`SELECT * FROM m7 ORDER BY id`,
		`SELECT * FROM m101 ORDER BY id`,
		`SELECT * FROM m198 ORDER BY id`,
		`SELECT obj_description('m42'::regclass, 'pg_class')`,
		`SELECT count(*), sum(n), sum(p), sum(i) FROM (` + strings.Join(sum, " UNION ALL ") + `) x`,
		`INSERT INTO m5 (price) VALUES (-1)`,
	}
}

// probe runs the probes in both sessions.
func probe() (steps []*step) {
	for _, session := range []string{"a", "b"} {
		for _, sql := range probes() {
			steps = append(steps, &step{verb: "step", sessions: []string{session}, sql: sql})
		}
	}
	return steps
}

func do(session, sql string) *step {
	return &step{verb: "step", sessions: []string{session}, sql: sql}
}

// others keeps the probes of session b: those of a would end its transaction by
// their last one's error.
func others(steps []*step) (kept []*step) {
	for _, s := range steps {
		if s.sessions[0] == "b" {
			kept = append(kept, s)
		}
	}
	return kept
}

// TestMigrationOfManyTables: a migration of 200 tables in one transaction is
// seen by its own session alone until COMMIT, whole afterwards, and not at all
// after ROLLBACK. Every answer is the one of PostgreSQL.
func TestMigrationOfManyTables(t *testing.T) {
	var steps []*step
	add := func(more ...*step) { steps = append(steps, more...) }
	add(do("b", "SELECT 1")) // b is there before
	add(do("a", "BEGIN"), do("a", migration()))
	add(do("a", probes()[0]), do("a", probes()[7]))
	hidden := len(steps)
	add(others(probe())...)
	add(do("a", "ROLLBACK"))
	gone := len(steps)
	add(probe()...)
	add(do("a", "BEGIN"), do("a", migration()))
	add(others(probe())...)
	add(do("a", "COMMIT"))
	there := len(steps)
	add(probe()...)
	var drop strings.Builder
	drop.WriteString("BEGIN")
	for i := range migrationTables {
		fmt.Fprintf(&drop, "; DROP TABLE m%d", i)
	}
	add(do("a", drop.String()), do("a", "COMMIT"))
	add(probe()...)

	postgres := run(t, "migration.iso", steps, servers.StartPostgres(t).DSN())
	quiver := run(t, "migration.iso", steps, servers.StartQuiver(t, "").DSN())
	for i, s := range steps {
		if g, w := strings.Join(quiver[i], "\n"), strings.Join(postgres[i], "\n"); g != w {
			t.Errorf("step %d of %s: %s\ngot\n%s\nwant\n%s", i, s.sessions[0], shortened(s.sql), shortened(g), shortened(w))
		}
	}
	// What both agree on is what was meant.
	for at, want := range map[int]string{hidden: "0\nSELECT 1", gone: "0\nSELECT 1", there: "200\nSELECT 1"} {
		if got := strings.Join(postgres[at], "\n"); got != want {
			t.Errorf("step %d says %s tables, want %s", at, got, want)
		}
	}
}

func shortened(s string) string {
	if len(s) > 600 {
		return s[:300] + " … " + s[len(s)-300:]
	}
	return s
}
