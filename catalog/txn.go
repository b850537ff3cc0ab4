package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Txn is a transaction's overlay over the newest Version: it is the View that
// the transaction's statements bind against, and gathers its DDL. It belongs
// to one session goroutine and is made by Catalog.Begin. The methods that
// change something are called by executor's DDL after taking table locks;
// storage.Txn calls Stage, Decide and Install (or Abort) at commit.
//
// A View taken from it (Snapshot) stays as it is; the Txn itself follows its
// own changes at once and those of others at Refresh.
type Txn struct {
	View
	c        *Catalog
	database OID
	base     *Version // the newest version that own builds on
	own      *Version // base with changes
	changes  tree[OID, change]
	marks    []mark
	staged   bool
}

// change is one object that the transaction made, altered or dropped.
type change struct {
	to   Descriptor // nil: dropped
	from Descriptor // the committed one when first touched; nil: there was none
}

// mark is a savepoint: the roots as they were.
type mark struct {
	changes   tree[OID, change]
	base, own *Version
}

// Begin starts an overlay for a session connected to database.
func (c *Catalog) Begin(database OID) *Txn {
	t := &Txn{c: c, database: database}
	t.base = c.Current()
	t.show(t.base)
	return t
}

func (t *Txn) show(v *Version) {
	t.own = v
	t.View = v.In(t.database)
}

// Refresh takes in what others have committed. Call it where a statement
// begins and after waiting for a lock, never while a statement binds.
func (t *Txn) Refresh() {
	if newest := t.c.Current(); newest != t.base {
		t.base = newest
		t.rebuild()
	}
}

// rebuild lays the changes over base.
func (t *Txn) rebuild() {
	if t.changes.root == nil {
		t.show(t.base)
		return
	}
	next := *t.base
	applyChanges(&next, t.changes)
	next.stamp = nextStamp()
	t.show(&next)
}

// applyChanges removes first, so that a name may pass from one object to another.
func applyChanges(v *Version, changes tree[OID, change]) {
	changes.from(cmp.Compare[OID], 0, func(oid OID, _ change) bool {
		v.remove(oid)
		return true
	})
	changes.from(cmp.Compare[OID], 0, func(_ OID, ch change) bool {
		if ch.to != nil {
			v.put(ch.to)
		}
		return true
	})
}

// Snapshot returns the overlay as it is now, unmoved by later changes.
func (t *Txn) Snapshot() View { return t.View }

// Changed says whether the transaction has DDL to commit.
func (t *Txn) Changed() bool { return t.changes.root != nil }

// PlaceOfStorage is Version's, of whatever database.
func (t *Txn) PlaceOfStorage(id StorageID) (*Table, *Partition) { return t.own.PlaceOfStorage(id) }

// NewOID hands out an OID that is never given again.
func (t *Txn) NewOID(ctx context.Context) (OID, error) { return t.c.NewOID(ctx) }

// NewStorageID hands out a storage id that is never given again.
func (t *Txn) NewStorageID(ctx context.Context) (StorageID, error) { return t.c.NewStorageID(ctx) }

// Put adds or replaces a descriptor, which the overlay owns from then on; it
// sets its Version. A name that another object has is ErrConflict.
func (t *Txn) Put(d Descriptor) error {
	o := d.Head()
	if o.OID == 0 {
		return fmt.Errorf("catalog: %s has no OID", o.Name)
	}
	if other := t.own.taken(d); other != nil && other.Head().OID != o.OID {
		return fmt.Errorf("%w: name %q is taken by OID %d", ErrConflict, o.Name, other.Head().OID)
	}
	o.Version = 1
	if old := t.own.Descriptor(o.OID); old != nil {
		o.Version = old.Head().Version + 1
	}
	if o.State == StateAbsent {
		o.State = StatePublic
	}
	t.record(o.OID, d)
	next := *t.own
	next.put(d)
	next.stamp = nextStamp()
	t.show(&next)
	return nil
}

// Drop removes a descriptor by OID. What depends on it is the caller's to drop.
func (t *Txn) Drop(oid OID) {
	if t.own.Descriptor(oid) == nil {
		return
	}
	t.record(oid, nil)
	next := *t.own
	next.remove(oid)
	next.stamp = nextStamp()
	t.show(&next)
}

// record notes that oid becomes d. An object both made and dropped here leaves
// no trace.
func (t *Txn) record(oid OID, d Descriptor) {
	ch, touched := t.changes.get(cmp.Compare[OID], oid)
	if !touched {
		ch.from = t.base.Descriptor(oid)
	}
	ch.to = d
	if ch.from == nil && d == nil {
		t.changes = t.changes.without(cmp.Compare[OID], oid)
		return
	}
	t.changes = t.changes.with(cmp.Compare[OID], oid, ch)
}

// Savepoint pushes a mark; RollbackTo undoes to it and keeps it; Release
// forgets it.
func (t *Txn) Savepoint() int {
	t.marks = append(t.marks, mark{t.changes, t.base, t.own})
	return len(t.marks) - 1
}

// RollbackTo undoes the changes since mark.
func (t *Txn) RollbackTo(mark int) {
	m := t.marks[mark]
	t.marks = t.marks[:mark+1]
	t.changes = m.changes
	if m.base == t.base {
		t.show(m.own)
		return
	}
	t.rebuild()
}

// Release forgets mark and those after it; their changes stay.
func (t *Txn) Release(mark int) { t.marks = t.marks[:mark] }

// IsFresh says whether all rows that a table may have were written since the last
// savepoint, or in this transaction if there is none: its partitions have been made,
// truncated or rewritten since.
func (t *Txn) IsFresh(table OID) bool {
	before := t.base
	if n := len(t.marks); n > 0 {
		before = t.marks[n-1].own
	}
	return !slices.ContainsFunc(t.own.Partitions(table), func(p *Partition) bool {
		was, _ := before.Descriptor(p.OID).(*Partition)
		return was != nil && was.Storage == p.Storage
	})
}

// DroppedStorage lists the storage ids of tables and partitions that the
// transaction drops or replaces; their segments go once no reader needs them. The
// storage of a partition that became part of another table stays.
func (t *Txn) DroppedStorage() []StorageID {
	var out []StorageID
	t.changes.from(cmp.Compare[OID], 0, func(_ OID, ch change) bool {
		if ch.from != nil {
			if old := storageOf(ch.from); old != 0 && (ch.to == nil || storageOf(ch.to) != old) && !t.own.hasStorage(old) {
				out = append(out, old)
			}
		}
		return true
	})
	return out
}
