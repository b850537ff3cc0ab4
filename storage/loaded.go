package storage

import (
	"context"
	"fmt"
	"slices"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/storage/manifest"
	"quiver/storage/wal"
)

// privateLoad is a segment that a bulk load wrote, of a transaction that has not
// ended. The segment is nil in recovery, which opens it when its commit was read.
type privateLoad struct {
	first   RowID
	key     string // of its manifest
	f       *flushedSegment
	gone    bool // rolled back
	applied bool // a shard has it
}

func (p *privateWrites) addLoad(t wal.Target, l *privateLoad) {
	s := p.shard(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.loads) == 0 {
		p.loading = append(p.loading, s)
	}
	s.loads = append(s.loads, l)
}

// own are the segments of loads that were not rolled back.
func (s *privateShard) own() (list []*flushedSegment) {
	for _, l := range s.loads {
		if !l.gone {
			list = append(list, l.f)
		}
	}
	return list
}

// endLoads gives up the loads' segments, those that no shard has with their
// objects if the outcome is sure.
func (p *privateWrites) endLoads() {
	for _, s := range p.order {
		for _, l := range s.loads {
			switch {
			case l.f == nil:
			case l.gone:
				p.e.abandon(l.f)
			default:
				l.f.release()
			}
		}
		s.loads = nil
	}
	for _, end := range p.loadEnds {
		end()
	}
	p.loadEnds, p.loading = nil, nil
}

// undoLoads takes back the loads with row ids from first on. Their segments stay
// until the transaction ends: a cursor may read them.
func (p *privateWrites) undoLoads(first RowID) {
	for _, s := range p.order {
		for _, l := range s.loads {
			l.gone = l.gone || l.first >= first
		}
	}
}

// deletesOf says whether the transaction has deleted committed rows of a table.
func (p *privateWrites) deletesOf(table catalog.StorageID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.own[table].len() > 0
}

// findLoaded looks for an own row that a load brought.
func (p *privateWrites) findLoaded(ctx context.Context, table catalog.StorageID, row RowID) (*privateShard, *flushedSegment, int, error) {
	for _, s := range p.loading {
		if s.target.TableStorage != uint64(table) {
			continue
		}
		for _, f := range s.own() {
			if pos, err := f.FindRow(ctx, uint64(row)); pos >= 0 || err != nil {
				return s, f, pos, err
			}
		}
	}
	return nil, nil, -1, nil
}

// aliveLoaded looks for an own live row with a key that a load brought to a shard.
func (p *privateWrites) aliveLoaded(ctx context.Context, key shardKey, table catalog.StorageID, k []byte) (RowID, error) {
	s := p.shards[key]
	if s == nil {
		return 0, nil
	}
	for _, f := range s.own() {
		positions, err := f.FindKey(ctx, k, nil)
		if err != nil {
			return 0, err
		}
		for _, pos := range positions {
			id, err := f.rowID(ctx, int(pos))
			if err != nil {
				return 0, err
			}
			if !p.deleted(table, RowID(id)) {
				return RowID(id), nil
			}
		}
	}
	return 0, nil
}

// applyLoads gives a shard what loads brought to it, committed at at.
func (p *privateWrites) applyLoads(ctx context.Context, s *shard, loads []*privateLoad, at hlc.Timestamp) error {
	var added []*flushedSegment
	for _, l := range loads {
		if l.gone {
			continue
		}
		if l.f == nil {
			k, ok := manifest.ParseKey(l.key)
			if !ok {
				return fmt.Errorf("storage: the log names the manifest %q", l.key)
			}
			if slices.ContainsFunc(s.view.objects(), func(f *flushedSegment) bool { return f.id() == k.ID }) {
				s.half = true
				continue
			}
			var err error
			if l.f, err = p.e.openManifest(ctx, l.key); err != nil {
				return err
			}
		}
		m := *l.f.Manifest
		m.MinTimestamp, m.MaxTimestamp = uint64(at), uint64(at)
		l.f.Stamp(&m)
		l.f.state.Store(descriptorOf(&m, l.key))
		added, l.applied = append(added, l.f), true
	}
	if len(added) > 0 {
		s.changeAll(s.view.memory, slices.Concat(s.view.loaded, added), s.view.flushed, 0)
		p.e.wake() // the flush that lists them
	}
	return nil
}

// openManifest opens a segment that the catalog does not list.
func (e *Engine) openManifest(ctx context.Context, key string) (*flushedSegment, error) {
	return e.openSegment(ctx, &catalog.Segment{Manifest: key})
}

// abandon removes the objects of a segment that nothing names, once nobody reads
// it, and gives up a reference to it.
func (e *Engine) abandon(f *flushedSegment) {
	e.discard(f)
	f.release()
}

// loadsPerChange keeps the catalog's changes within their limit.
const loadsPerChange = catalog.SegmentChangeMax / 2

// listing is a segment of a bulk load on its way into the catalog: with a manifest
// that says when it was committed.
type listing struct {
	f          *flushedSegment
	manifest   *manifest.Manifest
	descriptor *catalog.Segment
}

// list puts the manifests of the segments that bulk loads brought. If they are too
// many for one change of the catalog all but some are listed by changes of their
// own: a start that finds listed what the log names still flushes the shard before
// anything else is done to it.
func (f *flush) list(ctx context.Context) error {
	for _, l := range f.loaded {
		if l.descriptor().Revision != 0 {
			continue // by a flush that failed then
		}
		if len(f.listings) == loadsPerChange {
			if err := f.e.catalog.CommitSegments(f.e.background, catalog.SegmentChange{Put: f.listed()}); err != nil {
				return err
			}
			f.endListings()
		}
		m := *l.Current()
		m.DeltaPosition = f.position
		key, err := f.e.putManifest(ctx, &m)
		if err != nil {
			return err
		}
		f.listings = append(f.listings, listing{l, &m, descriptorOf(&m, key)})
	}
	return nil
}

// listed are the descriptors that the next change of the catalog puts.
func (f *flush) listed() (put []*catalog.Segment) {
	for _, l := range f.listings {
		put = append(put, l.descriptor)
	}
	return put
}

// endListings goes over to the manifests that the catalog names.
func (f *flush) endListings() {
	for _, l := range f.listings {
		old := l.f.descriptor()
		l.f.state.Store(l.descriptor)
		l.f.Install(l.manifest)
		f.e.removeLater(old, nil, nil)
	}
	f.listings = nil
}
