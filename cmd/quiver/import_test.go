package main

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestImportStatement: what the names of files mean for COPY.
func TestImportStatement(t *testing.T) {
	for _, c := range []struct {
		cfg        importConfig
		name, want string
	}{
		{importConfig{into: pgx.Identifier{"items"}}, "dir/a.parquet", `COPY "items" FROM STDIN (FORMAT 'parquet')`},
		{importConfig{into: pgx.Identifier{"s", "Items"}, columns: []string{"id", "a\"b"}}, "a.CSV.gz", `COPY "s"."Items" ("id", "a""b") FROM STDIN (FORMAT 'csv', COMPRESSION 'gzip')`},
		{importConfig{into: pgx.Identifier{"t"}, format: "binary", compression: "none"}, "a.zst", `COPY "t" FROM STDIN (FORMAT 'binary', COMPRESSION 'none')`},
		{importConfig{into: pgx.Identifier{"t"}}, "words", `COPY "t" FROM STDIN`},
		{importConfig{into: pgx.Identifier{"t"}}, "v.fvecs", `COPY "t" FROM STDIN (FORMAT 'fvecs')`},
	} {
		if got := c.cfg.statement(c.name); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
