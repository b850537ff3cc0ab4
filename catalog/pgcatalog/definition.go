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
		text = pretty(text)
	}
	return indented(text)
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
		return "CHECK (" + exprText(c.Expr, pretty) + ")"
	}
	return ""
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

// spelled is an expression as pg_get_expr prints it: the sequences and tables it
// names are qualified only where the search path asks for it.
func spelled(v catalog.View, s types.Session, expr string) string {
	const mark = "'::regclass"
	out := ""
	for {
		end := strings.Index(expr, mark)
		if end < 0 {
			return out + expr
		}
		if start := strings.LastIndexByte(expr[:end], '\''); start >= 0 {
			if parts, err := splitName(expr[start+1 : end]); err == nil {
				if r := findRelation(v, s, parts); r != nil {
					expr = expr[:start+1] + relationName(v, s, r.Head().OID) + expr[end:]
				}
			}
			end = start + strings.Index(expr[start:], mark)
		}
		out, expr = out+expr[:end+len(mark)], expr[end+len(mark):]
	}
}

// indented breaks the lines of a CASE as PostgreSQL does: each of its words
// begins one. Words in quotes are none of them, and all others in capitals are.
func indented(text string) string {
	if !strings.Contains(text, "CASE ") {
		return text
	}
	var b strings.Builder
	depth := 0
	line := func(indent int) {
		kept := strings.TrimRight(b.String(), " ")
		b.Reset()
		b.WriteString(kept + "\n" + strings.Repeat("    ", indent))
	}
	for rest := text; rest != ""; {
		n := wordLength(rest)
		switch word := rest[:n]; word {
		case "CASE":
			line(depth)
			depth++
		case "WHEN", "ELSE":
			line(depth)
		case "END":
			depth--
			line(depth)
		}
		b.WriteString(rest[:n])
		rest = rest[n:]
	}
	return b.String()
}

// wordLength is how far a word, a quoted text or any other character reaches.
func wordLength(s string) int {
	if s[0] == '\'' || s[0] == '"' {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return end + 2
		}
		return len(s)
	}
	isWord := func(c byte) bool {
		return c == '_' || c >= 0x80 || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	n := 1
	for isWord(s[0]) && n < len(s) && isWord(s[n]) {
		n++
	}
	return n
}
