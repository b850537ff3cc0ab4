package storage

import (
	"errors"
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

// errGone says that a row version is not there, or not any more.
var errGone = errors.New("no such row version")

func errNoRow(table *catalog.Table, row RowID) error {
	return fmt.Errorf("storage: table %q: %w: %d", table.Name, errGone, row)
}
