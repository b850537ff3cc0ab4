package executor

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/funcs"
	"quiver/sql/types"
)

// unitStage adds the calls whose value is that of a unit: the row, the rows equal in
// order, the partition. It holds back the rows of a unit until that has ended.
type unitStage struct {
	x     *execution
	input windowStream
	marks windowMarks
	level windowLevel
	calls []*unitCall
	// open: a unit has begun, of which earlier batches' rows are in pending.
	open    bool
	pending *spool
	// ended are rows of a unit that has ended, and endedValues their values, one a
	// call; rest are the rows after them whose values are known.
	ended       *spool
	endedValues []arrow.Array
	rest        *batch
	done        bool
}

func (s *unitStage) drop() {
	s.dropEnded()
	if s.pending != nil {
		s.pending.drop()
	}
	if s.rest != nil {
		s.rest.release()
		s.rest = nil
	}
	for _, c := range s.calls {
		c.forget()
	}
	s.input.drop()
}

func (s *unitStage) dropEnded() {
	if s.ended != nil {
		s.ended.drop()
	}
	releaseAll(s.endedValues)
	s.ended, s.endedValues = nil, nil
}

func (s *unitStage) next(ctx context.Context) (*batch, error) {
	for {
		if s.ended != nil {
			b, err := s.ended.takeNext()
			if err != nil {
				return nil, err
			}
			if b != nil {
				for _, v := range s.endedValues {
					b.cols = append(b.cols, repeat(s.x.mem, v, b.rows))
				}
				return b, ctx.Err()
			}
			s.dropEnded()
		}
		if b := s.rest; b != nil {
			s.rest = nil
			return b, nil
		}
		if s.done {
			return nil, nil
		}
		in, err := s.input.next(ctx)
		if err != nil {
			return nil, err
		}
		if in == nil {
			err = s.finish()
		} else {
			err = s.take(in)
			in.release()
		}
		if err != nil {
			return nil, err
		}
	}
}

// finish ends the last unit.
func (s *unitStage) finish() error {
	s.done = true
	if !s.open {
		return nil
	}
	if err := s.endUnit(); err != nil {
		return err
	}
	s.endPending()
	for _, c := range s.calls {
		c.unbind()
	}
	return nil
}

// endPending hands out the rows that were held back, of the first unit that ended.
func (s *unitStage) endPending() {
	for _, c := range s.calls {
		c.ended[0].Retain()
		s.endedValues = append(s.endedValues, c.ended[0])
	}
	s.ended, s.pending = s.pending, nil
}

// take adds the rows of a batch to their units.
func (s *unitStage) take(in *batch) error {
	if err := s.marks.mark(s.x, in); err != nil {
		return err
	}
	defer func() {
		for _, c := range s.calls {
			c.unbind()
		}
	}()
	for _, c := range s.calls {
		if err := c.bind(s.x, in); err != nil {
			return err
		}
	}
	held := s.open && s.pending != nil
	unit, last, err := s.addUnits(in)
	if err != nil {
		return err
	}
	if len(s.calls[0].ended) == 0 { // all of the unit that has not ended
		return s.hold(in, 0)
	}
	if held {
		s.endPending()
	}
	if last > 0 {
		rest := in.slice(0, last)
		for _, c := range s.calls {
			values, err := concat(s.x.mem, c.ended)
			if err != nil {
				rest.release()
				return err
			}
			rest.cols = append(rest.cols, take(s.x.mem, values, unit[:last]))
			values.Release()
		}
		s.rest = rest
	}
	return s.hold(in, last)
}

// addUnits gives the rows to the calls and ends units where others begin. unit is
// the number of each row's unit among those that have ended, last where the one
// begins that has not.
func (s *unitStage) addUnits(in *batch) (unit []int32, last int, err error) {
	unit = make([]int32, in.rows)
	for i := 0; i < in.rows; {
		if s.begins(i) && s.open {
			if err := s.endUnit(); err != nil {
				return nil, 0, err
			}
		}
		if s.begins(i) {
			last = i
		}
		j := i + 1
		for j < in.rows && !s.begins(j) {
			j++
		}
		for r := i; r < j; r++ {
			unit[r] = int32(len(s.calls[0].ended))
		}
		for _, c := range s.calls {
			if s.marks.newPartition[i] {
				c.acc = nil
			}
			if err := c.add(s.x, i, j); err != nil {
				return nil, 0, err
			}
		}
		s.open = true
		i = j
	}
	if s.level == atRow {
		last = in.rows
		return unit, last, s.endUnit()
	}
	return unit, last, nil
}

func (s *unitStage) begins(i int) bool {
	switch s.level {
	case atRow:
		return true
	case atPeers:
		return s.marks.newPeers[i]
	}
	return s.marks.newPartition[i]
}

func (s *unitStage) endUnit() error {
	s.open = false
	for _, c := range s.calls {
		if err := c.end(s.x); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps the rows from a place on until their unit ends.
func (s *unitStage) hold(in *batch, from int) error {
	if from == in.rows {
		return nil
	}
	if s.pending == nil {
		s.pending = &spool{x: s.x}
	}
	return s.pending.add(in.slice(from, in.rows))
}

// unitCall is an aggregate or last_value, computed by units.
type unitCall struct {
	*windowCall
	acc   funcs.Accumulator // of the partition so far
	last  arrow.Array       // for last_value: its last value
	ended []arrow.Array     // a value for each unit that ended in the batch at hand
	at    windowAggregate   // the batch at hand
}

func (c *unitCall) forget() {
	c.unbind()
	c.acc = nil
	if c.last != nil {
		c.last.Release()
		c.last = nil
	}
}

// bind evaluates the arguments for a batch.
func (c *unitCall) bind(x *execution, in *batch) error {
	rows := &funcs.WindowRows{N: in.rows, Args: make([]types.Vec, len(c.args))}
	c.at = windowAggregate{x: x, call: c.windowCall, rows: rows}
	for i, e := range c.args {
		var err error
		if rows.Args[i], err = e.eval(x, in); err != nil {
			return err
		}
	}
	var err error
	c.at.filtered, err = c.filtered(x, in)
	return err
}

func (c *unitCall) unbind() {
	if c.at.rows != nil {
		releaseVecs(c.at.rows.Args)
	}
	releaseAll(c.ended)
	c.at, c.ended = windowAggregate{}, nil
}

// add takes in rows [from, to) of the batch at hand.
func (c *unitCall) add(x *execution, from, to int) error {
	if c.plan.Function.Window != nil {
		if c.last != nil {
			c.last.Release()
		}
		v := c.at.rows.Args[0]
		c.last = take(x.mem, v.Array, []int32{int32(v.Row(to - 1))})
		return nil
	}
	if c.acc == nil {
		var err error
		if c.acc, err = c.at.start(); err != nil {
			return err
		}
	}
	return c.at.add(c.acc, span(int32(from), int32(to)), nil, 1)
}

// end takes down the value of the unit that ends.
func (c *unitCall) end(x *execution) error {
	if c.plan.Function.Window != nil {
		c.last.Retain()
		c.ended = append(c.ended, c.last)
		return nil
	}
	v, err := c.acc.Result(x.c, 1)
	if err != nil {
		return err
	}
	c.ended = append(c.ended, v)
	return nil
}
