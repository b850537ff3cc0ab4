package server

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/storage/backup"
)

// mustFail fails unless a statement is refused with a SQLSTATE and a message.
func mustFail(t *testing.T, conn *pgx.Conn, sql, code, message string) {
	t.Helper()
	_, err := conn.Exec(context.Background(), sql)
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != code || e.Message != message {
		t.Errorf("%s: %v, want %s (%s)", sql, err, message, code)
	}
}

func mustBe(t *testing.T, conn *pgx.Conn, sql, want string) {
	t.Helper()
	var got string
	if err := conn.QueryRow(context.Background(), sql).Scan(&got); err != nil || got != want {
		t.Errorf("%s: %s, %v, want %s", sql, got, err, want)
	}
}

// TestBackupNamesTwice: of a table named twice a backup has one, and RESTORE, which
// makes one table of each, refuses it and makes none.
func TestBackupNamesTwice(t *testing.T) {
	conn := connect(t, start(t, nil))
	mustExec(t, conn, "CREATE SCHEMA k; CREATE TABLE k.base (a int); CREATE TABLE k.other (a int); INSERT INTO k.base VALUES (1), (2)")
	dir := t.TempDir()
	url := "'file://" + dir + "'"
	mustExec(t, conn, "BACKUP TABLE k.base, k.other, k.base TO "+url)
	place, err := backup.Open(context.Background(), "file://"+dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	made, err := place.Newest(context.Background())
	if err != nil || !slices.Equal(made.Scope.Tables, []string{"k.base", "k.other"}) {
		t.Errorf("the backup is of %v, %v", made.Scope.Tables, err)
	}
	for _, list := range []string{"k.base AS z1, k.base AS z2", "k.base AS x7, k.other AS o, k.base AS x7", "k.base AS z3, postgres.k.base"} {
		mustFail(t, conn, "RESTORE TABLE "+list+" FROM "+url, "42712", `table "k.base" is named more than once`)
	}
	mustFail(t, conn, "RESTORE TABLE k.base AS z, k.other AS z FROM "+url, "42P07", `relation "z" already exists`)
	mustBe(t, conn, "SELECT string_agg(relname, ',' ORDER BY relname) FROM pg_class WHERE relnamespace = 'k'::regnamespace", "base,other")
	mustExec(t, conn, "RESTORE TABLE k.base AS z, k.other AS o FROM "+url)
	mustBe(t, conn, "SELECT sum(a)::text FROM k.z", "3")
}

// TestBackupNulls: the functions say which argument must not be null, and take null
// options for none.
func TestBackupNulls(t *testing.T) {
	conn := connect(t, start(t, nil))
	mustExec(t, conn, "CREATE TABLE a (x int); INSERT INTO a VALUES (1)")
	url := "'file://" + t.TempDir() + "'"
	mustFail(t, conn, "SELECT quiver.backup(NULL)", "22004", `argument "url" must not be null`)
	mustFail(t, conn, "SELECT quiver.restore(NULL)", "22004", `argument "url" must not be null`)
	mustFail(t, conn, "SELECT quiver.backup(NULL, 'TABLE a', 'one')", "22004", `argument "url" must not be null`)
	mustFail(t, conn, "SELECT quiver.backup("+url+", NULL)", "22004", `argument "what" must not be null`)
	mustFail(t, conn, "SELECT quiver.restore("+url+", NULL, 'one')", "22004", `argument "what" must not be null`)
	mustExec(t, conn, "SELECT quiver.backup("+url+", 'TABLE a', NULL)")
	mustBe(t, conn, "SELECT quiver.backup("+url+", 'TABLE a', 'one')", "one")
	mustBe(t, conn, "SELECT quiver.restore("+url+", 'TABLE a AS b', 'one', NULL)", "one")
	mustBe(t, conn, "SELECT quiver.restore("+url+", 'TABLE a AS c', NULL, NULL)", "one")
	mustBe(t, conn, "SELECT (SELECT sum(a.x + b.x + c.x) FROM a, b, c)::text", "3")
}
