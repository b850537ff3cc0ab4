package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

// importConfig is what `quiver import` is told.
type importConfig struct {
	server      string
	table       string
	into        pgx.Identifier // table, parsed
	columns     []string
	format      string
	compression string
	create      bool
	quiet       bool
}

// importCommand sends files to a server, each by one COPY.
func importCommand() *cobra.Command {
	cfg := &importConfig{}
	cmd := &cobra.Command{
		Use:   "import FILE…",
		Short: "Load files of this machine into a table of a server",
		Long: "Load files of this machine into a table of a server, each by one COPY FROM STDIN.\n" +
			"Formats and compressions are those of COPY and known by the files' extensions.",
		Args:              cobra.MinimumNArgs(1),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
		RunE:              cfg.run,
	}
	f := cmd.Flags()
	f.StringVar(&cfg.server, "server", "postgres://postgres@127.0.0.1:5433/postgres", "the server, as a connection URL")
	f.StringVar(&cfg.table, "table", "", "the table, spelled as in SQL: table, schema.table, \"My table\"")
	f.StringSliceVar(&cfg.columns, "columns", nil, "the columns that the files have (all by default)")
	f.StringVar(&cfg.format, "format", "", "text, csv, binary, json, parquet, arrow, npy, fvecs, bvecs, ivecs, fbin or u8bin (by extension by default)")
	f.StringVar(&cfg.compression, "compression", "", "gzip, zstd, snappy, lz4 or none (by extension by default)")
	f.BoolVar(&cfg.create, "create", false, "create the table with the columns of the first file (not of text, csv, binary and json)")
	f.BoolVar(&cfg.quiet, "quiet", false, "show no progress")
	_ = cmd.MarkFlagRequired("table") // it is a flag of the command
	return cmd
}

func (c *importConfig) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	var err error
	if c.into, err = parseTable(c.table); err != nil {
		return fmt.Errorf("--table %s: %w", c.table, err)
	}
	var files []string
	for _, arg := range args {
		found, err := filepath.Glob(arg) // for shells that leave patterns alone
		if err != nil || len(found) == 0 {
			found = []string{arg}
		}
		files = append(files, found...)
	}
	conn, err := pgx.Connect(ctx, c.server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if c.create {
		sql, err := c.createTable(ctx, files)
		if err != nil {
			return err
		}
		// Without the rows of its first file the table is not there either.
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), sql)
	}
	for i, name := range files {
		rows, err := c.load(cmd, conn, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if c.create && i == 0 {
			if _, err := conn.Exec(ctx, "COMMIT"); err != nil {
				return err
			}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rows\n", name, rows)
	}
	return nil
}

// load sends one file.
func (c *importConfig) load(cmd *cobra.Command, conn *pgx.Conn, name string) (rows int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	b := newBar(os.Stderr, c.quiet)
	defer b.end()
	tag, err := conn.PgConn().CopyFrom(cmd.Context(), &shownReader{f, b, name, 0, info.Size()}, c.statement(name))
	return tag.RowsAffected(), err
}

// statement is the COPY for a file.
func (c *importConfig) statement(name string) string {
	var b strings.Builder
	b.WriteString("COPY " + c.into.Sanitize())
	if len(c.columns) > 0 {
		var quoted []string
		for _, column := range c.columns {
			quoted = append(quoted, pgx.Identifier{column}.Sanitize())
		}
		b.WriteString(" (" + strings.Join(quoted, ", ") + ")")
	}
	b.WriteString(" FROM STDIN")
	var options []string
	format, compression := c.formsOf(name)
	for _, o := range [][2]string{{"FORMAT", format}, {"COMPRESSION", compression}} {
		if o[1] != "" {
			options = append(options, o[0]+" '"+strings.ReplaceAll(o[1], "'", "''")+"'")
		}
	}
	if len(options) > 0 {
		b.WriteString(" (" + strings.Join(options, ", ") + ")")
	}
	return b.String()
}

// formsOf is the format and the compression of a file: those that were given, or
// what its name says.
func (c *importConfig) formsOf(name string) (format, compression string) {
	format, compression = formsOf(name)
	if c.format != "" {
		format = c.format
	}
	if c.compression != "" {
		compression = c.compression
	}
	return format, compression
}

var (
	formatExtensions = map[string]string{
		".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow",
		".npy": "npy", ".fvecs": "fvecs", ".bvecs": "bvecs", ".ivecs": "ivecs", ".fbin": "fbin", ".u8bin": "u8bin",
	}
	compressionExtensions = map[string]string{".gz": "gzip", ".zst": "zstd", ".sz": "snappy", ".lz4": "lz4"}
)

// formsOf is what the extensions of a name say; "" for nothing.
func formsOf(name string) (format, compression string) {
	ext := strings.ToLower(filepath.Ext(name))
	if c := compressionExtensions[ext]; c != "" {
		compression = c
		ext = strings.ToLower(filepath.Ext(name[:len(name)-len(ext)]))
	}
	return formatExtensions[ext], compression
}

// shownReader moves a bar with what is read.
type shownReader struct {
	io.Reader
	bar         *bar
	name        string
	done, total int64
}

func (r *shownReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.done += int64(n)
	r.bar.show(r.name, r.done, r.total)
	return n, err
}
