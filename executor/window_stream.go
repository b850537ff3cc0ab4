package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/planner/plan"
)

// Window functions that need only rows passed are computed as the sorted rows go by,
// in stages: those that are known at the row (row_number, lag, a sum over ROWS), then
// those known at the end of the rows equal in order (a sum over the default frame),
// then those known at the end of the partition (a sum over all of it). A stage holds
// back the rows whose value it does not know yet, beyond work_mem in a temporary file.
// All others have partitionWindow, which keeps a partition's arguments in memory.

// windowLevel is when the value of a row is known.
type windowLevel int

const (
	atRow windowLevel = iota
	atPeers
	atPartition
	// atLength: not from rows passed and what is accumulated of them.
	atLength
)

// laggingMax is how far lag may look back as rows go by.
const laggingMax = batchRows

// level says when the call's value is known.
func (c *windowCall) level(x *execution) (windowLevel, error) {
	if c.plan.Function.Window == nil {
		return c.frame.level(), nil
	}
	switch c.plan.Function.Name {
	case "row_number", "rank", "dense_rank":
		return atRow, nil
	case "first_value":
		if c.frame.level() < atLength {
			return atRow, nil
		}
	case "last_value":
		return c.frame.level(), nil
	case "lag":
		offset, ok, err := c.lagOffset(x)
		if err != nil || ok && offset >= 0 && offset <= laggingMax {
			return atRow, err
		}
	}
	return atLength, nil
}

// lagOffset is how far lag looks back if that is the same for all rows.
func (c *windowCall) lagOffset(x *execution) (offset int64, ok bool, err error) {
	if len(c.args) < 2 {
		return 1, true, nil
	}
	if _, constant := c.plan.Args[1].(*plan.Const); !constant {
		return 0, false, nil
	}
	offset, null, err := evalInt(x, c.args[1])
	return offset, !null, err
}

// windowStream yields batches of the rows in their order, each stage with columns
// added.
type windowStream interface {
	next(ctx context.Context) (*batch, error)
	drop()
}

// sortedStream is the first of them.
type sortedStream struct{ s *sorter }

func (s sortedStream) next(ctx context.Context) (*batch, error) {
	b, _, err := s.s.next(ctx)
	return b, err
}

func (s sortedStream) drop() {}

// windowMarks find out where partitions begin, and the rows equal in order.
type windowMarks struct {
	partition, order         *keyEncoder
	lastPartition, lastOrder []byte
	begun                    bool
	newPartition, newPeers   []bool // of the rows at hand
}

func (m *windowMarks) mark(x *execution, in *batch) error {
	partition, err := m.partition.encode(x, in)
	if err != nil {
		return err
	}
	order, err := m.order.encode(x, in)
	if err != nil {
		return err
	}
	m.newPartition, m.newPeers = make([]bool, in.rows), make([]bool, in.rows)
	lastPartition, lastOrder := m.lastPartition, m.lastOrder
	for i := range in.rows {
		p, o := partition.at(i), order.at(i)
		m.newPartition[i] = !m.begun || string(p) != string(lastPartition)
		m.newPeers[i] = m.newPartition[i] || string(o) != string(lastOrder)
		lastPartition, lastOrder, m.begun = p, o, true
	}
	m.lastPartition = append(m.lastPartition[:0], lastPartition...)
	m.lastOrder = append(m.lastOrder[:0], lastOrder...)
	return nil
}

// passingStage adds the functions that look at rows by their distance.
type passingStage struct {
	x     *execution
	input windowStream
	marks windowMarks
	calls []*passingCall
}

func (s *passingStage) drop() {
	for _, c := range s.calls {
		c.forget()
	}
	s.input.drop()
}

