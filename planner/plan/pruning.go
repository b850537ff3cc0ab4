package plan

import (
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
)

// Pruning says what the partition key of the rows that a scan wants must be: all
// of Terms, and of each of Either one. It only leaves partitions out; the scan's
// filter still decides.
type Pruning struct {
	Terms  []PruningTerm
	Either [][]*Pruning
}

// PruningTerm compares column Column of the partition key with Value, which has its
// type (an array of it for Any) or is an integer wider than the column.
type PruningTerm struct {
	Column int
	Op     PruningOp
	Value  Expr // nil of Null and NotNull, or when Values are given
	// Values are the constants of Any and NotAny, each one row.
	Values arrow.Array
}

// PruningOp is the comparison of a PruningTerm.
type PruningOp byte

// The comparisons.
const (
	PruneEqual PruningOp = iota
	PruneLess
	PruneLessEqual
	PruneGreater
	PruneGreaterEqual
	PruneNot
	PruneAny
	PruneNotAny
	PruneNull
	PruneNotNull
)

// Empty says that p leaves out nothing.
func (p *Pruning) Empty() bool { return len(p.Terms) == 0 && len(p.Either) == 0 }

// EachTerm calls f for every term, those of Either too, until f says false; then
// EachTerm does.
func (p *Pruning) EachTerm(f func(*PruningTerm) bool) bool {
	for i := range p.Terms {
		if !f(&p.Terms[i]) {
			return false
		}
	}
	for _, arms := range p.Either {
		for _, arm := range arms {
			if !arm.EachTerm(f) {
				return false
			}
		}
	}
	return true
}

// Map returns a copy of p whose values are those that f makes of them.
func (p *Pruning) Map(f func(Expr) Expr) *Pruning {
	out := &Pruning{Terms: append([]PruningTerm(nil), p.Terms...)}
	for i := range out.Terms {
		if out.Terms[i].Value != nil {
			out.Terms[i].Value = f(out.Terms[i].Value)
		}
	}
	for _, arms := range p.Either {
		mapped := make([]*Pruning, len(arms))
		for i, arm := range arms {
			mapped[i] = arm.Map(f)
		}
		out.Either = append(out.Either, mapped)
	}
	return out
}

// Partitions returns the partitions of table that may have such rows. all says that
// it leaves none out: then the list is nil. value computes a Value: an array of
// length 1, which Partitions releases.
func (p *Pruning) Partitions(view catalog.View, table *catalog.Table, value func(Expr) (arrow.Array, error)) (list []*catalog.Partition, all bool, err error) {
	e := &pruning{view: view, table: table, value: value}
	defer e.release()
	set, err := e.of(nil, p)
	switch {
	case err != nil:
		return nil, false, err
	case set.all:
		return nil, true, nil
	case set.list == nil:
		return []*catalog.Partition{}, false, nil
	}
	return set.list, false, nil
}

// pruning is one evaluation of a Pruning.
type pruning struct {
	view  catalog.View
	table *catalog.Table
	value func(Expr) (arrow.Array, error)
	held  []arrow.Array
}

func (e *pruning) release() {
	for _, a := range e.held {
		a.Release()
	}
}

// knownTerm is a term and its value.
type knownTerm struct {
	column int
	op     PruningOp
	values types.ArrayView
}

// partitionSet is some partitions, or all. seen are those of a list that is added to.
type partitionSet struct {
	list []*catalog.Partition
	all  bool
	seen map[catalog.OID]bool
}

// of finds the partitions of rows for which terms and p hold.
func (e *pruning) of(terms []knownTerm, p *Pruning) (partitionSet, error) {
	terms = terms[:len(terms):len(terms)]
	for _, t := range p.Terms {
		known, none, err := e.known(t)
		if none || err != nil {
			return partitionSet{}, err
		}
		terms = append(terms, known)
	}
	if len(p.Either) == 0 {
		return e.find(terms), nil
	}
	// What holds for all is part of each arm: together they may say more.
	set := partitionSet{all: true}
	for _, arms := range p.Either {
		union := partitionSet{seen: map[catalog.OID]bool{}}
		for _, arm := range arms {
			found, err := e.of(terms, arm)
			if err != nil {
				return partitionSet{}, err
			}
			union.add(found)
		}
		set.keep(union)
	}
	return set, nil
}

// add makes s the union of both.
func (s *partitionSet) add(other partitionSet) {
	if s.all = s.all || other.all; s.all {
		return
	}
	for _, p := range other.list {
		if !s.seen[p.OID] {
			s.seen[p.OID] = true
			s.list = append(s.list, p)
		}
	}
}

// keep makes s the intersection of both.
func (s *partitionSet) keep(other partitionSet) {
	switch {
	case other.all:
	case s.all:
		*s = other
	default:
		s.list = slices.DeleteFunc(s.list, func(p *catalog.Partition) bool { return !other.seen[p.OID] })
	}
}

