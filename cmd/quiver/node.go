package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/internal/gcroom"
	"quiver/internal/hlc"
	"quiver/internal/offheap"
	"quiver/server"
	"quiver/server/session"
	"quiver/sql/parse"
	"quiver/storage"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
	"quiver/storage/wal"
)

// Places under the data directory (docs/architecture.md).
const (
	ownDir      = "quiver"
	clusterFile = "quiver/cluster"
	lockFile    = "quiver/lock"
	walDir      = "quiver/wal"
	cacheDir    = "quiver/cache"
	etcdDir     = "etcd"
	objectsDir  = "objects"
	bucketName  = "quiver"

	clusterObject = "meta/cluster"

	parseCacheBytes   = 32 << 20
	statementBytesMax = 1 << 30
	// diskReserve is what new rows leave free of the disk.
	diskReserve = 64 << 20
	// garbageBytes is how much garbage gathers on the heap before it is collected.
	garbageBytes = 32 << 20
	stopTimeout  = 20 * time.Second
	// reachTimeout is how long etcd and the object store may take to answer at
	// start, and the lease of a server that died to run out.
	reachTimeout = 30 * time.Second
	// embeddedTimeout is how long the server's own etcd may take: it is there,
	// however slow the machine.
	embeddedTimeout = 5 * time.Minute
)

// node is everything that a running server is made of.
type node struct {
	catalog *catalog.Catalog
	engine  *storage.Engine
	server  *server.Server
	logger  *slog.Logger
	// closers end what was opened; they run last first.
	closers []func() error
}

// onClose remembers how to end something.
func (n *node) onClose(f func() error) { n.closers = append(n.closers, f) }

func (n *node) close() error {
	var errs []error
	for i := len(n.closers) - 1; i >= 0; i-- {
		errs = append(errs, n.closers[i]())
	}
	return errors.Join(errs...)
}

// run serves until ctx ends, then closes everything.
func (n *node) run(ctx context.Context) error {
	err := n.server.Serve(ctx)
	n.logger.Info("stopping")
	return errors.Join(err, n.close())
}

