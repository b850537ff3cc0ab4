package backup

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"golang.org/x/sync/errgroup"

	"quiver/storage/binlog"
	"quiver/storage/manifest"
	"quiver/storage/objstore"
)

// copiers is how many objects are copied or read at a time.
const copiers = 4

// Progress is told how far something is. Its methods may be called by any
// goroutine.
type Progress interface {
	// Total says how much there is to do in all.
	Total(objects int, bytes int64)
	// Done adds an object; fresh is false for one that was there already.
	Done(bytes int64, fresh bool)
}

// Known lists what the place has of a cluster: keys in the cluster with sizes.
func (p *Place) Known(ctx context.Context, cluster string) (map[string]int64, error) {
	prefix := objectKey(cluster, "")
	known := map[string]int64{}
	err := p.store.List(ctx, prefix, func(o objstore.ObjectInfo) error {
		known[o.Key[len(prefix):]] = o.Size
		return nil
	})
	return known, err
}

// Add copies an object of a cluster into the place and compares its checksum with
// its manifest's.
func (p *Place) Add(ctx context.Context, cluster string, from objstore.Store, file *manifest.File) error {
	return Copy(ctx, from, file.Key, p.store, objectKey(cluster, file.Key), file)
}

// Get copies an object of a backup to a key of a store.
func (p *Place) Get(ctx context.Context, d *Description, file *manifest.File, to objstore.Store, key string) error {
	return Copy(ctx, p.store, d.Key(file.Key), to, key, file)
}

// Read reads an object of a backup whole, and checks it.
func (p *Place) Read(ctx context.Context, d *Description, file *manifest.File) ([]byte, error) {
	key := d.Key(file.Key)
	b, err := p.store.ReadAt(ctx, key, 0, file.Bytes+1, nil)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, matches(key, file, int64(len(b)), crc32.Checksum(b, castagnoli))
}

// Publish stores the description: from now on the backup is there.
func (p *Place) Publish(ctx context.Context, l *Lock, d *Description) error {
	object, err := d.Encode()
	if err != nil {
		return err
	}
	if err := l.Check(ctx); err != nil {
		return err
	}
	err = p.store.PutIfAbsent(ctx, descriptionKey(d.Name), object)
	if errors.Is(err, objstore.ErrExists) {
		return fmt.Errorf("%w: %s in %s", ErrExists, d.Name, p.URL())
	}
	return err
}

// Verify reads every object of a backup and reports what is missing or damaged;
// an error ends it before all were read.
func (p *Place) Verify(ctx context.Context, d *Description, progress Progress, report func(key string, err error)) error {
	progress.Total(d.Objects, d.Bytes)
	seen := map[string]bool{}
	found := make(chan struct {
		key string
		err error
	})
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	collected := make(chan struct{})
	go func() {
		defer close(collected)
		for f := range found {
			report(f.key, f.err)
		}
	}()
	stopped := d.Files(func(file *manifest.File) error {
		if seen[file.Key] {
			return nil
		}
		seen[file.Key] = true
		g.Go(func() error {
			err := p.check(ctx, d, file)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			var corrupt *binlog.CorruptionError
			switch {
			case errors.As(err, &corrupt), errors.Is(err, objstore.ErrNotFound):
				found <- struct {
					key string
					err error
				}{d.Key(file.Key), err}
			case err != nil:
				return err
			}
			progress.Done(file.Bytes, true)
			return nil
		})
		return ctx.Err()
	})
	err := g.Wait()
	close(found)
	<-collected
	if err == nil {
		err = stopped
	}
	return err
}

func (p *Place) check(ctx context.Context, d *Description, file *manifest.File) error {
	r := objstore.NewReader(ctx, p.store, d.Key(file.Key), file.Bytes)
	n, err := io.Copy(io.Discard, r)
	if _, short := r.Short(); short {
		err = nil
	}
	if err != nil {
		return err
	}
	if info, err := p.store.Head(ctx, d.Key(file.Key)); err != nil {
		return err
	} else if info.Size != file.Bytes {
		n = info.Size
	}
	return matches(d.Key(file.Key), file, n, r.Sum())
}

// Copy copies an object from store to store and compares it with its manifest's
// word on it. What does not match is removed again, and a *binlog.CorruptionError
// that names the source.
func Copy(ctx context.Context, from objstore.Store, source string, to objstore.Store, target string, file *manifest.File) error {
	r := objstore.NewReader(ctx, from, source, file.Bytes)
	if err := to.Put(ctx, target, r, file.Bytes); err != nil {
		if n, short := r.Short(); short {
			return matches(source, file, n, r.Sum())
		}
		return err
	}
	if err := matches(source, file, file.Bytes, r.Sum()); err != nil {
		return errors.Join(err, to.Delete(context.WithoutCancel(ctx), target))
	}
	return nil
}

// matches compares what was read with what a manifest says.
func matches(key string, file *manifest.File, size int64, crc uint32) error {
	switch {
	case size != file.Bytes:
		return &binlog.CorruptionError{Object: key, Offset: min(size, file.Bytes), Reason: fmt.Sprintf("object has %d bytes, the manifest says %d", size, file.Bytes)}
	case crc != file.CRC:
		return &binlog.CorruptionError{Object: key, Reason: fmt.Sprintf("object has checksum %08x, the manifest says %08x", crc, file.CRC)}
	}
	return nil
}
