package catalog

import "context"

// Txn is a transaction's overlay over the newest Version: it is the View that
// the transaction's statements bind against, and gathers its DDL. It belongs
// to one session goroutine and is made by Catalog.Begin. The methods that
// change something are called by executor's DDL after taking table locks;
// storage.Txn calls Stage, Decide and Install at commit.
type Txn struct {
	View
}

// Changed says whether the transaction has DDL to commit.
func (t *Txn) Changed() bool { panic("catalog: Txn under construction") }

// NewOID and NewStorageID hand out ids that are never given again.
func (t *Txn) NewOID() OID { panic("catalog: Txn under construction") }

// NewStorageID hands out a storage id that is never given again.
func (t *Txn) NewStorageID() StorageID { panic("catalog: Txn under construction") }

// Put adds or replaces a descriptor (its Version is set by the overlay); a name
// that another relation has is ErrConflict.
func (t *Txn) Put(d Descriptor) error { panic("catalog: Txn under construction") }

// Drop removes a descriptor by OID.
func (t *Txn) Drop(oid OID) { panic("catalog: Txn under construction") }

// Savepoint pushes a mark; RollbackTo undoes to it and keeps it; Release
// forgets it.
func (t *Txn) Savepoint() int { panic("catalog: Txn under construction") }

// RollbackTo undoes the changes since mark.
func (t *Txn) RollbackTo(mark int) { panic("catalog: Txn under construction") }

// DroppedStorage lists the storage ids of tables and partitions that the
// transaction drops or replaces; their segments go once no reader needs them.
func (t *Txn) DroppedStorage() []StorageID { panic("catalog: Txn under construction") }

// Stage writes the changed descriptors under id, invisible.
func (t *Txn) Stage(ctx context.Context, id TxnID) error { panic("catalog: Txn under construction") }

// Decide writes the status key: the commit point of a transaction with DDL.
func (t *Txn) Decide(ctx context.Context, id TxnID) (committed bool, err error) {
	panic("catalog: Txn under construction")
}

// Install makes the changes part of the newest Version of this process.
func (t *Txn) Install(id TxnID) { panic("catalog: Txn under construction") }

// Abort forgets staged descriptors.
func (t *Txn) Abort(ctx context.Context, id TxnID) error { panic("catalog: Txn under construction") }
