package lock

import (
	"cmp"
	"slices"
	"time"
)

// Held is a lock that is held or waited for, as pg_locks shows it.
type Held struct {
	// Owner is the tag of whoever holds the lock or waits for it.
	Owner uint64
	// Table is what is locked; 0 for a row or key, of which only waits are
	// listed.
	Table   uint32
	Mode    Mode
	Granted bool
	// Since is when the wait began.
	Since time.Time
	// WaitsFor are the tags of the owners in the way.
	WaitsFor []uint64
}

// List tells the table locks and the waits of the moment.
func (m *Manager) List() []Held {
	var list []Held
	for i := range m.shards {
		list = m.shards[i].list(m, list)
	}
	slices.SortFunc(list, func(a, b Held) int {
		if a.Owner != b.Owner {
			return cmp.Compare(a.Owner, b.Owner)
		}
		if a.Table != b.Table {
			return cmp.Compare(a.Table, b.Table)
		}
		return cmp.Compare(a.Mode, b.Mode)
	})
	return list
}

func (s *shard) list(m *Manager, list []Held) []Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	granted := func(r Resource, o *Owner, held modes) {
		for mode := Mode(1); o != nil && r&kindMask == kindTable && mode <= AccessExclusive; mode++ {
			if held&setOf(mode) != 0 {
				list = append(list, Held{Owner: o.tag, Table: r.table(), Mode: mode, Granted: true})
			}
		}
	}
	for r, e := range s.single.m { // tables are alone in their blocks
		granted(r, m.owners[e.owner], e.held)
	}
	for r, x := range s.objects {
		for _, h := range x.holders {
			granted(r, h.owner, h.held)
		}
		for _, w := range x.queue {
			waits := Held{Owner: w.owner.tag, Mode: w.mode, Since: w.since}
			if r&kindMask == kindTable {
				waits.Table = r.table()
			}
			for _, b := range w.blockers() {
				waits.WaitsFor = append(waits.WaitsFor, b.tag)
			}
			list = append(list, waits)
		}
	}
	return list
}
