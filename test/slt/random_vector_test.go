package slt

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

// randomVectorsFile has what PostgreSQL with pgvector answered to the random
// statements of the first seed; TestFiles compares.
const randomVectorsFile = "testdata/pgvector_random.slt"

// TestRandomVectors asks PostgreSQL with pgvector and Quiver for the same random
// expressions over vectors of all types, and to read the same random literals.
// With -rewrite it makes randomVectorsFile; without such a server at hand it
// sees to it that the file holds what the generator makes.
func TestRandomVectors(t *testing.T) {
	g := &generator{rand.New(rand.NewPCG(*randomSeed, 8)), vectorTypes}
	setup := []string{"CREATE EXTENSION IF NOT EXISTS vector", vectorTypes.leafTable()}
	oracle := os.Getenv("QUIVER_ORACLE_PGVECTOR")
	switch {
	case *rewrite && oracle != "":
		rewriteRandomVectors(t, oracle, g, setup)
		return
	case oracle == "":
		text, err := os.ReadFile(randomVectorsFile)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), setup[1]) {
			t.Errorf("%s was made of other leaves: make it anew with -rewrite", randomVectorsFile)
		}
		return
	}
	ctx := context.Background()
	var conns []*pgconn.PgConn
	for _, dsn := range []string{oracle, servers.StartQuiver(t, "").DSN()} {
		conn, err := pgconn.Connect(ctx, dsn+"&client_min_messages=error")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		for _, sql := range append([]string{"DROP TABLE IF EXISTS leaves"}, setup...) {
			if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
		conns = append(conns, conn)
	}
	for i := range *randomCount {
		sql := g.vectorStatement(i)
		want, got := answer(ctx, conns[0], sql), answer(ctx, conns[1], sql)
		if want != got && !bothFail(sql, want, got) {
			t.Errorf("%s\nPostgreSQL: %s\nQuiver:     %s", sql, want, got)
		}
	}
}

