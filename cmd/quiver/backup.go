package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"quiver/internal/hlc"
	"quiver/storage/backup"
)

// backupConfig is what `quiver backup` is told.
type backupConfig struct {
	server   string
	database string
	tables   []string
	name     string
	as       string
	at       string
	quiet    bool
}

// backupCommand makes backups by a server, and looks at them without one.
func backupCommand() *cobra.Command {
	cfg := &backupConfig{}
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Make, list, check, restore and delete backups",
		Long: "Make, list, check, restore and delete backups. URL is where they lie:\n" +
			"file:///directory or s3://bucket/prefix?endpoint=HOST:PORT, as the server sees it for\n" +
			"create and restore, and as this machine does for the others.",
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
	}
	cmd.PersistentFlags().BoolVar(&cfg.quiet, "quiet", false, "show no progress")
	create := &cobra.Command{Use: "create URL", Short: "Have a server make a backup", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return cfg.create(cmd, args[0]) }}
	restore := &cobra.Command{Use: "restore URL", Short: "Have a server restore a backup", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return cfg.restore(cmd, args[0]) }}
	for _, c := range []*cobra.Command{create, restore} {
		f := c.Flags()
		f.StringVar(&cfg.server, "server", "postgres://postgres@127.0.0.1:5433/postgres", "the server, as a connection URL")
		f.StringVar(&cfg.database, "database", "", "one database (all of them by default)")
		f.StringArrayVar(&cfg.tables, "table", nil, "a table of the server's database, spelled as in SQL ([schema.]table, \"S x\".\"T 1\"), of several if repeated; to restore one under another name, TABLE=NAME")
	}
	create.Flags().StringVar(&cfg.name, "name", "", "the backup's name (its time by default)")
	restore.Flags().StringVar(&cfg.name, "backup", "", "the backup's name (the newest by default)")
	restore.Flags().StringVar(&cfg.as, "as", "", "restore --database under this name")
	restore.Flags().StringVar(&cfg.at, "timestamp", "", "restore the state of this time (that of the backup by default)")
	cmd.AddCommand(create, restore,
		&cobra.Command{Use: "list URL", Short: "List backups", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return listBackups(cmd.Context(), args[0], cmd.OutOrStdout())
			}},
		&cobra.Command{Use: "verify URL [NAME]", Short: "Read every object of a backup, or of all", Args: cobra.RangeArgs(1, 2),
			RunE: func(cmd *cobra.Command, args []string) error { return cfg.verify(cmd, args[0], args[1:]) }},
		&cobra.Command{Use: "delete URL NAME", Short: "Delete a backup, and the objects that no other one needs", Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error { return deleteBackup(cmd.Context(), args[0], args[1]) }},
	)
	return cmd
}

// literal is a string constant of SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// what is the words between the verb and the place.
func (c *backupConfig) what(restore bool) (string, error) {
	switch {
	case c.database != "" && len(c.tables) > 0:
		return "", errors.New("--database and --table exclude each other")
	case c.as != "" && c.database == "":
		return "", errors.New("--as needs --database")
	case c.database != "":
		words := " DATABASE " + pgx.Identifier{c.database}.Sanitize()
		if c.as != "" {
			words += " AS " + pgx.Identifier{c.as}.Sanitize()
		}
		return words, nil
	case len(c.tables) > 0:
		list := make([]string, len(c.tables))
		for i, t := range c.tables {
			var err error
			if list[i], err = tableWords(t, restore); err != nil {
				return "", fmt.Errorf("--table %s: %w", t, err)
			}
		}
		return " TABLE " + strings.Join(list, ", "), nil
	}
	return "", nil
}

// tableWords is a --table in SQL: a name and, of restore, that to restore it under.
func tableWords(text string, restore bool) (string, error) {
	table, rest, err := cutName(text)
	if err != nil {
		return "", err
	}
	as, renamed := strings.CutPrefix(rest, "=")
	switch {
	case rest == "":
		return table.Sanitize(), nil
	case !renamed:
		return "", badName(text)
	case !restore:
		return "", errors.New("a name to restore under is given to restore")
	}
	name, err := parseTable(as)
	if err != nil {
		return "", err
	}
	if len(name) > 1 {
		return "", errors.New("a table is restored into the schema that it was in: the name to restore under has none")
	}
	return table.Sanitize() + " AS " + name.Sanitize(), nil
}

func (c *backupConfig) create(cmd *cobra.Command, url string) error {
	what, err := c.what(false)
	if err != nil {
		return err
	}
	sql := "BACKUP" + what + " TO " + literal(url)
	if c.name != "" {
		sql += " WITH (name = " + literal(c.name) + ")"
	}
	return c.run(cmd, sql)
}