// known computes the value of a term; none says that it is true for no row.
func (e *pruning) known(t PruningTerm) (known knownTerm, none bool, err error) {
	known = knownTerm{column: t.Column, op: t.Op}
	switch {
	case t.Values != nil:
		known.values = types.ArrayView{Elements: t.Values, End: t.Values.Len()}
	case t.Value != nil:
		a, err := e.value(t.Value)
		if err != nil {
			return known, false, err
		}
		e.held = append(e.held, a)
		if a.IsNull(0) {
			return known, true, nil
		}
		if known.op, a, none = narrowed(t.Op, a, e.table.PartitionKey.Columns[t.Column].Type.OID); none {
			return known, true, nil
		}
		e.held = append(e.held, a)
		known.values = types.ArrayView{Elements: a, End: 1}
		if t.Op == PruneAny || t.Op == PruneNotAny {
			known.values = types.ArrayAt(a, 0)
		}
	}
	return known, false, nil
}

// narrowed is the term op a with an integer a wider than the column in the column's
// type, or such a term about its values; none says that it is true for none.
func narrowed(op PruningOp, a arrow.Array, column types.OID) (PruningOp, arrow.Array, bool) {
	var value int64
	switch wide := a.(type) {
	case *array.Int64:
		value = wide.Value(0)
	case *array.Int32:
		value = int64(wide.Value(0))
	}
	var low, high int64
	switch {
	case column == types.Int4OID && a.DataType().ID() == arrow.INT64:
		low, high = math.MinInt32, math.MaxInt32
	case column == types.Int2OID && (a.DataType().ID() == arrow.INT64 || a.DataType().ID() == arrow.INT32):
		low, high = math.MinInt16, math.MaxInt16
	default:
		a.Retain()
		return op, a, false
	}
	if value < low || value > high {
		below := value < low
		switch {
		case op == PruneEqual, (op == PruneLess || op == PruneLessEqual) && below, (op == PruneGreater || op == PruneGreaterEqual) && !below:
			return op, nil, true
		}
		// True for all values; the least or the greatest of them stands for that.
		op, value = PruneGreaterEqual, low
	}
	var out arrow.Array
	if column == types.Int4OID {
		b := array.NewInt32Builder(memory.DefaultAllocator)
		b.Append(int32(value))
		out = b.NewArray()
	} else {
		b := array.NewInt16Builder(memory.DefaultAllocator)
		b.Append(int16(value))
		out = b.NewArray()
	}
	return op, out, false
}

func (e *pruning) find(terms []knownTerm) partitionSet {
	w := &pruner{view: e.view, table: e.table, key: e.table.PartitionKey, columns: make([]keyCondition, len(e.table.PartitionKey.Columns))}
	for _, t := range terms {
		c := &w.columns[t.column]
		c.compare(t, w.key.Columns[t.column].Type.Type())
	}
	list, all := w.find()
	if all {
		return w.excluded()
	}
	return partitionSet{list: list}
}

// keyCondition is what is known of a column of the key.
type keyCondition struct {
	null, notNull bool
	equal         []valueAt // one of them; nil when not known
	known         bool
	low, high     []byte          // ends that may be reached, nil for none
	not           map[string]bool // values that it has not, by their keys
}

// valueAt is a value in an array, and its key.
type valueAt struct {
	array arrow.Array
	row   int
	key   []byte
}

// pruner looks for partitions.
type pruner struct {
	view    catalog.View
	table   *catalog.Table
	key     *catalog.PartitionKey
	columns []keyCondition
	seen    map[catalog.OID]bool
	out     []*catalog.Partition
}

// compare adds a term. No comparison is true for null but that with null.
func (c *keyCondition) compare(t knownTerm, typ *types.Type) {
	if t.op == PruneNull {
		c.null = true
		return
	}
	c.notNull = true
	switch t.op {
	case PruneEqual, PruneAny:
		c.among(t.values, typ)
	case PruneLess, PruneLessEqual:
		if key := typ.AppendKey(nil, t.values.Elements, t.values.Start); c.high == nil || string(key) < string(c.high) {
			c.high = key
		}
	case PruneGreater, PruneGreaterEqual:
		if key := typ.AppendKey(nil, t.values.Elements, t.values.Start); c.low == nil || string(key) > string(c.low) {
			c.low = key
		}
	}
	switch t.op {
	case PruneNot, PruneNotAny, PruneLess, PruneGreater:
		if c.not == nil {
			c.not = map[string]bool{}
		}
		for i := t.values.Start; i < t.values.End; i++ {
			if t.values.Elements.IsValid(i) {
				c.not[string(typ.AppendKey(nil, t.values.Elements, i))] = true
			}
		}
	}
}

