package session

import (
	"context"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/planner/plan"
	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// prepared is a prepared statement, made by Parse or PREPARE.
type prepared struct {
	name string
	text string
	// stmt is nil for an empty query.
	stmt *ast.Statement
	// plan is nil for statements about the session itself.
	plan *plan.Statement
	// planKey is Session.derived.planKey that plan was made under.
	planKey string
	given   []types.OID
	params  []types.T
	// columns is nil for a statement that returns no rows.
	columns []pgwire.Column
	// fromSQL: made by PREPARE.
	fromSQL bool
	made    time.Time
	// executions counts Binds and EXECUTEs.
	executions int64
	// encoder writes rows in formats, those of the last Bind: most clients ask for
	// the same each time. Text is nil.
	encoder *pgwire.RowEncoder
	formats []int16
	// builders make the arrays of parameters that come in Binds.
	builders []array.Builder
}

// Parse makes a prepared statement.
func (s *Session) Parse(name, text string, paramTypes []types.OID) error {
	s.refreshDerived()
	ctx := s.running.begin(s.derived.statementTimeout)
	defer s.running.end()
	s.setQuery(text)
	if name == "" {
		delete(s.statements, "")
	} else if s.statements[name] != nil {
		return sqlerr.New(sqlerr.DuplicatePreparedStatement, `prepared statement "%s" already exists`, name)
	}
	stmts, err := s.cfg.Parsed.Parse(text)
	if err != nil {
		return err
	}
	p := &prepared{name: name, text: text, given: paramTypes, made: time.Now()}
	switch {
	case len(stmts) > 1:
		return sqlerr.New(sqlerr.SyntaxError, "cannot insert multiple commands into a prepared statement")
	case len(stmts) == 1:
		p.stmt = stmts[0]
		if err := s.analyze(ctx, p); err != nil {
			return err
		}
	}
	s.statements[name] = p
	return s.conn.ParseComplete()
}

// analyze finds out a prepared statement's parameters and columns.
func (s *Session) analyze(ctx context.Context, p *prepared) error {
	if s.txn.state == txnFailed && !endsBlock(p.stmt) {
		return failedBlock()
	}
	s.ensureTransaction()
	columns, isCommand, err := s.commandColumns(p.stmt)
	if err != nil {
		return err
	}
	if isCommand {
		p.columns = columns
		for i, oid := range p.given {
			if oid == 0 && i < p.stmt.Params {
				return undetermined(i + 1)
			}
			p.params = append(p.params, types.Of(oid))
		}
		return nil
	}
	if p.plan, err = s.planStatement(ctx, p.stmt, p.given); err != nil {
		return err
	}
	p.planKey = s.derived.planKey
	p.params, p.columns = p.plan.Params, resultColumns(p.plan.Columns)
	p.encoder = nil
	return nil
}

func undetermined(n int) error {
	return sqlerr.New(sqlerr.IndeterminateDatatype, "could not determine data type of parameter $%d", n)
}

// replanStale plans a prepared statement again when the catalog or a setting it
// depends on has changed.
func (s *Session) replanStale(ctx context.Context, p *prepared) error {
	p.executions++
	if p.plan == nil {
		return nil
	}
	s.refreshDerived()
	if p.planKey == s.derived.planKey && p.plan.Stamp == s.view().Stamp() {
		return nil
	}
	oids := make([]types.OID, len(p.params))
	for i, t := range p.params {
		oids[i] = t.OID
	}
	fresh, err := s.planStatement(ctx, p.stmt, oids)
	if err != nil {
		return err
	}
	if !sameColumns(p.plan.Columns, fresh.Columns) {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
	}
	p.plan, p.planKey = fresh, s.derived.planKey
	return nil
}

func (s *Session) statement(name string) (*prepared, error) {
	if p := s.statements[name]; p != nil {
		return p, nil
	}
	if name == "" {
		return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, "unnamed prepared statement does not exist")
	}
	return nil, sqlerr.New(sqlerr.InvalidSQLStatementName, `prepared statement "%s" does not exist`, name)
}

func (s *Session) portal(name string) (*portal, error) {
	if p := s.portals[name]; p != nil {
		return p, nil
	}
	return nil, sqlerr.New(sqlerr.InvalidCursorName, `portal "%s" does not exist`, name)
}

