package executor

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/storage"
)

// partitionPruner leaves out partitions of a scan by values that are known when it
// is opened: parameters, and the row of an enclosing query.
type partitionPruner struct {
	x       *execution
	table   *catalog.Table
	pruning *plan.Pruning
	values  map[plan.Expr]evaluator
}

// newPartitionPruner compiles p; nil for nil.
func (b *builder) newPartitionPruner(table *catalog.Table, p *plan.Pruning) (*partitionPruner, error) {
	if p == nil {
		return nil, nil
	}
	out := &partitionPruner{x: b.x, table: table, pruning: p, values: map[plan.Expr]evaluator{}}
	var err error
	p.EachTerm(func(t *plan.PruningTerm) bool {
		if t.Value != nil {
			out.values[t.Value], err = b.compile(t.Value)
		}
		return err == nil
	})
	return out, err
}

// apply sets the partitions that spec reads.
func (p *partitionPruner) apply(spec *storage.ScanSpec) error {
	if p == nil {
		return nil
	}
	list, _, err := p.pruning.Partitions(p.x.catalog(), p.table, func(e plan.Expr) (arrow.Array, error) {
		return evalOne(p.x, p.values[e])
	})
	spec.Partitions = partitionOIDs(list)
	return err
}
