package types

import (
	"context"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"quiver/sql/sqlerr"
)

func evalNumeric(t *testing.T, op string, x, y Numeric) (Numeric, error) {
	t.Helper()
	switch op {
	case "+":
		return x.Add(y)
	case "-":
		return x.Sub(y)
	case "*":
		return x.Mul(y)
	case "/":
		return x.Div(y)
	case "%":
		return x.Mod(y)
	case "div":
		return x.QuoInt(y)
	}
	scale, err := y.toInt("integer", -20000, 20000)
	if err != nil {
		return Numeric{}, err
	}
	if op == "round" {
		return x.Round(int32(scale)), nil
	}
	return x.Trunc(int32(scale)), nil
}

// numeric.tsv: an operator, two operands, the result of PostgreSQL.
func TestNumericArithmeticIsThatOfPostgres(t *testing.T) {
	const path = "testdata/numeric.tsv"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var o *oracle
	if *rewrite {
		o = openOracle(t)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	for k, line := range lines {
		f := append(strings.Split(line, "\t"), "")
		if o != nil {
			f[3] = o.arith(t, f[0], f[1], f[2])
			lines[k] = strings.Join(f[:4], "\t")
		}
		x, errX := ParseNumeric(f[1])
		y, errY := ParseNumeric(f[2])
		if errX != nil || errY != nil {
			t.Fatal(errX, errY)
		}
		v, err := evalNumeric(t, f[0], x, y)
		got := v.String()
		var e *sqlerr.Error
		if errors.As(err, &e) {
			got = goldenError(string(e.Code), e.Message, e.Detail)
		}
		if got != f[3] {
			t.Errorf("%s %s %s: got %s, want %s", f[1], f[0], f[2], got, f[3])
		}
		if back := DecodeNumeric(v.Append(nil)); err == nil && back.String() != got {
			t.Errorf("%s stored is %s", got, back)
		}
	}
	if o != nil {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *oracle) arith(t *testing.T, op, x, y string) string {
	t.Helper()
	sql := "SELECT '" + x + "'::numeric " + op + " '" + y + "'::numeric"
	switch op {
	case "div":
		sql = "SELECT div('" + x + "'::numeric, '" + y + "'::numeric)"
	case "round", "trunc":
		sql = "SELECT " + op + "('" + x + "'::numeric, " + y + ")"
	}
	r := o.conn.ExecParams(context.Background(), sql, nil, nil, nil, nil).Read()
	var pgErr *pgconn.PgError
	if errors.As(r.Err, &pgErr) {
		return goldenError(pgErr.Code, pgErr.Message, pgErr.Detail)
	}
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return string(r.Rows[0][0])
}

func TestFloorAndCeil(t *testing.T) {
	for in, want := range map[string][2]string{
		"1.5": {"1", "2"}, "-1.5": {"-2", "-1"}, "2.00": {"2", "2"}, "-0.1": {"-1", "0"}, "NaN": {"NaN", "NaN"},
		"-99999999999999999999.5": {"-100000000000000000000", "-99999999999999999999"},
	} {
		n, err := ParseNumeric(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Floor().String(); got != want[0] {
			t.Errorf("floor(%s) is %s, want %s", in, got, want[0])
		}
		if got := n.Ceil().String(); got != want[1] {
			t.Errorf("ceil(%s) is %s, want %s", in, got, want[1])
		}
	}
}

func TestNumericDecimal128(t *testing.T) {
	for _, c := range []struct {
		in    string
		scale int32
		want  string
		ok    bool
	}{
		{"1.5", 2, "150", true}, {"-1.50", 1, "-15", true}, {"1.55", 1, "", false}, {"NaN", 0, "", false},
		{"99999999999999999999999999999999999999", 0, "99999999999999999999999999999999999999", true},
		{"100000000000000000000000000000000000000", 0, "", false},
	} {
		n, err := ParseNumeric(c.in)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := n.Decimal128(c.scale)
		if ok != c.ok {
			t.Errorf("%s at scale %d: ok is %v", c.in, c.scale, ok)
		}
		if want, _ := new(big.Int).SetString(c.want, 10); ok && got.Cmp(want) != 0 {
			t.Errorf("%s at scale %d: got %s, want %s", c.in, c.scale, got, c.want)
		}
	}
}
