package session

import (
	"context"
	"time"

	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// Query runs a simple query: its statements, one after the other, are one
// implicit transaction unless they say otherwise.
func (s *Session) Query(text string) error {
	s.refreshDerived()
	ctx := s.running.begin(s.derived.statementTimeout)
	defer s.running.end()
	s.setQuery(text)
	s.closePortal("")
	began := time.Now()
	stmts, err := s.cfg.Parsed.Parse(text)
	if err != nil {
		return err
	}
	s.stage("parse", began)
	if len(stmts) == 0 {
		if err := s.conn.EmptyQuery(); err != nil {
			return err
		}
	}
	s.several = len(stmts) > 1
	defer func() { s.several = false }()
	for i, st := range stmts {
		if i > 0 { // a SET before may have changed the timeout, which is each one's own
			s.refreshDerived()
			s.running.end()
			ctx = s.running.begin(s.derived.statementTimeout)
		}
		if err := s.queryStatement(ctx, st, i == len(stmts)-1); err != nil {
			return err
		}
	}
	if err := s.endImplicit(ctx); err != nil {
		return err
	}
	return s.report()
}

// queryStatement runs one statement of a simple query and sends what it
// returns, as text.
func (s *Session) queryStatement(ctx context.Context, st *ast.Statement, last bool) error {
	if name := needsNoBlock(st.Stmt); name != "" && s.several {
		return noBlockError(name)
	}
	exec, columns, err := s.start(ctx, st, nil, nil)
	if err != nil {
		return err
	}
	p := &portal{exec: exec, columns: columns, formats: portalFormats(exec, nil)}
	defer p.close()
	if columns != nil {
		if p.encoder, err = pgwire.NewRowEncoder(columns, p.formats); err != nil {
			return err
		}
		if err := s.conn.RowDescription(columns, p.formats); err != nil {
			return err
		}
	}
	if _, err := s.sendRows(ctx, p, 0); err != nil {
		return err
	}
	tag := exec.tag(make([]byte, 0, 32), p.sent)
	p.close()
	// A commit that fails must not be told as success.
	if last {
		if err := s.endImplicit(ctx); err != nil {
			return err
		}
	}
	return s.conn.CommandComplete(tag)
}

// endImplicit commits an implicit transaction.
func (s *Session) endImplicit(ctx context.Context) error {
	if s.txn.state != txnImplicit {
		return nil
	}
	return s.commit(ctx)
}

// noBlockError refuses a statement that must be alone in its transaction.
func noBlockError(name string) error {
	return sqlerr.New(sqlerr.ActiveSQLTransaction, "%s cannot run inside a transaction block", name)
}
