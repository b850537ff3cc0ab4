package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// copyIn sends the lines of a COPY.
func copyIn(c *pgx.Conn, sql string, lines ...string) error {
	_, err := c.PgConn().CopyFrom(context.Background(), strings.NewReader(strings.Join(lines, "\n")+"\n"), sql)
	return err
}

// TestCopyDynamicFields: COPY takes named fields as JSON, and as strings what is
// none, and gives them as text.
func TestCopyDynamicFields(t *testing.T) {
	c := connect(t, start(t, nil))
	run(t, c, "CREATE TABLE t (id int PRIMARY KEY) WITH (dynamic_fields = on)")
	for _, x := range []struct {
		options string
		lines   []string
	}{
		{"", []string{`1	"red"	{"k": [1, 2]}`, `2	\N	true`}},
		{"(FORMAT csv)", []string{`3,"""red""",1.5`, `4,,[]`}},
		{"(FORMAT json)", []string{`{"id": 5, "a": "red", "b": null}`}},
		{"", []string{`6	red	{"k": [1, 2}`}},
		{"(FORMAT csv)", []string{`7,"it's ""red""",007`}},
	} {
		if err := copyIn(c, "COPY t (id, a, b) FROM STDIN "+x.options, x.lines...); err != nil {
			t.Errorf("%s: %v", x.options, err)
		}
	}
	const all = `SELECT string_agg(id || ' ' || "$meta", E'\n' ORDER BY id) FROM t`
	want := `1 {"a": "red", "b": {"k": [1, 2]}}
2 {"a": null, "b": true}
3 {"a": "red", "b": 1.5}
4 {"a": null, "b": []}
5 {"a": "red", "b": null}
6 {"a": "red", "b": "{\"k\": [1, 2}"}
7 {"a": "it's \"red\"", "b": "007"}`
	if got := one[string](t, c, all); got != want {
		t.Errorf("rows\n%s\nwant\n%s", got, want)
	}
	var out strings.Builder
	if _, err := c.PgConn().CopyTo(context.Background(), &out, "COPY (SELECT id, a, b FROM t ORDER BY id) TO STDOUT"); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "1\tred\t{\"k\": [1, 2]}\n2\t\\N\ttrue\n3\tred\t1.5\n4\t\\N\t[]\n5\tred\t\\N\n6\tred\t{\"k\": [1, 2}\n7\tit's \"red\"\t007\n"; got != want {
		t.Errorf("COPY TO gives %q, want %q", got, want)
	}
}

// TestCopyDynamicFieldsBack: what COPY TO makes of fields reads the same when COPY
// FROM has taken it back, in every format; "$meta" is the same itself.
func TestCopyDynamicFieldsBack(t *testing.T) {
	c := connect(t, start(t, nil))
	run(t, c, "CREATE TABLE t (id int PRIMARY KEY) WITH (dynamic_fields = on)")
	run(t, c, `INSERT INTO t (id, a, b, c) VALUES (1, 'red', 9.5, true), (2, E'"x", \\n {\n', -1, '007'), (3, '', NULL, '{"k": [1, 2]}'::jsonb), (4, '5', 5, 'tru')`)
	run(t, c, "INSERT INTO t VALUES (5)")
	for _, format := range []string{"text", "csv", "binary", "json", "parquet", "arrow"} {
		file := "'" + filepath.Join(t.TempDir(), "fields") + "' (FORMAT " + format + ")"
		for columns, read := range map[string]string{"id, a, b, c": "id, a, b, c", `id, "$meta"`: `id, a, b, c, "$meta"`} {
			run(t, c, "COPY t ("+columns+") TO "+file)
			run(t, c, "CREATE TABLE back (id int PRIMARY KEY) WITH (dynamic_fields = on)")
			run(t, c, "COPY back ("+columns+") FROM "+file)
			rows := func(table string) string {
				return one[string](t, c, "SELECT jsonb_agg(jsonb_build_array("+read+") ORDER BY id)::text FROM "+table)
			}
			if got, want := rows("back"), rows("t"); got != want {
				t.Errorf("%s: (%s) came back as\n%s\nwant\n%s", format, columns, got, want)
			}
			run(t, c, "DROP TABLE back")
		}
	}
}

// TestDynamicFieldsAgainstModel writes random fields of rows, in memory and in
// objects, and reads them as a map has them.
func TestDynamicFieldsAgainstModel(t *testing.T) {
	c := connect(t, start(t, nil))
	run(t, c, "CREATE TABLE t (id int PRIMARY KEY, fixed int) WITH (dynamic_fields = on)")
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	names := []string{"a", "b", "Odd name", "c'd", `e"f`, "ключ"}
	value := func() any {
		return []any{nil, true, float64(r.IntN(5)), 0.5, "", "text", `q'"\`, "5", []any{1.0, "x"}, map[string]any{"k": nil}}[r.IntN(10)]
	}
	literal := func(v any) string {
		switch v := v.(type) {
		case nil:
			return "NULL"
		case string:
			return "'" + strings.ReplaceAll(v, "'", "''") + "'::text"
		case bool, float64:
			return fmt.Sprint(v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return "'" + string(b) + "'::jsonb"
	}
	model := map[int]map[string]any{}
	for range 150 {
		id, name, v := r.IntN(20), names[r.IntN(len(names))], value()
		quoted := pgx.Identifier{name}.Sanitize()
		fields, there := model[id]
		switch op := r.IntN(10); {
		case op == 0:
			run(t, c, "CHECKPOINT")
		case op == 1:
			run(t, c, fmt.Sprintf("DELETE FROM t WHERE id = %d", id))
			delete(model, id)
		case !there:
			run(t, c, fmt.Sprintf("INSERT INTO t (id, %s) VALUES (%d, %s)", quoted, id, literal(v)))
			model[id] = map[string]any{name: v}
		case op < 6:
			run(t, c, fmt.Sprintf("UPDATE t SET %s = %s WHERE id = %d", quoted, literal(v), id))
			fields[name] = v
		default:
			run(t, c, fmt.Sprintf("INSERT INTO t (id, %[1]s) VALUES (%[2]d, %[3]s) ON CONFLICT (id) DO UPDATE SET %[1]s = excluded.%[1]s", quoted, id, literal(v)))
			fields[name] = v
		}
	}
	for id, fields := range model {
		got := map[string]any{}
		if err := json.Unmarshal([]byte(one[string](t, c, fmt.Sprintf(`SELECT "$meta"::text FROM t WHERE id = %d`, id))), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, fields) {
			t.Errorf("row %d is %v, want %v", id, got, fields)
		}
	}
	for _, name := range names {
		quoted := pgx.Identifier{name}.Sanitize()
		var nulls, numbers, texts int
		for _, fields := range model {
			v := fields[name]
			if v == nil {
				nulls++
			}
			if f, ok := v.(float64); ok && f >= 1 || v == "5" || v == "1" || v == "2" || v == "3" || v == "4" {
				numbers++
			}
			if v == "text" {
				texts++
			}
		}
		for condition, want := range map[string]int{" IS NULL": nulls, " >= 1": numbers, " = 'text'": texts} {
			if n := one[int](t, c, "SELECT count(*) FROM t WHERE "+quoted+condition); n != want {
				t.Errorf("%s%s has %d rows, want %d", name, condition, n, want)
			}
		}
	}
}
