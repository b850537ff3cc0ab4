package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"quiver/sql/sqlerr"
)

// The number of values reserved at a time doubles while a sequence is in use.
const (
	sequenceBlockMin = 32
	sequenceBlockMax = 8192
)

// sequenceStates are the sequences in use by this process.
type sequenceStates struct {
	mu     sync.Mutex // guards states
	states map[sequenceKey]*sequenceState
}

type sequenceKey struct {
	oid        OID
	generation uint64
}

// sequenceState is one generation of a sequence.
type sequenceState struct {
	// turn holds one token: whoever has it may use what follows.
	turn   chan struct{}
	last   int64 // the last value given out, or the first one to be if !called
	called bool
	left   int64 // values reserved beyond last
	block  int64 // how many to reserve next
	stored sequenceValue
	loaded bool
}

// sequenceValue is what the store keeps: values up to Last may have been given
// out, Last itself only if Called.
type sequenceValue struct {
	Last   int64 `json:"last"`
	Called bool  `json:"called"`
}

func (c *Catalog) sequence(s *Sequence) *sequenceState {
	c.sequences.mu.Lock()
	defer c.sequences.mu.Unlock()
	if c.sequences.states == nil {
		c.sequences.states = map[sequenceKey]*sequenceState{}
	}
	key := sequenceKey{s.OID, s.Generation}
	st := c.sequences.states[key]
	if st == nil {
		st = &sequenceState{turn: make(chan struct{}, 1), block: sequenceBlockMin}
		st.turn <- struct{}{}
		c.sequences.states[key] = st
	}
	return st
}

// withSequence runs f while no other call uses the sequence.
func (c *Catalog) withSequence(ctx context.Context, s *Sequence, f func(*sequenceState) error) error {
	st := c.sequence(s)
	select {
	case <-st.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { st.turn <- struct{}{} }()
	return f(st)
}

// NextVal is nextval: no value is given twice, whatever crashes; values may be
// skipped. Most calls touch memory alone.
func (c *Catalog) NextVal(ctx context.Context, s *Sequence) (value int64, err error) {
	err = c.withSequence(ctx, s, func(st *sequenceState) error {
		if !st.loaded || st.left == 0 {
			if err := c.reserveValues(ctx, s, st); err != nil {
				return err
			}
		}
		value, err = s.after(sequenceValue{st.last, st.called})
		if err != nil {
			return err
		}
		st.last, st.called = value, true
		st.left--
		return nil
	})
	return value, err
}

// reserveValues stores a last value further on, then gives out what lies
// before it.
func (c *Catalog) reserveValues(ctx context.Context, s *Sequence, st *sequenceState) error {
	return c.changeSequence(ctx, s, func(stored sequenceValue) (sequenceValue, error) {
		from := stored
		if st.loaded && stored == st.stored {
			from = sequenceValue{st.last, st.called}
		}
		ahead, n, err := s.ahead(from, st.block)
		if err != nil {
			return ahead, err
		}
		st.last, st.called, st.left = from.Last, from.Called, n
		st.loaded = false // until the store has it
		return ahead, nil
	}, func(now sequenceValue) {
		st.stored, st.loaded = now, true
		st.block = min(2*st.block, sequenceBlockMax)
	})
}

// changeSequence replaces the stored value by what f makes of it and calls
// done. A reply that is lost, or a conflict with an own late request, makes it
// read and try again.
func (c *Catalog) changeSequence(ctx context.Context, s *Sequence, f func(sequenceValue) (sequenceValue, error), done func(sequenceValue)) error {
	key := c.keys.sequence(s.OID, s.Generation)
	_, err := retryWrite(ctx, func() (struct{}, error) {
		stored, guard, err := c.readSequence(ctx, s, key)
		if err != nil {
			return struct{}{}, err
		}
		now, err := f(stored)
		if err != nil {
			return struct{}{}, err
		}
		value, err := json.Marshal(now)
		if err != nil {
			return struct{}{}, err
		}
		if _, err := c.write(ctx, []Compare{guard}, []Op{{Key: key, Value: value}}); err != nil {
			return struct{}{}, err
		}
		done(now)
		return struct{}{}, nil
	})
	return err
}

func (c *Catalog) readSequence(ctx context.Context, s *Sequence, key string) (sequenceValue, Compare, error) {
	kv, err := c.kv.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return s.initial(), Compare{Kind: CompareAbsent, Key: key}, nil
	}
	if err != nil {
		return sequenceValue{}, Compare{}, err
	}
	var v sequenceValue
	if err := json.Unmarshal(kv.Value, &v); err != nil {
		return v, Compare{}, &CorruptionError{key, err}
	}
	return v, Compare{Kind: CompareModRevision, Key: key, Revision: kv.ModRevision}, nil
}

// initial is the state of a generation nobody has used.
func (s *Sequence) initial() sequenceValue {
	if s.Generation == 0 {
		return sequenceValue{Last: s.Start}
	}
	return sequenceValue{Last: s.First}
}

