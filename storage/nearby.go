package storage

import (
	"slices"
	"sync"

	"quiver/catalog"
)

// nearbyMax is how many partitions of a table nearby keeps.
const nearbyMax = 64

// nearby remembers in which partitions the rows of a transaction's statements lie:
// those that scans with row ids were narrowed to or read last, and those where rows
// were found.
// A row to be locked is looked for there first, since a table may have thousands
// of partitions.
type nearby struct {
	mu    sync.Mutex // guards table and list
	table catalog.OID
	list  []*catalog.Partition
}

// of returns the partitions to look in first.
func (n *nearby) of(table catalog.OID) []*catalog.Partition {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.table != table {
		return nil
	}
	return n.list
}

// scanned notes what a scan was narrowed to.
func (n *nearby) scanned(table catalog.OID, list []*catalog.Partition) {
	if len(list) > nearbyMax {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.table, n.list = table, list
}

// reads notes where the rows come from that a scan yields next, unless all that it
// reads is noted already.
func (n *nearby) reads(table catalog.OID, p *catalog.Partition) {
	n.mu.Lock()
	known := n.table == table && slices.Contains(n.list, p)
	n.mu.Unlock()
	if !known {
		n.found(table, p)
	}
}

// found notes where a row was found: mostly the next one lies there too.
func (n *nearby) found(table catalog.OID, p *catalog.Partition) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.table != table {
		n.table, n.list = table, nil
	}
	kept := slices.DeleteFunc(slices.Clone(n.list), func(other *catalog.Partition) bool { return other == p })
	n.list = append([]*catalog.Partition{p}, kept[:min(len(kept), nearbyMax-1)]...)
}
