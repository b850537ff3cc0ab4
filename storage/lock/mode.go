package lock

// Mode is a lock mode; table and row modes count separately from 1, weakest
// first.
type Mode uint8

// The table modes of Postgres (manual 13.3.1).
const (
	AccessShare Mode = iota + 1
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

// The row modes of Postgres (manual 13.3.2). Keys are locked ForUpdate.
const (
	ForKeyShare Mode = iota + 1
	ForShare
	ForNoKeyUpdate
	ForUpdate
)

// modes is a set of modes: bit m-1 stands for mode m.
type modes uint8

func setOf(list ...Mode) (s modes) {
	for _, m := range list {
		s |= 1 << (m - 1)
	}
	return s
}

// tableConflicts is table 13.2 of the manual.
var tableConflicts = [...]modes{
	AccessShare:          setOf(AccessExclusive),
	RowShare:             setOf(Exclusive, AccessExclusive),
	RowExclusive:         setOf(Share, ShareRowExclusive, Exclusive, AccessExclusive),
	ShareUpdateExclusive: setOf(ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	Share:                setOf(RowExclusive, ShareUpdateExclusive, ShareRowExclusive, Exclusive, AccessExclusive),
	ShareRowExclusive:    setOf(RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	Exclusive:            setOf(RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
	AccessExclusive:      setOf(AccessShare, RowShare, RowExclusive, ShareUpdateExclusive, Share, ShareRowExclusive, Exclusive, AccessExclusive),
}

// rowConflicts is table 13.3 of the manual.
var rowConflicts = [...]modes{
	ForKeyShare:    setOf(ForUpdate),
	ForShare:       setOf(ForNoKeyUpdate, ForUpdate),
	ForNoKeyUpdate: setOf(ForShare, ForNoKeyUpdate, ForUpdate),
	ForUpdate:      setOf(ForKeyShare, ForShare, ForNoKeyUpdate, ForUpdate),
}

// Resource is what is locked: the kind in the two upper bits, below it the
// table's OID or a hash.
type Resource uint64

const (
	kindTable Resource = iota << 62
	kindRow
	kindKey
	kindMask = 3 << 62
)

// Table is the resource of a table.
func Table(oid uint32) Resource { return kindTable | Resource(oid) }

// Row is the resource of the row version with this hash of table and row id.
func Row(hash uint64) Resource { return kindRow | Resource(hash)&^kindMask }

// Key is the resource of the key with this hash of table and key.
func Key(hash uint64) Resource { return kindKey | Resource(hash)&^kindMask }

// conflicts returns the modes that m excludes on r.
func (r Resource) conflicts(m Mode) modes {
	if r&kindMask == kindTable {
		return tableConflicts[m]
	}
	return rowConflicts[m]
}
