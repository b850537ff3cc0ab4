package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/planner/plan"
	"quiver/sql/types"
)

func (b *builder) buildHashJoin(n *plan.HashJoin) (operator, error) {
	left, err := b.build(n.Left)
	if err != nil {
		return nil, err
	}
	right, err := b.build(n.Right)
	if err != nil {
		return nil, err
	}
	o := &hashJoinOp{x: b.x, left: left, right: right, join: join{
		x: b.x, kind: n.Kind, leftTypes: typesOf(n.Left.Output()), rightTypes: typesOf(n.Right.Output()),
	}}
	if o.leftKeys, err = b.compileGroupKeys(n.LeftKeys); err != nil {
		return nil, err
	}
	if o.rightKeys, err = b.compileGroupKeys(n.RightKeys); err != nil {
		return nil, err
	}
	if o.join.cond, err = b.compileOptional(n.Residual); err != nil {
		return nil, err
	}
	o.prune, err = b.newJoinPruning(n.JoinPrunings)
	return o, err
}

func typesOf(columns []plan.OutputColumn) []types.T {
	out := make([]types.T, len(columns))
	for i, c := range columns {
		out[i] = c.Type
	}
	return out
}

// hashJoinOp joins on equal keys: the right side is kept in a hash table, the
// left one streams by. A right side beyond the memory of an operator makes both
// be split into partition files by the hash of the keys; the partitions are
// joined one after the other.
type hashJoinOp struct {
	x                   *execution
	left, right         operator
	leftKeys, rightKeys *keyEncoder
	join                join
	prune               joinPruning

	opened  bool // left
	built   bool
	table   hashTable
	read    func(context.Context) (*batch, error) // the left rows at hand
	pending []partitionPair
	current partitionPair
	probe   *probe
	// rightNull and rightAny are for NOT IN: over all partitions.
	rightNull, rightAny bool
}

// partitionPair is the rows of both sides whose keys hash to one partition; nil
// files have none.
type partitionPair struct {
	left, right *spillFile
	level       int
}

func (p partitionPair) close() {
	if p.left != nil {
		p.left.close()
	}
	if p.right != nil {
		p.right.close()
	}
}

func (o *hashJoinOp) open(context.Context) error { o.close(); return nil }

func (o *hashJoinOp) close() {
	if o.opened {
		o.left.close()
		o.opened = false
	}
	o.right.close()
	o.prune.drop()
	o.table.drop()
	if o.probe != nil {
		o.probe.drop()
		o.probe = nil
	}
	for _, p := range o.pending {
		p.close()
	}
	o.current.close()
	o.current = partitionPair{}
	o.pending, o.built, o.read = nil, false, nil
	o.rightNull, o.rightAny = false, false
}

