package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quiver/executor"
)

// startConfig is what `quiver start` is told.
type startConfig struct {
	data, listen, http string
	etcd               []string
	objectStore        string
	user, passwordFile string
	memoryBudget       byteSize
	gcRetention        retention
	cacheBudget        byteSize
	mmapBudget         byteSize
	segmentMaxSize     byteSize
	sealAfter          time.Duration
	maxConnections     int
}

const (
	// memoryBytesLeast is for a small table; with less an INSERT of a few thousand
	// rows ends with 53200.
	memoryBytesLeast = 16 << 20
	cacheBytesLeast  = 1 << 20
)

// checkBounds refuses values that no server can work with.
func (c *startConfig) checkBounds() error {
	switch {
	case c.maxConnections < 1:
		return fmt.Errorf("--max-connections %d: want at least 1", c.maxConnections)
	case c.sealAfter <= 0:
		return fmt.Errorf("--seal-after %s: want a duration above 0", c.sealAfter)
	case c.segmentMaxSize < executor.SegmentBytesLeast || c.segmentMaxSize > executor.SegmentBytesMost:
		least, most := byteSize(executor.SegmentBytesLeast), byteSize(executor.SegmentBytesMost)
		return fmt.Errorf("--segment-max-size %s: want %s to %s", &c.segmentMaxSize, &least, &most)
	case c.memoryBudget < memoryBytesLeast:
		least := byteSize(memoryBytesLeast)
		return fmt.Errorf("--memory-budget %s: want at least %s", &c.memoryBudget, &least)
	case c.cacheBudget < cacheBytesLeast:
		least := byteSize(cacheBytesLeast)
		return fmt.Errorf("--cache-budget %s: want at least %s", &c.cacheBudget, &least)
	}
	return nil
}

func startCommand() *cobra.Command {
	cfg := startConfig{memoryBudget: 1 << 30, gcRetention: retention(10 * time.Minute), cacheBudget: 8 << 30, segmentMaxSize: 512 << 20}
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the server",
		Long: "Start the server. It logs a line with \"ready\" once it accepts connections and stops\n" +
			"cleanly on SIGTERM. Each flag can be given as a variable: --object-store as\n" +
			"QUIVER_OBJECT_STORE.",
		Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			began := time.Now()
			if err := cfg.checkBounds(); err != nil {
				return err
			}
			logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
			n, err := openNode(cmd.Context(), cfg, logger)
			if err != nil {
				return err
			}
			logger.Info("ready", "listen", n.server.Addr().String(), "data", cfg.data,
				"cluster", n.catalog.ClusterID(), "after", time.Since(began).Round(time.Millisecond))
			return n.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.data, "data", "./data", "directory of the log, the cache and, by default, the catalog and the objects")
	f.StringVar(&cfg.listen, "listen", "127.0.0.1:5433", "address of the Postgres wire")
	f.StringVar(&cfg.http, "http", "", "address of the side port: /healthz, /readyz, /debug/pprof/ (off by default)")
	f.StringSliceVar(&cfg.etcd, "etcd", nil, "keep the catalog in this etcd cluster, HOST:PORT,… (embedded by default)")
	f.StringVar(&cfg.objectStore, "object-store", "", "a directory, or s3://bucket?endpoint=HOST:PORT (DATA/objects by default)")
	f.StringVar(&cfg.user, "user", "postgres", "the user's name")
	f.StringVar(&cfg.passwordFile, "password-file", "", "file with the user's password: SCRAM-SHA-256 everywhere (without it, trust on loopback alone)")
	f.IntVar(&cfg.maxConnections, "max-connections", 1000, "the most concurrent clients")
	f.Var(&cfg.memoryBudget, "memory-budget", "bytes of memory off the Go heap: growing segments, sorts, hash tables")
	f.Var(&cfg.gcRetention, "gc-retention", "how long versions are kept that only reads of the past need: 10min, 1d, 0")
	f.Var(&cfg.cacheBudget, "cache-budget", "bytes of local copies of a remote object store's files")
	f.Var(&cfg.mmapBudget, "mmap-budget", "bytes of mapped files in the process's resident memory (by default the system decides)")
	f.Var(&cfg.segmentMaxSize, "segment-max-size", "size at which a segment is sealed, where the table does not say")
	f.DurationVar(&cfg.sealAfter, "seal-after", 10*time.Minute, "age at which a growing segment is sealed and flushed")
	return cmd
}
