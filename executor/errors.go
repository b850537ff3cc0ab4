package executor

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"

	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
)

// noComparison is the answer for a type without an order.
func noComparison(t *types.Type) error {
	return sqlerr.New(sqlerr.UndefinedFunction, "could not identify a comparison function for type %s", t.SQLName)
}

// noEquality is the answer for a type without equality.
func noEquality(t *types.Type) error {
	return sqlerr.New(sqlerr.UndefinedFunction, "could not identify an equality operator for type %s", t.SQLName)
}

// positioned adds a position to an error of an input function that has none.
func positioned(err error, position int) error {
	var e *sqlerr.Error
	if errors.As(err, &e) && e.Position == 0 && position > 0 {
		at := *e
		at.Position = position
		return &at
	}
	return err
}

// noOrdering is the answer for ORDER BY over a type without an order.
func noOrdering(t *types.Type) error {
	return sqlerr.New(sqlerr.UndefinedFunction, "could not identify an ordering operator for type %s", t.SQLName).
		WithHint("Use an explicit ordering operator or modify the query.")
}

// statementError turns typed errors of storage into what the client sees where
// that needs the values at hand; server/session maps the sentinels.
func statementError(err error, x *execution) error {
	var unique *storage.UniqueError
	if errors.As(err, &unique) {
		return duplicateKey(unique, x)
	}
	return err
}

// duplicateKey is 23505 with the key that exists.
func duplicateKey(e *storage.UniqueError, x *execution) error {
	var names, values []string
	for i, c := range e.Index.Columns {
		names = append(names, columnByNumber(e.Table, c.Number).Name)
		values = append(values, string(e.Types[i].Type().AppendText(nil, e.Key[i], 0, x.c.Format)))
	}
	return sqlerr.Wrap(e, sqlerr.UniqueViolation, "duplicate key value violates unique constraint %s", quoted(e.Index.Name)).
		WithDetail("Key (%s)=(%s) already exists.", strings.Join(names, ", "), strings.Join(values, ", ")).
		WithTable(schemaName(x, e.Table), e.Table.Name).WithConstraint(e.Index.Name)
}

func quoted(name string) string { return `"` + name + `"` }

func schemaName(x *execution, table *catalog.Table) string {
	if s := x.catalog().SchemaByOID(table.Schema); s != nil {
		return s.Name
	}
	return ""
}

// failingRow lists the values of a row as the detail of 23502 and 23514 does:
// each at most 64 bytes.
func failingRow(x *execution, columns []*catalog.Column, values []arrow.Array, row int) string {
	var b strings.Builder
	b.WriteString("Failing row contains (")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		if values[i].IsNull(row) {
			b.WriteString("null")
			continue
		}
		text := string(c.Type.Type().AppendText(nil, values[i], row, x.c.Format))
		const fieldBytesMax = 64
		if len(text) > fieldBytesMax {
			cut := fieldBytesMax
			for cut > 0 && !utf8.RuneStart(text[cut]) {
				cut--
			}
			text = text[:cut] + "..."
		}
		b.WriteString(text)
	}
	b.WriteString(").")
	return b.String()
}
