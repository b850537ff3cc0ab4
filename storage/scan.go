package storage

import (
	"context"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/types"
)

// scanPlan is what the scanners of one Scan share: the units to read, taken
// one after the other by whoever is free.
type scanPlan struct {
	s      *snapshot
	spec   ScanSpec
	schema *scanSchema
	units  []unit
	next   atomic.Int64
	ahead  []catalog.FieldID // see fieldsAhead
	// scanners are those that are not closed; the last one ends reading, which the
	// first in need of it begins.
	scanners atomic.Int32
	begin    sync.Once
	reading  *readAhead
	// segments and pruned are counted while planning.
	segments, pruned int64
}

// unit is a run of rows of one group of one segment.
type unit struct {
	src        source
	table      catalog.StorageID
	own        bool
	start, end int
	expired    hlc.Timestamp // rows up to then are past their time
	partition  *catalog.Partition
	// positions are the only rows asked for, ascending; nil for all.
	positions []int
	// judged and pruned are set by a readAhead: whether the filter leaves out the unit.
	judged, pruned bool
}

// Scan reads one table.
func (s *snapshot) Scan(ctx context.Context, spec ScanSpec) (Scanner, error) {
	p, err := s.plan(ctx, spec)
	if err != nil {
		return nil, err
	}
	return p.newScanners(1)[0], nil
}

// ScanParallel splits the scan by units: each scanner takes the next one.
func (s *snapshot) ScanParallel(ctx context.Context, spec ScanSpec, n int) ([]Scanner, error) {
	p, err := s.plan(ctx, spec)
	if err != nil {
		return nil, err
	}
	return p.newScanners(n), nil
}

// newScanners returns at most n scanners of the plan, one at least.
func (p *scanPlan) newScanners(n int) []Scanner {
	n = max(1, min(n, len(p.units)))
	list := make([]Scanner, n)
	for i := range list {
		list[i] = newScanner(p, i == 0)
	}
	p.scanners.Store(int32(n))
	return list
}

// closeScanner ends what reads ahead with the last scanner.
func (p *scanPlan) closeScanner() {
	if p.scanners.Add(-1) > 0 {
		return
	}
	p.begin.Do(func() {}) // not any more
	if p.reading != nil {
		p.reading.close()
	}
}

// readAhead is what works ahead of the scanners, once they are at a unit; nil if
// nothing does.
func (p *scanPlan) readAhead(unit int) *readAhead {
	if unit < readAheadFrom {
		return nil
	}
	p.begin.Do(func() { p.reading = newReadAhead(p) })
	return p.reading
}

// hasOwn says whether units are of rows that the transaction wrote itself.
func (p *scanPlan) hasOwn() bool {
	return slices.ContainsFunc(p.units, func(u unit) bool { return u.own })
}

func (s *snapshot) plan(ctx context.Context, spec ScanSpec) (*scanPlan, error) {
	p := &scanPlan{s: s, spec: spec}
	var err error
	if p.schema, err = newScanSchema(spec); err != nil {
		return nil, err
	}
	p.ahead = p.fieldsAhead()
	for _, part := range s.partitions(spec) {
		expired, err := s.reads(spec.Table, part)
		if err != nil {
			return nil, err
		}
		for shard := range max(spec.Table.Shards, 1) {
			if spec.Key != nil && shard != shardOf(keyHash(spec.Key), spec.Table) {
				continue
			}
			from := len(p.units)
			if err := p.addShard(ctx, shardKey{part.Storage, shard}, expired); err != nil {
				return nil, err
			}
			for i := range p.units[from:] {
				p.units[from+i].partition = part
			}
		}
	}
	return p, nil
}

func (s *snapshot) partitions(spec ScanSpec) []*catalog.Partition {
	if spec.Partitions == nil {
		return s.t.catalog.Partitions(spec.Table.OID)
	}
	some := make([]*catalog.Partition, 0, len(spec.Partitions))
	for _, oid := range spec.Partitions {
		if p := s.t.catalog.Partition(oid); p != nil && p.Table == spec.Table.OID {
			some = append(some, p)
		}
	}
	if spec.WithRowID {
		s.t.near.scanned(spec.Table.OID, some)
	}
	return some
}

func (p *scanPlan) addShard(ctx context.Context, key shardKey, expired hlc.Timestamp) error {
	v, err := p.s.pin(p.spec.Table, key)
	if err != nil {
		return err
	}
	if v != nil {
		err := v.sources(func(src source) (bool, error) {
			return true, p.addSource(ctx, src, src.limit(p.s.time.at), expired, false)
		})
		if err != nil {
			return err
		}
	}
	return p.s.own.sources(key, func(src source, rows int, private bool) error { return p.addSource(ctx, src, rows, 0, private) })
}

