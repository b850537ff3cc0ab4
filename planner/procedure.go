package planner

import (
	"context"
	"slices"
	"strings"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// procedures are the twins, in Postgres' own grammar, of Quiver's statements:
// quiver.create_partition(table, partition) and quiver.drop_partition(table,
// partition). Their arguments are texts.
var procedures = []string{"create_partition", "drop_partition"}

const procedureArgs = 2

// planCall plans the arguments of CALL as a query of one row, which may hold
// parameters.
func planCall(ctx context.Context, stmt *ast.Statement, call *ast.FuncCall, opts Options) (*plan.Statement, error) {
	row := &ast.SelectStmt{}
	for _, arg := range call.Args {
		row.Targets = append(row.Targets, &ast.ResTarget{Value: arg})
	}
	out, err := Plan(ctx, &ast.Statement{Stmt: row, Text: stmt.Text, Params: stmt.Params}, opts)
	if err != nil {
		return nil, err
	}
	name := call.Names[len(call.Names)-1]
	known := slices.Contains(procedures, name) && (len(call.Names) == 1 || call.Names[0] == "quiver") &&
		len(call.Args) == procedureArgs && len(call.ArgNames) == 0
	list := make([]string, len(call.Args))
	for i, arg := range call.Args {
		t := out.Columns[i].Type
		list[i] = types.TypeName(t.OID)
		if c, ok := arg.(*ast.Const); ok && (c.Kind == ast.ConstString || c.Kind == ast.ConstNull) {
			list[i] = "unknown"
		}
		known = known && t.Type().Category == types.CategoryString
	}
	if !known {
		return nil, sqlerr.New(sqlerr.UndefinedFunction, "procedure %s(%s) does not exist", strings.Join(call.Names, "."), strings.Join(list, ", ")).
			At(call.Position()).WithHint("No procedure matches the given name and argument types. You might need to add explicit type casts.")
	}
	return out, nil
}
