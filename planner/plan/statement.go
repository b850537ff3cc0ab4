package plan

import (
	"quiver/catalog"
	"quiver/sql/types"
)

// Statement is a planned statement, ready to be executed many times.
type Statement struct {
	Root Node
	// Tag is the command tag without its count: SELECT, INSERT 0, UPDATE,
	// CREATE TABLE. Counted says whether a row count follows.
	Tag     string
	Counted bool
	// Columns is the result shape; nil when the statement returns no rows.
	Columns []OutputColumn
	// Params are the types of $1…$n, given or inferred.
	Params []types.T
	// ReadOnly: allowed in a read-only transaction.
	ReadOnly bool
	// Stamp is the View.Stamp it was bound against; Tables the descriptors it
	// uses, by OID and version, for revalidation and for table locks.
	Stamp  uint64
	Tables []TableUse
	// Failure is what its constant expressions are sure to raise, to be raised
	// before anything is executed; a statement that fails so can be prepared.
	Failure error
	// Instances keeps what the executor made of Root; a Statement is passed by
	// pointer.
	Instances Instances
}

// TableUse is a relation that a statement uses, and how.
type TableUse struct {
	OID     catalog.OID
	Version uint64
	// Lock is the table lock mode the statement needs, 1 (ACCESS SHARE) to 8,
	// numbered as storage.TableLockMode.
	Lock int
}
