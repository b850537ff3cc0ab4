package pgcatalog

import (
	"strings"

	"quiver/catalog"
	"quiver/sql/types"
)

// indexDefinition is pg_get_indexdef: the CREATE INDEX that makes i. table is
// the table's name as it is to be written; pretty leaves out parentheses.
func indexDefinition(i *catalog.Index, t *catalog.Table, table string, pretty bool) string {
	var b strings.Builder
	b.WriteString("CREATE ")
	if i.Unique {
		b.WriteString("UNIQUE ")
	}
	b.WriteString("INDEX " + quoteIdent(i.Name) + " ON " + table + " USING " + quoteIdent(i.Method) + " (")
	for k, c := range i.Columns {
		if k > 0 {
			b.WriteString(", ")
		}
		b.WriteString(indexColumn(t, &c, pretty))
		if c.Opclass != "" {
			if typ := indexColumnType(t, &c).Type(); typ == nil || catalog.DefaultOpclass(i.Method, typ.Name) != catalog.OpclassByName(i.Method, c.Opclass) {
				b.WriteString(" " + quoteIdent(c.Opclass))
			}
		}
		switch {
		case c.Desc && !c.NullsFirst:
			b.WriteString(" DESC NULLS LAST")
		case c.Desc:
			b.WriteString(" DESC")
		case c.NullsFirst:
			b.WriteString(" NULLS FIRST")
		}
	}
	b.WriteString(")")
	if options := i.OptionList(); len(options) > 0 {
		for k, option := range options {
			name, value, _ := strings.Cut(option, "=")
			if quoteIdent(value) != value {
				value = "'" + strings.ReplaceAll(value, "'", "''") + "'"
			}
			options[k] = quoteIdent(name) + "=" + value
		}
		b.WriteString(" WITH (" + strings.Join(options, ", ") + ")")
	}
	if i.Predicate != "" {
		b.WriteString(" WHERE " + exprText(i.Predicate, pretty))
	}
	return b.String()
}

// indexColumn prints a column of an index; expressions that are no function
// calls in parentheses.
func indexColumn(t *catalog.Table, c *catalog.IndexColumn, pretty bool) string {
	if c.Expr == "" {
		return columnName(t, c.Number)
	}
	text := exprText(c.Expr, pretty)
	if looksLikeFunction(c.Expr) {
		return text
	}
	return "(" + text + ")"
}

func exprText(text string, isPretty bool) string {
	if isPretty {
		return pretty(text)
	}
	return text
}

// indexColumnType is the type of a column of an index.
func indexColumnType(t *catalog.Table, c *catalog.IndexColumn) types.T {
	if c.Expr != "" {
		return c.Type
	}
	if col := columnOf(t, c.Number); col != nil {
		return col.Type
	}
	return types.T{}
}

func columnName(t *catalog.Table, number int16) string {
	if c := columnOf(t, number); c != nil {
		return quoteIdent(c.Name)
	}
	return ""
}

// constraintDefinition is pg_get_constraintdef; pretty leaves out parentheses.
func constraintDefinition(t *catalog.Table, c *catalog.Constraint, pretty bool) string {
	names := make([]string, len(c.Columns))
	for i, number := range c.Columns {
		names[i] = columnName(t, number)
	}
	switch c.Kind {
	case catalog.ConstraintPrimaryKey:
		return "PRIMARY KEY (" + strings.Join(names, ", ") + ")"
	case catalog.ConstraintUnique:
		return "UNIQUE (" + strings.Join(names, ", ") + ")"
	case catalog.ConstraintCheck:
		if pretty {
			return "CHECK " + parenthesised(c.Expr)
		}
		return "CHECK (" + parenthesised(c.Expr) + ")"
	}
	return ""
}

// parenthesised puts an expression into parentheses unless it is in them.
func parenthesised(expr string) string {
	if strings.HasPrefix(expr, "(") && closes(expr) {
		return expr
	}
	return "(" + expr + ")"
}

// closes says whether the first parenthesis of expr is closed by its last
// character.
func closes(expr string) bool {
	depth, quoted := 0, byte(0)
	for i := range len(expr) {
		switch c := expr[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"':
			quoted = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return i == len(expr)-1
			}
		}
	}
	return false
}

// findConstraint returns the constraint with that OID and its table.
func findConstraint(v catalog.View, oid types.OID) (*catalog.Table, *catalog.Constraint) {
	for _, s := range v.Schemas() {
		for _, r := range v.Relations(s.OID) {
			t, ok := r.(*catalog.Table)
			if !ok {
				continue
			}
			for i := range t.Constraints {
				if t.Constraints[i].OID == oid {
					return t, &t.Constraints[i]
				}
			}
		}
	}
	return nil, nil
}

// spelled is an expression as pg_get_expr prints it: the sequences it names are
// qualified only where the search path asks for it.
func spelled(v catalog.View, s types.Session, expr string) string {
	const mark = "'::regclass"
	end := strings.Index(expr, mark)
	if end < 0 {
		return expr
	}
	start := strings.LastIndexByte(expr[:end], '\'')
	if start < 0 {
		return expr
	}
	parts, err := splitName(expr[start+1 : end])
	if err != nil {
		return expr
	}
	r := findRelation(v, s, parts)
	if r == nil {
		return expr
	}
	return expr[:start+1] + relationName(v, s, r.Head().OID) + expr[end:]
}

// typed is a column's default with the type that Postgres adds to a plain
// string: 'x' of a text column is 'x'::text.
func typed(text string, t types.T) string {
	if len(text) < 2 || text[0] != '\'' || text[len(text)-1] != '\'' {
		return text
	}
	if strings.Contains(strings.ReplaceAll(text[1:len(text)-1], "''", ""), "'") {
		return text // more than one literal
	}
	return text + "::" + types.FormatType(types.Of(t.OID))
}
