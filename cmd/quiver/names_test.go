package main

import (
	"strings"
	"testing"
)

// TestParseTable: names are read as in SQL.
func TestParseTable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"items", "items"},
		{"Public.Items", "public|items"},
		{`"Q u2"`, "Q u2"},
		{`s."t_f4.npy"`, "s|t_f4.npy"},
		{`"a""b".c$1`, `a"b|c$1`},
		{"größe", "größe"},
		{"ÄB", "Äb"},
		{"", ""},
		{"a.", ""},
		{".a", ""},
		{"1a", ""},
		{"my-table", ""},
		{`"open`, ""},
		{`""`, ""},
		{`"a"b`, ""},
	} {
		name, err := parseTable(c.text)
		if got := strings.Join(name, "|"); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s, %v, want %s", c.text, got, err, c.want)
		}
	}
}
