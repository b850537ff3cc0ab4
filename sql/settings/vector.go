package settings

import "math"

const custom = "Customized Options"

// pgvector's settings. Those that say how far a search looks override what an
// index has measured for quiver.target_recall, but only once they are given
// (Values.Given): their defaults are shown and not used.
func init() {
	Register(
		&Setting{Name: "quiver.target_recall", Category: custom, Help: "The share of the true nearest rows that a search by an index should find.", Kind: Real, Context: User, Default: "0.95", Min: 0, Max: 1},
		&Setting{Name: "hnsw.ef_search", Category: custom, Help: "Sets the size of the dynamic candidate list for search", Kind: Int, Context: User, Default: "40", Min: 1, Max: 1000},
		&Setting{Name: "hnsw.iterative_scan", Category: custom, Help: "Sets the mode for iterative scans", Kind: Enum, Context: User, Default: "off", Values: []string{"off", "relaxed_order", "strict_order"}},
		&Setting{Name: "hnsw.max_scan_tuples", Category: custom, Help: "Sets the max number of tuples to visit for iterative scans", Kind: Int, Context: User, Default: "20000", Min: 1, Max: math.MaxInt32},
		&Setting{Name: "hnsw.scan_mem_multiplier", Category: custom, Help: "Sets the multiple of work_mem to use for iterative scans", Kind: Real, Context: User, Default: "1", Min: 1, Max: 1000},
		&Setting{Name: "ivfflat.probes", Category: custom, Help: "Sets the number of probes", Kind: Int, Context: User, Default: "1", Min: 1, Max: 32768},
		&Setting{Name: "ivfflat.iterative_scan", Category: custom, Help: "Sets the mode for iterative scans", Kind: Enum, Context: User, Default: "off", Values: []string{"off", "relaxed_order"}},
		&Setting{Name: "ivfflat.max_probes", Category: custom, Help: "Sets the max number of probes for iterative scans", Kind: Int, Context: User, Default: "32768", Min: 1, Max: 32768},
	)
}
