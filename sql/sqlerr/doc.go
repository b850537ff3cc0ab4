// Package sqlerr holds the errors that reach a client: a SQLSTATE, a message
// and, where they help, detail, hint and the position in the statement.
//
// Messages follow PostgreSQL 15 word for word where it has one, because people
// and drivers search for them. Code is attached where its meaning is known:
// sql, planner and executor build *Error; storage, catalog and vector have
// sentinels that server/session maps by errors.Is and errors.As.
//
// sqlerr is a leaf: it imports nothing of Quiver.
package sqlerr
