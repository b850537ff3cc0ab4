package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

// client is a connection that fails the test.
type client struct {
	*testing.T
	ctx  context.Context
	conn *pgx.Conn
}

func connect(t *testing.T, q *servers.Quiver, database string) *client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	config, err := pgx.ParseConfig(q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return &client{t, ctx, conn}
}

func (c *client) exec(sql string) {
	c.Helper()
	if _, err := c.conn.Exec(c.ctx, sql); err != nil {
		c.Fatalf("%s: %v", sql, err)
	}
}

// text is the one value of a query, as text.
func (c *client) text(sql string) string {
	c.Helper()
	var s *string
	if err := c.conn.QueryRow(c.ctx, sql, pgx.QueryExecModeSimpleProtocol).Scan(&s); err != nil {
		c.Fatalf("%s: %v", sql, err)
	}
	if s == nil {
		return "NULL"
	}
	return *s
}

// fails is the SQLSTATE and the text of an error.
func (c *client) fails(sql string) (code, message string) {
	c.Helper()
	_, err := c.conn.Exec(c.ctx, sql, pgx.QueryExecModeSimpleProtocol)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		c.Fatalf("%s: %v", sql, err)
	}
	return pg.Code, pg.Message
}

// schema makes tables of every sort.
var schema = []string{
	"CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, note text DEFAULT 'none')",
	"INSERT INTO accounts SELECT g, 1000 FROM generate_series(1, 100) g",
	"CREATE TABLE items (id serial PRIMARY KEY, owner int, embedding vector(8)) WITH (shards = 2)",
	"INSERT INTO items (owner, embedding) SELECT g % 100, ARRAY[g, g % 7, g % 11, g % 13, 1, 2, 3, 4]::vector FROM generate_series(1, 3000) g",
	"CREATE INDEX items_near ON items USING hnsw (embedding vector_l2_ops)",
	"COMMENT ON TABLE items IS 'things'",
	"CREATE PARTITION items_more ON items",
	"INSERT INTO items_more (owner, embedding) VALUES (1, '[1,2,3,4,5,6,7,8]')",
	"CREATE ALIAS things FOR items",
	"CREATE SEQUENCE tickets INCREMENT 5",
	"CREATE SCHEMA side",
	`CREATE TABLE side."Odd name" (a int GENERATED ALWAYS AS IDENTITY, b numeric(10,2) DEFAULT nextval('tickets'))`,
	`INSERT INTO side."Odd name" (b) VALUES (DEFAULT), (7.25)`,
	"CREATE TABLE moves (worker int, n int)",
}

// sums are queries whose answers a restored database has, too.
var sums = []string{
	"SELECT md5(string_agg(id || ':' || balance || ':' || note, ',' ORDER BY id)) FROM accounts",
	"SELECT md5(string_agg(id || ':' || owner || ':' || embedding::text, ',' ORDER BY id)) FROM items",
	`SELECT md5(string_agg(a || ':' || b, ',' ORDER BY a)) FROM side."Odd name"`,
	"SELECT count(*)::text FROM things",
	"SELECT count(*)::text FROM items_more",
	"SELECT string_agg(id::text, ',') FROM (" + exactly + ") n",
	// A search by the index may miss some.
	"SELECT (count(*) >= 7)::text FROM (SELECT id FROM items ORDER BY embedding <-> '[50,1,2,3,1,2,3,4]' LIMIT 10) n JOIN (" + exactly + ") e USING (id)",
}

// exactly are the nearest items without an index.
const exactly = "SELECT id FROM items ORDER BY (embedding <-> '[50,1,2,3,1,2,3,4]')::numeric, id LIMIT 10"

// whole is what holds between any two transactions: of the accounts, of the moves,
// of which none is missing before another, and of the items, one a move.
const whole = `SELECT (SELECT sum(balance) FROM accounts) || ' ' || (SELECT count(*) FROM items) - (SELECT count(*) FROM moves)
	|| ' ' || coalesce((SELECT sum(gap) FROM (SELECT max(n) - count(*) AS gap FROM moves GROUP BY worker) g), 0)`

