package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"quiver/catalog"
	"quiver/storage"
	"quiver/storage/check"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// checkCommand is `quiver check`.
func checkCommand() *cobra.Command {
	cfg := startConfig{}
	var quiet bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Verify the data of a server that does not run",
		Long: "Verify every object of a cluster against its catalog, and the write-ahead log, while no\n" +
			"server runs; a server that does answers SELECT * FROM quiver.check(). A line is printed\n" +
			"for everything that is wrong. The exit status is 1 if anything is damaged or missing;\n" +
			"orphans, which a server removes by itself, are printed and do not count.",
		Args:    cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			bar := newBar(os.Stderr, quiet)
			wrong, orphans, err := checkData(cmd.Context(), cfg, bar, cmd.OutOrStdout())
			bar.end()
			if err != nil {
				return err
			}
			if wrong > 0 {
				return fmt.Errorf("%d things are wrong with %s", wrong, cfg.data)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "nothing is wrong; %d orphans\n", orphans)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.data, "data", "./data", "the data directory")
	f.StringSliceVar(&cfg.etcd, "etcd", nil, "the etcd cluster of the catalog, HOST:PORT,… (embedded by default)")
	f.StringVar(&cfg.objectStore, "object-store", "", "a directory, or s3://bucket?endpoint=HOST:PORT (DATA/objects by default)")
	f.BoolVar(&quiet, "quiet", false, "show no progress")
	return cmd
}

// checkData prints what is wrong and counts it.
func checkData(ctx context.Context, cfg startConfig, bar *bar, out io.Writer) (wrong, orphans int, err error) {
	data, unlock, err := lockData(cfg.data)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	mark, err := readMark(data)
	if err != nil {
		return 0, 0, err
	}
	if mark == "" {
		return 0, 0, fmt.Errorf("%s is no data directory: it has no %s", cfg.data, clusterFile)
	}
	store, err := existingObjects(cfg)
	if err != nil {
		return 0, 0, err
	}
	if c, ok := store.(io.Closer); ok {
		defer c.Close()
	}
	bucket, err := store.ReadAt(ctx, clusterObject, 0, 1<<10, nil)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, objstore.ErrNotFound) {
		return 0, 0, fmt.Errorf("object store: %w", err)
	}
	id, err := catalog.Identify(mark, string(bucket))
	if err != nil {
		return 0, 0, err
	}
	contents, err := contentsOf(ctx, cfg, id.ClusterID)
	if err != nil {
		return 0, 0, err
	}
	report := func(f check.Finding) {
		bar.clear()
		what := f.Kind
		for _, s := range []string{f.Object, f.Table, f.Detail} {
			if s != "" {
				what += ": " + s
			}
		}
		fmt.Fprintln(out, what)
		if f.Kind == check.Orphan || f.Kind == check.NoTable {
			orphans++
		} else {
			wrong++
		}
	}
	if err := wal.Dump(io.Discard, data, walDir, wal.Describe); err != nil {
		for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
			report(check.Finding{Kind: check.Log, Detail: line})
		}
	}
	in := check.Input{Store: store, Newest: contents.TimestampBound, Orphan: func(string) bool { return true }}
	for _, d := range contents.Segments {
		in.Segments = append(in.Segments, check.Segment{Descriptor: d, Table: storage.TableWords(contents.Version, d)})
	}
	err = check.Run(ctx, in, func(done, total int64) { bar.show("checking", done, total) }, report)
	return wrong, orphans, err
}

// lockData opens a data directory that no server uses.
func lockData(dir string) (*vfs.OS, func() error, error) {
	if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(ownDir))); err != nil || !info.IsDir() {
		return nil, nil, fmt.Errorf("%s is no data directory: it has no directory %s", dir, ownDir)
	}
	data, err := vfs.NewOS(dir)
	if err != nil {
		return nil, nil, err
	}
	lock, err := data.Lock(lockFile)
	if errors.Is(err, vfs.ErrLocked) {
		return nil, nil, fmt.Errorf("a server runs on %s: ask it by SELECT * FROM quiver.check(): %w", dir, err)
	}
	if err != nil {
		return nil, nil, err
	}
	return data, lock.Close, nil
}

// existingObjects opens the bucket without making or probing it.
func existingObjects(cfg startConfig) (objstore.Store, error) {
	if strings.HasPrefix(cfg.objectStore, "s3:") {
		return objstore.OpenExisting(cfg.objectStore)
	}
	dir := cfg.objectStore
	if dir == "" {
		dir = filepath.Join(cfg.data, objectsDir)
	}
	return objstore.OpenExisting(filepath.Join(dir, bucketName))
}

// contentsOf reads the catalog of a cluster that no server runs.
func contentsOf(ctx context.Context, cfg startConfig, cluster string) (*catalog.Contents, error) {
	instance, err := instanceOf(cfg.data)
	if err != nil {
		return nil, err
	}
	kv, err := openKV(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer kv.Close()
	answer, cancel := context.WithTimeout(ctx, embeddedTimeout)
	if len(cfg.etcd) > 0 {
		answer, cancel = context.WithTimeout(ctx, reachTimeout)
	}
	defer cancel()
	// Whoever has the directory's lock has its own etcd, too.
	c, err := catalog.Inspect(answer, kv, cluster, func(owner string) bool { return len(cfg.etcd) == 0 || owner == instance })
	if errors.Is(err, catalog.ErrOwned) {
		err = fmt.Errorf("a server runs on this cluster: ask it by SELECT * FROM quiver.check(): %w", err)
	}
	if err != nil {
		return nil, catalogError(cfg, err)
	}
	return c, nil
}
