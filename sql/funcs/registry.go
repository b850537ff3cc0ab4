package funcs

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// Volatility is pg_proc.provolatile.
type Volatility byte

// The volatilities of manual section 38.7.
const (
	Immutable Volatility = 'i'
	Stable    Volatility = 's'
	Volatile  Volatility = 'v'
)

// Kind is pg_proc.prokind.
type Kind byte

// The kinds of functions.
const (
	KindFunction  Kind = 'f'
	KindAggregate Kind = 'a'
	KindWindow    Kind = 'w'
	KindProcedure Kind = 'p'
)

// Function is one row of pg_proc: one signature of a name.
type Function struct {
	OID    types.OID
	Schema string // pg_catalog, or quiver for Quiver's own
	// Extension names the extension that brings the function in Postgres
	// (vector); such a function is found under the schema public, too.
	Extension string
	Name      string
	Kind      Kind
	Args      []types.OID
	// ArgNames are the names for call by name; nil when there are none.
	ArgNames []string
	// Defaults holds SQL text of the defaults of the last len(Defaults)
	// arguments.
	Defaults []string
	// Variadic is the element type of a last VARIADIC argument; 0 without one.
	Variadic   types.OID
	Result     types.OID
	Volatility Volatility
	// Strict: a null argument makes the result null without a call.
	Strict bool
	// ReturnsSet is pg_proc.proretset.
	ReturnsSet bool
	// ResultType refines Result from the argument types (typmods, polymorphic
	// results are resolved before); nil when Result says it all.
	ResultType func(args []types.T) types.T

	// Impl does the work.
	Impl

	// Columns names the result columns of a set-returning function that
	// returns more than one; nil means one column named as the function.
	Columns []Column

	// Declared is nil for Quiver's own functions.
	Declared *Declaration
}

// Declaration is what else Postgres' catalogs say of a function: shown by
// pg_proc and pg_get_functiondef, and used for nothing.
type Declaration struct {
	Language  string // internal, c or sql
	Source    string // prosrc
	Body      string // RETURN … or BEGIN ATOMIC … END; empty without one
	Parallel  byte   // s, r or u
	Leakproof bool
	Cost      float64
	Rows      float64
	Support   types.OID
	Comment   string
}

// Comment is what obj_description says of the function.
func (f *Function) Comment() string {
	if f.Declared == nil {
		return ""
	}
	return f.Declared.Comment
}

// Impl is how a function is computed: one of the four that apply, or, where
// the work depends on the argument types (polymorphic and "any" arguments), a
// Specialize that makes one. Resolve hands out functions already specialised,
// so that whoever runs a plan looks at Kernel, Rows, Aggregate and Window alone.
type Impl struct {
	Kernel types.Kernel
	// Rows is a set-returning function.
	Rows RowsKernel
	// Aggregate makes an accumulator.
	Aggregate func(spec AggregateSpec) (Accumulator, error)
	// Window computes a window function.
	Window WindowKernel
	// Specialize returns the Impl for a call.
	Specialize func(call Signature) (Impl, error)
}

// Signature is the resolved types of one call. Variadic: the call wrote the
// word VARIADIC, so that its last argument is an array to be spread.
type Signature struct {
	Args     []types.T
	Result   types.T
	Variadic bool
}

// Column is a result column of a function in FROM.
type Column struct {
	Name string
	Type types.OID
}

// RowsKernel calls a set-returning function for one row of arguments (each
// argument is a Vec with Const set) and returns an iterator over batches.
type RowsKernel func(c *types.EvalContext, args []types.Vec) (RowsIterator, error)

// RowsIterator yields the result columns of a set-returning function in
// batches; nil columns mean the end. The caller releases each array.
type RowsIterator interface {
	Next(ctx context.Context) (columns []arrow.Array, err error)
}

// AggregateSpec says what an accumulator is for: the resolved argument and
// result types.
type AggregateSpec struct {
	Args   []types.T
	Result types.T
}

// Accumulator gathers an aggregate for many groups at once; groups are
// numbered from 0. DISTINCT, FILTER and ORDER BY inside the call are done by
// the executor before Update.
type Accumulator interface {
	// Update adds rows 0…n-1: row i belongs to group groups[i] < ngroups.
	Update(c *types.EvalContext, groups []uint32, ngroups int, args []types.Vec, n int) error
	// Result returns the value of groups 0…ngroups-1, in order; groups never
	// updated give the aggregate's value over no rows. Caller releases.
	Result(c *types.EvalContext, ngroups int) (arrow.Array, error)
	// Bytes is an estimate of the memory held.
	Bytes() int64
}

// Operator is one row of pg_operator. Left is 0 for a prefix operator.
type Operator struct {
	OID                 types.OID
	Name                string
	Left, Right, Result types.OID
	Function            *Function
	// Commutator and Negator are operator names over the same (swapped)
	// types; empty when there is none.
	Commutator, Negator string
	// Comment is what obj_description says of it.
	Comment string
	// Distance marks pgvector's <-> <=> <#> <+>: ORDER BY them becomes a
	// vector search.
	Distance string
}
