package executor

import (
	"context"
	"reflect"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// formatType prints a type as it can be read again.
func formatType(t types.T) string {
	typ := t.Type()
	name := typ.SQLName
	if t.Mod >= 0 && typ.FormatMod != nil {
		name += typ.FormatMod(t.Mod)
	}
	return name
}

// bareType is a type without its modifier as a cast has it: the name of pg_type, in
// quotes, because character and bit alone are character(1) and bit(1).
func bareType(t types.T) string { return `"` + t.Type().Name + `"` }

// addChecks adds CHECK constraints to a table that is in the catalog.
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
	text, err := d.x.env.Stored.Check(e, k.def.ExprText, table)
	if err != nil {
		return err
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
	constraint := catalog.Constraint{OID: oid, Name: k.def.Name, Kind: catalog.ConstraintCheck, Expr: text}
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
