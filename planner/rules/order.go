package rules

import (
	"strings"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// Context is what rules may know.
type Context struct {
	Meta    *logical.Metadata
	View    catalog.View
	Format  *types.Format
	Setting func(name string) string
	// Rows estimates the live rows of a table; nil when nothing is known.
	Rows func(*catalog.Table) int64
	// IndexExprs binds what an index holds over a scan of its table: its key,
	// and its predicate, nil without one.
	IndexExprs func(index *catalog.Index, scan *logical.Scan) (key, predicate plan.Expr, err error)

	// PartitionKey binds the partition key of a scan's table over the scan.
	PartitionKey func(scan *logical.Scan) ([]plan.Expr, error)

	// err is the first constant expression that failed.
	err error
	// nested: the rules are at a subquery, whose constants have been folded.
	nested bool
}

// Err is what folding constants found wrong with the statement: an error to
// raise when it is executed.
func (c *Context) Err() error { return c.err }

// rule is one improvement: it returns the tree to go on with.
type rule struct {
	name  string
	apply func(c *Context, root logical.Node, output logical.ColSet) logical.Node
}

// DisabledSetting lists the rules to leave out, separated by commas.
const DisabledSetting = "quiver.disabled_rules"

// Order lists the names of the rules in the order they are applied;
// vector_index is a part of vector_topk, and hash_join, the choice of algorithm,
// is made last, in the physical plan.
func Order() []string {
	var names []string
	for _, r := range append(early[:len(early):len(early)], late...) {
		names = append(names, r.name)
	}
	return append(names, "vector_index", "hash_join")
}

// methods are Postgres' settings that switch a rule off, too.
var methods = map[string]string{"hash_join": "enable_hashjoin", "point_lookup": "enable_indexscan", "vector_index": "enable_indexscan"}

// Enabled says whether a rule is switched on.
func Enabled(setting func(string) string, name string) bool {
	if m := methods[name]; m != "" && setting(m) == "off" {
		return false
	}
	for _, off := range strings.Split(setting(DisabledSetting), ",") {
		if strings.TrimSpace(off) == name {
			return false
		}
	}
	return true
}

// Apply runs the rules over a statement whose output is the columns listed, and
// over every subquery in its expressions.
func Apply(root logical.Node, output []logical.ColID, c *Context) logical.Node {
	want := logical.NewColSet(output...)
	root = run(early, root, want, c)
	subqueries(root, c)
	return run(late, root, want, c)
}

func run(list []rule, root logical.Node, want logical.ColSet, c *Context) logical.Node {
	for _, r := range list {
		if Enabled(c.Setting, r.name) {
			root = r.apply(c, root, want)
		}
	}
	return root
}

// subqueries improves the subqueries below a tree first, each a statement of its
// own.
func subqueries(root logical.Node, c *Context) {
	below := *c
	below.nested = true
	logical.WalkNodes(root, func(n logical.Node) {
		for _, e := range n.Exprs() {
			logical.Walk(*e, func(e plan.Expr) bool {
				if s, ok := e.(*logical.Subquery); ok && !s.Improved {
					s.Improved = true
					s.Input = Apply(s.Input, s.Cols, &below)
				}
				return true
			})
		}
	})
}

// bottomUp rewrites a tree from the leaves.
func bottomUp(n logical.Node, f func(logical.Node) logical.Node) logical.Node {
	for _, in := range n.Inputs() {
		*in = bottomUp(*in, f)
	}
	return f(n)
}

// eachInput calls f for the address of every node below root, subqueries in
// expressions included, parents first.
func eachInput(root logical.Node, f func(*logical.Node)) {
	for _, in := range root.Inputs() {
		f(in)
		eachInput(*in, f)
	}
	for _, e := range root.Exprs() {
		logical.Walk(*e, func(e plan.Expr) bool {
			if s, ok := e.(*logical.Subquery); ok {
				f(&s.Input)
				eachInput(s.Input, f)
			}
			return true
		})
	}
}

// early are applied before the subqueries in expressions are improved: the
// semi-join rule wants to see them as they were written.
var early = []rule{
	{"inline_cte", inlineCTEs},
	{"constant_folding", foldConstants},
	{"semi_join", makeSemiJoins},
}

// late are applied afterwards.
var late = []rule{
	{"outer_to_inner", simplifyOuterJoins},
	{"predicate_pushdown", pushPredicates},
	{"merge_projections", mergeProjections},
	{"limit_pushdown", pushLimits},
	{"top_n", sortTopN},
	{"vector_topk", searchVectors},
	{"point_lookup", lookUpPoints},
	{"vector_range", searchRanges},
	{"partition_pruning", prunePartitions},
	{"projection_pruning", pruneColumns},
}
