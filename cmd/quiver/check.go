package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"quiver/storage"
	"quiver/storage/check"
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
	c, err := openStopped(ctx, cfg)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
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
	loads, err := wal.CommittedLoads(io.Discard, c.data, walDir, wal.Describe)
	if err != nil {
		for _, line := range strings.Split(strings.TrimSpace(err.Error()), "\n") {
			report(check.Finding{Kind: check.Log, Detail: line})
		}
	}
	in := check.Input{Store: c.store, Newest: c.contents.TimestampBound, Orphan: func(string) bool { return true }}
	for _, d := range c.contents.Segments {
		in.Segments = append(in.Segments, storage.CheckedSegment(c.contents.Version, d))
	}
	logged, err := storage.LoggedSegments(ctx, loads, c.contents, c.store, report)
	if err != nil {
		return wrong, orphans, err
	}
	in.Segments = append(in.Segments, logged...)
	err = check.Run(ctx, in, func(done, total int64) { bar.show("checking", done, total) }, report)
	return wrong, orphans, err
}