func (c *backupConfig) restore(cmd *cobra.Command, url string) error {
	what, err := c.what(true)
	if err != nil {
		return err
	}
	sql := "RESTORE" + what + " FROM " + literal(url)
	var with []string
	if c.name != "" {
		with = append(with, "backup = "+literal(c.name))
	}
	if c.at != "" {
		with = append(with, "timestamp = "+literal(c.at))
	}
	if with != nil {
		sql += " WITH (" + strings.Join(with, ", ") + ")"
	}
	return c.run(cmd, sql)
}

// run runs a statement and shows how far it is, as quiver.backup_progress tells.
func (c *backupConfig) run(cmd *cobra.Command, sql string) error {
	ctx := cmd.Context()
	config, err := pgx.ParseConfig(c.server)
	if err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { fmt.Fprintln(cmd.OutOrStdout(), n.Message) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	bar := newBar(os.Stderr, c.quiet)
	defer bar.end()
	if !bar.quiet {
		watch, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			follow(watch, config.Copy(), conn.PgConn().PID(), bar)
		}()
		defer func() { stop(); <-done }()
	}
	_, err = conn.Exec(ctx, sql)
	return err
}

// follow shows the progress of a backend's backup until ctx ends.
func follow(ctx context.Context, config *pgx.ConnConfig, pid uint32, bar *bar) {
	config.OnNotice = nil
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return // without a bar, then
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for ctx.Err() == nil {
		var phase string
		var done, total int64
		err := conn.QueryRow(ctx, "SELECT phase, bytes_done, bytes_total FROM quiver.backup_progress WHERE pid = $1", int32(pid)).Scan(&phase, &done, &total)
		if err == nil {
			bar.show(phase, done, total)
		}
		select {
		case <-ctx.Done():
		case <-time.After(barEvery):
		}
	}
}

func listBackups(ctx context.Context, url string, out io.Writer) error {
	place, err := backup.Open(ctx, url, false)
	if err != nil {
		return err
	}
	defer place.Close()
	all, err := place.All(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTIMESTAMP\tEARLIEST\tOF\tOBJECTS\tSIZE\tCOPIED")
	for _, d := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.Name, stamp(d.Timestamp), stamp(d.Earliest), scopeWords(d.Scope), d.Objects,
			roundSize(byteSize(d.Bytes)), roundSize(byteSize(d.NewBytes)))
	}
	return w.Flush()
}

func stamp(t uint64) string {
	return hlc.Timestamp(t).Time().UTC().Format("2006-01-02 15:04:05.000Z")
}

func scopeWords(s backup.Scope) string {
	switch {
	case s.Tables != nil:
		return "tables " + strings.Join(s.Tables, ", ") + " of " + s.Database
	case s.Database != "":
		return "database " + s.Database
	}
	return "all databases"
}

// barProgress is a backup.Progress that shows a bar.
type barProgress struct {
	bar         *bar
	what        string
	done, total int64
}

// Total implements backup.Progress.
func (p *barProgress) Total(_ int, bytes int64) { p.total = bytes }

// Done implements backup.Progress.
func (p *barProgress) Done(bytes int64, _ bool) {
	p.bar.mu.Lock()
	p.done += bytes
	done := p.done
	p.bar.mu.Unlock()
	p.bar.show(p.what, done, p.total)
}

func (c *backupConfig) verify(cmd *cobra.Command, url string, names []string) error {
	ctx := cmd.Context()
	place, err := backup.Open(ctx, url, false)
	if err != nil {
		return err
	}
	defer place.Close()
	if len(names) == 0 {
		if names, err = place.Names(ctx); err != nil {
			return err
		}
	}
	wrong := 0
	for _, name := range names {
		d, err := place.Describe(ctx, name)
		if err != nil {
			return err
		}
		bar := newBar(os.Stderr, c.quiet)
		err = place.Verify(ctx, d, &barProgress{bar: bar, what: "verifying " + name}, func(key string, err error) {
			bar.clear()
			wrong++
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: %s\n", name, key, oneLine(err))
		})
		bar.end()
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %d objects of %s read\n", name, d.Objects, roundSize(byteSize(d.Bytes)))
	}
	if wrong > 0 {
		return fmt.Errorf("%d objects are missing or damaged", wrong)
	}
	return nil
}

func deleteBackup(ctx context.Context, url, name string) error {
	place, err := backup.Open(ctx, url, false)
	if err != nil {
		return err
	}
	defer place.Close()
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := place.Lock(ctx, fmt.Sprintf("process %d of %s", os.Getpid(), host))
	if err != nil {
		return err
	}
	return errors.Join(place.Delete(ctx, lock, name), lock.Release(context.WithoutCancel(ctx)))
}
