package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// The values of a status key. Once written it never changes.
const (
	statusCommitted = "committed"
	statusAborted   = "aborted"
)

// Status is what became of a staged transaction.
type Status byte

// The statuses: no status key yet, or its value.
const (
	StatusUnsettled Status = iota
	StatusCommitted
	StatusAborted
)

// stagedChange is a change as the store holds it under stage/.
type stagedChange struct {
	oid   OID
	to    Descriptor // nil: dropped
	value []byte
}

// Stage writes the changed descriptors under id, invisible, in as many steps
// as they need. It first makes sure that what others committed or staged
// meanwhile does not clash, which locks should have prevented: ErrConflict.
// After an error call Abort.
func (t *Txn) Stage(ctx context.Context, id TxnID) error {
	if err := t.markTruncated(); err != nil {
		return err
	}
	if err := t.reserve(id); err != nil {
		return err
	}
	changes, err := t.durableChanges()
	if err != nil {
		return err
	}
	ops := make([]Op, len(changes))
	for i, ch := range changes {
		ops[i] = Op{Key: t.c.keys.staged(id, ch.oid), Value: ch.value}
	}
	undecided := []Compare{{Kind: CompareAbsent, Key: t.c.keys.status(id)}}
	for _, chunk := range chunks(ops, len(undecided)+1) {
		if _, err := t.c.writeSettled(ctx, undecided, chunk); err != nil {
			return err
		}
	}
	return nil
}

// reserve checks the changes against the newest version and the transactions
// between Stage and Install, and joins those.
func (t *Txn) reserve(id TxnID) error {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	newest := t.c.Current()
	if err := clash(newest, t.changes); err != nil {
		return err
	}
	for other, staged := range t.c.reserved {
		if other == id {
			continue
		}
		if err := overlap(staged.changes, t.changes); err != nil {
			return err
		}
	}
	t.base = newest
	t.rebuild()
	t.c.reserved[id] = t
	t.staged = true
	return nil
}

// clash looks for objects that changed, and names that were taken, since the
// transaction first touched them.
func clash(newest *Version, changes tree[OID, change]) (err error) {
	after := *newest
	changes.from(cmp.Compare[OID], 0, func(oid OID, ch change) bool {
		if newest.Descriptor(oid) != ch.from {
			err = fmt.Errorf("%w: object %d was changed by another transaction", ErrConflict, oid)
		}
		after.remove(oid)
		return err == nil
	})
	if err != nil {
		return err
	}
	changes.from(cmp.Compare[OID], 0, func(oid OID, ch change) bool {
		if ch.to == nil {
			return true
		}
		if other := after.taken(ch.to); other != nil {
			err = fmt.Errorf("%w: name %q was taken by another transaction", ErrConflict, ch.to.Head().Name)
		}
		return err == nil
	})
	return err
}

// overlap looks for objects and names that two transactions both change.
func overlap(staged, changes tree[OID, change]) (err error) {
	var names Version
	staged.from(cmp.Compare[OID], 0, func(_ OID, ch change) bool {
		if ch.to != nil {
			names.put(ch.to)
		}
		return true
	})
	names.virtual = newVirtualSet(nil)
	changes.from(cmp.Compare[OID], 0, func(oid OID, ch change) bool {
		if _, both := staged.get(cmp.Compare[OID], oid); both {
			err = fmt.Errorf("%w: object %d is being changed by another transaction", ErrConflict, oid)
		} else if ch.to != nil && names.taken(ch.to) != nil {
			err = fmt.Errorf("%w: name %q is being taken by another transaction", ErrConflict, ch.to.Head().Name)
		}
		return err == nil
	})
	return err
}

func (c *Catalog) unreserve(id TxnID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.reserved, id)
}

// durableChanges encodes the changes that the store gets: all but those of
// temporary tables.
func (t *Txn) durableChanges() (out []stagedChange, err error) {
	t.changes.from(cmp.Compare[OID], 0, func(oid OID, ch change) bool {
		if t.temporary(ch) {
			return true
		}
		value := []byte{kindDropped}
		if ch.to != nil {
			if value, err = encodeDescriptor(ch.to); err != nil {
				return false
			}
			if len(value) > TxnBytesMax/2 {
				err = fmt.Errorf("catalog: the descriptor of %q takes %d bytes, more than %d", ch.to.Head().Name, len(value), TxnBytesMax/2)
				return false
			}
		}
		out = append(out, stagedChange{oid, ch.to, value})
		return true
	})
	return out, err
}