func (o *hashJoinOp) next(ctx context.Context) (*batch, error) {
	if !o.built {
		o.built = true
		if err := o.start(ctx); err != nil {
			return nil, err
		}
	}
	for o.read != nil {
		b, err := o.probeNext(ctx)
		if err != nil || b != nil {
			return b, err
		}
		if err := o.nextPair(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// start reads the right side and decides how to go on.
func (o *hashJoinOp) start(ctx context.Context) error {
	if o.prune.readsAhead() {
		if err := o.openLeft(ctx); err != nil {
			return err
		}
		if err := o.prune.readAhead(func() (*batch, error) { return o.left.next(ctx) }); err != nil {
			return err
		}
	}
	if err := o.right.open(ctx); err != nil {
		return err
	}
	o.table.init(o.x, o.rightKeys)
	parts, err := o.build(ctx, func() (*batch, error) { return o.right.next(ctx) }, 0)
	o.right.close()
	if err != nil {
		if parts != nil {
			parts.drop()
		}
		return err
	}
	if o.skipsLeft() {
		if parts != nil {
			parts.drop()
		}
		return nil
	}
	if parts == nil && o.table.side.rows != nil {
		if err := o.prune.left.learn(o.table.side.rows); err != nil {
			return err
		}
	}
	if err := o.openLeft(ctx); err != nil {
		if parts != nil {
			parts.drop()
		}
		return err
	}
	readLeft := func(ctx context.Context) (*batch, error) {
		if b := o.prune.next(); b != nil {
			return b, nil
		}
		return o.left.next(ctx)
	}
	if parts == nil {
		o.read = readLeft
		return nil
	}
	if err := o.split(ctx, readLeft, parts, 1); err != nil {
		return err
	}
	return o.nextPair()
}

func (o *hashJoinOp) openLeft(ctx context.Context) error {
	if o.opened {
		return nil
	}
	o.opened = true
	return o.left.open(ctx)
}

// skipsLeft: kinds that yield nothing whatever is on the left.
func (o *hashJoinOp) skipsLeft() bool {
	switch o.join.kind {
	case plan.JoinInner, plan.JoinSemi, plan.JoinRight:
		return !o.rightAny
	case plan.JoinAntiNull:
		return o.rightNull
	}
	return false
}

// build fills the hash table. When it outgrows the memory the rest goes, with
// what is in the table, to partitions, which are returned.
func (o *hashJoinOp) build(ctx context.Context, read func() (*batch, error), level int) (*partitions, error) {
	var parts *partitions
	for {
		if err := ctx.Err(); err != nil {
			return parts, err
		}
		b, err := read()
		if err != nil {
			return parts, err
		}
		if b == nil {
			break
		}
		o.rightAny = true
		if parts != nil {
			err := o.putAside(parts, o.rightKeys, b)
			b.release()
			if err != nil {
				return parts, err
			}
			continue
		}
		if err := o.table.add(b); err != nil {
			return parts, err
		}
		if o.table.bytes > o.x.env.WorkMem && level < partitionDepthMax {
			parts = newPartitions(o.x)
			for _, held := range o.table.batches {
				if err := o.putAside(parts, o.rightKeys, held); err != nil {
					return parts, err
				}
			}
			o.rightNull = o.rightNull || o.table.hasNull
			o.table.drop()
			o.table.init(o.x, o.rightKeys)
		}
	}
	if parts != nil {
		return parts, nil
	}
	o.rightNull = o.rightNull || o.table.hasNull
	return nil, o.table.finish()
}

// putAside sends the rows of a batch to partitions by the hash of their keys.
func (o *hashJoinOp) putAside(parts *partitions, enc *keyEncoder, b *batch) error {
	k, err := enc.encode(o.x, b)
	if err != nil {
		return err
	}
	for i := range b.rows {
		key := k.at(i)
		parts.route(i, key)
		if enc == o.rightKeys && enc.hasNull(i) {
			o.rightNull = true
		}
	}
	return parts.write(b)
}

// split sends the left rows to partitions that match those of the right.
func (o *hashJoinOp) split(ctx context.Context, read func(context.Context) (*batch, error), right *partitions, level int) error {
	left := newPartitions(o.x)
	left.seed = right.seed
	defer left.drop()
	defer right.drop()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := read(ctx)
		if err != nil {
			return err
		}
		if b == nil {
			break
		}
		err = o.putAside(left, o.leftKeys, b)
		b.release()
		if err != nil {
			return err
		}
	}
	rights, err := right.finishAll()
	if err != nil {
		return err
	}
	lefts, err := left.finishAll()
	if err != nil {
		return err
	}
	for k := range lefts {
		if lefts[k] != nil || rights[k] != nil {
			o.pending = append(o.pending, partitionPair{lefts[k], rights[k], level})
		}
	}
	return nil
}

// nextPair takes up the next partition; read is nil at the end.
func (o *hashJoinOp) nextPair() error {
	o.read = nil
	o.table.drop()
	for len(o.pending) > 0 {
		o.current.close()
		n := len(o.pending) - 1
		o.current = o.pending[n]
		o.pending = o.pending[:n]
		o.table.init(o.x, o.rightKeys)
		var parts *partitions
		var err error
		if o.current.right != nil {
			parts, err = o.build(o.x.c.Ctx, o.current.right.read, o.current.level)
		} else {
			err = o.table.finish()
		}
		if err != nil {
			return err
		}
		read := func(context.Context) (*batch, error) { return nil, nil }
		if left := o.current.left; left != nil {
			read = func(context.Context) (*batch, error) { return left.read() }
		}
		if parts == nil {
			o.read = read
			return nil
		}
		if err := o.split(o.x.c.Ctx, read, parts, o.current.level+1); err != nil {
			return err
		}
	}
	o.current.close()
	o.current = partitionPair{}
	return nil
}

// probeNext returns joined rows of the left rows at hand, then, for RIGHT and
// FULL, the right rows without a match; nil at the end.
func (o *hashJoinOp) probeNext(ctx context.Context) (*batch, error) {
	for {
		if o.probe == nil {
			in, err := o.read(ctx)
			if err != nil {
				return nil, err
			}
			if in == nil {
				return o.join.unmatchedRight(&o.table.side)
			}
			k, err := o.leftKeys.encode(o.x, in)
			if err != nil {
				in.release()
				return nil, err
			}
			o.probe = newProbe(&o.join, in, &o.table.side)
			o.probe.pairs = o.table.matches(k, o.leftKeys, in.rows)
			o.probe.leftNull = func(i int) bool { return o.leftKeys.hasNull(i) && o.rightAny }
		}
		b, err := o.probe.next(ctx)
		if err != nil || b != nil {
			return b, err
		}
		o.probe.drop()
		o.probe = nil
	}
}

// hashTable is the right side of a hash join: its rows and, by key, chains of
// them.
type hashTable struct {
	x       *execution
	keys    *keyEncoder
	batches []*batch
	bytes   int64
	side    joinSide
	heads   map[string]int32
	chain   []int32 // next row of the same key, -1 at the end
	hasNull bool
	lookup  []int32
}

func (t *hashTable) init(x *execution, keys *keyEncoder) {
	*t = hashTable{x: x, keys: keys, heads: map[string]int32{}}
}

// add takes over a batch.
func (t *hashTable) add(b *batch) error {
	t.batches = append(t.batches, b)
	k, err := t.keys.encode(t.x, b)
	if err != nil {
		return err
	}
	base := int32(len(t.chain))
	for i := range b.rows {
		row := base + int32(i)
		if t.keys.hasNull(i) {
			t.hasNull = true
			t.chain = append(t.chain, -1)
			continue
		}
		key := k.at(i)
		next, ok := t.heads[string(key)]
		if !ok {
			next = -1
			t.bytes += int64(len(key)) + mapEntryBytes
		}
		t.heads[string(key)] = row
		t.chain = append(t.chain, next)
	}
	t.bytes += b.bytes() + 4*int64(b.rows)
	return nil
}

// finish joins the batches so that rows are addressed by one number.
func (t *hashTable) finish() error {
	t.side.matched = make([]bool, len(t.chain))
	if len(t.batches) == 0 {
		return nil
	}
	all, err := concatBatches(t.x.mem, t.batches)
	if err != nil {
		return err
	}
	for _, b := range t.batches {
		b.release()
	}
	t.batches = nil
	t.side.rows = all
	return nil
}

func (t *hashTable) drop() {
	for _, b := range t.batches {
		b.release()
	}
	if t.side.rows != nil {
		t.side.rows.release()
	}
	*t = hashTable{}
}

// matches finds, for each left row, the head of its chain, and returns what
// walks the pairs.
func (t *hashTable) matches(k *keys, enc *keyEncoder, n int) pairSource {
	heads := t.lookup[:0]
	for i := range n {
		head := int32(-1)
		if !enc.hasNull(i) {
			if h, ok := t.heads[string(k.at(i))]; ok {
				head = h
			}
		}
		heads = append(heads, head)
	}
	t.lookup = heads
	left := 0
	at := int32(-1)
	if n > 0 {
		at = heads[0]
	}
	return func(max int, lefts, rights []int32) ([]int32, []int32) {
		for left < n && len(lefts) < max {
			if at < 0 {
				left++
				if left < n {
					at = heads[left]
				}
				continue
			}
			lefts, rights = append(lefts, int32(left)), append(rights, at)
			at = t.chain[at]
		}
		return lefts, rights
	}
}

// nullColumns are n rows of nulls of some types.
func nullColumns(x *execution, ts []types.T, n int) []arrow.Array {
	out := make([]arrow.Array, len(ts))
	for i, t := range ts {
		out[i] = nullArray(x.mem, arrowType(t), n)
	}
	return out
}
