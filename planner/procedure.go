package planner

import (
	"context"
	"strings"

	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// procedures are the twins, in Postgres' own grammar, of Quiver's statements:
// quiver.create_partition(table, partition), quiver.drop_partition(table,
// partition), quiver.create_alias(alias, table), quiver.alter_alias(alias, table)
// and quiver.drop_alias(alias). Their arguments, so many, are texts.
var procedures = map[string]int{
	"create_partition": 2, "drop_partition": 2,
	"create_alias": 2, "alter_alias": 2, "drop_alias": 1,
}

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
	args, known := procedures[name]
	known = known && (len(call.Names) == 1 || call.Names[0] == "quiver") && len(call.Args) == args && len(call.ArgNames) == 0
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
