// Package funcs is the registry of functions, operators and aggregates:
// signature, volatility, strictness and a kernel over Arrow arrays. pg_proc,
// pg_operator and pg_aggregate are views of it.
//
// What Postgres says of its built-ins lies in facts/ (see its README); a file a
// family adds the implementations by signature, and with a function come the
// operators over it:
//
//	kernel("lower(text)", Lift1(strings.ToLower))
//
// Start reading at Function, then Builtin (lookup.go) and Lift1 (lift.go).
//   - lift.go, column.go: Lift2(func(a, b int64) int64) and its like turn Go
//     functions into kernels that handle nulls, constants and builders; input
//     says which Go type reads which SQL type. Hot operators have loops of
//     their own (arith.go, compare.go).
//   - resolve.go, resolve_operator.go, coerce.go, polymorphic.go: which
//     overload a call means and to which types its arguments go, by the
//     manual's chapter 10; CommonType is for UNION, CASE and their like.
//     Functions over polymorphic or "any" arguments are handed out with a
//     kernel for the types of the call (Impl.Specialize).
//   - aggregate*.go: accumulators of many groups. rows.go, series.go:
//     set-returning functions.
//
// Functions that need the catalog (pg_get_indexdef, to_regclass) are registered
// by package catalog through Builtin. The distances of vectors have one
// definition, in float64, which is also that of package vector.
//
// Text compares by bytes (collation C), upper and lower follow Unicode.
// Transcendental functions of float8 may differ from glibc's in the last bit.
// Regular expressions are Postgres' advanced ones, on Go's engine: back
// references and lookaround are refused (0A000).
//
// Every function has cases in testdata/golden, answered by PostgreSQL 15.
//
// funcs imports sql/types and sql/sqlerr, and nothing else of Quiver. The
// registry is filled by init functions and read-only afterwards; kernels may
// run on any goroutine.
package funcs
