package storage

import (
	"fmt"

	"quiver/catalog"
)

// These are bugs of a caller, not of a user: the executor checked before.

func errColumns(table *catalog.Table, got, want int) error {
	return fmt.Errorf("storage: %d columns for table %q, which has %d", got, table.Name, want)
}

func errPartition(table *catalog.Table, oid catalog.OID) error {
	return fmt.Errorf("storage: table %q has no partition %d", table.Name, oid)
}

func errNoRow(table *catalog.Table, row RowID) error {
	return fmt.Errorf("storage: table %q has no row version %d", table.Name, row)
}
