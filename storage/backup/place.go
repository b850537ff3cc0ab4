package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"quiver/storage/objstore"
)

// Place is where backups lie. It is safe for concurrent use.
type Place struct {
	store objstore.Store
}

// Open opens the place of a URL (objstore.OpenPlace); create makes it if need be.
func Open(ctx context.Context, url string, create bool) (*Place, error) {
	s, err := objstore.OpenPlace(ctx, url, create)
	if err != nil {
		return nil, err
	}
	return &Place{s}, nil
}

// In makes a place of a store.
func In(store objstore.Store) *Place { return &Place{store} }

// Close closes the store behind the place.
func (p *Place) Close() error {
	if c, ok := p.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// URL names the place, without credentials.
func (p *Place) URL() string { return p.store.URL() }

// Names lists the backups by name.
func (p *Place) Names(ctx context.Context) (names []string, err error) {
	err = p.store.List(ctx, descriptions, func(o objstore.ObjectInfo) error {
		names = append(names, strings.TrimPrefix(o.Key, descriptions))
		return nil
	})
	return names, err
}

// Describe reads the description of a backup.
func (p *Place) Describe(ctx context.Context, name string) (*Description, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	object, err := objstore.ReadAll(ctx, p.store, descriptionKey(name))
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, fmt.Errorf("%w: %s in %s", ErrNoBackup, name, p.URL())
	}
	if err != nil {
		return nil, err
	}
	return Decode(descriptionKey(name), object)
}

// Newest reads the description of the backup with the latest timestamp.
func (p *Place) Newest(ctx context.Context) (newest *Description, err error) {
	all, err := p.All(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if newest == nil || d.Timestamp > newest.Timestamp {
			newest = d
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("%w: %s has none", ErrNoBackup, p.URL())
	}
	return newest, nil
}

// All reads every description, in the order of the names.
func (p *Place) All(ctx context.Context) ([]*Description, error) {
	names, err := p.Names(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*Description, len(names))
	for i, name := range names {
		if out[i], err = p.Describe(ctx, name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Delete deletes a backup and the objects that no other one needs.
func (p *Place) Delete(ctx context.Context, l *Lock, name string) error {
	// A description that cannot be read can be deleted, too.
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := p.store.Head(ctx, descriptionKey(name)); errors.Is(err, objstore.ErrNotFound) {
		return fmt.Errorf("%w: %s in %s", ErrNoBackup, name, p.URL())
	} else if err != nil {
		return err
	}
	if err := l.Check(ctx); err != nil {
		return err
	}
	if err := p.store.Delete(ctx, descriptionKey(name)); err != nil {
		return err
	}
	_, err := p.Collect(ctx, l)
	return err
}

// Collect removes the objects that no backup needs and returns how many there
// were.
func (p *Place) Collect(ctx context.Context, l *Lock) (removed int, err error) {
	all, err := p.All(ctx)
	if err != nil {
		return 0, fmt.Errorf("what backups need is not known: %w", err)
	}
	needed := map[string]bool{}
	for _, d := range all {
		d.each(func(key string) { needed[key] = true })
	}
	var stale []string
	err = p.store.List(ctx, "objects/", func(o objstore.ObjectInfo) error {
		if !needed[o.Key] {
			stale = append(stale, o.Key)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	if err := l.Check(ctx); err != nil {
		return 0, err
	}
	for i, key := range stale {
		if err := p.store.Delete(ctx, key); err != nil {
			return i, err
		}
	}
	if d, ok := p.store.(interface{ ClearLeftovers() error }); ok {
		return len(stale), d.ClearLeftovers()
	}
	return len(stale), nil
}

// each calls f with the key of every object in the place.
func (d *Description) each(f func(key string)) {
	for i := range d.Segments {
		for j := range d.Segments[i].Manifest.Files {
			f(d.Key(d.Segments[i].Manifest.Files[j].Key))
		}
	}
}
