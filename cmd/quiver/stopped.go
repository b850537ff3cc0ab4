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

	"quiver/catalog"
	"quiver/storage/objstore"
	"quiver/storage/vfs"
)

// stopped is a cluster that no server runs.
type stopped struct {
	data     *vfs.OS
	store    objstore.Store
	contents *catalog.Contents
	unlock   func() error
}

// openStopped reads the catalog of the cluster of a data directory, which it
// locks.
func openStopped(ctx context.Context, cfg startConfig) (_ *stopped, err error) {
	c := &stopped{}
	if c.data, c.unlock, err = lockData(cfg.data); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	mark, err := readMark(c.data)
	if err != nil {
		return nil, err
	}
	if mark == "" {
		return nil, fmt.Errorf("%s is no data directory: it has no %s", cfg.data, clusterFile)
	}
	if c.store, err = existingObjects(cfg); err != nil {
		return nil, err
	}
	bucket, err := c.store.ReadAt(ctx, clusterObject, 0, 1<<10, nil)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, objstore.ErrNotFound) {
		return nil, fmt.Errorf("object store: %w", err)
	}
	id, err := catalog.Identify(mark, string(bucket))
	if err != nil {
		return nil, err
	}
	c.contents, err = contentsOf(ctx, cfg, id.ClusterID)
	return c, err
}

func (c *stopped) close() error {
	var err error
	if s, ok := c.store.(io.Closer); ok {
		err = s.Close()
	}
	return errors.Join(err, c.unlock())
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
	answer, stop := whileAlive(answer, kv)
	defer stop()
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
