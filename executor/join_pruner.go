package executor

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/types"
)

// joinPruningRowsMax is how many rows of one side of a join are looked at to leave
// out partitions of the other.
const joinPruningRowsMax = 1024

// joinPruner leaves out the partitions of scans on one side of a join for which the
// other side has no rows. nil prunes nothing.
type joinPruner struct {
	x     *execution
	scans []*prunedScan
}

// prunedScan is one of them: values are over the rows of the other side.
type prunedScan struct {
	table   *catalog.Table
	pruning *plan.Pruning
	values  map[plan.Expr]evaluator
	out     *joinedPartitions
}

// newJoinPruner compiles what a join knows of scans that have been built.
func (b *builder) newJoinPruner(list []plan.JoinPruning) (*joinPruner, error) {
	if list == nil {
		return nil, nil
	}
	out := &joinPruner{x: b.x}
	for _, p := range list {
		one, err := b.newPrunedScan(p.Scan.Table, p.Pruning, b.pruners[p.Scan])
		if err != nil {
			return nil, err
		}
		out.scans = append(out.scans, one)
	}
	return out, nil
}

// newPrunedScan compiles p, which prunes with of.
func (b *builder) newPrunedScan(table *catalog.Table, p *plan.Pruning, of *partitionPruner) (*prunedScan, error) {
	values, err := b.pruningValues(p)
	if err != nil {
		return nil, err
	}
	one := &prunedScan{table: table, pruning: p, values: values, out: &joinedPartitions{}}
	of.joins = append(of.joins, one.out)
	return one, nil
}

// forget lets the scans read everything.
func (p *joinPruner) forget() {
	if p != nil {
		for i := range p.scans {
			p.scans[i].forget()
		}
	}
}

// learn is told all the rows of the other side.
func (p *joinPruner) learn(batches ...*batch) error {
	if p == nil {
		return nil
	}
	for _, s := range p.scans {
		var rows prunedRows
		rows.begin(p.x, s)
		for _, b := range batches {
			if err := rows.add(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *prunedScan) forget() { *s.out = joinedPartitions{} }

// prunedRows are the rows that a scan is pruned by, as they come. The zero value
// prunes nothing.
type prunedRows struct {
	x    *execution
	s    *prunedScan
	rows int
	seen map[string]bool
}

func (p *prunedRows) begin(x *execution, s *prunedScan) {
	*p = prunedRows{x: x, s: s, seen: map[string]bool{}}
	*s.out = joinedPartitions{known: true, set: map[catalog.OID]bool{}}
}

// add takes more rows, which it borrows. Too many, or some for all partitions, and the
// scan reads everything.
func (p *prunedRows) add(b *batch) error {
	if p.s == nil {
		return nil
	}
	p.rows += b.rows
	all, err := p.rows > joinPruningRowsMax, error(nil)
	if !all {
		all, err = p.s.learnBatch(p.x, b, p.seen)
	}
	if all || err != nil {
		p.s.forget()
		p.s = nil
	}
	return err
}

// learnBatch adds the partitions that the rows of a batch may find partners in, of
// equal values once; all says that they are all.
func (s *prunedScan) learnBatch(x *execution, b *batch, seen map[string]bool) (all bool, err error) {
	values := map[plan.Expr]types.Vec{}
	defer func() {
		for _, v := range values {
			v.Array.Release()
		}
	}()
	for e, ev := range s.values {
		v, err := ev.eval(x, b)
		if err != nil {
			return false, err
		}
		values[e] = v
	}
	var key []byte
	for i := range b.rows {
		key = key[:0]
		s.pruning.EachTerm(func(t *plan.PruningTerm) bool {
			if t.Value != nil {
				key = appendPruningKey(key, t.Value.Type().Type(), values[t.Value], i)
			}
			return true
		})
		if seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		list, all, err := s.pruning.Partitions(x.catalog(), s.table, func(e plan.Expr) (arrow.Array, error) {
			at := int64(values[e].Row(i))
			return array.NewSlice(values[e].Array, at, at+1), nil
		})
		if all || err != nil {
			return all, err
		}
		for _, p := range list {
			if !s.out.set[p.OID] {
				s.out.set[p.OID] = true
				s.out.order = append(s.out.order, p.OID)
			}
		}
	}
	return false, nil
}

func appendPruningKey(key []byte, t *types.Type, v types.Vec, row int) []byte {
	if v.IsNull(row) {
		return append(key, nullFirstMarker)
	}
	return t.AppendKey(append(key, valueMarker), v.Array, v.Row(row))
}

// joinPruning is what a join prunes by: the scans on the right by the left's rows, if
// these are few, and otherwise those on the left by what is kept of the right.
type joinPruning struct {
	left, right *joinPruner
	ahead       []*batch // of the left, read before the right
}

func (b *builder) newJoinPruning(p plan.JoinPrunings) (out joinPruning, err error) {
	if out.left, err = b.newJoinPruner(p.PruneLeft); err == nil {
		out.right, err = b.newJoinPruner(p.PruneRight)
	}
	return out, err
}

func (p *joinPruning) drop() {
	for _, b := range p.ahead {
		b.release()
	}
	p.ahead = nil
	p.left.forget()
	p.right.forget()
}

// readsAhead: the left side is to be opened and looked at before the right.
func (p *joinPruning) readsAhead() bool { return p.right != nil && p.left == nil }

// readAhead reads the left side, as far as that is of use, and prunes the right.
func (p *joinPruning) readAhead(next func() (*batch, error)) error {
	for rows := 0; rows <= joinPruningRowsMax; {
		b, err := next()
		if err != nil {
			return err
		}
		if b == nil {
			return p.right.learn(p.ahead...)
		}
		p.ahead = append(p.ahead, b)
		rows += b.rows
	}
	return nil
}

// next hands out what was read ahead; nil when there is no more.
func (p *joinPruning) next() *batch {
	if len(p.ahead) == 0 {
		return nil
	}
	b := p.ahead[0]
	p.ahead = p.ahead[1:]
	return b
}
