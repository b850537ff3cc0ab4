// Package session is one client's session: its settings, transaction, prepared
// statements and portals, and the way of a statement from text to rows.
//
// # The way of a statement
//
// pipeline.go holds it in one function: parse → plan → lock → execute. simple.go
// and extended.go are the two protocols that lead there; a portal is a
// statement that has begun. Statements about the session itself (BEGIN, SET,
// PREPARE, FETCH, COPY …) become executions of their own in command.go and the
// files named after them; everything else is planned and given to executor.
//
// # Transactions
//
// transaction.go holds the state I, T or E and the rules of blocks and
// savepoints. A storage transaction begins when a statement first needs one, so
// SELECT 1 needs none. Outside a block, statements up to the end of the query
// text (or up to Sync) are one implicit transaction.
//
// # Who may call what
//
// A Session belongs to its connection's goroutine. Cancel and Terminate alone
// may be called from others.
//
// # Errors
//
// errors.go maps the sentinels of storage and catalog to SQLSTATEs in one
// table, by errors.Is and errors.As.
package session