// after is the value that follows v, or 2200H at the end.
func (s *Sequence) after(v sequenceValue) (int64, error) {
	if !v.Called {
		return v.Last, nil
	}
	if s.room(v.Last) > 0 {
		return v.Last + s.Increment, nil
	}
	switch {
	case s.Cycle && s.Increment > 0:
		return s.Min, nil
	case s.Cycle:
		return s.Max, nil
	case s.Increment > 0:
		return 0, sqlerr.New(sqlerr.SequenceGeneratorLimitExceeded, "nextval: reached maximum value of sequence \"%s\" (%d)", s.Name, s.Max)
	}
	return 0, sqlerr.New(sqlerr.SequenceGeneratorLimitExceeded, "nextval: reached minimum value of sequence \"%s\" (%d)", s.Name, s.Min)
}

// room is how many increments fit between last and the bound.
func (s *Sequence) room(last int64) uint64 {
	if s.Increment > 0 {
		if last > s.Max {
			return 0
		}
		return (uint64(s.Max) - uint64(last)) / uint64(s.Increment)
	}
	if last < s.Min {
		return 0
	}
	return (uint64(last) - uint64(s.Min)) / -uint64(s.Increment)
}

// ahead is the state after at most n more values, short of the bound, and how
// many values that is.
func (s *Sequence) ahead(v sequenceValue, n int64) (sequenceValue, int64, error) {
	first, err := s.after(v)
	if err != nil {
		return v, 0, err
	}
	more := int64(min(s.room(first), uint64(n-1)))
	return sequenceValue{Last: first + more*s.Increment, Called: true}, more + 1, nil
}

// SetVal is setval: the next value is value if !called, else the one after it.
// It is durable when it returns and is not undone by ROLLBACK, as in Postgres.
func (c *Catalog) SetVal(ctx context.Context, s *Sequence, value int64, called bool) error {
	if value < s.Min || value > s.Max {
		return sqlerr.New(sqlerr.NumericValueOutOfRange, "setval: value %d is out of bounds for sequence \"%s\" (%d..%d)", value, s.Name, s.Min, s.Max)
	}
	set := sequenceValue{value, called}
	return c.withSequence(ctx, s, func(st *sequenceState) error {
		st.loaded = false
		return c.changeSequence(ctx, s,
			func(sequenceValue) (sequenceValue, error) { return set, nil },
			func(sequenceValue) {
				st.last, st.called, st.left, st.stored, st.loaded = value, called, 0, set, true
			})
	})
}

// SequenceValue is SELECT last_value, is_called FROM s.
func (c *Catalog) SequenceValue(ctx context.Context, s *Sequence) (last int64, called bool, err error) {
	err = c.withSequence(ctx, s, func(st *sequenceState) error {
		if st.loaded {
			last, called = st.last, st.called
			return nil
		}
		v, err := retryRead(ctx, func() (sequenceValue, error) {
			v, _, err := c.readSequence(ctx, s, c.keys.sequence(s.OID, s.Generation))
			return v, err
		})
		last, called = v.Last, v.Called
		return err
	})
	return last, called, err
}

// handBackSequences stores how far sequences really are, so that a clean
// restart skips nothing.
func (c *Catalog) handBackSequences(ctx context.Context) error {
	c.sequences.mu.Lock()
	defer c.sequences.mu.Unlock()
	var guards []Compare
	var ops []Op
	for key, st := range c.sequences.states {
		if !st.loaded || st.left == 0 {
			continue
		}
		was, err := json.Marshal(st.stored)
		if err != nil {
			return err
		}
		now, err := json.Marshal(sequenceValue{st.last, st.called})
		if err != nil {
			return err
		}
		k := c.keys.sequence(key.oid, key.generation)
		guards = append(guards, Compare{Kind: CompareValue, Key: k, Value: was})
		ops = append(ops, Op{Key: k, Value: now})
	}
	var all error
	for i := 0; i < len(ops); i += TxnOpsMax - 1 {
		end := min(i+TxnOpsMax-1, len(ops))
		_, err := c.write(ctx, guards[i:end], ops[i:end])
		all = errors.Join(all, err)
	}
	return all
}

// forgetSequences drops the states of dropped sequences and of generations
// that a restart replaced.
func (c *Catalog) forgetSequences(changes []stagedChange) {
	c.sequences.mu.Lock()
	defer c.sequences.mu.Unlock()
	for _, ch := range changes {
		s, ok := ch.to.(*Sequence)
		if ch.to != nil && !ok {
			continue
		}
		for key := range c.sequences.states {
			if key.oid == ch.oid && (s == nil || key.generation < s.Generation) {
				delete(c.sequences.states, key)
			}
		}
	}
}

// dropOrphanSequences removes values whose sequence or generation is not in v:
// left by transactions that rolled back, and by restarts.
func (c *Catalog) dropOrphanSequences(ctx context.Context, v *Version) error {
	kvs, err := c.rangeAll(ctx, c.keys.sequences())
	if err != nil {
		return err
	}
	var ops []Op
	for _, kv := range kvs {
		n, err := numbers(kv.Key, c.keys.sequences(), 2)
		if err != nil {
			return err
		}
		s, _ := v.Descriptor(OID(n[0])).(*Sequence)
		if s == nil || cmp.Compare(s.Generation, n[1]) != 0 {
			ops = append(ops, Op{Delete: true, Key: kv.Key})
		}
	}
	for _, chunk := range chunks(ops, 1) {
		if _, err := c.writeSettled(ctx, nil, chunk); err != nil {
			return err
		}
	}
	return nil
}
