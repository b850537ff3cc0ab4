package executor

import (
	"context"

	"quiver/planner/explain"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
)

// operator is a running plan node. open starts or restarts it, next returns
// batches that the caller owns (nil at the end; never an empty one), close drops
// what open and next acquired; a closed operator may be opened again. A failed
// open or next is followed by close.
type operator interface {
	open(ctx context.Context) error
	next(ctx context.Context) (*batch, error)
	close()
}

// builder turns a plan into operators and evaluators that share one execution.
type builder struct {
	x *execution
	// resets forget what an operator or evaluator keeps for one execution, such
	// as the result of an uncorrelated subquery.
	resets []func()
	// root is the node whose changes the command tag counts.
	root plan.Node
	// watch collects what the operators do; nil outside EXPLAIN ANALYZE.
	watch map[plan.Node]*explain.Actual
	// search is the vector search built last.
	search *vectorSearchOp
	// wide is the search that the widenSearchOp being built widens.
	wide *vectorSearchOp
	// pruners are those of the scans built of partitioned tables.
	pruners map[*plan.Scan]*partitionPruner
	// subqueries are those of one value for the whole statement that were compiled.
	subqueries map[*plan.Subquery]*subqueryEval
	// sources are the watched operators that have figures of their own.
	sources *[]source
}

// build makes the operator of a node and of all below.
func (b *builder) build(n plan.Node) (operator, error) {
	o, err := b.buildNode(n)
	if err != nil {
		return nil, err
	}
	return b.watched(n, o), nil
}

func (b *builder) buildNode(n plan.Node) (operator, error) {
	switch n := n.(type) {
	case *plan.OneRow:
		return &oneRowOp{}, nil
	case *plan.Empty:
		return &emptyOp{}, nil
	case *plan.Feed:
		return &feedOp{b.x}, nil
	case *plan.Values:
		return b.buildValues(n)
	case *plan.Scan:
		return b.buildScan(n)
	case *plan.Filter:
		return b.buildFilter(n)
	case *plan.Project:
		return b.buildProject(n)
	case *plan.Limit:
		return b.buildLimit(n)
	case *plan.Insert:
		return b.buildInsert(n)
	case *plan.Update:
		return b.buildUpdate(n)
	case *plan.Delete:
		return b.buildDelete(n)
	case *plan.With:
		return b.buildWith(n)
	case *plan.CTERead:
		return b.buildCTERead(n)
	case *plan.Append:
		return b.buildAppend(n)
	case *plan.Sort:
		return b.buildSort(n)
	case *plan.Aggregate:
		return b.buildAggregate(n)
	case *plan.DistinctRows:
		return b.buildDistinct(n)
	case *plan.HashJoin:
		return b.buildHashJoin(n)
	case *plan.NestedLoop:
		return b.buildNestedLoop(n)
	case *plan.Window:
		return b.buildWindow(n)
	case *plan.SetOp:
		return b.buildSetOp(n)
	case *plan.FunctionScan:
		return b.buildFunctionScan(n)
	case *plan.ProjectSet:
		return b.buildProjectSet(n)
	case *plan.VectorSearch:
		return b.buildVectorSearch(n)
	case *plan.VectorFusion:
		return b.buildVectorFusion(n)
	case *plan.WidenSearch:
		return b.buildWidenSearch(n)
	case *plan.VirtualScan:
		return b.buildVirtualScan(n)
	case *plan.LockRows:
		return b.buildLockRows(n)
	case *plan.Explain:
		return b.buildExplain(n)
	case *plan.Utility:
		return b.buildUtility(n)
	}
	return nil, sqlerr.New(sqlerr.InternalError, "no operator for plan node %T", n)
}
