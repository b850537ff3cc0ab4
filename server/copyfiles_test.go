package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// allTypes has a column of each kind of type that a file tells apart.
const allTypes = `(id int, t text, c varchar(5), v vector(3), w vector, h halfvec(2), n numeric(10,2), m numeric, ts timestamp,
	tz timestamptz, d date, ti time, arr int[], texts text[], j jsonb, b bytea, u uuid, f float8, g float4, x bool, s int2, l int8, iv interval)`

const fillTypes = ` SELECT g, 'x"\' || g, 'abc', ('[' || g || ',2.5,-3]')::vector, '[1,2]', ('[' || g || ',0.5]')::halfvec, g / 7.0, g / 3.0,
	'2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+00', '0044-03-15 BC', '23:59:59.5', ARRAY[g, NULL, -1], ARRAY['a,"b', NULL, ''],
	'{"k": [1, null]}', '\x00ff', '00112233-4455-6677-8899-aabbccddeeff', g * 1.5, 0.1, g % 2 = 0, -7, 9223372036854775807, '1 mon 2 days 03:00'
	FROM generate_series(1, 1000) g`

// sameRows fails unless two tables hold the same rows.
func sameRows(t *testing.T, conn *pgx.Conn, a, b string) {
	t.Helper()
	const row = "id,t,c,v::text,w::text,h::text,n,m,ts,tz,d,ti,arr,texts,j::text,b,u,f,g,x,s,l,iv::text"
	var differ, rows int64
	err := conn.QueryRow(context.Background(), fmt.Sprintf(
		"SELECT (SELECT count(*) FROM ((SELECT %[1]s FROM %[2]s EXCEPT SELECT %[1]s FROM %[3]s) UNION ALL (SELECT %[1]s FROM %[3]s EXCEPT SELECT %[1]s FROM %[2]s)) e), (SELECT count(*) FROM %[3]s) - (SELECT count(*) FROM %[2]s)", row, a, b)).Scan(&differ, &rows)
	if err != nil || differ != 0 || rows != 0 {
		t.Errorf("%s and %s: %d rows differ, %d rows more: %v", a, b, differ, rows, err)
	}
}

