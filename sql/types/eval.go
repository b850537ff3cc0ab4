package types

import (
	"context"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Vec is one argument of a kernel: an array with a value a row, or, when Const,
// an array of length one whose value stands for every row. Vec borrows Array.
type Vec struct {
	Array arrow.Array
	Const bool
}

// Row returns the index into v.Array that holds the value of row i.
func (v Vec) Row(i int) int {
	if v.Const {
		return 0
	}
	return i
}

// IsNull says whether row i is null.
func (v Vec) IsNull(i int) bool { return v.Array.IsNull(v.Row(i)) }

// Kernel computes n rows of a function from its arguments. The result has
// length n and belongs to the caller, who releases it. Kernels must not keep
// args. Strict functions are handed nulls too and answer null for them; the
// lifting helpers of package funcs do so.
type Kernel func(c *EvalContext, args []Vec, n int) (arrow.Array, error)

// EvalContext is what expressions may know of the statement that they run in.
// One statement has one; kernels borrow it.
type EvalContext struct {
	Ctx    context.Context
	Mem    memory.Allocator
	Format *Format
	// TransactionTime, StatementTime are now() and statement_timestamp():
	// microseconds since 1970-01-01 UTC.
	TransactionTime, StatementTime int64
	Session                        Session
	// Catalog is the statement's catalog.View; functions that package catalog
	// registers (pg_get_indexdef, to_regclass …) assert it. It is any here
	// because types is a leaf.
	Catalog any
	// Execution is the running statement; functions that package executor
	// registers (quiver.recall …) assert it.
	Execution any
}

// Session is what functions may ask of the session: current_user, nextval,
// current_setting and their like. server/session implements it.
type Session interface {
	CurrentUser() string
	SessionUser() string
	Database() string
	BackendPID() int32
	// Setting returns the value of a GUC as SHOW prints it.
	Setting(name string) (value string, ok bool)
	// SetSetting is set_config.
	SetSetting(name, value string, local bool) error
	// NextVal, CurrVal, SetVal and LastVal serve the sequence functions.
	NextVal(ctx context.Context, sequence OID) (int64, error)
	CurrVal(sequence OID) (int64, error)
	SetVal(ctx context.Context, sequence OID, value int64, called bool) error
	LastVal() (int64, error)
	// SignalBackend is pg_cancel_backend and pg_terminate_backend: it cancels
	// the statement of another session, or ends that session. found is false
	// when there is no such session.
	SignalBackend(pid int32, terminate bool) (found bool)
	// BlockingPIDs is pg_blocking_pids.
	BlockingPIDs(pid int32) []int32
	// Notice sends a NoticeResponse before the statement ends.
	Notice(code, message string)
}
