package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"quiver/storage/backup"
	"quiver/storage/binlog"
	"quiver/storage/deltalog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
	"quiver/vector"
	"quiver/vector/ivf"
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
		Use:   "inspect FILE…",
		Short: "Print and check the files of a server",
		Long: "Print and check files (docs/formats), whatever they are: they say so in their first\n" +
			"bytes. An object is named by its path, or by its key together with --object-store; a\n" +
			"directory is that of the write-ahead log. A file whose beginning is damaged is looked\n" +
			"at by the command of its kind.",
		Args:              cobra.MinimumNArgs(1),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
	}
	f := cmd.PersistentFlags()
	f.StringVar(&cfg.objectStore, "object-store", "", "the bucket's directory, or s3://bucket?endpoint=HOST:PORT: objects are named by key")
	f.IntVar(&cfg.rows, "rows", 10, "how many rows of each event, or entries of each part, to print")
	object := func(dump dumpFunc) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			o, err := cfg.open()
			if err != nil {
				return err
			}
			defer o.close()
			var errs []error
			for _, name := range args {
				errs = append(errs, o.dump(cmd.Context(), cmd.OutOrStdout(), name, dump))
			}
			return errors.Join(errs...)
		}
	}
	cmd.RunE = object(nil)
	for _, k := range fileKinds {
		cmd.AddCommand(&cobra.Command{Use: k.name + " FILE…", Short: k.short, Args: cobra.MinimumNArgs(1), RunE: object(k.dump)})
	}
	cmd.AddCommand(
		&cobra.Command{Use: "wal DIR", Short: "The write-ahead log (DATA/quiver/wal)", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return dumpLog(cmd.OutOrStdout(), args[0])
		}},
		inspectCatalogCommand(),
	)
	return cmd
}

// inspectCatalogCommand prints the catalog of a server that does not run.
func inspectCatalogCommand() *cobra.Command {
	cfg := startConfig{}
	cmd := &cobra.Command{
		Use: "catalog", Short: "The catalog of a server that does not run", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			cfg.objectStore = cmd.Flag("object-store").Value.String()
			c, err := openStopped(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, c.close()) }()
			return c.contents.Dump(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&cfg.data, "data", "./data", "the data directory")
	cmd.Flags().StringSliceVar(&cfg.etcd, "etcd", nil, "the etcd cluster of the catalog, HOST:PORT,… (embedded by default)")
	return cmd
}

// dumpFunc prints one file and checks it.
type dumpFunc func(ctx context.Context, w io.Writer, name string, b []byte, o *objects) error

// fileKinds are the kinds of files that are told apart by their first bytes.
var fileKinds = []struct {
	name, short string
	magic       []string
	dump        dumpFunc
}{
	{"deltas", "A delta log, stats log or run", []string{binlog.Magic}, func(_ context.Context, w io.Writer, name string, b []byte, o *objects) error {
		return deltalog.Dump(w, name, b, o.rows)
	}},
	{"binlog", "A file of columns", nil, func(_ context.Context, w io.Writer, name string, b []byte, o *objects) error {
		return binlog.Dump(w, name, b, binlog.DumpOptions{Rows: o.rows})
	}},
	{"manifest", "The list of a segment's files, compared with them if --object-store is given", []string{manifest.Magic}, dumpManifest},
	{"index", "A part of a vector index", []string{vector.PartMagic, ivf.PartMagic}, dumpPart},
	{"backup", "The description of a backup (backups/NAME)", []string{backup.Magic}, func(_ context.Context, w io.Writer, name string, b []byte, _ *objects) error {
		return backup.Dump(w, name, b)
	}},
	{"log", "One file of the write-ahead log", []string{wal.Magic}, func(_ context.Context, w io.Writer, name string, b []byte, _ *objects) error {
		return wal.DumpFile(w, name, b, wal.Describe)
	}},
}

func dumpManifest(ctx context.Context, w io.Writer, name string, b []byte, o *objects) error {
	if o.store == nil {
		return manifest.Dump(w, name, b, nil)
	}
	return manifest.Dump(w, name, b, func(key string) ([]byte, error) { return o.read(ctx, key) })
}

// dumpPart prints a part of a vector index; lists are compared with their
// centroids, which lie beside them.
func dumpPart(ctx context.Context, w io.Writer, name string, b []byte, o *objects) error {
	if !bytes.HasPrefix(b, []byte(ivf.PartMagic)) {
		return vector.DumpPart(w, name, b, o.rows)
	}
	beside, err := o.beside(ctx, name, "centroids")
	if err != nil {
		return err
	}
	return ivf.DumpPart(w, name, b, o.rows, beside...)
}

// dumpLog prints the write-ahead log of a directory.
func dumpLog(w io.Writer, dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err // NewOS would make it
	}
	files, err := vfs.NewOS(dir)
	if err != nil {
		return err
	}
	return wal.Dump(w, files, ".", wal.Describe)
}

// objects reads files by path, or by key from a store.
type objects struct {
	store objstore.Store
	rows  int
}

func (c *inspectConfig) open() (*objects, error) {
	o := &objects{rows: c.rows}
	if c.objectStore == "" {
		return o, nil
	}
	var err error
	o.store, err = objstore.OpenExisting(c.objectStore)
	return o, err
}

// dump prints a file by dump or, if that is nil, as what its first bytes say it is.
func (o *objects) dump(ctx context.Context, w io.Writer, name string, dump dumpFunc) error {
	if o.store == nil && dump == nil {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			return dumpLog(w, name)
		}
	}
	b, err := o.read(ctx, name)
	if err != nil {
		return err
	}
	if dump == nil {
		dump = kindOf(name, b)
	}
	if dump == nil {
		return fmt.Errorf("%s begins as no file of a server does; name what it is: quiver inspect binlog %s", name, name)
	}
	return dump(ctx, w, name, b, o)
}

// kindOf finds out what a file is; nil if it cannot.
func kindOf(name string, b []byte) dumpFunc {
	for _, k := range fileKinds {
		for _, magic := range k.magic {
			if bytes.HasPrefix(b, []byte(magic)) {
				return k.dump
			}
		}
	}
	if strings.HasPrefix(path.Base(name), "interim-") && len(b) == 1 {
		return func(_ context.Context, w io.Writer, name string, _ []byte, _ *objects) error {
			_, err := fmt.Fprintf(w, "mark %s: the vector index beside it was grown and is to be replaced\n", name)
			return err
		}
	}
	return nil
}

// beside reads the parts of a name that lie where the part name does; of those
// that cannot be read there are none.
func (o *objects) beside(ctx context.Context, name, part string) (parts [][]byte, err error) {
	var names []string
	if o.store == nil {
		if names, err = filepath.Glob(filepath.Join(filepath.Dir(name), part+"-*")); err != nil {
			return nil, nil // a directory that reads as a pattern
		}
	} else {
		err = o.store.List(ctx, path.Dir(name)+"/"+part+"-", func(i objstore.ObjectInfo) error {
			names = append(names, i.Key)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, n := range names {
		if b, err := o.read(ctx, n); err == nil {
			parts = append(parts, b)
		}
	}
	return parts, nil
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