func mustExec(t *testing.T, conn *pgx.Conn, sql string) string {
	t.Helper()
	tag, err := conn.Exec(context.Background(), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return tag.String()
}

// TestCopyFiles: what COPY TO writes, COPY FROM reads back, in every format and
// packing, through files of the server and through the client.
func TestCopyFiles(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	mustExec(t, conn, "CREATE TABLE a "+allTypes)
	mustExec(t, conn, "INSERT INTO a"+fillTypes)
	mustExec(t, conn, "INSERT INTO a (id) VALUES (0), (-1)")
	for _, form := range []struct{ file, options string }{
		{"a.parquet", ""}, {"b.parquet", "compression zstd"}, {"c.parquet", "format parquet, compression none"}, {"d", "format parquet, compression gzip"},
		{"a.arrow", ""}, {"b.arrow", "compression lz4"}, {"c.arrow", "compression zstd"},
		{"a.txt", ""}, {"a.csv.gz", "format csv, header"}, {"a.csv.zst", "format csv"}, {"a.csv.lz4", "format csv, force_quote *"}, {"a.csv.sz", "format csv"},
		{"a.bin", "format binary"}, {"b.bin", "format binary, compression snappy"}, {"a.jsonl", "format json"}, {"b.jsonl", "format json, compression gzip"},
	} {
		t.Run(form.file, func(t *testing.T) {
			options := ""
			if form.options != "" {
				options = " (" + form.options + ")"
			}
			path := filepath.Join(dir, form.file)
			if tag := mustExec(t, conn, "COPY a TO '"+path+"'"+options); tag != "COPY 1002" {
				t.Error(tag)
			}
			mustExec(t, conn, "DROP TABLE IF EXISTS b; CREATE TABLE b "+allTypes)
			from := strings.ReplaceAll(strings.ReplaceAll(options, ", force_quote *", ""), "header", "header match")
			if tag := mustExec(t, conn, "COPY b FROM '"+path+"'"+from); tag != "COPY 1002" {
				t.Error(tag)
			}
			sameRows(t, conn, "a", "b")

			// The same bytes go through the client.
			if strings.Contains(form.file, "arrow") || strings.Contains(form.options, "parquet") {
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				mustExec(t, conn, "TRUNCATE b")
				format := "format parquet"
				if strings.Contains(form.file, "arrow") {
					format = "format arrow"
				}
				if tag, err := conn.PgConn().CopyFrom(ctx, f, "COPY b FROM STDIN ("+format+")"); err != nil || tag.RowsAffected() != 1002 {
					t.Error(tag, err)
				}
				sameRows(t, conn, "a", "b")
			}
		})
	}
}

// TestCopyFileWhere: WHERE sees the whole new row, patterns name several files, and
// an error says in which file and row it is; then nothing is inserted.
func TestCopyFileWhere(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	mustExec(t, conn, "CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT 'none', w int DEFAULT 5)")
	for i := range 3 {
		mustExec(t, conn, fmt.Sprintf("COPY (SELECT g AS id, 'v' || g AS v FROM generate_series(%d, %d) g) TO '%s/part-%d.parquet'", i*1000, i*1000+999, dir, i))
	}
	pattern := "'" + dir + "/part-*.parquet'"
	if tag := mustExec(t, conn, "COPY t (id) FROM "+pattern+" WHERE id % 10 = 3 AND w = 5 AND v = 'none'"); tag != "COPY 300" {
		t.Error(tag)
	}
	_, err := conn.Exec(ctx, "COPY t (id, v) FROM "+pattern)
	if code(err) != "23505" || !strings.Contains(where(err), "COPY t, line") || !strings.Contains(where(err), "part-") {
		t.Errorf("%v: %s", err, where(err))
	}
	var n int
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM t").Scan(&n); err != nil || n != 300 {
		t.Errorf("%d rows: %v", n, err)
	}
	if tag := mustExec(t, conn, "COPY t (id, v) FROM "+pattern+" WHERE id % 10 <> 3"); tag != "COPY 2700" {
		t.Error(tag)
	}
	for sql, want := range map[string]string{
		"COPY t FROM '/does/not/exist'":                                "58P01",
		"COPY t TO '/does/not/exist'":                                  "58P01",
		"COPY t TO 'relative'":                                         "42602",
		"COPY t FROM '/'":                                              "42809",
		"COPY t TO '/'":                                                "42809",
		"COPY t TO STDOUT WHERE id = 1":                                "42601",
		"COPY t FROM " + pattern + " WHERE count(*) > 1":               "42803",
		"COPY t FROM " + pattern + " WHERE EXISTS (SELECT 1)":          "0A000",
		"COPY t FROM " + pattern + " WHERE id":                         "42804",
		"COPY t FROM " + pattern + " WHERE nothing":                    "42703",
		"COPY t FROM " + pattern:                                       "42703", // w is not in the file
		"COPY t FROM " + pattern + " (header)":                         "42601",
		"COPY t FROM " + pattern + " (format orc)":                     "22023",
		"COPY t FROM " + pattern + " (compression rar)":                "22023",
		"COPY t TO '" + dir + "/x.npy'":                                "0A000",
		"COPY t TO '" + dir + "/x' (format parquet, compression lz4)":  "0A000",
		"COPY t (v) FROM '" + dir + "/part-0.parquet' (format npy)":    "22023",
		"COPY t (id) FROM '" + dir + "/part-0.parquet' (format fvecs)": "22023",
		"COPY t (id) FROM '" + dir + "/part-0.parquet' (format arrow)": "22P04",
		"COPY t (id) FROM '" + dir + "/nothing-*.parquet'":             "58P01",
	} {
		if _, err := conn.Exec(ctx, sql); code(err) != want {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestCopyToErrors: errors of the rows are those of a SELECT, whatever the format;
// those of the file name it.
func TestCopyToErrors(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	mustExec(t, conn, "CREATE TABLE t (id int)")
	mustExec(t, conn, "INSERT INTO t SELECT g FROM generate_series(1, 100000) g")
	for _, options := range []string{"format text", "format csv, compression gzip", "format csv, compression zstd", "format parquet", "format arrow"} {
		file := "'" + dir + "/x' (" + options + ")"
		if _, err := conn.Exec(ctx, "COPY (SELECT 1 / (id - 70000) FROM t) TO "+file); code(err) != "22012" {
			t.Errorf("%s: a division: %v", options, err)
		}
		mustExec(t, conn, "SET quiver.read_timestamp = '2001-01-01'")
		_, selected := conn.Exec(ctx, "SELECT * FROM t")
		_, copied := conn.Exec(ctx, "COPY t TO "+file)
		mustExec(t, conn, "RESET quiver.read_timestamp")
		var s, c *pgconn.PgError
		if !errors.As(selected, &s) || !errors.As(copied, &c) || s.Code != "22023" || c.Code != s.Code || c.Message != s.Message || c.Hint != s.Hint {
			t.Errorf("%s: the past: %v, %v of a SELECT", options, copied, selected)
		}
		_, err := conn.Exec(ctx, "COPY t TO '/dev/full' ("+options+")")
		if code(err) != "53100" || !strings.Contains(err.Error(), `could not write to file "/dev/full": No space left on device`) {
			t.Errorf("%s: a full disk: %v", options, err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// where is the CONTEXT of an error.
func where(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Where
	}
	return ""
}

// TestCopyFileEncoding: a file of bytes that are no text is an error that the client
// can read, with its line, whatever the column and the format.
func TestCopyFileEncoding(t *testing.T) {
	ctx := context.Background()
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	mustExec(t, conn, "CREATE TABLE vv (v vector(4)); CREATE TABLE ti (a int); CREATE TABLE tt (a text)")
	for _, c := range []struct{ table, options, content, bytes, where string }{
		{"vv", "", "\x00\x00abc\n", "0x00", "line 1"},
		{"ti", "", "\x00\x00abc\n", "0x00", "line 1"},
		{"tt", "", "a\nb\x00c", "0x00", "line 2"},
		{"tt", "(format csv)", "a\n\"b\x00c\"\n", "0x00", "line 2"},
		{"ti", "(format csv, header)", "a\n\xff\xfe\n", "0xff", "line 2"},
		{"tt", "(format json)", "{\"a\": \"x\x00\"}\n", "0x00", "line 1"},
		{"tt", "(format json)", "{\"a\": \"x\"}\n{\"a\": \"\xe4\xb8\"}\n", "0xe4 0xb8 0x22", "line 2"},
		{"tt", "(format json)", "{\"a\": \"\\u0000\"}\n", "0x00", "line 1"},
		// No line ends in it: it is not gathered to its end.
		{"tt", "", strings.Repeat("\x00", 1<<20), "0x00", "line 1"},
		{"tt", "(format csv)", `"` + strings.Repeat("\x00", 1<<20), "0x00", "line 1"},
	} {
		path := filepath.Join(dir, "x.txt")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := conn.Exec(ctx, fmt.Sprintf("COPY %s FROM '%s' %s", c.table, path, c.options))
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "22021" || e.Message != `invalid byte sequence for encoding "UTF8": `+c.bytes || e.Where != "COPY "+c.table+", "+c.where {
			t.Errorf("%s %s %.20q: %+v", c.table, c.options, c.content, err)
		}
	}
	var one int
	if err := conn.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil || one != 1 {
		t.Error(one, err)
	}
}

// TestCopyPackedParts: what COPY TO packs in the parts of Parquet and Arrow, FROM reads
// with the same words, whatever the name; a whole file that others have packed, too.
func TestCopyPackedParts(t *testing.T) {
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	mustExec(t, conn, "CREATE TABLE t (a int, s text)")
	for _, c := range []struct{ file, options string }{
		{"q.zst", "(format parquet, compression zstd)"}, {"r.gzip", "(format parquet, compression gzip)"}, {"s.zstd", "(format parquet)"},
		{"t.snappy", "(format parquet, compression none)"}, {"u.lz4", "(format parquet, compression snappy)"}, {"v.parquet.gz", ""}, {"w.parquet.zst", ""},
		{"q.lz4", "(format arrow, compression lz4)"}, {"r.zst", "(format arrow, compression zstd)"}, {"s.arrow.zst", ""}, {"t.gz", "(format arrow, compression none)"},
	} {
		path := "'" + filepath.Join(dir, c.file) + "' " + c.options
		mustExec(t, conn, "TRUNCATE t")
		mustExec(t, conn, "COPY (SELECT g AS a, 'x' || g AS s FROM generate_series(1, 1000) g) TO "+path)
		if tag := mustExec(t, conn, "COPY t FROM "+path); tag != "COPY 1000" {
			t.Error(c, tag)
		}
		mustBe(t, conn, "SELECT sum(a) || ' ' || max(s) FROM t", "500500 x999")
	}
	for _, file := range []string{"x.parquet", "x.arrow"} {
		path := filepath.Join(dir, file)
		mustExec(t, conn, "COPY (SELECT 1 AS a, 'x' AS s) TO '"+path+"'")
		plain, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err = w.Write(plain)
		if err := errors.Join(err, w.Close(), os.WriteFile(path+".gz", packed.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		if tag := mustExec(t, conn, "COPY t FROM '"+path+".gz'"); tag != "COPY 1" {
			t.Error(file, tag)
		}
	}
}

// TestCopyArrayBounds: lists of files begin at 1; arrays that do not are refused, and in
// JSON begin there.
func TestCopyArrayBounds(t *testing.T) {
	conn := connect(t, start(t, nil))
	dir := t.TempDir()
	for _, form := range []string{"parquet", "arrow"} {
		path := "'" + filepath.Join(dir, "a."+form) + "'"
		mustFail(t, conn, "COPY (SELECT '[0:1]={1,2}'::int[] AS a) TO "+path, "0A000", "COPY of arrays with a lower bound of 0 in this format is not supported")
		mustFail(t, conn, "COPY (SELECT '[5:5]={x}'::text[] AS a) TO "+path, "0A000", "COPY of arrays with a lower bound of 5 in this format is not supported")
		mustFail(t, conn, "COPY (SELECT '{{1}}'::int[] AS a) TO "+path, "0A000", "COPY of arrays of 2 dimensions in this format is not supported")
		mustExec(t, conn, "COPY (SELECT '[1:2]={1,2}'::int[] AS a, '{}'::int[] AS b, '1 2'::int2vector AS c) TO "+path)
	}
	path := "'" + filepath.Join(dir, "a.json") + "'"
	mustExec(t, conn, "COPY (SELECT '[0:1]={1,2}'::int[] AS a, 'null'::json AS j) TO "+path+" (FORMAT json)")
	mustExec(t, conn, "CREATE TABLE t (a int[], j json)")
	mustExec(t, conn, "COPY t FROM "+path+" (FORMAT json)")
	mustBe(t, conn, "SELECT a::text || ' ' || (j IS NULL)::text FROM t", "{1,2} true")
}
