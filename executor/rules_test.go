package executor

import (
	"os"
	"slices"
	"strings"
	"testing"

	"quiver/planner"
	"quiver/planner/rules"
	"quiver/sql/parse"
	"quiver/storage"
)

// TestRulesOff runs the queries of testdata/rules.sql with all rules of the
// planner and with each one switched off: the rows must not differ.
func TestRulesOff(t *testing.T) {
	text, err := os.ReadFile("testdata/rules.sql")
	if err != nil {
		t.Fatal(err)
	}
	setup, queries, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
	w := newWorld(t)
	for _, s := range strings.Split(setup, "\n") {
		if !strings.HasPrefix(s, "--") {
			w.want(s, "")
		}
	}
	for _, q := range strings.Split(queries, "\n") {
		want := w.rowsWithout("", q)
		if strings.HasPrefix(want, "XX000") {
			t.Errorf("%s: %s", q, want)
		}
		for _, rule := range rules.Order() {
			if got := w.rowsWithout(rule, q); got != want {
				t.Errorf("%s\nwithout %s\n%s\nwith all rules\n%s", q, rule, got, want)
			}
		}
	}
}

// rowsWithout runs a query with one rule switched off. Rows of a query without
// ORDER BY are sorted.
func (w *world) rowsWithout(rule, text string) string {
	w.t.Helper()
	tx := w.begin(storage.ReadCommitted)
	defer tx.Rollback()
	stmts, err := parse.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	stmt, err := planner.Plan(w.ctx, stmts[0], planner.Options{
		View: tx.Catalog().Snapshot(), SearchPath: []string{"pg_catalog", "public"}, Format: w.format(tx), User: "postgres",
		Setting: func(name string) string {
			if name == rules.DisabledSetting {
				return rule
			}
			return ""
		},
	})
	if err != nil {
		return err.Error()
	}
	rows, _, err := w.execStatement(tx, stmt)
	if err != nil {
		return err.Error()
	}
	if !strings.Contains(text, "ORDER BY") {
		slices.Sort(rows)
	}
	return strings.Join(rows, "\n")
}
