package session

import (
	"context"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// command turns a statement about the session itself into an execution; nil for
// statements that are planned.
func (s *Session) command(ctx context.Context, st *ast.Statement) (execution, []pgwire.Column, error) {
	switch v := st.Stmt.(type) {
	case *ast.TransactionStmt:
		return &action{run: func(ctx context.Context) (string, error) { return s.transactionStmt(ctx, v) }}, nil, nil
	case *ast.SetStmt:
		return &action{run: func(ctx context.Context) (string, error) { return s.setStmt(ctx, v) }}, nil, nil
	case *ast.ShowStmt:
		return s.show(v)
	case *ast.PrepareStmt:
		return &action{run: func(ctx context.Context) (string, error) { return "PREPARE", s.prepareStmt(ctx, st, v) }}, nil, nil
	case *ast.ExecuteStmt:
		return s.executeStmt(ctx, v)
	case *ast.ExplainStmt:
		if execute, ok := v.Query.(*ast.ExecuteStmt); ok {
			return s.explainExecute(ctx, st, v, execute)
		}
	case *ast.DeallocateStmt:
		return &action{run: func(context.Context) (string, error) { return s.deallocate(v) }}, nil, nil
	case *ast.DiscardStmt:
		return &action{run: func(context.Context) (string, error) { return s.discard(v) }}, nil, nil
	case *ast.DeclareCursorStmt:
		return &action{run: func(ctx context.Context) (string, error) { return "DECLARE CURSOR", s.declareCursor(ctx, st, v) }}, nil, nil
	case *ast.FetchStmt:
		return s.fetch(v)
	case *ast.CloseStmt:
		return &action{run: func(context.Context) (string, error) { return s.closeCursor(v) }}, nil, nil
	case *ast.CopyStmt:
		return s.copyStmt(ctx, st, v)
	case *ast.ListenStmt:
		return nil, nil, sqlerr.Unsupported("LISTEN")
	case *ast.NotifyStmt:
		return nil, nil, sqlerr.Unsupported("NOTIFY")
	case *ast.UnlistenStmt: // nothing is listened to
		return &action{run: func(context.Context) (string, error) { return "UNLISTEN", nil }}, nil, nil
	case *ast.UnsupportedStmt:
		return nil, nil, sqlerr.Unsupported("%s", v.Feature)
	}
	return nil, nil, nil
}

// commandColumns tells the columns of a statement about the session itself
// without running it.
func (s *Session) commandColumns(st *ast.Statement) (columns []pgwire.Column, isCommand bool, err error) {
	switch v := st.Stmt.(type) {
	case *ast.ShowStmt:
		columns, err = s.showColumns(v)
		return columns, true, err
	case *ast.ExecuteStmt:
		p, err := s.statement(v.Name)
		if err != nil {
			return nil, true, err
		}
		return p.columns, true, nil
	case *ast.ExplainStmt:
		execute, ok := v.Query.(*ast.ExecuteStmt)
		if !ok {
			return nil, false, nil
		}
		planned, err := s.planExplainExecute(context.Background(), st, v, execute)
		if err != nil {
			return nil, true, err
		}
		return resultColumns(planned.Columns), true, nil
	case *ast.FetchStmt:
		if p := s.portals[v.Name]; p != nil && !v.Move {
			return p.columns, true, nil
		}
		return nil, true, nil
	case *ast.TransactionStmt, *ast.SetStmt, *ast.PrepareStmt, *ast.DeallocateStmt, *ast.DiscardStmt,
		*ast.DeclareCursorStmt, *ast.CloseStmt, *ast.CopyStmt, *ast.ListenStmt, *ast.NotifyStmt, *ast.UnlistenStmt:
		return nil, true, nil
	case *ast.UnsupportedStmt:
		return nil, true, sqlerr.Unsupported("%s", v.Feature)
	}
	return nil, false, nil
}

// action is a statement that returns no rows: it acts at the first next.
type action struct {
	run    func(ctx context.Context) (tag string, err error)
	done   bool
	result string
}

func (a *action) next(ctx context.Context) (arrow.Record, error) {
	if a.done {
		return nil, nil
	}
	a.done = true
	var err error
	a.result, err = a.run(ctx)
	return nil, err
}

func (a *action) tag(dst []byte, _ int64) []byte { return append(dst, a.result...) }
func (a *action) close()                         {}

// textRows is an execution over rows of text that are at hand.
type textRows struct {
	name string
	rec  arrow.Record
}

// newTextRows makes rows of text columns; a nil value is null.
func newTextRows(tag string, columns []pgwire.Column, rows [][]string) *textRows {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: arrow.BinaryTypes.String}
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		for i, value := range row {
			b.Field(i).(*array.StringBuilder).Append(value)
		}
	}
	return &textRows{tag, b.NewRecord()}
}

func (t *textRows) next(context.Context) (arrow.Record, error) {
	rec := t.rec
	t.rec = nil
	return rec, nil
}

func (t *textRows) tag(dst []byte, _ int64) []byte { return append(dst, t.name...) }

func (t *textRows) close() {
	if t.rec != nil {
		t.rec.Release()
		t.rec = nil
	}
}

func textColumn(name string) pgwire.Column {
	return pgwire.Column{Name: name, Type: types.Of(types.TextOID)}
}

// portalFormats are the result formats of a statement: FETCH from a binary
// cursor is binary whatever the protocol says.
func portalFormats(exec execution, formats []int16) []int16 {
	if f, ok := exec.(*fetchRows); ok && f.p.cursor.binary {
		return []int16{1}
	}
	return formats
}

// constText is the text of a constant; anything else is empty.
func constText(e ast.Expr) string {
	switch v := e.(type) {
	case *ast.Const:
		return v.Text
	case *ast.Cast:
		return constText(v.Arg)
	}
	return ""
}

// setQuery says what runs, for the log and for other sessions.
func (s *Session) setQuery(text string) {
	s.query = text
	s.activity.begin(text)
}

func checkText(text string) error {
	if i := strings.IndexByte(text, 0); i >= 0 {
		return sqlerr.New(sqlerr.CharacterNotInRepertoire, `invalid byte sequence for encoding "UTF8": 0x00`)
	}
	return invalidUTF8(text)
}