// openNode opens a server in order: the data directory, its owner lock, the
// object store, the catalog (which takes ownership of the cluster), the clock,
// the log, the engine (which recovers), the listener. Whatever fails closes
// what came before.
func openNode(ctx context.Context, cfg startConfig, logger *slog.Logger) (_ *node, err error) {
	n := &node{logger: logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	cores.Spread()
	keep := gcroom.Keep(garbageBytes)
	n.onClose(func() error { keep(); return nil })
	reach, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	data, err := openData(cfg.data)
	if err != nil {
		return nil, err
	}
	lock, err := data.Lock(lockFile)
	if err != nil && !errors.Is(err, vfs.ErrLocked) {
		return nil, fmt.Errorf("the data directory %s: %w", cfg.data, err)
	}
	if err != nil {
		return nil, fmt.Errorf("the data directory %s is in use by another server: %w", cfg.data, err)
	}
	n.onClose(lock.Close)
	if err := emptyCache(cfg.data); err != nil {
		return nil, err
	}

	objects, err := openObjects(reach, cfg, logger)
	if err != nil {
		return nil, err
	}
	if c, ok := objects.(io.Closer); ok {
		n.onClose(c.Close)
	}
	id, err := identify(reach, data, objects)
	if err != nil {
		return nil, err
	}
	kv, err := openKV(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	n.onClose(kv.Close)
	instance, err := instanceOf(cfg.data)
	if err != nil {
		return nil, err
	}
	answer := reach
	if len(cfg.etcd) == 0 {
		var cancel context.CancelFunc
		answer, cancel = context.WithTimeout(ctx, embeddedTimeout)
		defer cancel()
	}
	var log wal.Log
	answer, stop := whileAlive(answer, kv)
	defer stop()
	n.catalog, err = catalog.Open(answer, catalog.Options{
		KV: kv, ClusterID: id.ClusterID, Create: id.New, Instance: instance, Logger: logger,
		OnFenced: func() {
			logger.Error("another server has taken this cluster over: nothing more is committed here")
			if log != nil {
				log.Fence(catalog.ErrFenced)
			}
		},
	})
	if err != nil {
		return nil, catalogError(cfg, err)
	}
	n.onClose(func() error { return closeCatalog(n.catalog) })
	if err := settleIdentity(ctx, id, data, objects); err != nil {
		return nil, err
	}

	clock, err := hlc.NewClock(ctx, timestampBounds{n.catalog}, hlc.Options{})
	if err != nil {
		return nil, err
	}
	n.onClose(func() error { return closeClock(clock) })
	files, err := wal.OpenFiles(data, walDir, wal.FileOptions{Epoch: n.catalog.Epoch()})
	if err != nil {
		return nil, err
	}
	log = files
	n.onClose(log.Close)
	scratch, err := vfs.NewOS(filepath.Join(cfg.data, filepath.FromSlash(cacheDir)))
	if err != nil {
		return nil, err
	}
	n.engine, err = storage.Open(ctx, storage.Options{
		Catalog: n.catalog, Log: log, Objects: objects, Clock: clock, Scratch: scratch,
		Memory: offheap.New(int64(cfg.memoryBudget)), MemoryBytes: int64(cfg.memoryBudget),
		CacheBytes: int64(cfg.cacheBudget), ResidentBytes: int64(cfg.mmapBudget), SegmentBytesMax: int64(cfg.segmentMaxSize), SealAfter: cfg.sealAfter, Logger: logger,
		IndexKeys: session.IndexKeys(n.catalog), Retention: cfg.gcRetention.kept(), DiskReserve: diskReserve,
	})
	if err != nil {
		return nil, err
	}
	n.onClose(n.engine.Close)

	n.server, err = server.Listen(server.Options{
		Config: &session.Config{
			Catalog: n.catalog, Engine: n.engine, Parsed: parse.NewCache(parseCacheBytes), Logger: logger,
			TempDir:           filepath.Join(cfg.data, filepath.FromSlash(cacheDir)),
			StatementBytesMax: statementBytesMax,
			Parallel:          cores.Count(),
			Presets:           map[string]string{"quiver.gc_retention": cfg.gcRetention.String()},
		},
		Addr: cfg.listen, HTTPAddr: cfg.http, User: cfg.user, PasswordFile: cfg.passwordFile,
		ConnectionsMax: cfg.maxConnections, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	n.onClose(n.server.Close)
	return n, nil
}

// openData makes the data directory if need be.
func openData(dir string) (*vfs.OS, error) {
	for _, d := range []string{ownDir, cacheDir} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(d)), 0o700); err != nil {
			return nil, fmt.Errorf("data directory: %w", err)
		}
	}
	return vfs.NewOS(dir)
}

// emptyCache removes what an earlier process cached and spilled: none of it
// means anything to this one.
func emptyCache(dir string) error {
	cache := filepath.Join(dir, filepath.FromSlash(cacheDir))
	if err := os.RemoveAll(cache); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return os.Mkdir(cache, 0o700)
}

// openObjects opens the bucket: in S3, in a directory that was named, or in the
// data directory.
func openObjects(ctx context.Context, cfg startConfig, logger *slog.Logger) (objstore.Store, error) {
	if strings.HasPrefix(cfg.objectStore, "s3://") {
		return objstore.NewS3(ctx, cfg.objectStore)
	}
	if strings.Contains(cfg.objectStore, "://") {
		return nil, fmt.Errorf("object store %q: want a directory or s3://bucket?endpoint=HOST:PORT", cfg.objectStore)
	}
	dir := cfg.objectStore
	if dir == "" {
		dir = filepath.Join(cfg.data, objectsDir)
	}
	dir = filepath.Join(dir, bucketName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	files, err := vfs.NewOS(dir)
	if err != nil {
		return nil, err
	}
	return objstore.NewDir(files, dir), nil
}

// catalogError says where the catalog that cannot be opened is.
func catalogError(cfg startConfig, err error) error {
	if len(cfg.etcd) > 0 && errors.Is(err, catalog.ErrUnavailable) {
		return fmt.Errorf("etcd %s cannot be reached: %w", strings.Join(cfg.etcd, ","), err)
	}
	return err
}

// openKV opens the catalog's store: etcd in this process, or the cluster named.
func openKV(ctx context.Context, cfg startConfig, logger *slog.Logger) (catalog.KV, error) {
	if len(cfg.etcd) > 0 {
		return catalog.DialEtcd(cfg.etcd, logger)
	}
	return catalog.OpenEmbedded(ctx, filepath.Join(cfg.data, etcdDir), logger)
}

// whileAlive ends ctx when the server's own etcd gives up.
func whileAlive(ctx context.Context, kv catalog.KV) (context.Context, context.CancelFunc) {
	if own, ok := kv.(*catalog.EtcdKV); ok {
		return own.WhileAlive(ctx)
	}
	return context.WithCancel(ctx)
}

// instanceOf names the data directory that this process has locked: host,
// device and inode.
func instanceOf(dir string) (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", fmt.Errorf("no inode of %s", dir)
	}
	return fmt.Sprintf("%s/%d/%d", host, st.Dev, st.Ino), nil
}

// identify reads the cluster marks and, for a new cluster, writes the first two
// (catalog.Identity says in which order).
func identify(ctx context.Context, data *vfs.OS, objects objstore.Store) (catalog.Identity, error) {
	dirMark, err := readMark(data)
	if err != nil {
		return catalog.Identity{}, err
	}
	bucketMark, err := objects.ReadAt(ctx, clusterObject, 0, 1<<10, nil)
	if errors.Is(err, objstore.ErrNotFound) {
		bucketMark, err = nil, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return catalog.Identity{}, fmt.Errorf("object store: %w", err)
	}
	id, err := catalog.Identify(dirMark, string(bucketMark))
	if err != nil || !id.New {
		return id, err
	}
	if err := writeMark(data, id.Mark()); err != nil {
		return id, err
	}
	if len(bucketMark) == 0 {
		mark := catalog.Identity{ClusterID: id.ClusterID}.Mark()
		if err := objects.PutIfAbsent(ctx, clusterObject, []byte(mark)); err != nil {
			return id, fmt.Errorf("object store: %w", err)
		}
	}
	return id, nil
}

// settleIdentity says in the directory that the cluster is made.
func settleIdentity(_ context.Context, id catalog.Identity, data *vfs.OS, _ objstore.Store) error {
	if !id.New {
		return nil
	}
	return writeMark(data, catalog.Identity{ClusterID: id.ClusterID}.Mark())
}

func readMark(data *vfs.OS) (string, error) {
	f, err := data.Open(clusterFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return "", err
	}
	text := make([]byte, min(size, 1<<10))
	if _, err := f.ReadAt(text, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return string(bytes.TrimRight(text, "\x00")), nil
}

// writeMark replaces the mark whole: a temporary file, renamed.
func writeMark(data *vfs.OS, text string) error {
	const temp = clusterFile + ".tmp"
	if err := data.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := data.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), 0)
	if err == nil {
		err = f.SyncData()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := data.Rename(temp, clusterFile); err != nil {
		return err
	}
	return data.SyncDir(path.Dir(clusterFile))
}

// closeCatalog gives ownership up; an etcd that is away must not hold up the
// end for long.
func closeCatalog(c *catalog.Catalog) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return c.Close(ctx)
}

// timestampBounds keeps the clock's bound in the catalog.
type timestampBounds struct{ catalog *catalog.Catalog }

// Load implements hlc.Bounds.
func (b timestampBounds) Load(ctx context.Context) (hlc.Timestamp, error) {
	bound, err := b.catalog.TimestampBound(ctx)
	return hlc.Timestamp(bound), err
}

// Store implements hlc.Bounds.
func (b timestampBounds) Store(ctx context.Context, bound hlc.Timestamp) error {
	return b.catalog.SetTimestampBound(ctx, uint64(bound))
}

func closeClock(c *hlc.Clock) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return c.Close(ctx)
}
