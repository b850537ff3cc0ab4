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

// Resource is what is locked: the kind in the two upper bits, in the lowest six the
// place in its block, and between them the block: what is locked together often,
// such as 64 rows with successive ids, takes one entry a block.
type Resource uint64

const (
	kindTable Resource = iota << 62
	kindRow
	kindKey
	// kindBlock is, in the list of an owner alone, a block of either.
	kindBlock
	kindMask = 3 << 62
)

const (
	placeBits = 6
	placeMask = 1<<placeBits - 1
)

// Table is the resource of a table.
func Table(oid uint32) Resource { return kindTable | Resource(oid)<<placeBits }

// Row is the resource of a row version: the hash of its table and block, and its place,
// below 64.
func Row(hash uint64, place uint8) Resource { return kindRow | inBlock(hash, place) }

// Key is the resource of a key: the hash of its table and block, and its place, below 64.
func Key(hash uint64, place uint8) Resource { return kindKey | inBlock(hash, place) }

func inBlock(hash uint64, place uint8) Resource {
	return Resource(hash)<<placeBits&^kindMask | Resource(place&placeMask)
}

// block is a resource without its place.
func (r Resource) block() Resource { return r &^ placeMask }

// bit stands for the place of a resource in its block.
func (r Resource) bit() uint64 { return 1 << (r & placeMask) }

// blockItem is what stands in an owner's list for the block of a resource: its kind is
// where the place was.
func (r Resource) blockItem() Resource { return kindBlock | r.block()&^kindMask | r>>62 }

// ofItem is the block that an item stands for.
func (r Resource) ofItem() Resource { return r&placeMask<<62 | r.block()&^kindMask }

// table is the OID of a table's resource.
func (r Resource) table() uint32 { return uint32(r >> placeBits) }

// conflicts returns the modes that m excludes on r.
func (r Resource) conflicts(m Mode) modes {
	if r&kindMask == kindTable {
		return tableConflicts[m]
	}
	return rowConflicts[m]
}
