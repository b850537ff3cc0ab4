package bind

import (
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// Dynamic fields: in a table WITH (dynamic_fields = on) a name that no column has
// is a key of the hidden jsonb column $meta. INSERT and UPDATE put what is assigned
// there by to_jsonb; read, it is its text, but beside an operand of another type it
// is a value of that type, and null where its text spells none.

// dynamicField is a reference to a dynamic field: its text is what was bound.
type dynamicField struct {
	it   *item
	name string
}

// dynamicReference binds a name that no column has to the one item in reach whose
// table takes dynamic fields; nil if there is none.
func (x *exprBinder) dynamicReference(s *scope, name string, pos int) plan.Expr {
	for ; s != nil; s = s.parent {
		var found *item
		for _, it := range s.items {
			if !it.dynamic || !it.open || it.lateralBad {
				continue
			}
			if found != nil {
				fail(sqlerr.New(sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", name).
					WithDetail("Several tables here take dynamic fields.").At(x.place(pos)))
			}
			found = it
		}
		if found != nil {
			return x.dynamicText(found, name, pos)
		}
	}
	return nil
}

// dynamicText is a dynamic field as text.
func (x *exprBinder) dynamicText(it *item, name string, pos int) plan.Expr {
	e := x.dynamicSQL(it, name, `{meta} ->> {key}`)
	x.dynamic[e] = dynamicField{it, name}
	x.mark(e, pos)
	return e
}

// dynamicSQL binds an expression over the hidden column and the key of a field.
func (b *binder) dynamicSQL(it *item, name, text string) plan.Expr {
	alone := *it
	alone.name, alone.named = "t", true
	key := "'" + strings.ReplaceAll(name, "'", "''") + "'::text"
	text = strings.NewReplacer("{meta}", `t."`+catalog.MetaColumn+`"`, "{key}", key).Replace(text)
	return b.sqlText(text, &scope{items: []*item{&alone}}, kindCheck)
}

// The value as it is, and of texts those that are a number or a boolean. Numbers that
// JSON has not are kept as texts, as to_jsonb makes them.
const (
	dynamicValue  = `NULLIF({meta} -> {key}, 'null'::jsonb)`
	dynamicNumber = `CASE WHEN ({meta} ->> {key}) ~ '^(-?(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?|Infinity)|NaN)$' THEN ({meta} ->> {key})::numeric END`
	dynamicBool   = `CASE WHEN ({meta} ->> {key}) IN ('true', 'false') THEN ({meta} ->> {key})::boolean END`
)

// dynamicOperands gives a dynamic field that is an operand the type of the other.
// Two fields are compared as what they are; that null equals no null is said here,
// because jsonb has it otherwise.
func (b *binder) dynamicOperands(operator string, left, right plan.Expr) (plan.Expr, plan.Expr) {
	if left == nil || len(b.dynamic) == 0 {
		return left, right
	}
	l, isLeft := b.dynamic[left]
	r, isRight := b.dynamic[right]
	switch {
	case isLeft && isRight:
		var sql string
		switch operator {
		case "=", "<>", "<", "<=", ">", ">=":
			sql = dynamicValue
		case "+", "-", "*", "/", "%", "^":
			sql = dynamicNumber
		default:
			return left, right
		}
		return b.dynamicSQL(l.it, l.name, sql), b.dynamicSQL(r.it, r.name, sql)
	case isLeft:
		left = b.dynamicAs(l, left, right.Type())
	case isRight:
		right = b.dynamicAs(r, right, left.Type())
	}
	return left, right
}

func (b *binder) dynamicAs(f dynamicField, text plan.Expr, t types.T) plan.Expr {
	switch t.Type().Category {
	case types.CategoryNumeric:
		return b.dynamicSQL(f.it, f.name, dynamicNumber)
	case types.CategoryBoolean:
		return b.dynamicSQL(f.it, f.name, dynamicBool)
	case types.CategoryDateTime, types.CategoryTimespan:
		return b.coerceTo(text, types.Of(t.OID), coerceExplicit, 0)
	}
	switch t.OID {
	case types.JSONBOID:
		return b.dynamicSQL(f.it, f.name, `{meta} -> {key}`)
	case types.UUIDOID:
		return b.coerceTo(text, t, coerceExplicit, 0)
	}
	return text
}

// dynamicColumn stands for a dynamic field among the columns that INSERT names.
func dynamicColumn(name string) *catalog.Column {
	return &catalog.Column{Name: name, Type: types.Of(types.JSONBOID)}
}

// isDynamic says whether a column of an INSERT is none of the table's.
func isDynamic(c *catalog.Column) bool { return c.Number == 0 }

// toJSON is a value as a dynamic field keeps it: another field stays what it is.
func (b *binder) toJSON(e plan.Expr) plan.Expr {
	if f, ok := b.dynamic[e]; ok {
		return b.dynamicSQL(f.it, f.name, `{meta} -> {key}`)
	}
	e = b.typed(e)
	if e.Type().OID == types.JSONBOID {
		return e
	}
	return b.function("to_jsonb", e)
}

// function calls a function of pg_catalog.
func (b *binder) function(name string, args ...plan.Expr) plan.Expr {
	list := make([]types.T, len(args))
	for i, a := range args {
		list[i] = a.Type()
	}
	r, err := funcs.Resolve(funcs.Call{Schema: "pg_catalog", Name: name, Args: list})
	if err != nil {
		b.failAt(err, 0)
	}
	return &plan.Call{Typed: plan.Typed{T: r.Result}, Function: r.Function, Args: b.bindArgs(r, args)}
}

// metaObject is the object of the dynamic fields among columns, nil if there are
// none.
func (b *binder) metaObject(columns []*catalog.Column, values []plan.Expr) plan.Expr {
	var args []plan.Expr
	for i, c := range columns {
		if isDynamic(c) {
			args = append(args, b.textConst(c.Name, types.TextOID), values[i])
		}
	}
	if args == nil {
		return nil
	}
	return b.function("jsonb_build_object", args...)
}

// metaWith is the hidden column with more fields.
func (b *binder) metaWith(old plan.Expr, columns []*catalog.Column, values []plan.Expr) plan.Expr {
	object := b.metaObject(columns, values)
	t := types.Of(types.JSONBOID)
	some := &plan.Coalesce{Typed: plan.Typed{T: t}, Args: []plan.Expr{old, b.parseConst("{}", t, 0)}}
	return b.operator("||", "", some, object, 0)
}

// isMeta says whether an assignment names a dynamic field.
func (t *target) isMeta(set *ast.ResTarget) bool {
	if !takesFields(t.table) || len(set.Indirection) > 0 || slices.Contains(catalog.SystemColumns, set.Name) {
		return false
	}
	for _, c := range t.live {
		if c.Name == set.Name {
			return false
		}
	}
	return true
}

// takesFields says whether unknown names of a table are dynamic fields.
func takesFields(t *catalog.Table) bool {
	if !t.Options.DynamicFields {
		return false
	}
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Hidden && !c.Dropped() {
			return true
		}
	}
	return false
}

// listed are the columns that a statement means which names none.
func listed(columns []*catalog.Column) []*catalog.Column {
	var out []*catalog.Column
	for _, c := range columns {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}
