package executor

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/storage"
)

// partitionPruner leaves out partitions of a scan by values that are known when it
// is opened: parameters, the row of an enclosing query, the answers of subqueries,
// and the rows of a join's other side.
type partitionPruner struct {
	x       *execution
	table   *catalog.Table
	planned []catalog.OID // what the plan leaves; nil for all
	pruning *plan.Pruning // nil for none
	values  map[plan.Expr]evaluator
	joins   []*joinedPartitions
	// read are, while EXPLAIN ANALYZE watches, the partitions that were not left out
	// each time; readAll that none was.
	read    map[catalog.OID]bool
	readAll bool
}

// newPartitionPruner compiles p, which may be nil; it returns nil for a table that is
// not partitioned by a key.
func (b *builder) newPartitionPruner(table *catalog.Table, planned []catalog.OID, p *plan.Pruning) (*partitionPruner, error) {
	if table.PartitionKey == nil {
		return nil, nil
	}
	out := &partitionPruner{x: b.x, table: table, planned: planned, pruning: p}
	if b.watch != nil {
		out.read = map[catalog.OID]bool{}
	}
	var err error
	if p != nil {
		out.values, err = b.pruningValues(p)
	}
	return out, err
}

// pruningValues compiles the values of p.
func (b *builder) pruningValues(p *plan.Pruning) (values map[plan.Expr]evaluator, err error) {
	values = map[plan.Expr]evaluator{}
	p.EachTerm(func(t *plan.PruningTerm) bool {
		if t.Value != nil {
			values[t.Value], err = b.compile(t.Value)
		}
		return err == nil
	})
	return values, err
}

// apply sets the partitions that spec reads.
func (p *partitionPruner) apply(spec *storage.ScanSpec) error {
	if p == nil {
		return nil
	}
	spec.Partitions = p.planned
	if p.pruning != nil {
		list, all, err := p.pruning.Partitions(p.x.catalog(), p.table, func(e plan.Expr) (arrow.Array, error) {
			return evalOne(p.x, p.values[e])
		})
		if err != nil {
			return err
		}
		if !all {
			spec.Partitions = partitionOIDs(list)
		}
	}
	for _, j := range p.joins {
		spec.Partitions = j.among(spec.Partitions)
	}
	p.note(spec.Partitions)
	return nil
}

func (p *partitionPruner) note(list []catalog.OID) {
	if p.read == nil {
		return
	}
	p.readAll = p.readAll || list == nil
	for _, oid := range list {
		p.read[oid] = true
	}
}

// figures tell how many partitions were left out each time, beside those that the
// plan leaves out.
func (p *partitionPruner) figures() []explain.Detail {
	if p == nil || p.pruning == nil && p.joins == nil {
		return nil
	}
	removed := 0
	if !p.readAll {
		among := len(p.planned)
		if p.planned == nil {
			among = len(p.x.catalog().Partitions(p.table.OID))
		}
		removed = among - len(p.read)
	}
	return []explain.Detail{{Name: "Partitions Removed", Value: fmt.Sprint(removed)}}
}

func (p *partitionPruner) resetFigures() {
	if p != nil {
		clear(p.read)
		p.readAll = false
	}
}

// joinedPartitions are those for which the other side of a join has rows.
type joinedPartitions struct {
	known bool // otherwise all
	set   map[catalog.OID]bool
	order []catalog.OID
}

// among leaves in a list, nil for all, what j has.
func (j *joinedPartitions) among(list []catalog.OID) []catalog.OID {
	switch {
	case !j.known:
		return list
	case list == nil:
		return append([]catalog.OID{}, j.order...)
	}
	return slices.DeleteFunc(slices.Clone(list), func(oid catalog.OID) bool { return !j.set[oid] })
}
