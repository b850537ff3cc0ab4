package clients

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pgvector/pgvector-go"
	pgxvector "github.com/pgvector/pgvector-go/pgx"

	"quiver/test/servers"
)

// server is shared by the tests of this package; each uses tables of its own.
var server *servers.Quiver

func address(t *testing.T) (host, port string) {
	t.Helper()
	if server == nil {
		// The first test to ask starts it, for all: not bound to that test.
		server = servers.StartQuiver(processLife{t}, tempDir)
	}
	host, port, err := net.SplitHostPort(server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}

var tempDir string

// processLife is a TB whose cleanups run at the end of the process.
type processLife struct{ servers.TB }

func (processLife) Cleanup(f func()) { atEnd = append(atEnd, f) }

var atEnd []func()

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "quiver-clients-")
	if err != nil {
		panic(err)
	}
	tempDir = dir
	code := m.Run()
	for _, f := range atEnd {
		f()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// script runs a client's own program and expects "ok" as its last line.
func script(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "ok") {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func TestNode(t *testing.T) {
	host, port := address(t)
	script(t, "node", "node/test.js", host, port)
}

// TestNodeLibraries: query builders and object mappers that know vectors.
func TestNodeLibraries(t *testing.T) {
	host, port := address(t)
	script(t, "node", "node/libraries.js", host, port)
}

// TestPythonLibraries: psycopg 3 and asyncpg in binary, SQLAlchemy, Django.
func TestPythonLibraries(t *testing.T) {
	host, port := address(t)
	script(t, "/usr/bin/python3", "python/libraries.py", host, port)
}

func TestJDBC(t *testing.T) {
	host, port := address(t)
	for _, program := range []string{"jdbc/Test.java", "jdbc/Vectors.java"} {
		script(t, "java", "-cp", "/usr/share/java/postgresql.jar", program, host, port)
	}
}

func TestPsycopg(t *testing.T) {
	host, port := address(t)
	script(t, "/usr/bin/python3", "psycopg/test.py", host, port)
}

// TestPsql runs psql's own commands and compares with what they print on
// PostgreSQL 15 for the same objects.
func TestPsql(t *testing.T) {
	_, port := address(t)
	setup := `CREATE TABLE psql_t (id bigserial PRIMARY KEY, name varchar(20) NOT NULL DEFAULT 'x', price numeric(10,2), flag bool CHECK (flag IS NOT NULL), at timestamptz DEFAULT now());
INSERT INTO psql_t (name, flag) VALUES ('a', true), ('b', false);`
	commands := []string{
		`\d psql_t`, `\dt public.psql*`, `\di public.psql*`, `\ds public.psql*`, `\dt nosuch`, `\d psql_t_pkey`, `\d psql_t_id_seq`,
		`SELECT id, name, flag FROM psql_t ORDER BY id \gx (fieldsep=',' format=unaligned)`, `SELECT id, name, price, flag FROM psql_t`, `\echo :SERVER_VERSION_NUM`,
		`\set VERBOSITY verbose`, `SELECT * FROM nosuch`, `\copy psql_t (name, flag) TO STDOUT CSV HEADER`, `DROP TABLE psql_t`,
	}
	run := func(port string) string {
		cmd := exec.Command("psql", "-X", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-d", "postgres", "-q")
		cmd.Stdin = strings.NewReader(setup + "\n" + strings.Join(semicolons(commands), "\n") + "\n")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("psql: %v\n%s", err, out)
		}
		return withoutLocations(string(out))
	}
	oracle := servers.StartPostgres(t)
	_, oraclePort, _ := net.SplitHostPort(oracle.Addr)
	want, got := run(oraclePort), run(port)
	// The version numbers may differ in the minor part alone.
	if want, got = minorless(want), minorless(got); got != want {
		t.Errorf("psql prints\n%s\nand on PostgreSQL\n%s", got, want)
	}
	for _, c := range []struct{ command, has string }{{`\l`, "postgres"}, {`\dn`, "public"}, {`\dx`, "vector"}, {`\dT vector`, "vector"}, {`\du`, "postgres"}, {`\conninfo`, "postgres"}} {
		out, err := exec.Command("psql", "-X", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "-c", c.command).CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.has) {
			t.Errorf("psql %s: %v\n%s", c.command, err, out)
		}
	}
}

// semicolons ends SQL statements; backslash commands end with their line.
func semicolons(commands []string) []string {
	var out []string
	for _, c := range commands {
		if !strings.Contains(c, `\`) {
			c += ";"
		}
		out = append(out, c)
	}
	return out
}

// withoutLocations drops the lines that name a place in the server's source.
func withoutLocations(text string) string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if !strings.HasPrefix(l, "LOCATION:") {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func minorless(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if len(l) == 6 && strings.HasPrefix(l, "1500") {
			lines[i] = "15xxxx"
		}
	}
	return strings.Join(lines, "\n")
}

func TestPgx(t *testing.T) {
	host, port := address(t)
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, "postgres://postgres@"+net.JoinHostPort(host, port)+"/postgres?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	exec := func(sql string, args ...any) pgconn.CommandTag {
		t.Helper()
		tag, err := conn.Exec(ctx, sql, args...)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return tag
	}
	fails := func(code, sql string, args ...any) {
		t.Helper()
		_, err := conn.Exec(ctx, sql, args...)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != code {
			t.Fatalf("%s: %v, want SQLSTATE %s", sql, err, code)
		}
	}
	exec("CREATE EXTENSION IF NOT EXISTS vector")
	if err := pgxvector.RegisterTypes(ctx, conn); err != nil {
		t.Fatal(err)
	}
	exec("CREATE TABLE pgx_items (id bigserial PRIMARY KEY, name text, embedding vector(3))")
	for _, r := range []struct {
		name string
		v    []float32
	}{{"a", []float32{1, 1, 1}}, {"b", []float32{2, 2, 2}}, {"c", []float32{1, 1, 2}}} {
		if tag := exec("INSERT INTO pgx_items (name, embedding) VALUES ($1, $2)", r.name, pgvector.NewVector(r.v)); tag.RowsAffected() != 1 {
			t.Fatal(tag)
		}
	}
	rows, err := conn.Query(ctx, "SELECT name, embedding FROM pgx_items ORDER BY embedding <-> $1 LIMIT 2", pgvector.NewVector([]float32{1, 1, 1}))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var name string
	var v pgvector.Vector
	if _, err := pgx.ForEachRow(rows, []any{&name, &v}, func() error { names = append(names, name+v.String()); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names, " "); got != "a[1,1,1] c[1,1,2]" {
		t.Fatalf("nearest: %s", got)
	}
	fails("22000", "INSERT INTO pgx_items (embedding) VALUES ($1)", pgvector.NewVector([]float32{1, 2}))
	fails("23505", "INSERT INTO pgx_items (id) VALUES ($1)", int64(1))
	fails("42883", "SELECT nosuch($1::int)", 1)

	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM pgx_items"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pgx_items").Scan(&n); err != nil || n != 3 {
		t.Fatalf("%d rows, %v", n, err)
	}

	// Binary COPY, a batch in one round trip, an array parameter.
	copied, err := conn.CopyFrom(ctx, pgx.Identifier{"pgx_items"}, []string{"name", "embedding"},
		pgx.CopyFromSlice(100, func(i int) ([]any, error) {
			return []any{"copied", pgvector.NewVector([]float32{float32(i), 0, 0})}, nil
		}))
	if err != nil || copied != 100 {
		t.Fatalf("copied %d, %v", copied, err)
	}
	var batch pgx.Batch
	for i := range 50 {
		batch.Queue("SELECT $1::int + 1", i)
	}
	br := conn.SendBatch(ctx, &batch)
	for i := range 50 {
		if err := br.QueryRow().Scan(&n); err != nil || n != i+1 {
			t.Fatalf("batch %d: %d, %v", i, n, err)
		}
	}
	if err := br.Close(); err != nil {
		t.Fatal(err)
	}
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pgx_items WHERE id = ANY($1)", []int64{1, 2, 3, 99999}).Scan(&n); err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	exec("DROP TABLE pgx_items")
}
