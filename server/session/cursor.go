package session

import (
	"context"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
)

// cursor is what DECLARE adds to a portal. A scrollable cursor keeps the rows
// it has read, to go back to; the others hold one batch at a time.
type cursor struct {
	binary, scroll, hold bool
	// held: the transaction that made it has committed.
	held bool
	// kept are the batches read so far, of a scrollable or held cursor, and
	// ends[i] the number of rows up to the end of kept[i].
	kept []arrow.Record
	ends []int64
	// complete: kept is everything.
	complete bool
	// position is the number of the current row, from 1; 0 is before the
	// first, and one past the last is after it.
	position int64
}

func (c *cursor) close() {
	for _, rec := range c.kept {
		rec.Release()
	}
	c.kept, c.ends = nil, nil
}

func (c *cursor) rows() int64 {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

// declareCursor is DECLARE: the query starts, and no row is read yet.
func (s *Session) declareCursor(ctx context.Context, st *ast.Statement, v *ast.DeclareCursorStmt) error {
	if !v.Hold && !s.txn.inBlock() && !s.several {
		return sqlerr.New(sqlerr.NoActiveSQLTransaction, "DECLARE CURSOR can only be used in transaction blocks")
	}
	if s.portals[v.Name] != nil {
		return sqlerr.New(sqlerr.DuplicateCursor, `cursor "%s" already exists`, v.Name)
	}
	query := &ast.Statement{Stmt: v.Query, Text: st.Text, Params: st.Params}
	planned, err := s.planLocked(ctx, query, nil)
	if err != nil {
		return err
	}
	run, err := s.execute(ctx, planned, nil)
	if err != nil {
		return err
	}
	run.cursor.LockOneByOne()
	p := &portal{
		name: v.Name, text: s.query, made: time.Now(), exec: run, columns: resultColumns(planned.Columns), level: len(s.txn.savepoints),
		cursor: &cursor{binary: v.Binary, scroll: v.Scroll, hold: v.Hold},
	}
	if v.Binary {
		p.formats = []int16{1}
	}
	s.portals[v.Name] = p
	return nil
}

// holdCursors reads what is left of WITH HOLD cursors before their transaction
// commits.
func (s *Session) holdCursors(ctx context.Context) error {
	for _, p := range s.portals {
		if p.cursor == nil || !p.cursor.hold || p.cursor.held || p.failed {
			continue
		}
		for !p.cursor.complete {
			if err := p.keepNext(ctx); err != nil {
				return err
			}
		}
		p.exec.close()
		p.exec = nil
		p.cursor.held = true
	}
	return nil
}

// keepNext reads one more batch into kept.
func (p *portal) keepNext(ctx context.Context) error {
	rec, err := p.exec.next(ctx)
	if err != nil {
		return err
	}
	if rec == nil {
		p.cursor.complete = true
		return nil
	}
	p.cursor.ends = append(p.cursor.ends, p.cursor.rows()+rec.NumRows())
	p.cursor.kept = append(p.cursor.kept, rec)
	return nil
}

// row finds row n (from 1) of a cursor and reads up to it; ok is false beyond
// the last. A cursor that does not keep rows reads forward alone and drops the
// batches it has passed.
func (p *portal) row(ctx context.Context, n int64) (rec arrow.Record, at int, ok bool, err error) {
	c := p.cursor
	for n > c.rows() {
		if c.complete {
			return nil, 0, false, nil
		}
		if err := p.keepNext(ctx); err != nil {
			return nil, 0, false, err
		}
		if !c.scroll && !c.hold && len(c.kept) > 1 && n > c.ends[len(c.ends)-2] {
			for _, passed := range c.kept[:len(c.kept)-1] {
				passed.Release()
			}
			c.kept, c.ends = c.kept[len(c.kept)-1:], c.ends[len(c.ends)-1:]
		}
	}
	for i, end := range c.ends {
		if n <= end {
			start := end - c.kept[i].NumRows()
			if n <= start {
				return nil, 0, false, cannotGoBack()
			}
			return c.kept[i], int(n - start - 1), true, nil
		}
	}
	return nil, 0, false, nil
}

func cannotGoBack() error {
	return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState, "cursor can only scan forward").
		WithHint("Declare it with SCROLL option to enable backward scan.")
}

// fetch is FETCH and MOVE.
func (s *Session) fetch(v *ast.FetchStmt) (execution, []pgwire.Column, error) {
	p := s.portals[v.Name]
	if p == nil || p.cursor == nil {
		return nil, nil, sqlerr.New(sqlerr.InvalidCursorName, `cursor "%s" does not exist`, v.Name)
	}
	if p.failed {
		return nil, nil, p.cannotRun()
	}
	f := &fetchRows{p: p, stmt: v}
	if v.Move {
		return f, nil, nil
	}
	return f, p.columns, nil
}