// Bind makes a portal of a prepared statement and parameters.
func (s *Session) Bind(b *pgwire.Bind) error {
	s.refreshDerived()
	ctx := s.running.begin(s.derived.statementTimeout)
	defer s.running.end()
	prep, err := s.statement(b.Statement)
	if err != nil {
		return err
	}
	if prep.stmt != nil && s.txn.state == txnFailed && !endsBlock(prep.stmt) {
		return failedBlock()
	}
	if b.Portal == "" {
		s.closePortal("")
	} else if s.portals[b.Portal] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, `cursor "%s" already exists`, b.Portal)
	}
	if len(b.Params) != len(prep.params) {
		return sqlerr.New(sqlerr.ProtocolViolation, `bind message supplies %d parameters, but prepared statement "%s" requires %d`,
			len(b.Params), b.Statement, len(prep.params))
	}
	s.ensureTransaction()
	if err := s.replanStale(ctx, prep); err != nil {
		return err
	}
	p := &portal{name: b.Portal, text: prep.text, made: time.Now(), prepared: prep, columns: prep.columns, level: len(s.txn.savepoints)}
	if p.params, err = s.bindParams(prep, b); err != nil {
		return err
	}
	if err := s.bindFormats(p, b.ResultFormats); err != nil {
		p.close()
		return err
	}
	s.portals[b.Portal] = p
	return s.conn.BindComplete()
}

// bindFormats chooses how the portal's rows are written.
func (s *Session) bindFormats(p *portal, formats []int16) (err error) {
	if len(formats) > 1 && len(formats) != len(p.columns) {
		return sqlerr.New(sqlerr.ProtocolViolation, "bind message has %d result formats but query has %d columns",
			len(formats), len(p.columns))
	}
	if p.columns == nil {
		return nil
	}
	if len(formats) == 1 && formats[0] == 0 {
		formats = nil
	}
	prep := p.prepared
	if prep.encoder == nil || !slices.Equal(prep.formats, formats) {
		prep.formats = append([]int16(nil), formats...)
		prep.encoder, err = pgwire.NewRowEncoder(p.columns, prep.formats)
	}
	p.formats, p.encoder = prep.formats, prep.encoder
	return err
}

// bindParams turns the values of a Bind into arrays of length one.
func (s *Session) bindParams(prep *prepared, b *pgwire.Bind) (params []arrow.Array, err error) {
	if len(b.Params) == 0 {
		return nil, nil
	}
	format := s.format(s.view())
	params = make([]arrow.Array, 0, len(b.Params))
	if prep.builders == nil {
		prep.builders = make([]array.Builder, len(prep.params))
	}
	for i, value := range b.Params {
		a, err := prep.bindParam(i, value, pgwire.Format(b.ParamFormats, i) == 1, format)
		if err != nil {
			for _, made := range params {
				made.Release()
			}
			return nil, paramError(err, b, i)
		}
		params = append(params, a)
	}
	return params, nil
}

// bindParam turns the value of parameter i into an array of length one.
func (p *prepared) bindParam(i int, value []byte, binary bool, format *types.Format) (arrow.Array, error) {
	t := p.params[i]
	typ := types.ByOID(t.OID)
	if typ == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "type with OID %d does not exist", t.OID)
	}
	if binary && value != nil && typ.BinaryArray != nil && t.Mod < 0 {
		return typ.BinaryArray(value)
	}
	b := p.builders[i]
	if p.builders[i] = nil; b == nil {
		b = types.NewBuilder(t, memory.DefaultAllocator)
	}
	if err := appendParam(b, typ, value, binary, format); err != nil {
		b.Release() // and what it may have got
		return nil, err
	}
	p.builders[i] = b
	return b.NewArray(), nil
}

