package executor

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/bitutil"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// memberSet is the keys of a small relation: what plan.Membership tests against.
type memberSet struct {
	x     *execution
	node  *plan.Membership
	input operator
	keys  *keyEncoder
	// held are the keys without a null, once loaded; rows counts the others too.
	held    map[string]struct{}
	rows    int
	hasNull bool
	loaded  bool
	// prune, unless nil, leaves out partitions of the search by what is loaded.
	prune *prunedScan
}

// load reads the relation.
func (m *memberSet) load(ctx context.Context) error {
	if m.loaded {
		return nil
	}
	m.held, m.loaded = map[string]struct{}{}, true
	bytes := int64(0)
	var learner prunedRows
	if m.prune != nil {
		learner.begin(m.x, m.prune)
	}
	err := drain(ctx, m.input, func(b *batch) error {
		defer b.release()
		if err := learner.add(b); err != nil {
			return err
		}
		k, err := m.keys.encode(m.x, b)
		if err != nil {
			return err
		}
		m.rows += b.rows
		for i := range b.rows {
			if m.keys.hasNull(i) {
				m.hasNull = true
			} else if _, known := m.held[string(k.at(i))]; !known {
				m.held[string(k.at(i))] = struct{}{}
				bytes += int64(len(k.at(i))) + mapEntryBytes
			}
		}
		if limit := membersMax * m.x.env.WorkMem; bytes > limit {
			return sqlerr.New(sqlerr.OutOfMemory, "out of memory").
				WithDetail("The keys that a vector search is filtered by exceed %d bytes.", limit)
		}
		return nil
	})
	return err
}

// membersMax is how many times work_mem the keys may take.
const membersMax = 64

func (m *memberSet) drop() { m.held, m.rows, m.hasNull, m.loaded = nil, 0, false, false }

// passes says whether a row with this key, or with a null in it, passes.
func (m *memberSet) passes(key []byte, null bool) bool {
	if m.rows == 0 {
		return m.node.Anti
	}
	if m.node.NullAware && (null || m.hasNull) {
		return false
	}
	if null {
		return m.node.Anti
	}
	_, member := m.held[string(key)]
	return member != m.node.Anti
}

// addMembers compiles the memberships of a vector search into its filter.
func (b *builder) addMembers(s *vectorSearcher, n *plan.VectorSearch) error {
	if len(n.Members) == 0 {
		return nil
	}
	f := &memberFilter{inner: s.spec.Filter, x: b.x, width: len(n.Fields), columns: map[int]int{}}
	if f.inner != nil {
		f.fields = slices.Clone(f.inner.Fields())
		f.innerWidth = len(f.fields)
	}
	for _, m := range n.Members {
		set := &memberSet{x: b.x, node: m}
		var err error
		if m.Pruning != nil {
			if set.prune, err = b.newPrunedScan(n.Table, m.Pruning, s.prune); err != nil {
				return err
			}
		}
		if set.input, err = b.build(m.Set); err != nil {
			return err
		}
		if set.keys, err = b.compileGroupKeys(m.SetKeys); err != nil {
			return err
		}
		for _, key := range m.Keys {
			for _, c := range columnsOf(key) {
				at := slices.Index(f.fields, n.Fields[c])
				if at < 0 {
					at = len(f.fields)
					f.fields = append(f.fields, n.Fields[c])
				}
				f.columns[c] = at
			}
		}
		s.members = append(s.members, set)
	}
	f.sets = s.members
	f.make = func() ([]*keyEncoder, error) {
		var out []*keyEncoder
		for _, m := range n.Members {
			enc, err := b.compileGroupKeys(m.Keys)
			if err != nil {
				return nil, err
			}
			out = append(out, enc)
		}
		return out, nil
	}
	s.spec.Filter = f
	return f.fill()
}

// memberFilter is a storage.Filter of memberships, after another one.
type memberFilter struct {
	x     *execution
	inner storage.Filter // may be nil
	sets  []*memberSet
	// fields are those of inner, innerWidth of them, then what the keys read
	// besides; columns gives the place there of each column that keys read.
	fields     []catalog.FieldID
	innerWidth int
	columns    map[int]int
	width      int // columns that the keys count through

	pool[[]*keyEncoder]
}

// Fields are the columns that Eval reads.
func (f *memberFilter) Fields() []catalog.FieldID { return f.fields }

// MayMatch asks the other filter.
func (f *memberFilter) MayMatch(stats func(catalog.FieldID) *storage.ColumnStats) bool {
	return f.inner == nil || f.inner.MayMatch(stats)
}

// Eval clears the bits of rows that do not pass.
func (f *memberFilter) Eval(ctx context.Context, columns []arrow.Array, rows int, visible storage.Bitmap) error {
	if f.inner != nil {
		if err := f.inner.Eval(ctx, columns[:f.innerWidth], rows, visible); err != nil {
			return err
		}
	}
	encoders, err := f.acquire()
	if err != nil {
		return err
	}
	defer f.giveBack(encoders)
	in := &batch{cols: make([]arrow.Array, f.width), rows: rows}
	for c, at := range f.columns {
		in.cols[c] = columns[at]
	}
	for i, set := range f.sets {
		if bitutil.CountSetBits(visible, 0, rows) == 0 {
			return nil
		}
		keys, err := encoders[i].encode(f.x, in)
		if err != nil {
			return err
		}
		for row := range rows {
			if visible.Get(row) && !set.passes(keys.at(row), encoders[i].hasNull(row)) {
				bitutil.ClearBit(visible, row)
			}
		}
	}
	return ctx.Err()
}
