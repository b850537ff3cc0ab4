package settings

import "math"

// The settings of what statements read: how fresh, or how old.
func init() {
	Register(
		&Setting{Name: "quiver.consistency_level", Category: custom, Help: "What a statement waits for before it reads: all commits, those older than quiver.bounded_staleness, those of the session, or none.", Kind: Enum, Context: User, Default: "strong", Values: []string{"strong", "bounded", "session", "eventually"}},
		&Setting{Name: "quiver.bounded_staleness", Category: custom, Help: "How old what is read at the consistency level bounded may be.", Kind: Int, Context: User, Default: "5s", Unit: "ms", Min: 0, Max: math.MaxInt32},
		&Setting{Name: "quiver.read_timestamp", Category: custom, Help: "When in the past to read: a time, or a number of quiver.now(). Empty reads the present.", Kind: String, Context: User},
		&Setting{Name: "quiver.gc_retention", Category: custom, Help: "How long versions are kept that only reads of the past need.", Kind: Int, Context: Postmaster, Default: "10min", Unit: "ms", Min: 0, Max: math.MaxInt32},
	)
}
