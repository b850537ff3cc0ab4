package main

import "testing"

// TestImportStatement: what the names of files mean for COPY.
func TestImportStatement(t *testing.T) {
	for _, c := range []struct {
		cfg        importConfig
		name, want string
	}{
		{importConfig{table: "items"}, "dir/a.parquet", `COPY "items" FROM STDIN (FORMAT 'parquet')`},
		{importConfig{table: "s.Items", columns: []string{"id", "a\"b"}}, "a.CSV.gz", `COPY "s"."Items" ("id", "a""b") FROM STDIN (FORMAT 'csv', COMPRESSION 'gzip')`},
		{importConfig{table: "t", format: "binary", compression: "none"}, "a.zst", `COPY "t" FROM STDIN (FORMAT 'binary', COMPRESSION 'none')`},
		{importConfig{table: "t"}, "words", `COPY "t" FROM STDIN`},
		{importConfig{table: "t"}, "v.fvecs", `COPY "t" FROM STDIN (FORMAT 'fvecs')`},
	} {
		if got := c.cfg.statement(c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