const wholeWant = "100000 3001 0"

// transfers moves money between accounts until stop; whole holds.
func transfers(t *testing.T, q *servers.Quiver) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var tasks sync.WaitGroup
	for worker := range 2 {
		c := connect(t, q, "postgres")
		tasks.Go(func() {
			for n := 1; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				// Each worker has accounts of its own, so that none waits for the other.
				sql := fmt.Sprintf(`BEGIN; UPDATE accounts SET balance = balance - 1, note = 'n%d' WHERE id = %d;
					INSERT INTO moves VALUES (%d, %d); UPDATE accounts SET balance = balance + 1 WHERE id = %d;
					INSERT INTO items (owner, embedding) VALUES (%d, '[%d,1,1,1,1,1,1,1]'); COMMIT`,
					n, n%50*2+worker+1, worker, n, n*7%50*2+worker+1, n%100, n%100)
				if _, err := c.conn.Exec(c.ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					t.Errorf("%s: %v", sql, err)
					return
				}
			}
		})
	}
	return func() {
		close(done)
		tasks.Wait()
	}
}

var backupMade = regexp.MustCompile(`backup "([^"]+)" is made`)

// quiver runs a command of the binary.
func quiver(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	bin, err := servers.BuildQuiver()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Env = append(os.Environ(), env...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(b), cmd.ProcessState.ExitCode()
}

// TestBackupOfServers: a cluster on etcd and MinIO is backed up into another bucket
// while transactions go on, by statement and by command, and each backup is
// restored in another cluster, on a local directory. Every table is as it was at
// the backup's timestamp.
func TestBackupOfServers(t *testing.T) {
	minio := servers.StartMinIO(t)
	q := servers.StartQuiverOn(t, servers.StartEtcd(t), minio, "quiver")
	c := connect(t, q, "postgres")
	for _, sql := range schema {
		c.exec(sql)
	}
	url := strings.Replace(minio.URL("backups"), "?", "/daily/one?", 1)
	var names []string
	stop := transfers(t, q)
	for i := range 4 {
		switch i {
		case 2:
			c.exec("CHECKPOINT")
		case 3:
			stop()
		}
		if i%2 == 0 {
			names = append(names, c.text("SELECT quiver.backup('"+url+"')"))
			continue
		}
		out, code := quiver(t, nil, "backup", "create", url, "--server", q.DSN())
		if m := backupMade.FindStringSubmatch(out); code == 0 && m != nil {
			names = append(names, m[1])
		} else {
			t.Fatalf("backup create: %d, %s", code, out)
		}
	}
	if out, code := quiver(t, minio.Env(), "backup", "verify", url); code != 0 {
		t.Errorf("backup verify: %d, %s", code, out)
	}
	if n := c.text("SELECT count(*)::text FROM quiver.check()"); n != "0" {
		t.Errorf("%s things are wrong: %s", n, c.text("SELECT string_agg(k::text, E'\\n') FROM quiver.check() k"))
	}

	other := newQuiver(t, minio.Env())
	d := connect(t, other, "postgres")
	for i, name := range names {
		database := fmt.Sprintf("copy%d", i)
		d.exec(fmt.Sprintf("RESTORE DATABASE postgres AS %s FROM '%s' WITH (backup = '%s')", database, url, name))
		r := connect(t, other, database)
		if got := r.text(whole); got != wholeWant {
			t.Errorf("backup %s has half a transaction: %s, want %s", name, got, wholeWant)
		}
		if i == len(names)-1 { // nothing has changed since
			for _, sql := range sums {
				if got, want := r.text(sql), c.text(sql); got != want {
					t.Errorf("backup %s: %s: %s, was %s", name, sql, got, want)
				}
			}
		}
		if comment := r.text("SELECT obj_description('items'::regclass)"); comment != "things" {
			t.Errorf("the comment is %s", comment)
		}
		if plan := r.text("EXPLAIN (FORMAT JSON) SELECT id FROM items ORDER BY embedding <-> '[1,1,1,1,1,1,1,1]' LIMIT 3"); !strings.Contains(plan, "items_near") {
			t.Errorf("the index is not used: %s", plan)
		}
		// It lives on: sequences go on where they were.
		r.exec("INSERT INTO items (owner, embedding) VALUES (5, '[1,1,1,1,1,1,1,1]')")
		r.exec("VACUUM FULL items")
	}
	if n := d.text("SELECT count(*)::text FROM quiver.check()"); n != "0" {
		t.Errorf("%s things are wrong: %s", n, d.text("SELECT string_agg(k::text, E'\\n') FROM quiver.check() k"))
	}
	// Over a restart, too.
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
	other.Start()
	for i := range names {
		r := connect(t, other, fmt.Sprintf("copy%d", i))
		if got := r.text("SELECT sum(balance)::text FROM accounts"); got != "100000" {
			t.Errorf("after a restart the total is %s", got)
		}
	}
	for i, name := range names {
		if out, code := quiver(t, minio.Env(), "backup", "delete", url, name); code != 0 {
			t.Errorf("backup delete: %d, %s", code, out)
		}
		if out, code := quiver(t, minio.Env(), "backup", "verify", url); code != 0 || strings.Count(out, "\n") != len(names)-1-i {
			t.Errorf("backup verify of the others: %d, %s", code, out)
		}
	}
}

// newQuiver starts a server on a local directory.
func newQuiver(t *testing.T, env []string) *servers.Quiver {
	t.Helper()
	q := servers.StartQuiver(t, "")
	if env == nil {
		return q
	}
	if err := q.Stop(); err != nil {
		t.Fatal(err)
	}
	q.Env = env
	q.Start()
	return q
}

// TestRestoreOfServer: what a cluster has gone through since does not show in what
// is restored beside it, and a cluster of all databases comes back into an empty
// one.
func TestRestoreOfServer(t *testing.T) {
	q := servers.StartQuiver(t, "")
	c := connect(t, q, "postgres")
	for _, sql := range schema {
		c.exec(sql)
	}
	c.exec("CREATE DATABASE second")
	s := connect(t, q, "second")
	s.exec("CREATE TABLE t AS SELECT 42 AS answer")
	url := "file://" + t.TempDir() + "/backups"
	before := map[string]string{}
	for _, sql := range sums {
		before[sql] = c.text(sql)
	}
	c.exec("BACKUP TO '" + url + "' WITH (name = 'whole')")
	c.exec("DELETE FROM accounts WHERE id % 2 = 0")
	c.exec("BACKUP TABLE accounts, side.\"Odd name\" TO '" + url + "' WITH (name = 'tables')")
	// A moment after the last commit is within a backup that is begun later.
	moment := c.text("SELECT quiver.now()::text")
	c.exec("BACKUP TABLE accounts TO '" + url + "' WITH (name = 'later')")
	c.exec("RESTORE TABLE accounts AS moment FROM '" + url + "' WITH (backup = 'later', timestamp = '" + moment + "')")
	if got := c.text("SELECT count(*)::text FROM moment"); got != "50" {
		t.Errorf("%s accounts at a moment after the last commit", got)
	}
	c.exec("DROP TABLE moment")
	c.exec("DROP ALIAS things")
	c.exec("DROP TABLE items")
	c.exec("RESTORE TABLE items, accounts AS then FROM '" + url + "' WITH (backup = 'whole')")
	c.exec("RESTORE TABLE accounts AS now FROM '" + url + "'")
	if got := c.text(sums[1]); got != before[sums[1]] {
		t.Errorf("items: %s, was %s", got, before[sums[1]])
	}
	if out, code := quiver(t, nil, "backup", "restore", url, "--backup", "tables", "--server", q.DSN(),
		"--table", `Side."Odd name"="T =X"`, "--table", "Accounts=Halved"); code != 0 {
		t.Errorf("backup restore: %d, %s", code, out)
	}
	if got := c.text(`SELECT (SELECT count(*) FROM side."T =X") || ' ' || (SELECT count(*) FROM halved)`); got != "2 50" {
		t.Errorf("restored by the command: %s rows", got)
	}
	if got := c.text("SELECT (SELECT count(*) FROM accounts) || ' ' || (SELECT count(*) FROM now) || ' ' || (SELECT count(*) FROM \"then\")"); got != "50 50 100" {
		t.Errorf("counts %s", got)
	}
	if got := c.text("SELECT count(*) || ' ' || min(partition_name) FROM quiver.partitions WHERE table_name = 'items' AND partition_name <> '_default'"); got != "1 items_more" {
		t.Errorf("partitions %s", got)
	}
	for _, e := range []struct{ sql, code string }{
		{"RESTORE FROM '" + url + "'", "42P04"},
		{"RESTORE TABLE accounts FROM '" + url + "'", "42P07"},
		{"RESTORE TABLE items FROM '" + url + "'", "42P01"},
		{"RESTORE DATABASE second FROM '" + url + "'", "3D000"},
		{"BACKUP TO '" + url + "' WITH (name = 'whole')", "42710"},
		{"BACKUP TO '" + url + "' WITH (name = '../x')", "22023"},
	} {
		if code, message := c.fails(e.sql); code != e.code {
			t.Errorf("%s: %s %s, want %s", e.sql, code, message, e.code)
		}
	}
	if n := c.text("SELECT count(*)::text FROM quiver.check()"); n != "0" {
		t.Errorf("%s things are wrong", n)
	}

	other := servers.StartQuiver(t, "")
	d := connect(t, other, "postgres")
	d.exec("RESTORE FROM '" + url + "' WITH (backup = 'whole')")
	for _, sql := range sums {
		if got := d.text(sql); got != before[sql] {
			t.Errorf("%s: %s, was %s", sql, got, before[sql])
		}
	}
	if got := connect(t, other, "second").text("SELECT answer::text FROM t"); got != "42" {
		t.Errorf("the answer is %s", got)
	}
	if got := d.text("SELECT nextval('tickets')::text"); got != "6" {
		t.Errorf("the sequence gives %s", got)
	}
}

// TestBackupUnreachable: a store that does not answer is an error of input and output,
// which says what did not; a URL that is none is another.
func TestBackupUnreachable(t *testing.T) {
	t.Parallel() // it waits for the retries
	c := connect(t, servers.StartQuiver(t, ""), "postgres")
	for _, e := range []struct{ url, code, message, detail string }{
		{"s3://away/daily?secure=false&endpoint=127.0.0.1:1", "58030", "the object store cannot be reached", "127.0.0.1:1"},
		{"s3://away/daily?secure=maybe&endpoint=127.0.0.1:1", "22023", "secure is true or false", ""},
		{"ftp://away", "22023", "is no URL of an object store", ""},
	} {
		_, err := c.conn.Exec(c.ctx, "BACKUP TO '"+e.url+"'", pgx.QueryExecModeSimpleProtocol)
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != e.code || !strings.Contains(pg.Message, e.message) || !strings.Contains(pg.Detail, e.detail) {
			t.Errorf("%s: %v, want %s", e.url, err, e.code)
		}
	}
}

// TestCopiedDirectory: a copy of a stopped server's data directory opens
// elsewhere, and the directory itself after a move; the check finds nothing wrong.
func TestCopiedDirectory(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	q := servers.StartQuiver(t, data)
	c := connect(t, q, "postgres")
	for _, sql := range schema {
		c.exec(sql)
	}
	c.exec("CHECKPOINT")
	c.exec("UPDATE accounts SET balance = 7 WHERE id = 7") // in the log alone
	loaded := filepath.Join(root, "loaded.csv")
	c.exec("COPY (SELECT g, repeat(md5(g::text), 8) FROM generate_series(1, 50000) g) TO '" + loaded + "'")
	load := "TRUNCATE loaded; COPY loaded FROM '" + loaded + "'" // enough for a segment, which the log names
	c.exec("CREATE TABLE loaded (id int PRIMARY KEY, t text)")
	c.exec(load)
	sums := append(slices.Clone(sums), "SELECT concat_ws(' ', count(*), sum(id), count(DISTINCT t)) FROM loaded")
	before := map[string]string{}
	for _, sql := range sums {
		before[sql] = c.text(sql)
	}
	if out, code := quiver(t, nil, "check", "--data", data); code != 1 || !strings.Contains(out, "a server runs on") {
		t.Errorf("check beside a server: %d, %s", code, out)
	}
	for n, end := range []func(){func() {
		if err := q.Stop(); err != nil {
			t.Fatal(err)
		}
	}, func() {
		c.exec(load)
		q.Kill()
	}} {
		end()
		copied := filepath.Join(root, fmt.Sprint("copy", n))
		if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		moved := filepath.Join(root, fmt.Sprint("moved", n))
		if err := os.Rename(data, moved); err != nil {
			t.Fatal(err)
		}
		data = moved
		for _, dir := range []string{copied, moved} {
			// A killed server may leave objects of a build that nothing names yet.
			if out, code := quiver(t, nil, "check", "--data", dir); code != 0 || !strings.Contains(out, "nothing is wrong") {
				t.Errorf("check of %s: %d, %s", dir, code, out)
			}
			q = servers.StartQuiver(t, dir)
			c = connect(t, q, "postgres")
			for _, sql := range sums {
				if got := c.text(sql); got != before[sql] {
					t.Errorf("%s: %s, was %s", sql, got, before[sql])
				}
			}
			c.exec("INSERT INTO side.\"Odd name\" (b) VALUES (999)")
			c.exec("DELETE FROM side.\"Odd name\" WHERE b = 999")
			if dir == copied {
				q.Kill()
			}
		}
	}
}

// TestCorruptObject: a flipped bit fails the query that needs the object, with its
// name, and nothing else; both checks name it.
func TestCorruptObject(t *testing.T) {
	q := servers.StartQuiver(t, "")
	c := connect(t, q, "postgres")
	for _, sql := range schema {
		c.exec(sql)
	}
	c.exec("CHECKPOINT")
	object := c.text("SELECT object FROM quiver.binlogs WHERE table_name = 'accounts' AND column_name = 'note' AND database_name = 'postgres'")
	if err := q.Stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(q.Data, "objects", "quiver", filepath.FromSlash(object))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := quiver(t, nil, "check", "--data", q.Data); code != 1 || !strings.Contains(out, "bad checksum: "+object+": postgres.public.accounts") {
		t.Errorf("check: %d, %s", code, out)
	}
	q.Start()
	c = connect(t, q, "postgres")
	if got := c.text("SELECT kind || ' ' || object FROM quiver.check()"); got != "bad checksum "+object {
		t.Errorf("quiver.check(): %s", got)
	}
	if code, message := c.fails("SELECT note FROM accounts"); code != "XX001" || !strings.Contains(message, object) {
		t.Errorf("a query that needs it: %s %s", code, message)
	}
	for _, file := range []string{"a.csv", "a.parquet"} {
		if code, message := c.fails("COPY accounts TO '" + t.TempDir() + "/" + file + "'"); code != "XX001" || !strings.HasPrefix(message, "corrupt data in ") || !strings.Contains(message, object) {
			t.Errorf("COPY to %s: %s %s", file, code, message)
		}
	}
	if got := c.text("SELECT sum(balance)::text FROM accounts"); got != "100000" {
		t.Errorf("a query that does not: %s", got)
	}
	if got := c.text("SELECT count(*)::text FROM items"); got != "3001" {
		t.Errorf("another table: %s", got)
	}
	if code, message := c.fails("BACKUP TO 'file://" + t.TempDir() + "'"); code != "XX001" || !strings.Contains(message, object) {
		t.Errorf("a backup: %s %s", code, message)
	}
}
