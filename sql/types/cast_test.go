package types

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/jackc/pgx/v5/pgconn"

	"quiver/sql/sqlerr"
)

// pg_cast.tsv is PostgreSQL 15's and pgvector's pg_cast among our types: source,
// target, context, method.
func TestCastRowsAreThoseOfPostgres(t *testing.T) {
	raw, err := os.ReadFile("testdata/pg_cast.tsv")
	if err != nil {
		t.Fatal(err)
	}
	known := map[*Cast]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		f := strings.Split(line, "\t")
		c := FindCast(ByName(f[0]).OID, ByName(f[1]).OID)
		if c == nil {
			// Only package catalog can resolve names.
			if f[1] != "regclass" {
				t.Errorf("no cast from %s to %s", f[0], f[1])
			}
			continue
		}
		known[c] = true
		if string(c.Context) != f[2] || string(c.Method) != f[3] {
			t.Errorf("cast from %s to %s: context %c method %c, want %s %s", f[0], f[1], c.Context, c.Method, f[2], f[3])
		}
	}
	for _, c := range Casts() {
		if !known[c] {
			t.Errorf("Postgres has no cast from %s to %s", ByOID(c.Source).Name, ByOID(c.Target).Name)
		}
	}
}

// castValue casts one value, as an explicit cast does.
func castValue(t *testing.T, source, target T, input string, f *Format) string {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	c := &EvalContext{Ctx: context.Background(), Mem: mem, Format: f, TransactionTime: goldenNow}
	b := NewBuilder(source, mem)
	defer b.Release()
	fail := func(err error) string {
		var e *sqlerr.Error
		if !errors.As(err, &e) {
			t.Errorf("error without code: %v", err)
			return err.Error()
		}
		return goldenError(string(e.Code), e.Message, e.Detail)
	}
	if err := source.Type().ParseText(b, input, source.Mod, f); err != nil {
		return fail(err)
	}
	a := b.NewArray()
	defer a.Release()
	out := a
	if cast := FindCast(source.OID, target.OID); cast == nil {
		text, err := CastViaText(c, Vec{Array: a}, 1, source, target)
		if err != nil {
			return fail(err)
		}
		defer text.Release()
		out = text
	} else if cast.Kernel != nil {
		for _, constant := range []bool{true, false} {
			v, err := cast.KernelTo(target.Mod)(c, []Vec{{Array: a, Const: constant}}, 1)
			if err != nil {
				return fail(err)
			}
			defer v.Release()
			out = v
		}
	}
	if target.Type().Coerce != nil {
		fitted, err := target.Type().Coerce(c, out, target.Mod, true)
		if err != nil {
			return fail(err)
		}
		defer fitted.Release()
		out = fitted
	}
	return string(target.Type().AppendText(nil, out, 0, f))
}

// cast.tsv: source, target, input, result of PostgreSQL.
func TestCastsGiveWhatPostgresGives(t *testing.T) {
	const path = "testdata/cast.tsv"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	var o *oracle
	if *rewrite {
		o = openOracle(t)
	}
	f := DefaultFormat()
	for k, line := range lines {
		if name, isSet := strings.CutPrefix(line, "set "); isSet {
			applySetting(t, f, name)
			if o != nil {
				setting, value, _ := strings.Cut(name, "=")
				o.exec(t, "SET "+setting+" = '"+value+"'")
			}
			continue
		}
		p := append(strings.Split(line, "\t"), "")
		if o != nil {
			p[3] = o.cast(t, p[0], p[1], p[2])
			lines[k] = strings.Join(p[:4], "\t")
		}
		if got := castValue(t, typeNamed(t, p[0]), typeNamed(t, p[1]), p[2], f); got != p[3] {
			t.Errorf("%s of %q to %s: got %q, want %q", p[0], p[2], p[1], got, p[3])
		}
	}
	if o != nil {
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (o *oracle) cast(t *testing.T, source, target, input string) string {
	t.Helper()
	sql := "SELECT ('" + strings.ReplaceAll(input, "'", "''") + "'::" + source + ")::" + target
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