// prune says whether the filter leaves out a whole segment, and counts it.
func (p *scanPlan) prune(ctx context.Context, src source, own bool) (bool, error) {
	if p.spec.Filter == nil || own {
		return false, nil
	}
	may, err := p.mayMatch(ctx, src, -1)
	if err != nil || may {
		return false, err
	}
	p.pruned++
	return true, nil
}

func (p *scanPlan) addSource(ctx context.Context, src source, limit int, expired hlc.Timestamp, own bool) error {
	begin := src.begin(expired)
	if begin >= limit && !(p.spec.RowIDs != nil && p.spec.AnyVersion) {
		return nil
	}
	p.segments++
	switch {
	case p.spec.RowIDs != nil:
		return p.addRows(ctx, src, limit, expired, own)
	case p.spec.Key != nil:
		return p.addKey(ctx, src, limit, expired, own)
	}
	if pruned, err := p.prune(ctx, src, own); pruned || err != nil {
		return err
	}
	for start := begin; start < limit; {
		_, end := src.group(start)
		end = min(end, limit)
		p.units = append(p.units, unit{src: src, own: own, start: start, end: end, expired: expired, table: p.spec.Table.Storage})
		start = end
	}
	return nil
}

// prunes says whether the filter leaves out a unit, by the statistics of its group.
func (p *scanPlan) prunes(ctx context.Context, u *unit) (bool, error) {
	if u.judged {
		return u.pruned, nil
	}
	if p.spec.Filter == nil || u.own || u.positions != nil {
		return false, nil
	}
	may, err := p.mayMatch(ctx, u.src, u.start)
	return !may && err == nil, err
}

// mayMatch says whether the filter can keep a row of the group at start, or of
// the whole segment if start < 0.
func (p *scanPlan) mayMatch(ctx context.Context, src source, start int) (bool, error) {
	var held []*ColumnStats
	defer func() {
		for _, s := range held {
			s.release()
		}
	}()
	var failed error
	may := p.spec.Filter.MayMatch(func(field catalog.FieldID) *ColumnStats {
		c := columnOf(p.spec.Table, field)
		if c == nil || failed != nil {
			return nil
		}
		s, err := src.stats(ctx, field, storageType(c), start)
		if s != nil {
			s.fromStorage(c.Type)
		} else if err == nil {
			s, err = formerStats(ctx, src, c, start)
		}
		if err != nil {
			failed = err
		}
		if s != nil {
			held = append(held, s)
		}
		return s
	})
	return may, failed
}

// fromStorage turns bounds of a column of type t into what filters compare.
func (s *ColumnStats) fromStorage(t types.T) {
	for _, bound := range []*arrow.Array{&s.Min, &s.Max} {
		if stored := *bound; stored != nil {
			*bound = t.FromStorage(stored, memory.DefaultAllocator)
			stored.Release()
		}
	}
}

func (s *ColumnStats) release() {
	if s.Min != nil {
		s.Min.Release()
	}
	if s.Max != nil {
		s.Max.Release()
	}
}

func (p *scanPlan) addKey(ctx context.Context, src source, limit int, expired hlc.Timestamp, own bool) error {
	var positions []int
	err := src.eachKey(ctx, keyHash(p.spec.Key), p.spec.Key, func(pos int) (bool, error) {
		if pos < limit {
			positions = append(positions, pos)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	p.addPositions(src, positions, expired, own)
	return nil
}

func (p *scanPlan) addRows(ctx context.Context, src source, limit int, expired hlc.Timestamp, own bool) error {
	var positions []int
	for _, id := range p.spec.RowIDs {
		pos, err := src.findRow(ctx, uint64(id))
		if err != nil {
			return err
		}
		if pos >= 0 && (pos < limit || p.spec.AnyVersion) {
			positions = append(positions, pos)
		}
	}
	p.addPositions(src, positions, expired, own)
	return nil
}

// addPositions makes units of single rows: one a group that has any.
func (p *scanPlan) addPositions(src source, positions []int, expired hlc.Timestamp, own bool) {
	sort.Ints(positions)
	for i := 0; i < len(positions); {
		_, end := src.group(positions[i])
		j := i + 1
		for j < len(positions) && positions[j] < end {
			j++
		}
		p.units = append(p.units, unit{
			src: src, own: own, start: positions[i], end: positions[j-1] + 1,
			positions: positions[i:j], expired: expired, table: p.spec.Table.Storage,
		})
		i = j
	}
}