func (s *passingStage) next(ctx context.Context) (*batch, error) {
	b, err := s.input.next(ctx)
	if err != nil || b == nil {
		return nil, err
	}
	if err := s.add(b); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

func (s *passingStage) add(b *batch) error {
	if err := s.marks.mark(s.x, b); err != nil {
		return err
	}
	in := &batch{cols: b.cols, rows: b.rows}
	for _, c := range s.calls {
		a, err := c.compute(s.x, in, &s.marks)
		if err != nil {
			return err
		}
		b.cols = append(b.cols, a)
	}
	return nil
}

// passingCall is row_number, rank, dense_rank, lag or first_value as rows go by.
type passingCall struct {
	*windowCall
	row, rank, dense int64
	// before are the last values of the partition so far, as many as lag looks
	// back; for first_value its first.
	before arrow.Array
}

func (c *passingCall) forget() {
	if c.before != nil {
		c.before.Release()
		c.before = nil
	}
	c.row, c.rank, c.dense = 0, 0, 0
}

func (c *passingCall) compute(x *execution, in *batch, marks *windowMarks) (arrow.Array, error) {
	switch c.plan.Function.Name {
	case "lag":
		return c.lag(x, in, marks)
	case "first_value":
		return c.first(x, in, marks)
	}
	b := array.NewInt64Builder(x.mem)
	defer b.Release()
	b.Reserve(in.rows)
	for i := range in.rows {
		if marks.newPartition[i] {
			c.row, c.dense = 0, 0
		}
		c.row++
		if marks.newPeers[i] {
			c.rank = c.row
			c.dense++
		}
		switch c.plan.Function.Name {
		case "row_number":
			b.Append(c.row)
		case "rank":
			b.Append(c.rank)
		default:
			b.Append(c.dense)
		}
	}
	return b.NewArray(), nil
}

// lag picks each value from those before, those at hand and the defaults.
func (c *passingCall) lag(x *execution, in *batch, marks *windowMarks) (arrow.Array, error) {
	offset, _, err := c.lagOffset(x)
	if err != nil {
		return nil, err
	}
	values, err := c.values(x, in)
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(values) }()
	held := values[0].Len()
	otherwise := int32(held + in.rows)
	from := make([]int32, in.rows)
	begin := 0 // of the partition, in what is held and at hand
	for i := range from {
		if marks.newPartition[i] {
			begin = held + i
		}
		switch at := held + i - int(offset); {
		case at >= begin:
			from[i] = int32(at)
		case len(values) > 2:
			from[i] = otherwise + int32(i)
		default:
			from[i] = noRow
		}
	}
	return c.pick(x, values, from, max(begin, held+in.rows-int(offset)), held+in.rows)
}

// first picks the value of the row that begins the partition.
func (c *passingCall) first(x *execution, in *batch, marks *windowMarks) (arrow.Array, error) {
	values, err := c.values(x, in)
	if err != nil {
		return nil, err
	}
	defer func() { releaseAll(values) }()
	held := values[0].Len()
	from := make([]int32, in.rows)
	begin := 0
	for i := range from {
		if marks.newPartition[i] {
			begin = held + i
		}
		from[i] = int32(begin)
	}
	return c.pick(x, values, from, begin, begin+1)
}

// values are what was held, the argument at hand and the default of lag if it has one.
func (c *passingCall) values(x *execution, in *batch) (values []arrow.Array, err error) {
	defer func() {
		if err != nil {
			releaseAll(values)
		}
	}()
	for i, e := range c.args {
		if i == 1 { // the offset
			continue
		}
		a, err := evalFull(x, e, in)
		if err != nil {
			return values, err
		}
		values = append(values, a)
	}
	before := c.before
	if before == nil {
		before = array.NewSlice(values[0], 0, 0)
	} else {
		before.Retain()
	}
	return append([]arrow.Array{before}, values...), nil
}

// pick takes values by their place in all of them, and holds those of [keep, end).
func (c *passingCall) pick(x *execution, values []arrow.Array, from []int32, keep, end int) (arrow.Array, error) {
	all, err := concat(x.mem, values)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	if c.before != nil {
		c.before.Release()
	}
	c.before = take(x.mem, all, span(int32(keep), int32(end)))
	return take(x.mem, all, from), nil
}
