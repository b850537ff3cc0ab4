package catalog

import (
	"fmt"
	"strings"

	"quiver/sql/types"
)

// RangeEndText prints an end of a range as FOR VALUES FROM … TO … has it.
func RangeEndText(key *PartitionKey, values []BoundValue) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.text(key.Columns[i].Type)
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

// text spells a value as PostgreSQL's deparser does without its type.
func (v *BoundValue) text(t types.T) string {
	switch v.Kind {
	case BoundNull:
		return "NULL"
	case BoundMinValue:
		return "MINVALUE"
	case BoundMaxValue:
		return "MAXVALUE"
	}
	switch {
	case t.OID == types.Int4OID && v.Text[0] != '-':
		return v.Text
	case t.OID == types.BoolOID && v.Text == "t":
		return "true"
	case t.OID == types.BoolOID:
		return "false"
	}
	return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
}

// Literal spells a value with its type, as the deparser does within an expression.
func (v *BoundValue) Literal(t types.T) string {
	text := v.text(t)
	if text[0] == '\'' {
		text += "::" + types.FormatType(t)
	}
	return text
}

// BoundText prints the bound of a partition as pg_get_expr does of relpartbound.
func BoundText(key *PartitionKey, b *PartitionBound) string {
	switch {
	case b.Default:
		return "DEFAULT"
	case b.Modulus != 0:
		return fmt.Sprintf("FOR VALUES WITH (modulus %d, remainder %d)", b.Modulus, b.Remainder)
	case b.To != nil:
		return "FOR VALUES FROM " + RangeEndText(key, b.From) + " TO " + RangeEndText(key, b.To)
	}
	texts := make([]string, len(b.List))
	for i := range b.List {
		texts[i] = b.List[i].text(key.Columns[0].Type)
	}
	return "FOR VALUES IN (" + strings.Join(texts, ", ") + ")"
}
