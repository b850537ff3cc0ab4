package planner

import (
	"testing"

	"quiver/planner/bind"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// TestDepth: input nested without end is 54001, not a stack overflow.
func TestDepth(t *testing.T) {
	var e ast.Expr = &ast.Const{Kind: ast.ConstInteger, Text: "1"}
	for range 1_000_000 {
		e = &ast.OpExpr{Name: "-", Right: e}
	}
	_, err := bind.Default(e, "c", types.Of(types.Int4OID), bind.Options{View: newTestView(), Format: types.DefaultFormat()})
	if sqlerr.CodeOf(err) != sqlerr.StatementTooComplex {
		t.Fatalf("got %v", err)
	}
	s := &ast.SelectStmt{Targets: []*ast.ResTarget{{Value: &ast.Const{Kind: ast.ConstInteger, Text: "1"}}}}
	for range 100_000 {
		s = &ast.SelectStmt{Op: ast.SetUnion, All: true, Left: s, Right: &ast.SelectStmt{Targets: s.Targets}}
	}
	if _, err := bind.Statement(s, bind.Options{View: newTestView(), Format: types.DefaultFormat()}); sqlerr.CodeOf(err) != sqlerr.StatementTooComplex {
		t.Fatalf("got %v", err)
	}
}
