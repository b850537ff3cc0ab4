package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// inspectConfig is what `quiver inspect` is told.
type inspectConfig struct {
	objectStore string
	rows        int
}

// inspectCommand prints and checks files. It changes nothing and exits non-zero
// if something is damaged.
func inspectCommand() *cobra.Command {
	cfg := inspectConfig{}
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Print and check the files of a server",
		Long: "Print and check files (docs/formats). An object is named by its path, or by its key\n" +
			"together with --object-store.",
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&cfg.objectStore, "object-store", "", "the bucket's directory, or s3://bucket?endpoint=HOST:PORT: objects are named by key")
	f.IntVar(&cfg.rows, "rows", 10, "how many rows of each event to print")
	object := func(use, short string, dump func(ctx context.Context, w io.Writer, name string, b []byte, o *objects) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			o, err := cfg.open()
			if err != nil {
				return err
			}
			defer o.close()
			b, err := o.read(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return dump(cmd.Context(), cmd.OutOrStdout(), args[0], b, o)
		}}
	}
	cmd.AddCommand(
		object("binlog FILE", "A file of columns", func(_ context.Context, w io.Writer, name string, b []byte, _ *objects) error {
			return binlog.Dump(w, name, b, binlog.DumpOptions{Rows: cfg.rows})
		}),
		object("deltas FILE", "A delta log, stats log or run", func(_ context.Context, w io.Writer, name string, b []byte, _ *objects) error {
			return deltalog.Dump(w, name, b, cfg.rows)
		}),
		object("manifest FILE", "The list of a segment's files, compared with them if --object-store is given",
			func(ctx context.Context, w io.Writer, name string, b []byte, o *objects) error {
				if o.store == nil {
					return manifest.Dump(w, name, b, nil)
				}
				return manifest.Dump(w, name, b, func(key string) ([]byte, error) { return o.read(ctx, key) })
			}),
		&cobra.Command{Use: "wal DIR", Short: "The write-ahead log (DATA/quiver/wal)", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := os.Stat(args[0]); err != nil {
				return err // NewOS would make it
			}
			files, err := vfs.NewOS(args[0])
			if err != nil {
				return err
			}
			return wal.Dump(cmd.OutOrStdout(), files, ".", wal.Describe)
		}},
	)
	return cmd
}

// objects reads files by path, or by key from a store.
type objects struct {
	store objstore.Store
}

func (c *inspectConfig) open() (*objects, error) {
	o := &objects{}
	if c.objectStore == "" {
		return o, nil
	}
	var err error
	o.store, err = objstore.OpenExisting(c.objectStore)
	return o, err
}

func (o *objects) read(ctx context.Context, name string) ([]byte, error) {
	if o.store == nil {
		return os.ReadFile(name)
	}
	return objstore.ReadAll(ctx, o.store, name)
}

func (o *objects) close() {
	if c, ok := o.store.(io.Closer); ok {
		c.Close()
	}
}
