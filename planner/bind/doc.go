// Package bind gives names their meaning: it turns a parsed statement into a
// logical tree, resolving relations along search_path, columns along the
// scopes of the query, functions and operators by Postgres' rules, and adding
// the casts that Postgres would add. Errors carry Postgres' messages, SQLSTATEs,
// hints and character positions.
//
// The order of work within a query follows Postgres' (FROM, select list, WHERE,
// HAVING, ORDER BY, GROUP BY, DISTINCT, LIMIT), since it decides which of two
// errors is reported and from which place a parameter takes its type.
//
// Inside the package errors travel as panics of type bail, raised by fail and
// recovered in Statement alone: binding is one deep recursion with hundreds of
// ways to fail, and none of them is handled on the way.
//
// bind imports sql, catalog, planner/plan and planner/logical.
//
// Start reading at binder.go, then select.go, from.go and expr.go.
package bind
