package session

import (
	"context"
	"time"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/ast"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

// txnState is where a session stands.
type txnState byte

const (
	// txnIdle: no transaction.
	txnIdle txnState = iota
	// txnImplicit: statements run in a transaction that ends with the query
	// text or at Sync.
	txnImplicit
	// txnBlock: between BEGIN and COMMIT.
	txnBlock
	// txnFailed: a statement of a block failed; only its end is accepted.
	txnFailed
)

// transaction is a session's transaction.
type transaction struct {
	state txnState
	// store is nil until a statement needs it.
	store storage.Txn
	// used: a statement has read or written, so the isolation is fixed.
	used      bool
	isolation string
	readOnly  bool
	// readAt is the past that SET TRANSACTION SNAPSHOT named; 0 for none.
	readAt hlc.Timestamp
	// time is now(): microseconds since 1970.
	time       int64
	savepoints []savepoint
	// leaving: a statement had sessions leave a database, which may be gone after
	// the commit.
	leaving bool
}

type savepoint struct {
	name string
	mark storage.Savepoint
	// settings is the place in the undo log of settings.
	settings int
	readOnly bool
}

func (t *transaction) status() byte {
	switch t.state {
	case txnBlock:
		return 'T'
	case txnFailed:
		return 'E'
	}
	return 'I'
}

func (t *transaction) inBlock() bool { return t.state == txnBlock || t.state == txnFailed }

// ensureTransaction makes sure that a transaction, implicit if need be, is
// there.
func (s *Session) ensureTransaction() {
	if s.txn.state == txnIdle {
		s.startTransaction(txnImplicit)
	}
}

func (s *Session) startTransaction(state txnState) {
	isolation, _ := s.values.Get("default_transaction_isolation")
	s.txn = transaction{
		state: state, isolation: isolation, time: time.Now().UnixMicro(), savepoints: s.txn.savepoints[:0],
		readOnly: s.values.Bool("default_transaction_read_only"),
	}
	s.activity.update(func(now *activityState) { now.blockStart, now.txns = s.txn.time, now.txns+1 })
}

// store returns the storage transaction, which begins now if it has not.
func (s *Session) store(ctx context.Context) (storage.Txn, error) {
	s.refreshDerived()
	if s.txn.store != nil {
		s.txn.store.SetTimeouts(s.derived.lockTimeout, s.derived.deadlockTimeout)
		return s.txn.store, nil
	}
	opts := storage.TxnOptions{
		ReadOnly: s.txn.readOnly, Database: s.database.OID,
		LockTimeout: s.derived.lockTimeout, DeadlockTimeout: s.derived.deadlockTimeout,
	}
	switch s.txn.isolation {
	case "repeatable read":
		opts.Isolation = storage.RepeatableRead
	case "serializable":
		return nil, sqlerr.Unsupported("transaction isolation level SERIALIZABLE").
			WithHint("Use REPEATABLE READ, which is snapshot isolation.")
	}
	txn, err := s.cfg.Engine.Begin(ctx, opts)
	if err != nil {
		return nil, err
	}
	txn.SetConsistency(s.consistency())
	s.txn.store = txn
	s.activity.update(func(now *activityState) { now.txn = txn.ID() })
	return txn, nil
}

// view is the catalog as the next statement sees it.
func (s *Session) view() catalog.View {
	if s.txn.store != nil {
		s.txn.store.Catalog().Refresh()
		return s.txn.store.Catalog()
	}
	if version := s.cfg.Catalog.Current(); version != s.version {
		s.version, s.versionView = version, version.In(s.database.OID)
	}
	return s.versionView
}

// commit ends the transaction; on an error it has been rolled back.
func (s *Session) commit(ctx context.Context) error {
	if s.txn.state == txnIdle {
		return nil
	}
	if err := s.holdCursors(ctx); err != nil {
		return err
	}
	s.dropPortals(false)
	store := s.txn.store
	s.txn.store = nil
	s.txn.state = txnIdle
	if store != nil {
		if err := store.Commit(ctx); err != nil {
			s.values.Rollback()
			return err
		}
		s.left()
		s.lastCommit = max(s.lastCommit, store.CommitTimestamp())
	}
	s.values.Commit()
	return nil
}

// rollback ends the transaction and undoes it.
func (s *Session) rollback() {
	if s.txn.state == txnIdle {
		return
	}
	s.dropPortals(false)
	if s.txn.store != nil {
		s.txn.store.Rollback()
		s.txn.store = nil
	}
	s.txn.state = txnIdle
	s.txn.savepoints = s.txn.savepoints[:0]
	s.values.Rollback()
}

// abort is what an error does to the transaction: an implicit one ends, a block
// fails and gives up its writes and locks back to the last savepoint at once.
func (s *Session) abort() {
	switch s.txn.state {
	case txnImplicit:
		s.rollback()
	case txnBlock:
		n := len(s.txn.savepoints)
		s.dropPortalsFrom(n)
		s.txn.state = txnFailed
		switch {
		case s.txn.store == nil:
		case n > 0:
			s.txn.store.RollbackTo(s.txn.savepoints[n-1].mark)
		default:
			s.txn.store.Rollback()
			s.txn.store = nil
		}
	}
}

// transactionStmt runs BEGIN, COMMIT and their like and returns the tag.
func (s *Session) transactionStmt(ctx context.Context, t *ast.TransactionStmt) (string, error) {
	switch t.Kind {
	case ast.TransactionBegin:
		return "BEGIN", s.beginBlock(t)
	case ast.TransactionStart:
		return "START TRANSACTION", s.beginBlock(t)
	case ast.TransactionCommit:
		return s.commitBlock(ctx, t)
	case ast.TransactionRollback:
		return "ROLLBACK", s.rollbackBlock(t)
	case ast.TransactionSavepoint:
		return "SAVEPOINT", s.savepoint(ctx, t.Name)
	case ast.TransactionRelease:
		return "RELEASE", s.release(t.Name)
	case ast.TransactionRollbackTo:
		return "ROLLBACK", s.rollbackTo(t.Name)
	}
	return "", sqlerr.Unsupported("two-phase commit (PREPARE TRANSACTION)")
}

func (s *Session) beginBlock(t *ast.TransactionStmt) error {
	switch s.txn.state {
	case txnBlock:
		s.warn(sqlerr.ActiveSQLTransaction, "there is already a transaction in progress")
	case txnImplicit:
		s.txn.state = txnBlock
	default:
		s.startTransaction(txnBlock)
	}
	return s.transactionOptions(t.Options)
}

// transactionOptions applies isolation level and access mode.
func (s *Session) transactionOptions(options []*ast.Option) error {
	for _, o := range options {
		text := constText(o.Value)
		if err := s.setTransactionOption(o.Name, text); err != nil {
			return err
		}
	}
	return nil
}

// setTransactionOption is SET TRANSACTION, also by way of its settings.
func (s *Session) setTransactionOption(name, text string) error {
	text, err := settings.Lookup(name).Normalise(text)
	if err != nil {
		return err
	}
	switch name {
	case "transaction_isolation":
		if text == s.txn.isolation {
			return nil
		}
		if len(s.txn.savepoints) > 0 {
			return sqlerr.New(sqlerr.ActiveSQLTransaction, "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction")
		}
		if s.txn.used {
			return sqlerr.New(sqlerr.ActiveSQLTransaction, "SET TRANSACTION ISOLATION LEVEL must be called before any query")
		}
		if text == "serializable" {
			return sqlerr.Unsupported("transaction isolation level SERIALIZABLE").
				WithHint("Use REPEATABLE READ, which is snapshot isolation.")
		}
		s.txn.isolation = text
	case "transaction_read_only":
		readOnly := text == "on"
		if !readOnly && s.txn.readOnly && s.txn.used {
			return sqlerr.New(sqlerr.ActiveSQLTransaction, "transaction read-write mode must be set before any query")
		}
		s.txn.readOnly = readOnly
	}
	return nil
}

func (s *Session) commitBlock(ctx context.Context, t *ast.TransactionStmt) (string, error) {
	if s.txn.state == txnFailed {
		return "ROLLBACK", s.rollbackBlock(t)
	}
	if !s.txn.inBlock() {
		if t.Chain {
			return "", sqlerr.New(sqlerr.NoActiveSQLTransaction, "COMMIT AND CHAIN can only be used in transaction blocks")
		}
		s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
	}
	before := s.txn
	if err := s.commit(ctx); err != nil {
		return "", err
	}
	s.chain(t, before)
	return "COMMIT", nil
}

func (s *Session) rollbackBlock(t *ast.TransactionStmt) error {
	if !s.txn.inBlock() {
		if t.Chain {
			return sqlerr.New(sqlerr.NoActiveSQLTransaction, "ROLLBACK AND CHAIN can only be used in transaction blocks")
		}
		s.warn(sqlerr.NoActiveSQLTransaction, "there is no transaction in progress")
	}
	before := s.txn
	s.rollback()
	s.chain(t, before)
	return nil
}

// chain starts the next block with the modes of the last.
func (s *Session) chain(t *ast.TransactionStmt, before transaction) {
	if t.Chain {
		s.startTransaction(txnBlock)
		s.txn.isolation, s.txn.readOnly = before.isolation, before.readOnly
	}
}

// needBlock is the error of statements that make sense in a block only.
func (s *Session) needBlock(what string) error {
	if s.txn.inBlock() {
		return nil
	}
	return sqlerr.New(sqlerr.NoActiveSQLTransaction, "%s can only be used in transaction blocks", what)
}

func (s *Session) savepoint(ctx context.Context, name string) error {
	if err := s.needBlock("SAVEPOINT"); err != nil {
		return err
	}
	store, err := s.store(ctx)
	if err != nil {
		return err
	}
	s.txn.savepoints = append(s.txn.savepoints, savepoint{name, store.Savepoint(), s.values.Mark(), s.txn.readOnly})
	return nil
}

// findSavepoint returns the index of the newest savepoint of a name.
func (s *Session) findSavepoint(name string) (int, error) {
	for i := len(s.txn.savepoints) - 1; i >= 0; i-- {
		if s.txn.savepoints[i].name == name {
			return i, nil
		}
	}
	return 0, sqlerr.New(sqlerr.InvalidSavepointSpecification, `savepoint "%s" does not exist`, name)
}

func (s *Session) release(name string) error {
	if err := s.needBlock("RELEASE SAVEPOINT"); err != nil {
		return err
	}
	i, err := s.findSavepoint(name)
	if err != nil {
		return err
	}
	s.txn.store.Release(s.txn.savepoints[i].mark)
	s.txn.savepoints = s.txn.savepoints[:i]
	for _, p := range s.portals {
		p.level = min(p.level, i)
	}
	return nil
}

func (s *Session) rollbackTo(name string) error {
	if err := s.needBlock("ROLLBACK TO SAVEPOINT"); err != nil {
		return err
	}
	i, err := s.findSavepoint(name)
	if err != nil {
		return err
	}
	s.dropPortalsFrom(i + 1)
	sp := s.txn.savepoints[i]
	s.txn.store.RollbackTo(sp.mark)
	s.values.RollbackTo(sp.settings)
	s.txn.readOnly = sp.readOnly
	s.txn.savepoints = s.txn.savepoints[:i+1]
	s.txn.state = txnBlock
	return nil
}
