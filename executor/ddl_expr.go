package executor

import (
	"context"
	"errors"
	"reflect"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// checkDefault plans a DEFAULT expression to see that it fits the column.
func (d *ddl) checkDefault(ctx context.Context, column string, t types.T, e ast.Expr, text string) error {
	if node := findNode[*ast.ColumnRef](e); node != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use column reference in DEFAULT expression").At(node.Position())
	}
	if node := findNode[*ast.SubLink](e); node != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in DEFAULT expression").At(node.Position())
	}
	if d.x.env.Replan == nil {
		return nil
	}
	stmt, err := d.replan(ctx, "SELECT ("+text+")", e)
	if err != nil {
		return err
	}
	if aggregates(stmt.Root) {
		return sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in DEFAULT expressions").At(e.Position())
	}
	typ := t.Type()
	if !assignable(e, stmt.Columns[0].Type.OID, t.OID) {
		return sqlerr.New(sqlerr.DatatypeMismatch, "column %s is of type %s but default expression is of type %s",
			quoted(column), typ.SQLName, stmt.Columns[0].Type.Type().SQLName).
			WithHint("You will need to rewrite or cast the expression.")
	}
	_, err = d.replan(ctx, "SELECT CAST(("+text+") AS "+formatType(t)+")", e)
	return err
}

// formatType prints a type as it can be read again.
func formatType(t types.T) string {
	typ := t.Type()
	name := typ.SQLName
	if t.Mod >= 0 && typ.FormatMod != nil {
		name += typ.FormatMod(t.Mod)
	}
	return name
}

// assignable says whether a value of type source may be assigned to target.
func assignable(e ast.Expr, source, target types.OID) bool {
	if source == target {
		return true
	}
	if c, ok := e.(*ast.Const); ok && (c.Kind == ast.ConstString || c.Kind == ast.ConstNull) {
		return true
	}
	if cast := types.FindCast(source, target); cast != nil {
		return cast.Context != types.CastExplicit
	}
	if st, tt := types.ByOID(source), types.ByOID(target); st.Elem != 0 && tt.Elem != 0 && st.Category == types.CategoryArray && tt.Category == types.CategoryArray {
		return assignable(nil, st.Elem, tt.Elem)
	}
	// Any type is assigned to a string by its output function.
	return types.ByOID(target).Category == types.CategoryString || source == types.UnknownOID
}

// replan plans a statement that holds an expression of the user's; the
// positions in its errors mean nothing to them, but that the expression begins
// somewhere does.
func (d *ddl) replan(ctx context.Context, text string, e ast.Expr) (*plan.Statement, error) {
	stmt, err := d.x.env.Replan(ctx, text)
	var se *sqlerr.Error
	if errors.As(err, &se) {
		at := *se
		at.Position = 0
		if e != nil {
			at.Position = e.Position()
		}
		return nil, &at
	}
	return stmt, err
}

// aggregates says whether a plan aggregates.
func aggregates(n plan.Node) bool {
	if _, ok := n.(*plan.Aggregate); ok {
		return true
	}
	for _, c := range n.Children() {
		if aggregates(c) {
			return true
		}
	}
	return false
}

// addChecks adds CHECK constraints to a table that is in the catalog, after
// planning each over it.
func (d *ddl) addChecks(ctx context.Context, oid catalog.OID, checks []columnCheck) error {
	for _, k := range checks {
		if err := d.addCheck(ctx, d.catalog().Table(oid), k); err != nil {
			return err
		}
	}
	return nil
}

func (d *ddl) addCheck(ctx context.Context, table *catalog.Table, k columnCheck) error {
	e := k.def.Expr
	if node := findNode[*ast.SubLink](e); node != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot use subquery in check constraint").At(node.Position())
	}
	if d.x.env.Replan != nil {
		stmt, err := d.replan(ctx, "SELECT ("+k.def.ExprText+") FROM "+d.qualified(table.Schema, table.Name), e)
		if err != nil {
			return err
		}
		if aggregates(stmt.Root) {
			return sqlerr.New(sqlerr.GroupingError, "aggregate functions are not allowed in check constraints").At(e.Position())
		}
		if t := stmt.Columns[0].Type; t.OID != types.BoolOID && t.OID != types.UnknownOID {
			return sqlerr.New(sqlerr.DatatypeMismatch, "argument of CHECK must be type boolean, not type %s", t.Type().SQLName).At(e.Position())
		}
	}
	oid, err := d.catalog().NewOID(ctx)
	if err != nil {
		return err
	}
	taken := func(name string) bool {
		for _, c := range table.Constraints {
			if c.Name == name {
				return true
			}
		}
		return false
	}
	names := columnsNamed(e, table)
	constraint := catalog.Constraint{OID: oid, Name: k.def.Name, Kind: catalog.ConstraintCheck, Expr: k.def.ExprText}
	for _, n := range names {
		constraint.Columns = append(constraint.Columns, columnNamed(table, n).Number)
	}
	switch {
	case constraint.Name == "":
		column := k.column
		if column == "" && len(names) == 1 {
			column = names[0]
		}
		constraint.Name = chooseName(table.Name, column, "check", taken)
	case taken(constraint.Name):
		return sqlerr.New(sqlerr.DuplicateObject, "check constraint %s already exists", quoted(constraint.Name))
	}
	_, err = d.update(table, func(t *catalog.Table) { t.Constraints = append(t.Constraints, constraint) })
	return err
}

// columnsNamed lists the columns of table that an expression names, in order of
// appearance.
func columnsNamed(e ast.Expr, table *catalog.Table) []string {
	var out []string
	visitNodes(reflect.ValueOf(e), func(n any) {
		ref, ok := n.(*ast.ColumnRef)
		if !ok || len(ref.Names) == 0 {
			return
		}
		name := ref.Names[len(ref.Names)-1]
		for _, seen := range out {
			if seen == name {
				return
			}
		}
		if columnNamed(table, name) != nil {
			out = append(out, name)
		}
	})
	return out
}

// findNode returns a node of type T below e, or nil.
func findNode[T interface {
	comparable
	Position() int
}](e ast.Expr) (found T) {
	var none T
	visitNodes(reflect.ValueOf(e), func(n any) {
		if t, ok := n.(T); ok && found == none {
			found = t
		}
	})
	return found
}

// visitNodes walks a syntax tree by reflection: every pointer in it.
func visitNodes(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			visitNodes(v.Elem(), visit)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Interface())
			visitNodes(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				visitNodes(v.Field(i), visit)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			visitNodes(v.Index(i), visit)
		}
	}
}