// rewriteRandomVectors writes a file of statements, each with its answer.
func rewriteRandomVectors(t *testing.T, dsn string, g *generator, setup []string) {
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, dsn+"&client_min_messages=error")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	out := []string{"# Random expressions over vectors: TestRandomVectors makes this file.\n"}
	for _, sql := range setup {
		out = append(out, "statement ok\n"+sql+"\n")
		if _, err := conn.Exec(ctx, strings.Replace(sql, "CREATE TABLE", "CREATE TEMPORARY TABLE", 1)).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 600 {
		r := &record{kind: "query", head: []string{"query"}, sql: g.vectorStatement(i)}
		o := run(ctx, conn, r)
		if o.err != nil {
			if strings.Contains(r.sql, " WHERE ") {
				continue // which of two errors comes first is nobody's promise
			}
			r.kind, r.head = "error", []string{"statement error"}
		}
		if err := r.check(o, true); err != nil {
			t.Fatalf("%s: %v", r.sql, err)
		}
		out = append(out, r.format())
	}
	if err := os.WriteFile(randomVectorsFile, []byte(strings.Join(out, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// vectorStatement is an expression, or every third time a literal.
func (g *generator) vectorStatement(i int) string {
	if i%3 == 2 {
		return g.literal()
	}
	return g.statement()
}

// literals begin as some of these and are then spoilt, or not.
var literals = map[string][]string{
	"vector":    {"[1,2,3]", "[1.5,-2.25e1,3]", " [ 0 , -0 ] ", "[1e-3,1E+3]", "[3.4e38]", "[.5,5.]"},
	"halfvec":   {"[1,2,3]", "[1.5,-2.25e1,3]", " [ 0 , -0 ] ", "[65504,6e-8]", "[0.1]"},
	"sparsevec": {"{1:1,3:2}/5", "{}/3", " { 2 : 1.5 , 1 : -2 } / 4 ", "{1:0,2:1e-3}/1000000000"},
	"bit(4)":    {"1010", "B1010", "xA", "0000"},
}

// literal casts a text, mostly one that is nearly right.
func (g *generator) literal() string {
	kinds := []string{"vector", "halfvec", "sparsevec", "bit(4)", "vector(3)", "halfvec(3)", "sparsevec(5)"}
	kind := kinds[g.IntN(len(kinds))]
	base, _, _ := strings.Cut(kind, "(")
	choices := literals[base]
	if choices == nil {
		choices = literals[kind]
	}
	text := []byte(choices[g.IntN(len(choices))])
	const characters = "[]{}:/,. \t-+eEx0123456789naif"
	for range g.IntN(4) {
		at := g.IntN(len(text) + 1)
		switch c := characters[g.IntN(len(characters))]; g.IntN(3) {
		case 0:
			text = append(text[:at], append([]byte{c}, text[at:]...)...)
		case 1:
			if at < len(text) {
				text[at] = c
			}
		default:
			if at < len(text) {
				text = append(text[:at], text[at+1:]...)
			}
		}
	}
	return fmt.Sprintf("SELECT '%s'::%s", text, kind)
}

// vectorTypes: "vector" and "halfvec" hold small multiples of 1/4, so that sums
// of their squares are exact in float32, in which pgvector adds them up, as in
// float64, in which Quiver does; "rough" ones hold any numbers, and no distance
// is taken of them.
var vectorTypes = &grammar{
	kinds: []string{"vector", "halfvec", "sparsevec", "bit", "rough", "roughhalf", "float8", "bool", "int", "text", "real[]"},
	leaves: map[string][]string{
		"vector":    {"'[1,2,3]'::vector", "'[4,-5,6.25]'::vector", "'[0,0,0]'::vector", "'[-0.5,0.75,0]'::vector", "'[1,2]'::vector", "'[3]'::vector", "'[8,-8,8,0.25]'::vector", "NULL::vector"},
		"halfvec":   {"'[1,2,3]'::halfvec", "'[4,-5,6.25]'::halfvec", "'[0,0,0]'::halfvec", "'[-0.5,0.75,0]'::halfvec", "'[1,2]'::halfvec", "NULL::halfvec"},
		"sparsevec": {"'{1:1,3:2}/3'::sparsevec", "'{2:-1.5}/3'::sparsevec", "'{}/3'::sparsevec", "'{1:1,2:2,3:3}/3'::sparsevec", "'{1:1,100:2}/100'::sparsevec", "NULL::sparsevec"},
		"bit":       {"B'101'", "B'010'", "B'000'", "B'111'", "B'1010101011'", "NULL::bit(3)"},
		"rough":     {"'[0.1,0.2,0.3]'::vector", "'[3e38,-3e38,1]'::vector", "'[1e-45,1e-30,0]'::vector", "'[123456.789,-0.001,7]'::vector"},
		"roughhalf": {"'[0.1,0.2,0.3]'::halfvec", "'[65504,-65504,1]'::halfvec", "'[6e-8,1e-5,0]'::halfvec"},
		"float8":    {"0::float8", "1.5::float8", "-2::float8", "'NaN'::float8", "NULL::float8"},
		"bool":      {"true", "false", "NULL::bool"},
		"int":       {"0", "1", "2", "3", "-1", "2147483647", "NULL::int"},
		"text":      {"'[1,2,3]'", "'{1:1}/3'", "'[1,'", "'101'", "NULL::text"},
		"real[]":    {"'{1,2,3}'::real[]", "'{}'::real[]", "'{1,NULL}'::real[]", "'{{1,2},{3,4}}'::real[]", "'{-0.5,NaN,1}'::real[]", "NULL::real[]"},
	},
	forms: map[string][]string{
		"vector": {"{vector} + {vector}", "{vector} - {vector}", "{vector} || {vector}", "subvector({vector}, {int}, {int})", "{halfvec}::vector", "{sparsevec}::vector", "{vector}::vector(3)", "{vector}::vector(2)",
			"coalesce({vector}, {vector})", "CASE WHEN {bool} THEN {vector} ELSE {vector} END", "greatest({vector}, {vector})", "nullif({vector}, {vector})", "(SELECT sum(u) FROM (VALUES ({vector}), ({vector})) s (u))", "{vector}::real[]::vector", "{vector}::text::vector"},
		"halfvec": {"{halfvec} + {halfvec}", "{halfvec} - {halfvec}", "{halfvec} || {halfvec}", "subvector({halfvec}, {int}, {int})", "{vector}::halfvec", "{sparsevec}::halfvec", "{halfvec}::halfvec(3)", "least({halfvec}, {halfvec})",
			"(SELECT sum(u) FROM (VALUES ({halfvec}), ({halfvec})) s (u))", "{halfvec}::real[]::halfvec"},
		"sparsevec": {"{vector}::sparsevec", "{halfvec}::sparsevec", "{sparsevec}::sparsevec(3)", "coalesce({sparsevec}, {sparsevec})", "{sparsevec}::text::sparsevec", "{vector}::real[]::sparsevec"},
		"bit":       {"binary_quantize({vector})", "binary_quantize({halfvec})", "binary_quantize({rough})", "{bit} & {bit}", "{bit} | {bit}", "{bit} # {bit}", "~{bit}", "binary_quantize({vector})::bit(3)"},
		"rough": {"{rough} * {vector}", "{vector} * {vector}", "{rough} + {rough}", "{rough} - {vector}", "l2_normalize({vector})", "l2_normalize({rough})", "{roughhalf}::vector", "(SELECT avg(u) FROM (VALUES ({vector}), ({rough}), ({vector})) s (u))",
			"(SELECT sum(u) FROM (VALUES ({rough}), ({vector})) s (u))", "vector_avg(vector_combine(vector_accum(ARRAY[0::float8], {vector}), vector_accum(ARRAY[0::float8], {rough})))", "{real[]}::vector", "array_to_vector({real[]}, 3, true)"},
		"roughhalf": {"{roughhalf} * {halfvec}", "{roughhalf} + {roughhalf}", "{halfvec} - {roughhalf}", "l2_normalize({halfvec})", "{rough}::halfvec", "(SELECT avg(u) FROM (VALUES ({halfvec}), ({roughhalf})) s (u))", "{real[]}::halfvec"},
		"float8": {"{vector} <-> {vector}", "{vector} <#> {vector}", "{vector} <=> {vector}", "{vector} <+> {vector}", "{halfvec} <-> {halfvec}", "{halfvec} <#> {halfvec}", "{halfvec} <=> {halfvec}", "{halfvec} <+> {halfvec}",
			"{sparsevec} <-> {sparsevec}", "{sparsevec} <#> {sparsevec}", "{sparsevec} <=> {sparsevec}", "{sparsevec} <+> {sparsevec}", "{bit} <~> {bit}", "{bit} <%> {bit}", "{vector} <-> {halfvec}", "vector_norm({vector})", "l2_norm({halfvec})", "l2_norm({sparsevec})",
			"l2_distance({vector}, {vector})", "inner_product({sparsevec}, {sparsevec})", "cosine_distance({halfvec}, {halfvec})", "l1_distance({vector}, {vector})", "hamming_distance({bit}, {bit})", "jaccard_distance({bit}, {bit})",
			"vector_l2_squared_distance({vector}, {vector})", "halfvec_negative_inner_product({halfvec}, {halfvec})", "coalesce({float8}, {float8})", "({vector} <#> {vector}) * -1", "1 - ({vector} <=> {vector})"},
		"bool": {"{vector} = {vector}", "{vector} <> {vector}", "{rough} < {rough}", "{vector} <= {rough}", "{rough} > {vector}", "{vector} >= {vector}", "{halfvec} = {halfvec}", "{halfvec} < {roughhalf}", "{sparsevec} = {sparsevec}", "{sparsevec} < {sparsevec}", "{sparsevec} >= {sparsevec}",
			"{vector} IS NULL", "{rough} IS DISTINCT FROM {rough}", "{vector} IN ({vector}, {vector})", "{float8} < {float8}", "{vector} <-> {vector} < {float8}", "{bool} AND {bool}", "NOT {bool}", "{bit} = {bit}", "{vector} BETWEEN {vector} AND {vector}"},
		"int":    {"vector_dims({vector})", "vector_dims({halfvec})", "vector_cmp({vector}, {rough})", "halfvec_cmp({halfvec}, {roughhalf})", "sparsevec_cmp({sparsevec}, {sparsevec})", "length({bit})", "{int} - 1", "bit_count({bit})::int"},
		"text":   {"{vector}::text", "{rough}::text", "{halfvec}::text", "{roughhalf}::text", "{sparsevec}::text", "{bit}::text", "{text}::vector::text", "{text}::sparsevec::text", "{rough}::sparsevec::text"},
		"real[]": {"{vector}::real[]", "{rough}::real[]", "{halfvec}::real[]", "{real[]} || 1::real", "ARRAY[1.5, {float8}]::real[]", "vector_to_float4({rough}, -1, false)"},
	},
}
