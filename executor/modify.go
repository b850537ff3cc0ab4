package executor

import (
	"context"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// modify is what INSERT, UPDATE and DELETE share: they do all their work at the
// first next, then yield what RETURNING computed.
type modify struct {
	x         *execution
	table     *catalog.Table
	columns   []*catalog.Column // the live ones
	checks    []check
	returning []evaluator
	returns   bool
	router    *router // nil where rows belong to the table, or stay in their partitions
	// counts: the rows are those of the command tag (not so in a WITH query).
	counts   bool
	finished bool
	results  spool
}

// check is a compiled CHECK constraint.
type check struct {
	name string
	cond evaluator
}

func (b *builder) compileChecks(checks []plan.Check) ([]check, error) {
	out := make([]check, len(checks))
	for i, c := range checks {
		cond, err := b.compile(c.Cond)
		if err != nil {
			return nil, err
		}
		out[i] = check{c.Name, cond}
	}
	return out, nil
}

func (m *modify) reset() {
	m.finished = false
	m.results.drop()
}

// run calls step until it reports the end, then yields the results.
func (m *modify) run(ctx context.Context, step func(context.Context) (more bool, err error)) (*batch, error) {
	if !m.finished {
		m.results.init(m.x)
		for {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			more, err := step(ctx)
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
		}
		m.finished = true
	}
	return m.results.takeNext()
}

// done counts rows that were changed and keeps what RETURNING makes of them.
func (m *modify) done(rows *batch) error {
	if rows.rows == 0 {
		return nil
	}
	if m.counts {
		m.x.affected += int64(rows.rows)
	}
	if !m.returns {
		return nil
	}
	cols, err := evalFullAll(m.x, m.returning, rows)
	if err != nil {
		return err
	}
	return m.results.add(&batch{cols: cols, rows: rows.rows})
}

// checkRows answers for the first row that a NOT NULL or CHECK constraint
// refuses, as if rows were checked one after the other.
func (m *modify) checkRows(cols []arrow.Array, n int) error {
	if err := m.checkMeta(cols, n); err != nil {
		return err
	}
	bad, column := n, -1
	for i, c := range m.columns {
		if !c.NotNull || cols[i].NullN() == 0 {
			continue
		}
		for row := range bad {
			if cols[i].IsNull(row) {
				bad, column = row, i
				break
			}
		}
	}
	in := &batch{cols: cols, rows: n}
	failed := ""
	for _, c := range m.checks {
		v, err := c.cond.eval(m.x, in)
		if err != nil {
			return err
		}
		for row := range bad {
			if truthAt(v, row) == isFalse {
				bad, failed, column = row, c.name, -1
				break
			}
		}
		v.Array.Release()
	}
	switch {
	case failed != "":
		rel, schema, err := m.refusing(in, bad)
		if err != nil {
			return err
		}
		return sqlerr.New(sqlerr.CheckViolation, "new row for relation %s violates check constraint %s", quoted(rel), quoted(failed)).
			WithDetail("%s", failingRow(m.x, m.columns, cols, bad)).
			WithTable(schema, rel).WithConstraint(failed)
	case column >= 0:
		rel, schema, err := m.refusing(in, bad)
		if err != nil {
			return err
		}
		name := m.columns[column].Name
		return sqlerr.New(sqlerr.NotNullViolation, "null value in column %s of relation %s violates not-null constraint", quoted(name), quoted(rel)).
			WithDetail("%s", failingRow(m.x, m.columns, cols, bad)).
			WithTable(schema, rel).WithColumn(name)
	}
	return nil
}

// checkMeta refuses a value of the hidden column of dynamic fields that is no object:
// no field can be put into it.
func (m *modify) checkMeta(cols []arrow.Array, n int) error {
	i := slices.IndexFunc(m.columns, func(c *catalog.Column) bool { return c.Hidden && c.Name == catalog.MetaColumn })
	if i < 0 {
		return nil
	}
	values := cols[i].(*array.String)
	for row := range n {
		if !values.IsNull(row) && !strings.HasPrefix(values.Value(row), "{") {
			return sqlerr.New(sqlerr.InvalidParameterValue, "dynamic fields of relation %s must be a JSON object", quoted(m.table.Name)).
				WithDetail("%s", failingRow(m.x, m.columns, cols, row)).WithColumn(catalog.MetaColumn)
		}
	}
	return nil
}

// refusing names the relation that does not take a row, and its schema: of a
// partitioned table the partition that the row is meant for.
func (m *modify) refusing(rows *batch, row int) (name, schema string, err error) {
	if !m.table.Explicit() {
		return m.table.Name, schemaName(m.x, m.table), nil
	}
	r := m.router
	if r == nil { // rows stay in their partitions
		key, err := m.x.env.Stored.PartitionKey(m.table)
		if err != nil {
			return "", "", err
		}
		if r, err = (&builder{x: m.x}).newRouter(m.table, nil, key); err != nil {
			return "", "", err
		}
	}
	p := r.only
	if p == nil {
		values, err := r.values(rows)
		defer releaseVecs(values)
		if err != nil {
			return "", "", err
		}
		if p = r.placement().Of(values, row); p == nil {
			return "", "", r.noPartition(values, row)
		}
	}
	return p.Name, schemaNamed(m.x.catalog(), p.Schema), nil
}

// conform replaces *a by its form as a stored column of type t: a vector(n) is a
// fixed-size list there, while expressions may yield lists.
func conform(mem memory.Allocator, a *arrow.Array, t types.T) error {
	want := arrowType(t)
	have := (*a).DataType()
	if have == want || arrow.TypeEqual(have, want) {
		return nil
	}
	var out arrow.Array
	switch {
	case have.ID() == arrow.NULL:
		out = nullArray(mem, want, (*a).Len())
	case have.ID() == arrow.FIXED_SIZE_LIST && want.ID() == arrow.LIST:
		out = listOf(mem, (*a).(*array.FixedSizeList))
	case have.ID() == arrow.LIST && want.ID() == arrow.FIXED_SIZE_LIST:
		fixed, err := fixedOf(mem, (*a).(*array.List), want.(*arrow.FixedSizeListType))
		if err != nil {
			return err
		}
		out = fixed
	case have.ID() == want.ID(): // field names or nullability alone differ
		return nil
	default:
		return sqlerr.New(sqlerr.InternalError, "cannot store %s as %s", have, want)
	}
	(*a).Release()
	*a = out
	return nil
}

// fixedOf is a list array as fixed-size lists.
func fixedOf(mem memory.Allocator, a *array.List, t *arrow.FixedSizeListType) (arrow.Array, error) {
	n := int(t.Len())
	elems := make([]int32, 0, a.Len()*n)
	for i := range a.Len() {
		if a.IsNull(i) {
			for range n {
				elems = append(elems, 0)
			}
			continue
		}
		start, end := a.ValueOffsets(i)
		if int(end-start) != n {
			return nil, sqlerr.New(sqlerr.DataException, "expected %d dimensions, not %d", n, end-start)
		}
		for k := start; k < end; k++ {
			elems = append(elems, int32(k))
		}
	}
	values := a.ListValues()
	if values.Len() == 0 {
		for i := range elems {
			elems[i] = noRow
		}
	}
	child := take(mem, values, elems)
	defer child.Release()
	validity := shiftedValidity(mem, a)
	defer releaseBuffer(validity)
	data := array.NewData(t, a.Len(), []*memory.Buffer{validity}, []arrow.ArrayData{child.Data()}, a.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}
