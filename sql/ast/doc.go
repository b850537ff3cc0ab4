// Package ast holds parsed statements: what the text says, before any name is
// looked up. Nodes follow the shape of Postgres' raw parse tree (gram.y), cut
// to what Quiver reads; package parse builds them, package planner binds them.
//
// Every node that an error can be about carries Pos, the 1-based character
// offset into the statement text (0: unknown). Trees are immutable once
// parsed: they are cached by text and shared by sessions.
//
// Start reading at stmt.go for statements, expr.go for expressions.
package ast
