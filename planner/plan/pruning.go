package plan

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/sql/types"
)

// Pruning says what the partition key of the rows that a scan wants must be: all
// of Terms. It only leaves partitions out; the scan's filter still decides.
type Pruning struct {
	Terms []PruningTerm
}

// PruningTerm compares column Column of the partition key with Value, which has its
// type (an array of it for Any) and no columns.
type PruningTerm struct {
	Column int
	Op     PruningOp
	Value  Expr // nil of Null, or when Values are given
	// Values are the constants of Any, each one row.
	Values arrow.Array
}

// PruningOp is the comparison of a PruningTerm.
type PruningOp byte

// The comparisons.
const (
	PruneEqual   PruningOp = iota
	PruneLess              // or equal
	PruneGreater           // or equal
	PruneAny
	PruneNull
)

// Partitions returns the partitions of table that may have such rows. all says that
// it leaves none out: then the list is nil. value computes a Value: an array of
// length 1, which Partitions releases.
func (p *Pruning) Partitions(view catalog.View, table *catalog.Table, value func(Expr) (arrow.Array, error)) (list []*catalog.Partition, all bool, err error) {
	w := &pruner{view: view, table: table, key: table.PartitionKey, columns: make([]keyCondition, len(table.PartitionKey.Columns))}
	defer w.release()
	for _, t := range p.Terms {
		c := &w.columns[t.Column]
		if t.Op == PruneNull {
			c.null = true
			continue
		}
		if t.Values != nil {
			c.among(t.Values, 0, t.Values.Len())
			continue
		}
		a, err := value(t.Value)
		if err != nil {
			return nil, false, err
		}
		w.held = append(w.held, a)
		if a.IsNull(0) {
			return []*catalog.Partition{}, false, nil // true for no row
		}
		w.compare(c, t.Op, a, t.Column)
	}
	list, all = w.find()
	if list == nil {
		list = []*catalog.Partition{}
	}
	if all {
		list = nil
	}
	return list, all, nil
}

// keyCondition is what is known of a column of the key.
type keyCondition struct {
	null      bool
	equal     []valueAt // one of them; nil when not known
	known     bool
	low, high []byte // ends that may be reached, nil for none
}

// valueAt is a value in an array.
type valueAt struct {
	array arrow.Array
	row   int
}

// pruner looks for partitions.
type pruner struct {
	view    catalog.View
	table   *catalog.Table
	key     *catalog.PartitionKey
	columns []keyCondition
	held    []arrow.Array
	seen    map[catalog.OID]bool
	out     []*catalog.Partition
}

func (w *pruner) release() {
	for _, a := range w.held {
		a.Release()
	}
}

func (w *pruner) compare(c *keyCondition, op PruningOp, a arrow.Array, column int) {
	typ := w.key.Columns[column].Type.Type()
	switch op {
	case PruneEqual:
		if !c.known {
			c.equal, c.known = []valueAt{{a, 0}}, true
		}
	case PruneAny:
		v := types.ArrayAt(a, 0)
		c.among(v.Elements, v.Start, v.End)
	case PruneLess:
		if key := typ.AppendKey(nil, a, 0); c.high == nil || string(key) < string(c.high) {
			c.high = key
		}
	case PruneGreater:
		if key := typ.AppendKey(nil, a, 0); c.low == nil || string(key) > string(c.low) {
			c.low = key
		}
	}
}

// among: the column is one of some values; nulls equal nothing.
func (c *keyCondition) among(values arrow.Array, start, end int) {
	if c.known {
		return
	}
	c.known = true
	for i := start; i < end; i++ {
		if values.IsValid(i) {
			c.equal = append(c.equal, valueAt{values, i})
		}
	}
}

func (w *pruner) add(p *catalog.Partition) {
	if p == nil || w.seen[p.OID] {
		return
	}
	if w.seen == nil {
		w.seen = map[catalog.OID]bool{}
	}
	w.seen[p.OID] = true
	w.out = append(w.out, p)
}

// combinationsMax is how many values of a key are looked up one by one.
const combinationsMax = 1024

func (w *pruner) find() (list []*catalog.Partition, all bool) {
	combinations := 1
	for i := range w.columns {
		c := &w.columns[i]
		if c.known && len(c.equal) == 0 {
			return nil, false
		}
		if combinations *= max(len(c.equal), 1); combinations > combinationsMax {
			return nil, true
		}
	}
	if w.key.Strategy == catalog.PartitionByHash {
		return w.out, !w.hash(0, 0)
	}
	first := &w.columns[0]
	if !first.known && !first.null && first.low == nil && first.high == nil {
		return nil, true
	}
	w.ordered(0, nil)
	return w.out, false
}

// hashPartitionSeed and combineHash are those of PostgreSQL.
const hashPartitionSeed uint64 = 0x7A5B22367996DCFD

// CombineHash adds the hash of a value, null for 0, to that of a partition key.
func CombineHash(hash uint64, t *types.Type, a arrow.Array, row int) uint64 {
	return hash ^ (t.HashExtended(a, row, hashPartitionSeed) + 0x49a0f4dd15e5a8e3 + hash<<54 + hash>>7)
}

// hash looks up every combination of values; false if a column is not known.
func (w *pruner) hash(column int, hash uint64) bool {
	if column == len(w.columns) {
		w.add(w.view.PartitionOfHash(w.table.OID, hash))
		return true
	}
	c := &w.columns[column]
	if c.null && !c.known {
		return w.hash(column+1, hash)
	}
	if !c.known {
		return false
	}
	typ := w.key.Columns[column].Type.Type()
	for _, v := range c.equal {
		if !w.hash(column+1, CombineHash(hash, typ, v.array, v.row)) {
			return false
		}
	}
	return true
}

// ordered looks up ranges and lists: the values of the first columns, then what is
// known of the next.
func (w *pruner) ordered(column int, prefix []byte) {
	if column == len(w.columns) {
		w.point(prefix)
		return
	}
	c := &w.columns[column]
	prefix = prefix[:len(prefix):len(prefix)]
	switch {
	case c.known:
		typ := w.key.Columns[column].Type.Type()
		for _, v := range c.equal {
			w.ordered(column+1, typ.AppendKey(catalog.AppendKeyDatum(prefix), v.array, v.row))
		}
		return
	case c.null && w.key.Strategy == catalog.PartitionByList:
		w.point(catalog.AppendKeyNull(prefix))
		return
	case c.null:
		w.add(w.view.DefaultOf(w.table.OID))
		return
	}
	from, to := prefix, prefix
	if c.low != nil || c.high != nil || w.key.Strategy == catalog.PartitionByList {
		from = append(catalog.AppendKeyDatum(prefix), c.low...)
	}
	if c.high != nil {
		to = append(catalog.AppendKeyDatum(prefix), c.high...)
	}
	var list []*catalog.Partition
	if w.key.Strategy == catalog.PartitionByList {
		list = w.view.PartitionsOfList(w.table.OID, from, to)
	} else {
		list = w.view.PartitionsOfRange(w.table.OID, from, to)
	}
	for _, p := range list {
		w.add(p)
	}
	w.add(w.view.DefaultOf(w.table.OID))
}

// point looks up a whole key.
func (w *pruner) point(key []byte) {
	var p *catalog.Partition
	if w.key.Strategy == catalog.PartitionByList {
		p = w.view.PartitionOfList(w.table.OID, key)
	} else {
		p = w.view.PartitionOfRange(w.table.OID, key)
	}
	if p == nil {
		p = w.view.DefaultOf(w.table.OID)
	}
	w.add(p)
}
