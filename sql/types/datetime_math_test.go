package types

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/sql/sqlerr"
)

// evalDatetime computes one line of datetime_math.tsv with our functions.
func evalDatetime(t *testing.T, f *Format, op string, args []string) (string, error) {
	t.Helper()
	ts := func(s string) int64 {
		v, err := ParseTimestamptz(s, f)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	iv := func(s string) Interval {
		v, err := ParseInterval(s, f)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	loc := f.TimeZone.Loc
	stamp := func(v int64, err error) (string, error) { return string(AppendTimestampText(nil, v, true, f)), err }
	span := func(v Interval, err error) (string, error) { return string(v.AppendText(nil, f)), err }
	field := func(v Extracted, err error) (string, error) {
		if v.Null {
			return "", err
		}
		return v.String(), err
	}
	switch op {
	case "$1::timestamptz + $2::interval":
		return stamp(AddIntervalIn(ts(args[0]), iv(args[1]), loc))
	case "$1::timestamptz - $2::interval":
		return stamp(SubIntervalIn(ts(args[0]), iv(args[1]), loc))
	case "$1::timestamptz - $2::timestamptz":
		return span(SubTimestamps(ts(args[0]), ts(args[1])))
	case "age($1::timestamp, $2::timestamp)":
		a, _ := ParseTimestamp(args[0], f)
		b, _ := ParseTimestamp(args[1], f)
		return span(Age(a, b))
	case "date_trunc($1, $2::timestamptz)":
		return stamp(TruncTimestampIn(args[0], ts(args[1]), loc))
	case "date_trunc($1, $2::interval)":
		return span(TruncInterval(args[0], iv(args[1])))
	case "date_part($1, $2::timestamptz)":
		return field(ExtractTimestampIn(args[0], ts(args[1]), loc))
	case "date_part($1, $2::timestamp)":
		v, _ := ParseTimestamp(args[1], f)
		return field(ExtractTimestamp(args[0], v))
	case "date_part($1, $2::date)":
		v, _ := ParseDate(args[1], f)
		return field(ExtractDate(args[0], v))
	case "date_part($1, $2::interval)":
		return field(ExtractInterval(args[0], iv(args[1])))
	case "date_part($1, $2::time)":
		v, _, _ := parseTime(args[1], f, "time")
		return field(ExtractTime(args[0], v))
	case "$1::interval * $2::float8":
		n, _ := ParseFloat64(args[1])
		return span(iv(args[0]).Mul(n))
	case "$1::interval / $2::float8":
		n, _ := ParseFloat64(args[1])
		return span(iv(args[0]).Div(n))
	case "justify_hours($1::interval)":
		return span(iv(args[0]).JustifyHours())
	case "justify_days($1::interval)":
		return span(iv(args[0]).JustifyDays())
	case "justify_interval($1::interval)":
		return span(iv(args[0]).JustifyInterval())
	case "$1::interval + $2::interval":
		return span(iv(args[0]).Add(iv(args[1])))
	}
	t.Fatalf("unknown operation %s", op)
	return "", nil
}

// datetime_math.tsv: an expression over its arguments, the arguments, the
// result of PostgreSQL. date_part lines hold what extract gives.
func TestDatetimeMathIsThatOfPostgres(t *testing.T) {
	const path = "testdata/datetime_math.tsv"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o *oracle
	if *rewrite {
		o = openOracle(t)
	}
	lines := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	f := DefaultFormat()
	for k, line := range lines {
		if setting, isSet := strings.CutPrefix(line, "set "); isSet {
			applySetting(t, f, setting)
			if o != nil {
				name, value, _ := strings.Cut(setting, "=")
				o.exec(t, "SET "+name+" = '"+value+"'")
			}
			continue
		}
		parts := strings.Split(line, "\t")
		n := 1 + strings.Count(parts[0], "$")
		want := strings.Join(parts[n:], "")
		if o != nil {
			want = o.eval(t, parts[0], parts[1:n])
			lines[k] = strings.Join(append(parts[:n:n], want), "\t")
		}
		got, err := evalDatetime(t, f, parts[0], parts[1:n])
		var e *sqlerr.Error
		if errors.As(err, &e) {
			got = goldenError(string(e.Code), e.Message, e.Detail)
		}
		if got != want {
			t.Errorf("%s of %q: got %q, want %q", parts[0], parts[1:n], got, want)
		}
	}
	if o != nil {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *oracle) eval(t *testing.T, expr string, args []string) string {
	t.Helper()
	for k, arg := range args {
		expr = strings.ReplaceAll(expr, fmt.Sprintf("$%d", k+1), "'"+arg+"'")
	}
	// extract is exact where date_part gives a float8.
	if rest, ok := strings.CutPrefix(expr, "date_part("); ok {
		field, value, _ := strings.Cut(rest, ", ")
		expr = "extract(" + field + " from " + value
	}
	r := o.conn.ExecParams(context.Background(), "SELECT "+expr, nil, nil, nil, nil).Read()
	var pgErr *pgconn.PgError
	if errors.As(r.Err, &pgErr) {
		return goldenError(pgErr.Code, pgErr.Message, pgErr.Detail)
	}
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return string(r.Rows[0][0])
}
