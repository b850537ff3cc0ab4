package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quiver/test/servers"
)

// TestImportCreate makes tables of files, and none of a file that cannot be read.
func TestImportCreate(t *testing.T) {
	q := servers.StartQuiver(t, "")
	conn, err := pgx.Connect(context.Background(), q.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	load := func(args ...string) (string, error) {
		cmd := importCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs(append([]string{"--server", q.DSN(), "--quiet", "--create"}, args...))
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		err := cmd.Execute()
		return out.String(), err
	}
	expect := func(sql, want string) {
		t.Helper()
		var got string
		if err := conn.QueryRow(context.Background(), sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
		}
	}
	var vectors []byte
	for i := range 3 {
		vectors = binary.LittleEndian.AppendUint32(vectors, 2)
		vectors = binary.LittleEndian.AppendUint32(vectors, math.Float32bits(float32(i)))
		vectors = binary.LittleEndian.AppendUint32(vectors, math.Float32bits(0.5))
	}
	name := file("base.fvecs", vectors)
	want := "CREATE TABLE \"items\" (\"id\" bigint PRIMARY KEY, \"embedding\" vector(2))\n" + name + ": 3 rows\n"
	if out, err := load("--table", "items", name); err != nil || out != want {
		t.Fatalf("%q, %v; want %q", out, err, want)
	}
	expect("SELECT string_agg(id || ' ' || embedding::text, ', ' ORDER BY id) FROM items", "0 [0,0.5], 1 [1,0.5], 2 [2,0.5]")

	// COPY TO writes the file that --create takes.
	parquet := filepath.Join(dir, "items.parquet")
	if _, err := conn.Exec(context.Background(), "COPY (SELECT id, embedding, 'a ' || id AS \"Note\", '2030-01-31 12:00'::timestamp AS at, '2030-01-31 12:00+00'::timestamptz AS moment FROM items) TO '"+parquet+"'"); err != nil {
		t.Fatal(err)
	}
	if _, err := load("--table", "public.again", parquet, parquet); err != nil {
		t.Fatal(err)
	}
	expect(`SELECT count(*) || ' ' || sum(id) || ' ' || max("Note") || ' ' || max(embedding::text) FROM again`, "6 6 a 2 [2,0.5]")
	expect("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'again'::regclass AND attnum > 0",
		"id bigint, embedding vector(2), Note text, at timestamp without time zone, moment timestamp with time zone")
	if _, err := load("--table", "narrow", "--columns", "embedding", parquet); err != nil {
		t.Fatal(err)
	}
	expect("SELECT count(embedding)::text FROM narrow", "3")
	if _, err := load("--table", `Public."base.fvecs"`, name); err != nil {
		t.Fatal(err)
	}
	expect(`SELECT count(*)::text FROM "base.fvecs"`, "3")

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--table", "items", name}, "42P07"},
		{[]string{"--table", "base-1", name}, "in double quotes"},
		{[]string{"--table", "t", name, name}, "one file of vectors"},
		{[]string{"--table", "t", file("cut.fvecs", vectors[:7])}, "22P04"},
		{[]string{"--table", "t", file("a.csv", []byte("a,b\n"))}, "do not say the types"},
		{[]string{"--table", "t", filepath.Join(dir, "nothing.parquet")}, "no such file"},
	} {
		if _, err := load(c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	// The second of its batches is damaged: the table goes with its rows.
	long := bytes.Repeat(vectors, 5000)
	if _, err := load("--table", "t", file("long.fvecs", long[:len(long)-1])); err == nil || !strings.Contains(err.Error(), "22P04") {
		t.Errorf("a damaged end: %v", err)
	}
	expect("SELECT coalesce(to_regclass('t')::text, 'none')", "none")
}
