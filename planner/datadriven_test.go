package planner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/planner/rules"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// TestGolden runs testdata: "ddl" creates tables, "rows t=1000" sets row
// estimates, "explain" prints the plan (off=rule switches rules off, costs
// shows estimates), "describe" the result columns and parameter types, "error"
// the error with its code, position and hint.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		v := newTestView()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "ddl":
				v.exec(t, d.Input)
				return "ok\n"
			case "rows":
				for _, a := range d.CmdArgs {
					var n int64
					if _, err := fmt.Sscan(a.Vals[0], &n); err != nil {
						d.Fatalf(t, "rows: %v", err)
					}
					v.rows[a.Key] = n
				}
				return "ok\n"
			case "explain":
				return explained(t, d, v)
			case "describe", "error":
				return described(t, d, v)
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func planOne(t *testing.T, text string, opts Options) (*plan.Statement, error) {
	t.Helper()
	stmts, err := parse.Parse(text)
	if err != nil {
		return nil, err
	}
	return Plan(context.Background(), stmts[0], opts)
}

func explained(t *testing.T, d *datadriven.TestData, v *testView) string {
	opts := v.options()
	var off []string
	for _, a := range d.CmdArgs {
		if a.Key == "off" {
			off = append(off, a.Vals...)
		}
	}
	opts.Setting = func(name string) string {
		if name == rules.DisabledSetting {
			return strings.Join(off, ",")
		}
		return ""
	}
	s, err := planOne(t, d.Input, opts)
	if err != nil {
		return errorText(err)
	}
	e := &plan.Explain{Costs: d.HasArg("costs"), Format: "text"}
	if d.HasArg("json") {
		e.Format = "json"
	}
	e.Input = s.Root
	return strings.Join(explain.Lines(e, nil, explain.Times{}), "\n") + "\n"
}

func described(t *testing.T, d *datadriven.TestData, v *testView) string {
	opts := v.options()
	s, err := planOne(t, d.Input, opts)
	if err != nil {
		return errorText(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "tag=%s counted=%t readonly=%t\n", s.Tag, s.Counted, s.ReadOnly)
	for _, c := range s.Columns {
		fmt.Fprintf(&b, "%s %s", c.Name, types.FormatType(c.Type))
		if c.Table != 0 {
			fmt.Fprintf(&b, " origin=%d.%d", c.Table, c.Attribute)
		}
		b.WriteByte('\n')
	}
	for i, p := range s.Params {
		fmt.Fprintf(&b, "$%d %s\n", i+1, types.FormatType(p))
	}
	for _, u := range s.Tables {
		fmt.Fprintf(&b, "lock %d mode %d\n", u.OID, u.Lock)
	}
	return b.String()
}

func errorText(err error) string {
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		return fmt.Sprintf("not an sqlerr: %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", string(e.Code), e.Message)
	if e.Detail != "" {
		fmt.Fprintf(&b, "DETAIL: %s\n", e.Detail)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "HINT: %s\n", e.Hint)
	}
	if e.Position != 0 {
		fmt.Fprintf(&b, "POSITION: %d\n", e.Position)
	}
	return b.String()
}