// temporary says whether the change is to a temporary table or its parts.
func (t *Txn) temporary(ch change) bool {
	if table, ok := ch.to.(*Table); ok {
		return table.Temporary
	}
	if ch.to == nil {
		return false
	}
	key, ok := child(ch.to)
	if !ok {
		return false
	}
	table := t.own.Table(key.table)
	return table != nil && table.Temporary
}

// chunks parts ops so that each part, with the given number of guards, fits one
// transaction of the store.
func chunks(ops []Op, guards int) (out [][]Op) {
	start, bytes := 0, 0
	for i, op := range ops {
		size := len(op.Key) + len(op.Value)
		if i > start && (i-start+guards >= TxnOpsMax || bytes+size > TxnBytesMax) {
			out = append(out, ops[start:i])
			start, bytes = i, 0
		}
		bytes += size
	}
	if start < len(ops) {
		out = append(out, ops[start:])
	}
	return out
}

// Decide writes the status key: the commit point of a transaction with DDL. It
// goes on until the outcome is known or ctx ends; then the error wraps
// ErrUnavailable and the transaction may have committed: call Decide again,
// never Abort. committed is false when recovery settled it as aborted.
func (t *Txn) Decide(ctx context.Context, id TxnID) (committed bool, err error) {
	status, err := t.c.settle(ctx, id, statusCommitted)
	return status == StatusCommitted, err
}

// SettleAbort settles a transaction that recovery found prepared but not
// committed: it writes the status aborted if there is none, so that a late
// request to commit cannot win, and returns which status stands.
func (c *Catalog) SettleAbort(ctx context.Context, id TxnID) (committed bool, err error) {
	status, err := c.settle(ctx, id, statusAborted)
	if err == nil && status == StatusAborted {
		c.settled.forgetUnsettled(id)
		c.settled.add(settleTask{id: id})
	}
	return status == StatusCommitted, err
}

// settle writes a status if there is none, and returns the one that stands.
func (c *Catalog) settle(ctx context.Context, id TxnID, want string) (Status, error) {
	key := c.keys.status(id)
	_, err := c.writeSettled(ctx, []Compare{{Kind: CompareAbsent, Key: key}}, []Op{{Key: key, Value: []byte(want)}})
	switch {
	case errors.Is(err, ErrConflict):
		return c.Status(ctx, id)
	case err != nil:
		return StatusUnsettled, err
	case want == statusCommitted:
		return StatusCommitted, nil
	}
	return StatusAborted, nil
}

// Status reads what became of a transaction.
func (c *Catalog) Status(ctx context.Context, id TxnID) (Status, error) {
	kv, err := retryRead(ctx, func() (KeyValue, error) { return c.kv.Get(ctx, c.keys.status(id)) })
	switch {
	case errors.Is(err, ErrNotFound):
		return StatusUnsettled, nil
	case err != nil:
		return StatusUnsettled, err
	case string(kv.Value) == statusCommitted:
		return StatusCommitted, nil
	case string(kv.Value) == statusAborted:
		return StatusAborted, nil
	}
	return StatusUnsettled, &CorruptionError{c.keys.status(id), fmt.Errorf("status %q", kv.Value)}
}

// Install makes the changes part of the newest Version of this process, after
// Decide said committed and the rows are applied. Writing the descriptors
// plain goes on in the background. at is the timestamp of the commit, of internal/hlc.
func (t *Txn) Install(id TxnID, at uint64) {
	t.c.mu.Lock()
	t.stampTruncated(at) // others look at the changes until they are installed
	next := *t.c.Current()
	applyChanges(&next, t.changes)
	next.stamp = nextStamp()
	t.c.current.Store(&next)
	delete(t.c.reserved, id)
	t.c.mu.Unlock()
	changes, err := t.durableChanges()
	if err != nil { // Stage encoded the same descriptors
		panic(err)
	}
	t.c.forgetSequences(changes)
	t.c.settled.add(settleTask{id: id, committed: true, changes: changes})
}

// Abort gives the transaction up, before Decide was called: names are free at
// once, what was staged is removed in the background.
func (t *Txn) Abort(_ context.Context, id TxnID) error {
	if !t.staged {
		return nil
	}
	t.staged = false
	t.c.unreserve(id)
	t.c.settled.add(settleTask{id: id, abort: true})
	return nil
}
