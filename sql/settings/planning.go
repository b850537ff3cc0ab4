package settings

import "math"

const (
	method = "Query Tuning / Planner Method Configuration"
	costs  = "Query Tuning / Planner Cost Constants"
	other  = "Query Tuning / Other Planner Options"
)

func init() {
	for _, s := range []struct{ name, help string }{
		{"enable_bitmapscan", "Kept for clients that set it."},
		{"enable_hashagg", "Whether groups may be gathered in a hash table."},
		{"enable_hashjoin", "Whether joins may build a hash table."},
		{"enable_indexonlyscan", "Kept for clients that set it."},
		{"enable_indexscan", "Whether indexes may be used."},
		{"enable_material", "Whether results may be kept to be read again."},
		{"enable_mergejoin", "Kept for clients that set it."},
		{"enable_nestloop", "Whether nested loops may be used where another join fits."},
		{"enable_seqscan", "Whether whole tables may be read where an index fits."},
		{"enable_sort", "Whether results may be sorted where an order is at hand."},
	} {
		Register(&Setting{Name: s.name, Category: method, Help: s.help, Kind: Bool, Context: User, Default: "on"})
	}
	for _, s := range []struct{ name, value, help string }{
		{"seq_page_cost", "1", "The cost of a page read in order."},
		{"random_page_cost", "4", "The cost of a page read out of order."},
		{"cpu_tuple_cost", "0.01", "The cost of a row."},
		{"cpu_index_tuple_cost", "0.005", "The cost of an index entry."},
		{"cpu_operator_cost", "0.0025", "The cost of an operator or function."},
		{"parallel_setup_cost", "1000", "The cost of starting workers."},
		{"parallel_tuple_cost", "0.1", "The cost of a row passed between workers."},
	} {
		Register(&Setting{Name: s.name, Category: costs, Help: s.help, Kind: Real, Context: User, Default: s.value, Max: math.MaxFloat64})
	}
	Register(
		&Setting{Name: "effective_cache_size", Category: costs, Help: "What the planner takes to be cached.", Kind: Int, Context: User, Default: "4GB", Unit: "8kB", Min: 1, Max: 2147483647},
		&Setting{Name: "min_parallel_table_scan_size", Category: costs, Help: "The least size of a table that is read by several workers.", Kind: Int, Context: User, Default: "8MB", Unit: "8kB", Max: 715827882},
		&Setting{Name: "min_parallel_index_scan_size", Category: costs, Help: "The least size of an index that is read by several workers.", Kind: Int, Context: User, Default: "512kB", Unit: "8kB", Max: 715827882},
		&Setting{Name: "parallel_leader_participation", Category: "Resource Usage / Asynchronous Behavior", Help: "Kept for clients that set it.", Kind: Bool, Context: User, Default: "on"},
		&Setting{Name: "max_parallel_workers", Category: "Resource Usage / Asynchronous Behavior", Help: "The most workers at a time.", Kind: Int, Context: User, Default: "8", Max: 1024},
		&Setting{Name: "max_parallel_workers_per_gather", Category: "Resource Usage / Asynchronous Behavior", Help: "The most workers of one scan.", Kind: Int, Context: User, Default: "2", Max: 1024},
		&Setting{Name: "default_statistics_target", Category: other, Help: "How closely ANALYZE looks.", Kind: Int, Context: User, Default: "100", Min: 1, Max: 10000},
		&Setting{Name: "from_collapse_limit", Category: other, Help: "How many items of FROM are reordered.", Kind: Int, Context: User, Default: "8", Min: 1, Max: 2147483647},
		&Setting{Name: "join_collapse_limit", Category: other, Help: "How many joins are reordered.", Kind: Int, Context: User, Default: "8", Min: 1, Max: 2147483647},
		&Setting{Name: "cursor_tuple_fraction", Category: other, Help: "The share of a cursor's rows that are taken to be fetched.", Kind: Real, Context: User, Default: "0.1", Max: 1},
		&Setting{Name: "constraint_exclusion", Category: other, Help: "Kept for clients that set it.", Kind: Enum, Context: User, Default: "partition", Values: []string{"partition", "on", "off"}},
		&Setting{Name: "plan_cache_mode", Category: other, Help: "Whether prepared plans know their parameters.", Kind: Enum, Context: User, Default: "auto", Values: []string{"auto", "force_generic_plan", "force_custom_plan"}},
		&Setting{Name: "jit", Category: other, Help: "Kept for clients that set it; nothing is compiled.", Kind: Bool, Context: User, Default: "off"},
		&Setting{Name: "quiver.disabled_rules", Category: other, Help: "Rules of the planner to leave out, separated by commas.", Kind: String, Context: User, Default: ""},
		&Setting{Name: "geqo", Category: "Query Tuning / Genetic Query Optimizer", Help: "Kept for clients that set it.", Kind: Bool, Context: User, Default: "on"},
	)
}
