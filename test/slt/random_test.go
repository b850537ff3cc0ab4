package slt

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/test/servers"
)

var (
	randomSeed  = flag.Uint64("random.seed", 1, "where the random expressions begin")
	randomCount = flag.Int("random.count", 1500, "how many random expressions are compared")
)

// TestRandomExpressions asks PostgreSQL and Quiver for the values of the same
// random expressions: values, NULLs and SQLSTATEs must agree.
func TestRandomExpressions(t *testing.T) {
	ctx := context.Background()
	var conns []*pgconn.PgConn
	for _, dsn := range []string{servers.StartPostgres(t).DSN(), servers.StartQuiver(t, "").DSN()} {
		conn, err := pgconn.Connect(ctx, dsn+"&client_min_messages=error&TimeZone=UTC")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		if _, err := conn.Exec(ctx, plainTypes.leafTable()).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	g := &generator{rand.New(rand.NewPCG(*randomSeed, 15)), plainTypes}
	for range *randomCount {
		sql := g.statement()
		want, got := answer(ctx, conns[0], sql), answer(ctx, conns[1], sql)
		if want != got && !bothFail(sql, want, got) {
			t.Errorf("%s\nPostgreSQL: %s\nQuiver:     %s", sql, want, got)
		}
	}
}

// bothFail: which of two failing expressions is met first, that of the select
// list or that of WHERE, is nobody's promise.
func bothFail(sql, want, got string) bool {
	return strings.Contains(sql, " WHERE ") && strings.HasPrefix(want, "error ") && strings.HasPrefix(got, "error ")
}

// answer is a statement's rows, or the SQLSTATE of its error.
func answer(ctx context.Context, conn *pgconn.PgConn, sql string) string {
	o := run(ctx, conn, &record{sql: sql})
	switch {
	case o.err != nil:
		return "error " + o.err.Code
	case o.failure != nil:
		return o.failure.Error()
	}
	return strings.Join(o.rows, "\n")
}

// grammar is what expressions are made of.
type grammar struct {
	// kinds are the types, or parts of types, that expressions may have.
	kinds []string
	// leaves are the literals of each kind; the awkward ones too.
	leaves map[string][]string
	// forms are the expressions of each kind, with the kinds of their operands
	// in braces.
	forms map[string][]string
}

// generator makes statements of expressions whose value does not depend on the
// platform's mathematics library.
type generator struct {
	*rand.Rand
	*grammar
}

var plainTypes = &grammar{
	kinds:  []string{"int", "int8", "int2", "numeric", "float8", "text", "bool", "date", "timestamp", "interval", "int[]"},
	leaves: plainLeaves,
	forms:  plainForms,
}

var plainLeaves = map[string][]string{
	"int":       {"0", "1", "-1", "7", "-3", "100", "2147483647", "(-2147483648)", "NULL::int"},
	"int8":      {"0::int8", "5::int8", "-9::int8", "9223372036854775807", "(-9223372036854775808)", "NULL::int8"},
	"int2":      {"0::int2", "3::int2", "-2::int2", "32767::int2", "NULL::int2"},
	"numeric":   {"0.0", "1.5", "-2.25", "100.00", "0.001", "12345678901234567890.5", "'NaN'::numeric", "NULL::numeric"},
	"float8":    {"0::float8", "1.5::float8", "-2.5::float8", "1e10::float8", "'NaN'::float8", "'Infinity'::float8", "NULL::float8"},
	"text":      {"''", "'a'", "'abc'", "'Hello World'", "'h€llo'", "' pad '", "'a,b,,c'", "'10'", "'%_'", "NULL::text"},
	"bool":      {"true", "false", "NULL::bool"},
	"date":      {"date '2024-02-29'", "date '1999-12-31'", "date '2000-01-01'", "NULL::date"},
	"timestamp": {"timestamp '2024-02-29 12:34:56.789'", "timestamp '1999-12-31 23:59:59'", "NULL::timestamp"},
	"interval":  {"interval '1 day'", "interval '1 mon -2 days 03:04:05'", "interval '-1 year'", "NULL::interval"},
	"int[]":     {"ARRAY[1,2,3]", "ARRAY[3,NULL,1]", "'{}'::int[]", "NULL::int[]"},
}

// leafTable makes a table of one row with a column for each leaf: of constants
// alone, what fails would depend on how much a server folds beforehand.
func (g *grammar) leafTable() string {
	var columns []string
	for k, kind := range g.kinds {
		for i, leaf := range g.leaves[kind] {
			columns = append(columns, fmt.Sprintf("%s AS c%d_%d", leaf, k, i))
		}
	}
	return "CREATE TABLE leaves AS SELECT " + strings.Join(columns, ", ")
}

var plainForms = map[string][]string{
	"int": {"{int} + {int}", "{int} - {int}", "{int} * {int}", "{int} / {int}", "{int} % {int}", "-{int}", "abs({int})", "{int} & {int}", "{int} | {int}", "~{int}",
		"length({text})", "position({text} in {text})", "ascii({text})", "({date} - {date})", "coalesce({int}, {int})", "nullif({int}, {int})", "greatest({int}, {int}, {int})", "least({int}, {int})",
		"CASE WHEN {bool} THEN {int} ELSE {int} END", "CASE {int} WHEN {int} THEN {int} END", "({int[]})[{int}]", "array_length({int[]}, 1)", "cardinality({int[]})", "{int8}::int", "{numeric}::int", "{float8}::int",
		"{bool}::int", "sign({int})::int", "div({int}, {int})::int", "array_position({int[]}, {int})", "gcd({int}, {int})", "{text}::int", "(SELECT {int})"},
	"int8":    {"{int8} + {int8}", "{int8} - {int}", "{int8} * {int}", "{int8} / {int8}", "{int8} % {int8}", "abs({int8})", "{int}::int8", "{numeric}::int8", "(SELECT count(*) FROM unnest({int[]}) u)", "(SELECT sum(u) FROM unnest({int[]}) u)"},
	"int2":    {"{int2} + {int2}", "{int2} * {int2}", "{int}::int2", "{int2} / {int2}", "{int2} - {int2}"},
	"numeric": {"{numeric} + {numeric}", "{numeric} - {int}", "{numeric} * {numeric}", "{numeric} / {numeric}", "{numeric} % {numeric}", "round({numeric}, {int} % 5)", "trunc({numeric})", "ceil({numeric})", "floor({numeric})", "abs({numeric})", "{int}::numeric", "{numeric}::numeric(10,2)", "extract(day from {timestamp})", "extract(epoch from {interval})", "extract(week from {date})", "(SELECT avg(u) FROM unnest({int[]}) u)", "scale({numeric})::numeric"},
	"float8":  {"{float8} + {float8}", "{float8} * {float8}", "{float8} - {int}", "{float8} / {float8}", "abs({float8})", "round({float8})", "floor({float8})", "sqrt({float8})", "{int}::float8", "{numeric}::float8", "date_part('year', {timestamp})", "least({float8}, {float8})"},
	"text": {"{text} || {text}", "{text} || {int}", "lower({text})", "upper({text})", "initcap({text})", "substr({text}, {int})", "substr({text}, {int}, 2)", "left({text}, {int} % 10)", "right({text}, {int} % 10)", "replace({text}, {text}, {text})", "concat({text}, {int}, {bool})", "concat_ws({text}, {text}, {numeric})",
		"repeat({text}, {int} % 4)", "md5({text})", "reverse({text})", "trim({text})", "ltrim({text}, {text})", "split_part({text}, ',', {int} % 4)", "lpad({text}, {int} % 12, {text})", "translate({text}, {text}, {text})", "{int}::text", "{numeric}::text", "{float8}::text", "{bool}::text", "{date}::text", "{timestamp}::text", "{interval}::text", "{int[]}::text",
		"to_char({timestamp}, 'YYYY-MM-DD HH24:MI:SS.MS Day')", "to_char({int}, 'S999,999')", "to_hex({int})", "quote_literal({text})", "array_to_string({int[]}, {text})", "coalesce({text}, {text})", "max({text}) OVER ()", "string_agg({text}, ',') OVER ()", "format('%s-%L', {text}, {int})", "{text}::varchar(3)", "overlay({text} placing {text} from 2)"},
	"bool": {"{int} < {int}", "{int8} >= {int}", "{numeric} = {int}", "{float8} <> {float8}", "{numeric} > {float8}", "{text} < {text}", "{text} = {text}", "{text} LIKE {text}", "{text} ILIKE 'a%'", "{bool} AND {bool}", "{bool} OR {bool}", "NOT {bool}", "{int} IS NULL", "{text} IS NOT NULL", "{bool} IS TRUE", "{bool} IS NOT FALSE", "{int} IS DISTINCT FROM {int}",
		"{int} BETWEEN {int} AND {int}", "{int} IN ({int}, {int}, {int})", "{int} = ANY ({int[]})", "{int} <> ALL ({int[]})", "{date} < {timestamp}", "{date} = {date}", "{interval} > {interval}", "{int[]} @> {int[]}", "{int[]} = {int[]}", "{int[]} < {int[]}", "({int}, {text}) < ({int}, {text})", "EXISTS (SELECT 1 WHERE {bool})", "{int} IN (SELECT u FROM unnest({int[]}) u)", "starts_with({text}, {text})", "{text}::bool"},
	"date":      {"{date} + {int} % 1000", "{timestamp}::date", "{date} - {int} % 1000", "greatest({date}, {date})"},
	"timestamp": {"{timestamp} + {interval}", "{date} + {interval}", "date_trunc('month', {timestamp})", "date_trunc('week', {timestamp})", "{date}::timestamp", "{timestamp} - {interval}"},
	"interval":  {"{interval} + {interval}", "{interval} * ({int} % 10)", "{timestamp} - {timestamp}", "age({timestamp}, {timestamp})", "-{interval}", "justify_days({interval})", "{interval} / 2"},
	"int[]":     {"{int[]} || {int}", "{int} || {int[]}", "{int[]} || {int[]}", "array_remove({int[]}, {int})", "array_replace({int[]}, {int}, {int})", "ARRAY[{int}, {int}]", "({int[]})[{int} % 4 : 2]", "array_append({int[]}, {int})", "ARRAY(SELECT u FROM unnest({int[]}) u ORDER BY u DESC)"},
}

// statement is a SELECT of one expression, over no row or three.
func (g *generator) statement() string {
	e := g.expression(g.kinds[g.IntN(len(g.kinds))], 3)
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("SELECT %s AS v FROM leaves, (VALUES (1), (2), (3)) r (n) WHERE %s", e, g.expression("bool", 2))
	case 1:
		return fmt.Sprintf("SELECT v, count(*) FROM (SELECT %s AS v FROM leaves, generate_series(1, 3) n) q GROUP BY v ORDER BY v", g.plain(3))
	}
	return "SELECT " + e + " FROM leaves"
}

// plain is an expression without window functions, which GROUP BY refuses.
func (g *generator) plain(depth int) string {
	for {
		if e := g.expression(g.kinds[g.IntN(len(g.kinds))], depth); !strings.Contains(e, "OVER") {
			return e
		}
	}
}

func (g *generator) expression(kind string, depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return fmt.Sprintf("c%d_%d", slices.Index(g.kinds, kind), g.IntN(len(g.leaves[kind])))
	}
	form := g.forms[kind][g.IntN(len(g.forms[kind]))]
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(form, "{")
		b.WriteString(before)
		if !found {
			return "(" + b.String() + ")"
		}
		operand, after, _ := strings.Cut(rest, "}")
		b.WriteString(g.expression(operand, depth-1))
		form = after
	}
}
