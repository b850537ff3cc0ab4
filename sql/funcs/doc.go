// Package funcs is the registry of functions, operators and aggregates:
// signature, volatility, strictness and a kernel over Arrow arrays. pg_proc,
// pg_operator and pg_aggregate are views of it. A new function is a new row in
// the file of its family (string.go, math.go, datetime.go, vector.go …).
//
// Resolution of overloaded names follows the manual's chapter 10, Type
// Conversion; see resolve.go. Kernels are mostly lifted from scalar Go
// functions (lift.go): Lift2(func(a, b int64) (int64, error)) handles nulls,
// constants and the builder.
//
// Functions that need the catalog (pg_get_indexdef, to_regclass) are
// registered by package catalog, which may import funcs.
//
// funcs imports sql/types and sql/sqlerr; vector functions are registered here
// with kernels handed in by package executor through SetVectorKernels, because
// sql imports nothing outside itself.
package funcs