// among: the column is one of some values; nulls equal nothing.
func (c *keyCondition) among(values types.ArrayView, typ *types.Type) {
	given := map[string]bool{}
	var list []valueAt
	for i := values.Start; i < values.End; i++ {
		if values.Elements.IsNull(i) {
			continue
		}
		v := valueAt{values.Elements, i, typ.AppendKey(nil, values.Elements, i)}
		if !given[string(v.key)] {
			given[string(v.key)] = true
			list = append(list, v)
		}
	}
	if c.known {
		list = slices.DeleteFunc(c.equal, func(v valueAt) bool { return !given[string(v.key)] })
	}
	c.equal, c.known = list, true
}

// settle leaves out the values that other terms forbid. It says whether any row can
// fulfil all of them.
func (c *keyCondition) settle() bool {
	if c.null && c.notNull {
		return false
	}
	if c.low != nil && c.high != nil {
		if low, high := string(c.low), string(c.high); low > high || low == high && c.not[low] {
			return false
		}
	}
	if !c.known {
		return true
	}
	c.equal = slices.DeleteFunc(c.equal, func(v valueAt) bool { return c.forbids(v.key) })
	return len(c.equal) > 0
}

// forbids says whether no row wanted has a value, by its key.
func (c *keyCondition) forbids(key []byte) bool {
	return c.not[string(key)] || c.low != nil && string(key) < string(c.low) || c.high != nil && string(key) > string(c.high)
}

func (w *pruner) add(p *catalog.Partition) {
	if p == nil || w.seen[p.OID] {
		return
	}
	if w.seen == nil {
		w.seen = map[catalog.OID]bool{}
	}
	w.seen[p.OID] = true
	if !w.excludes(p) {
		w.out = append(w.out, p)
	}
}

// excludes says whether the values of a list are all such as no row wanted has.
func (w *pruner) excludes(p *catalog.Partition) bool {
	c := &w.columns[0]
	if w.key.Strategy != catalog.PartitionByList || !c.notNull || p.Bound == nil || p.Bound.Default {
		return false
	}
	return !slices.ContainsFunc(p.Bound.List, func(v catalog.BoundValue) bool {
		return v.Kind != catalog.BoundNull && !c.forbids(v.Key)
	})
}

// excluded are all partitions without those that excludes names: only the ones that
// take a value named, or null, can be such.
func (w *pruner) excluded() partitionSet {
	c := &w.columns[0]
	if w.key.Strategy != catalog.PartitionByList || !c.notNull {
		return partitionSet{all: true}
	}
	out := map[catalog.OID]bool{}
	look := func(key []byte) {
		if p := w.view.PartitionOfList(w.table.OID, key); p != nil && w.excludes(p) {
			out[p.OID] = true
		}
	}
	look(catalog.AppendKeyNull(nil))
	for key := range c.not {
		look(append(catalog.AppendKeyDatum(nil), key...))
	}
	if len(out) == 0 {
		return partitionSet{all: true}
	}
	list := slices.Clone(w.view.Partitions(w.table.OID))
	return partitionSet{list: slices.DeleteFunc(list, func(p *catalog.Partition) bool { return out[p.OID] })}
}

// combinationsMax is how many values of a key are looked up one by one.
const combinationsMax = 1024

func (w *pruner) find() (list []*catalog.Partition, all bool) {
	combinations := 1
	for i := range w.columns {
		c := &w.columns[i]
		if !c.settle() {
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
		for _, v := range c.equal {
			w.ordered(column+1, append(catalog.AppendKeyDatum(prefix), v.key...))
		}
		return
	case c.null && w.key.Strategy == catalog.PartitionByList:
		w.point(catalog.AppendKeyNull(prefix))
		return
	case c.null:
		w.add(w.view.DefaultOf(w.table.OID))
		return
	}
	if w.key.Strategy == catalog.PartitionByList {
		w.someOfList(prefix, c)
	} else {
		w.someOfRange(prefix, c)
	}
	w.add(w.view.DefaultOf(w.table.OID))
}

// someOfList adds the partitions of a list that take values between the ends.
func (w *pruner) someOfList(prefix []byte, c *keyCondition) {
	from, to := append(catalog.AppendKeyDatum(prefix), c.low...), prefix
	if c.high != nil {
		to = append(catalog.AppendKeyDatum(prefix), c.high...)
	}
	for _, p := range w.view.PartitionsOfList(w.table.OID, from, to) {
		w.add(p)
	}
}

// someOfRange adds the partitions whose range has keys that begin with prefix and go
// on with values between the ends.
func (w *pruner) someOfRange(prefix []byte, c *keyCondition) {
	from, to := prefix, prefix
	if c.low != nil || c.high != nil {
		from = append(catalog.AppendKeyDatum(prefix), c.low...)
	}
	if c.low != nil && c.not[string(c.low)] {
		from = catalog.AppendKeyAfter(from)
	}
	if c.high != nil {
		to = append(catalog.AppendKeyDatum(prefix), c.high...)
	}
	beyond := c.high != nil && c.not[string(c.high)]
	for _, p := range w.view.PartitionsOfRange(w.table.OID, from, to) {
		if !beyond || p.Bound.FromKey() < string(to) {
			w.add(p)
		}
	}
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