func appendParam(b array.Builder, typ *types.Type, value []byte, binary bool, format *types.Format) error {
	switch {
	case value == nil:
		b.AppendNull()
	case binary && typ.ParseBinary == nil:
		return sqlerr.New(sqlerr.UndefinedFunction, "no binary input function available for type %s", typ.SQLName)
	case binary:
		return typ.ParseBinary(b, value, types.NoMod)
	case typ.ParseText == nil:
		return sqlerr.New(sqlerr.UndefinedFunction, "no input function available for type %s", typ.SQLName)
	default:
		text := string(value)
		if err := checkText(text); err != nil {
			return err
		}
		return typ.ParseText(b, text, types.NoMod, format)
	}
	return nil
}

// paramError says which parameter an error is about. A text is not quoted, as
// PostgreSQL does not by default.
func paramError(err error, b *pgwire.Bind, i int) error {
	e, ok := err.(*sqlerr.Error)
	if !ok {
		return err
	}
	value := ""
	if pgwire.Format(b.ParamFormats, i) == 0 {
		value = " = '...'"
	}
	if b.Portal == "" {
		return e.WithContext("unnamed portal parameter $%d%s", i+1, value)
	}
	return e.WithContext(`portal "%s" parameter $%d%s`, b.Portal, i+1, value)
}

// DescribeStatement tells a prepared statement's parameters and columns.
func (s *Session) DescribeStatement(name string) error {
	p, err := s.statement(name)
	if err != nil {
		return err
	}
	if p.stmt != nil && s.txn.state == txnFailed && p.columns != nil {
		return failedBlock()
	}
	if err := s.conn.ParameterDescription(p.params); err != nil {
		return err
	}
	return s.describe(p.columns, nil)
}

// DescribePortal tells a portal's columns.
func (s *Session) DescribePortal(name string) error {
	p, err := s.portal(name)
	if err != nil {
		return err
	}
	if s.txn.state == txnFailed && p.columns != nil {
		return failedBlock()
	}
	return s.describe(p.columns, p.formats)
}

func (s *Session) describe(columns []pgwire.Column, formats []int16) error {
	if columns == nil {
		return s.conn.NoData()
	}
	return s.conn.RowDescription(columns, formats)
}

// Execute runs a portal, for at most limit rows (0: all).
func (s *Session) Execute(name string, limit int) error {
	s.refreshDerived()
	ctx := s.running.begin(s.derived.statementTimeout)
	defer s.running.end()
	p, err := s.portal(name)
	if err != nil {
		return err
	}
	if p.prepared == nil { // a cursor of DECLARE
		return s.executeCursor(ctx, p, limit)
	}
	if p.prepared.stmt == nil {
		return s.conn.EmptyQuery()
	}
	s.setQuery(p.prepared.text)
	if s.txn.state == txnFailed && !endsBlock(p.prepared.stmt) {
		return failedBlock()
	}
	if p.failed || p.exec == nil && p.done {
		return p.cannotRun()
	}
	if p.exec == nil {
		if p.exec, _, err = s.start(ctx, p.prepared.stmt, p.prepared.plan, p.params); err != nil {
			p.fail()
			return err
		}
		if run, ok := p.exec.(*planRun); ok && limit > 0 {
			run.cursor.LockOneByOne()
		}
	}
	p.sent = 0
	exec := p.exec // the statement may drop its own portal
	suspended, err := s.sendRows(ctx, p, max(limit, 0))
	if err != nil {
		p.fail()
		return err
	}
	if suspended {
		return s.conn.PortalSuspended()
	}
	var room [32]byte
	tag := exec.tag(room[:0], p.sent)
	// What returned no rows cannot be run again and holds nothing.
	if p.columns == nil && p.exec != nil {
		p.exec.close()
		p.exec = nil
	}
	return s.conn.CommandComplete(tag)
}

// CloseStatement drops a prepared statement; one that is not there is no error.
func (s *Session) CloseStatement(name string) error {
	delete(s.statements, name)
	return s.conn.CloseComplete()
}

// ClosePortal drops a portal; one that is not there is no error.
func (s *Session) ClosePortal(name string) error {
	s.closePortal(name)
	return s.conn.CloseComplete()
}

// Sync ends an implicit transaction.
func (s *Session) Sync() error {
	if s.txn.state != txnImplicit {
		return s.report()
	}
	ctx := s.running.begin(0)
	defer s.running.end()
	if err := s.endImplicit(ctx); err != nil {
		return err
	}
	return s.report()
}
