package server

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// inDatabase is the connection string of another database.
func inDatabase(t *testing.T, url, name string) string {
	t.Helper()
	at := strings.LastIndex(url, "/"+databaseOfTests)
	if at < 0 {
		t.Fatalf("no database in %s", url)
	}
	return url[:at+1] + name + url[at+1+len(databaseOfTests):]
}

const databaseOfTests = "postgres"

// refused connects and answers the SQLSTATE of the refusal, "" for none.
func refused(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err == nil {
		conn.Close(context.Background())
		return ""
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	return e.Severity + " " + e.Code
}

// TestDatabases: nothing crosses from one database to another; a database that
// others use is not dropped unless by force, and goes with all that is in it.
func TestDatabases(t *testing.T) {
	ctx := context.Background()
	url := start(t, nil)
	one := connect(t, url)
	run := func(conn *pgx.Conn, sql string) error {
		t.Helper()
		_, err := conn.Exec(ctx, sql)
		return err
	}
	must := func(conn *pgx.Conn, sql string) {
		t.Helper()
		if err := run(conn, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var got string
	ask := func(conn *pgx.Conn, sql string) string {
		t.Helper()
		if err := conn.QueryRow(ctx, sql).Scan(&got); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return got
	}

	if got := refused(t, inDatabase(t, url, "nosuch")); got != "FATAL 3D000" {
		t.Errorf("a database that is not there: %q", got)
	}
	must(one, "create database other")
	two := connect(t, inDatabase(t, url, "other"))
	must(one, "create table t (id int primary key, word text); insert into t values (1, 'one')")
	must(one, "create schema mine; create sequence mine.s")
	if err := run(two, "select * from t"); code(err) != "42P01" {
		t.Errorf("a table of another database: %v", err)
	}
	if err := run(two, "select nextval('mine.s')"); code(err) != "3F000" && code(err) != "42P01" {
		t.Errorf("a sequence of another database: %v", err)
	}
	if err := run(two, "select * from postgres.public.t"); code(err) != "0A000" {
		t.Errorf("a table by the name of its database: %v", err)
	}
	must(two, "create table t (id int primary key, word text, v vector(2)) with (shards = 2); insert into t values (1, 'two', '[1,2]')")
	must(two, "create partition p on t; insert into p values (2, 'zwei', '[3,4]'); create index on t using hnsw (v vector_l2_ops); create sequence s; create schema mine")
	if a, b := ask(one, "select string_agg(word, ',') from t"), ask(two, "select string_agg(word, ',' order by id) from t"); a != "one" || b != "two,zwei" {
		t.Errorf("rows %q and %q", a, b)
	}
	if got := ask(two, "select string_agg(relname, ',' order by relname) from pg_class where relnamespace >= 2200 and relkind in ('r', 'S') and relname in ('t', 's', 'p')"); got != "p,s,t" {
		t.Errorf("relations %q", got)
	}
	if got := ask(one, "select current_database() || ',' || (select count(*) from quiver.segments where database_name = 'other')"); got != "postgres,2" {
		t.Errorf("segments %q", got)
	}

	must(one, "alter database other set work_mem = '9MB'")
	must(one, "alter database other set search_path to mine, public")
	three := connect(t, inDatabase(t, url, "other"))
	if got := ask(three, "select current_setting('work_mem') || ' ' || current_setting('search_path')"); got != "9MB mine, public" {
		t.Errorf("settings %q", got)
	}
	must(three, "set work_mem = '1MB'; reset work_mem")
	if got := ask(three, "show work_mem"); got != "9MB" {
		t.Errorf("after RESET %q", got)
	}
	if got := ask(two, "show work_mem"); got == "9MB" {
		t.Error("a session that was there has the new setting")
	}
	must(one, "alter database other allow_connections false")
	if got := refused(t, inDatabase(t, url, "other")); got != "FATAL 55000" {
		t.Errorf("a database that refuses: %q", got)
	}
	must(one, "alter database other allow_connections true")

	three.Close(ctx)
	var e *pgconn.PgError
	if err := run(one, "drop database other"); !errors.As(err, &e) || e.Code != "55006" || e.Detail != "There is 1 other session using the database." {
		t.Errorf("in use: %v", err)
	}
	if err := run(two, "drop database other"); code(err) != "55006" {
		t.Errorf("the own one: %v", err)
	}
	must(one, "drop database other with (force)")
	if err := run(two, "select 1"); err == nil {
		t.Error("its session goes on")
	}
	if got := refused(t, inDatabase(t, url, "other")); got != "FATAL 3D000" {
		t.Errorf("a database that is gone: %q", got)
	}
	if got := ask(one, "select count(*)::text from quiver.segments where database_name <> 'postgres'"); got != "0" {
		t.Errorf("%s segments are left", got)
	}
	must(one, "create database other")
	again := connect(t, inDatabase(t, url, "other"))
	if got := ask(again, "select count(*)::text from pg_class where relname in ('t', 's', 'p')"); got != "0" {
		t.Errorf("a new database of the name has %s relations", got)
	}
	if got := ask(one, "select word from t"); got != "one" {
		t.Errorf("rows %q", got)
	}
}
