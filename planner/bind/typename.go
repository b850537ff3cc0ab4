package bind

import (
	"errors"

	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/typename"
	"quiver/sql/types"
)

// typeOf resolves a type as written.
func (b *binder) typeOf(n *ast.TypeName) types.T {
	t, err := typename.Resolve(n)
	if err == nil {
		return t
	}
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		e = sqlerr.Wrap(err, sqlerr.CodeOf(err), "%v", err)
	}
	at := *e
	if b.quiet {
		at.Position = 0
	}
	fail(&at)
	return types.T{}
}