// fetchRows is the execution of a FETCH or MOVE.
type fetchRows struct {
	p    *portal
	stmt *ast.FetchStmt
	// left counts rows still to come, step is 1 or -1.
	planned    bool
	left, step int64
	moved      int64
}

// plan turns the direction into steps. Rows that are not returned are passed
// here.
func (f *fetchRows) plan(ctx context.Context) error {
	f.planned = true
	c := f.p.cursor
	count := f.stmt.Count
	f.step = 1
	switch f.stmt.Direction {
	case "backward":
		f.step = -1
	case "absolute":
		target := count
		if count < 0 {
			total, err := f.total(ctx)
			if err != nil {
				return err
			}
			target = max(total+1+count, 0)
		}
		return f.jump(ctx, target)
	case "relative":
		if count == 0 {
			break
		}
		return f.jump(ctx, max(c.position+count, 0))
	}
	if count < 0 && !f.stmt.All {
		f.step, count = -f.step, -count
	}
	if count == 0 && !f.stmt.All { // the current row again
		return f.jump(ctx, c.position)
	}
	f.left = count
	if f.step < 0 && !c.scroll && !c.hold {
		return cannotGoBack()
	}
	return nil
}

// jump goes to row target and returns that row alone.
func (f *fetchRows) jump(ctx context.Context, target int64) error {
	c := f.p.cursor
	if target < c.position && !c.scroll && !c.hold {
		return cannotGoBack()
	}
	if target == 0 {
		c.position = 0
		return nil
	}
	_, _, ok, err := f.p.row(ctx, target)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		c.position = c.rows() + 1
	default:
		c.position = target - 1
		f.left, f.step = 1, 1
	}
	return nil
}

func (f *fetchRows) total(ctx context.Context) (int64, error) {
	for !f.p.cursor.complete {
		if err := f.p.keepNext(ctx); err != nil {
			return 0, err
		}
	}
	return f.p.cursor.rows(), nil
}

func (f *fetchRows) next(ctx context.Context) (arrow.Record, error) {
	rec, err := f.some(ctx)
	if err != nil {
		f.p.fail()
	}
	return rec, err
}

// some returns rows one by one backwards, and as slices of batches forwards.
func (f *fetchRows) some(ctx context.Context) (arrow.Record, error) {
	if !f.planned {
		if err := f.plan(ctx); err != nil {
			return nil, err
		}
	}
	for f.left > 0 {
		c := f.p.cursor
		target := c.position + f.step
		if target < 1 {
			c.position, f.left = 0, 0
			break
		}
		rec, at, ok, err := f.p.row(ctx, target)
		if err != nil {
			return nil, err
		}
		if !ok {
			c.position, f.left = c.rows()+1, 0
			break
		}
		n := int64(1)
		if f.step > 0 {
			n = min(rec.NumRows()-int64(at), f.left)
		}
		c.position += n * f.step
		f.left -= n
		f.moved += n
		if !f.stmt.Move {
			return rec.NewSlice(int64(at), int64(at)+n), nil
		}
	}
	return nil, nil
}

func (f *fetchRows) tag(dst []byte, _ int64) []byte {
	word := "FETCH"
	if f.stmt.Move {
		word = "MOVE"
	}
	return appendCount(append(dst, word...), f.moved)
}

func (f *fetchRows) close() {}

// executeCursor is Execute on a cursor's portal: FETCH FORWARD by protocol.
func (s *Session) executeCursor(ctx context.Context, p *portal, limit int) error {
	if s.txn.state == txnFailed {
		return failedBlock()
	}
	if p.failed {
		return p.cannotRun()
	}
	f := &fetchRows{p: p, stmt: &ast.FetchStmt{Name: p.name, Direction: "forward", Count: int64(limit), All: limit <= 0}}
	if limit <= 0 {
		f.stmt.Count = 1<<63 - 1
	}
	encoder, err := pgwire.NewRowEncoder(p.columns, p.formats)
	if err != nil {
		return err
	}
	rows := &portal{exec: f, columns: p.columns, formats: p.formats, encoder: encoder}
	if _, err := s.sendRows(ctx, rows, 0); err != nil {
		return err
	}
	if limit > 0 && f.moved == int64(limit) {
		return s.conn.PortalSuspended()
	}
	return s.conn.CommandComplete(appendCount([]byte("SELECT"), f.moved)) // what the cursor is of
}

// closeCursor is CLOSE name or ALL.
func (s *Session) closeCursor(v *ast.CloseStmt) (string, error) {
	if v.Name == "" {
		for name, p := range s.portals {
			if p.cursor != nil {
				s.closePortal(name)
			}
		}
		return "CLOSE CURSOR ALL", nil
	}
	if p := s.portals[v.Name]; p == nil {
		return "", sqlerr.New(sqlerr.InvalidCursorName, `cursor "%s" does not exist`, v.Name)
	}
	s.closePortal(v.Name)
	return "CLOSE CURSOR", nil
}
