package executor

import (
	"strconv"
	"unicode/utf8"

	"quiver/catalog"
)

// nameBytesMax is NAMEDATALEN-1.
const nameBytesMax = 63

// makeObjectName joins table, column (may be empty) and label by underscores,
// shortening the longer of the first two until the name fits, as Postgres does.
func makeObjectName(table, column, label string) string {
	overhead := len(label) + 1
	if column != "" {
		overhead++
	}
	room := nameBytesMax - overhead
	for len(table)+len(column) > room {
		if len(table) > len(column) {
			table = table[:len(table)-1]
		} else {
			column = column[:len(column)-1]
		}
	}
	name := clip(table)
	if column != "" {
		name += "_" + clip(column)
	}
	return name + "_" + label
}

// clip drops a character cut in half at the end.
func clip(s string) string {
	for len(s) > 0 {
		if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// chooseName makes an object name that taken does not know: label, label1, ….
func chooseName(table, column, label string, taken func(string) bool) string {
	name := makeObjectName(table, column, label)
	for n := 1; taken(name); n++ {
		name = makeObjectName(table, column, label+strconv.Itoa(n))
	}
	return name
}

// relationName chooses a name for an index or a sequence of a table.
func (d *ddl) relationName(schema catalog.OID, table, column, label string) string {
	return chooseName(table, column, label, func(name string) bool {
		return d.catalog().Relation(schema, name) != nil
	})
}
