package session

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/planner/plan"
	"quiver/server/copyformat"
	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/storage"
)

const (
	// copyBatchBytes is how much input is gathered before it is inserted.
	copyBatchBytes = 2 << 20
	copyBatchRows  = 16384
	// copyPieceBytes is how much of one message is read at a time: a message
	// may be far larger than a batch.
	copyPieceBytes = 256 << 10
)

// copyStmt makes the execution of COPY.
func (s *Session) copyStmt(ctx context.Context, st *ast.Statement, v *ast.CopyStmt) (execution, []pgwire.Column, error) {
	switch {
	case v.Program:
		return nil, nil, sqlerr.Unsupported("COPY with a program")
	case v.File != "":
		return nil, nil, sqlerr.Unsupported("COPY with a file of the server").
			WithHint(`Use COPY FROM STDIN or COPY TO STDOUT, or psql's \copy.`)
	case v.Where != nil:
		return nil, nil, sqlerr.Unsupported("COPY FROM with WHERE")
	case v.From && s.txn.readOnly:
		return nil, nil, sqlerr.New(sqlerr.ReadOnlySQLTransaction, "cannot execute COPY FROM in a read-only transaction")
	}
	if v.From {
		c, err := s.newCopyFrom(ctx, st, v)
		if err != nil {
			return nil, nil, err
		}
		return &action{run: c.run}, nil, nil
	}
	return s.newCopyTo(ctx, st, v)
}

// copyFrom is a COPY FROM STDIN. Its rows go through the plan of an INSERT
// whose input is fed, so that defaults and constraints are those of INSERT.
type copyFrom struct {
	s       *Session
	plan    *plan.Statement
	table   *catalog.Table
	columns []copyformat.Column
	opts    *copyformat.Options
	rows    int64
}

func (s *Session) newCopyFrom(ctx context.Context, st *ast.Statement, v *ast.CopyStmt) (*copyFrom, error) {
	table, err := s.copyTable(ctx, v.Table)
	if err != nil {
		return nil, err
	}
	c := &copyFrom{s: s, table: table}
	if c.columns, err = copyColumns(table, v.Columns); err != nil {
		return nil, err
	}
	names := make([]string, len(c.columns))
	for i, col := range c.columns {
		names[i] = col.Name
	}
	if c.opts, err = copyformat.ParseOptions(v.Options, true, names); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, sqlerr.Unsupported("COPY FROM into a table without columns")
	}
	c.plan, err = s.planFedInsert(ctx, v.Table, names, st.Text)
	return c, err
}

// copyTable finds the table of COPY FROM by planning an INSERT of its defaults.
func (s *Session) copyTable(ctx context.Context, name *ast.RangeVar) (*catalog.Table, error) {
	p, err := s.planStatement(ctx, &ast.Statement{Stmt: &ast.InsertStmt{Table: name}}, nil)
	if err != nil {
		return nil, withoutPosition(err)
	}
	insert, ok := p.Root.(*plan.Insert)
	if !ok {
		return nil, sqlerr.New(sqlerr.WrongObjectType, `cannot copy to relation "%s"`, name.Name)
	}
	return insert.Table, nil
}

// withoutPosition is an error about a name of COPY, which PostgreSQL looks up
// without telling where it stands.
func withoutPosition(err error) error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		at := *e
		at.Position = 0
		return &at
	}
	return err
}

// copyColumns are the columns that a COPY names, or all.
func copyColumns(table *catalog.Table, names []string) ([]copyformat.Column, error) {
	var columns []copyformat.Column
	if len(names) == 0 {
		for i := range table.Columns {
			if c := &table.Columns[i]; !c.Dropped() {
				columns = append(columns, copyformat.Column{Name: c.Name, Type: c.Type})
			}
		}
		return columns, nil
	}
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, sqlerr.New(sqlerr.DuplicateColumn, `column "%s" specified more than once`, name)
		}
		seen[name] = true
		found := false
		for i := range table.Columns {
			if c := &table.Columns[i]; !c.Dropped() && c.Name == name {
				columns = append(columns, copyformat.Column{Name: name, Type: c.Type})
				found = true
			}
		}
		if !found {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, `column "%s" of relation "%s" does not exist`, name, table.Name)
		}
	}
	return columns, nil
}

// planFedInsert plans INSERT INTO t (names) VALUES over parameters and puts a
// Feed in the place of the rows. Two rows keep the planner from moving a single
// one into the expressions.
func (s *Session) planFedInsert(ctx context.Context, table *ast.RangeVar, names []string, text string) (*plan.Statement, error) {
	insert := &ast.InsertStmt{Table: table, Overriding: 's', Source: &ast.SelectStmt{}}
	row := make([]ast.Expr, len(names))
	for i, name := range names {
		insert.Columns = append(insert.Columns, &ast.ResTarget{Name: name})
		row[i] = &ast.ParamRef{Number: i + 1}
	}
	insert.Source.Values = [][]ast.Expr{row, row}
	planned, err := s.planLocked(ctx, &ast.Statement{Stmt: insert, Text: text, Params: len(names)}, nil)
	if err != nil {
		return nil, err
	}
	root, ok := planned.Root.(*plan.Insert)
	if !ok || len(root.Input.Output()) != len(names) {
		return nil, sqlerr.New(sqlerr.InternalError, "unexpected plan of COPY: %T", planned.Root)
	}
	fed := *root
	feed := &plan.Feed{}
	feed.Columns = root.Input.Output()
	fed.Input = feed
	return &plan.Statement{
		Root: &fed, Tag: planned.Tag, Counted: true, Stamp: planned.Stamp, Tables: planned.Tables,
	}, nil
}

// run reads the client's data and inserts it batch by batch.
func (c *copyFrom) run(ctx context.Context) (string, error) {
	s := c.s
	if err := s.conn.CopyIn(len(c.columns), c.opts.Format == copyformat.Binary); err != nil {
		return "", err
	}
	format := *s.format(s.view())
	reader := copyformat.NewReader(c.opts, c.table.Name, c.columns, &format, memory.DefaultAllocator)
	defer reader.Release()
	s.activity.update(func(now *activityState) { now.reading = true })
	defer s.activity.update(func(now *activityState) { now.reading = false })
	defer s.running.interruptReads(ctx)()
	for {
		data, err := s.conn.ReadCopy()
		if err != nil {
			return "", c.readError(ctx, err, reader)
		}
		if data == nil {
			break
		}
		for len(data) > 0 {
			n := min(len(data), copyPieceBytes)
			if err := reader.Write(data[:n]); err != nil {
				return "", err
			}
			data = data[n:]
			if reader.Bytes() >= copyBatchBytes || reader.Rows() >= copyBatchRows {
				if err := c.insert(ctx, reader); err != nil {
					return "", err
				}
			}
		}
		if err := context.Cause(ctx); err != nil {
			return "", c.readError(ctx, err, reader)
		}
	}
	if err := reader.Finish(); err != nil {
		return "", err
	}
	if err := c.insert(ctx, reader); err != nil {
		return "", err
	}
	return string(appendCount([]byte("COPY"), c.rows)), nil
}

// readError adds where a COPY was when the client gave up, or when it was
// cancelled while the client was silent.
func (c *copyFrom) readError(ctx context.Context, err error, reader *copyformat.Reader) error {
	var e *sqlerr.Error
	if cause := context.Cause(ctx); cause != nil {
		return cancelError(cause).WithContext("%s", reader.NextContext())
	}
	if errors.As(err, &e) && e.Code == sqlerr.QueryCanceled {
		return e.WithContext("%s", reader.NextContext())
	}
	return err
}

// insert adds the rows that reader has gathered. When a row of the batch is
// refused, the batch is undone and its rows go one by one, to name the line.
func (c *copyFrom) insert(ctx context.Context, reader *copyformat.Reader) error {
	rows := reader.Rows()
	if rows == 0 {
		return nil
	}
	columns, lines := reader.Take()
	defer releaseArrays(columns)
	store, err := c.s.store(ctx)
	if err != nil {
		return err
	}
	mark := store.Savepoint()
	err = c.insertRows(ctx, columns, rows)
	if err == nil {
		store.Release(mark)
		c.rows += int64(rows)
		return nil
	}
	if !refused(err) {
		return err
	}
	store.RollbackTo(mark)
	for i := range rows {
		one := make([]arrow.Array, len(columns))
		for k, col := range columns {
			one[k] = array.NewSlice(col, int64(i), int64(i+1))
		}
		rowErr := c.insertRows(ctx, one, 1)
		releaseArrays(one)
		if rowErr != nil {
			return withLine(rowErr, c.table.Name, lines[i])
		}
	}
	return err
}

// refused says whether err is about a row's content.
func refused(err error) bool {
	var unique *storage.UniqueError
	if errors.As(err, &unique) {
		return true
	}
	var e *sqlerr.Error
	return errors.As(err, &e) && (e.Code[:2] == "22" || e.Code[:2] == "23")
}

func withLine(err error, table string, line int64) error {
	var e *sqlerr.Error
	if errors.As(err, &e) {
		return e.WithContext("%s", copyformat.LineContext(table, line))
	}
	return err
}

func (c *copyFrom) insertRows(ctx context.Context, columns []arrow.Array, rows int) error {
	run, err := c.s.execute(ctx, c.plan, nil)
	if err != nil {
		return err
	}
	defer run.close()
	fed := false
	run.env.Feed = func(context.Context) ([]arrow.Array, int, error) {
		if fed {
			return nil, 0, nil
		}
		fed = true
		return columns, rows, nil
	}
	for {
		rec, err := run.next(ctx)
		if err != nil || rec == nil {
			return err
		}
		rec.Release()
	}
}

// copyTo is a COPY TO STDOUT: it sends the rows of a plan.
type copyTo struct {
	s       *Session
	run     *planRun
	columns []copyformat.Column
	opts    *copyformat.Options
}

func (s *Session) newCopyTo(ctx context.Context, st *ast.Statement, v *ast.CopyStmt) (execution, []pgwire.Column, error) {
	query := v.Query
	if query == nil {
		query = selectColumns(v.Table, v.Columns)
	}
	planned, err := s.planLocked(ctx, &ast.Statement{Stmt: query, Text: st.Text}, nil)
	if err != nil && v.Query == nil {
		err = withoutPosition(err)
	}
	if err != nil {
		return nil, nil, err
	}
	if planned.Columns == nil {
		return nil, nil, sqlerr.New(sqlerr.FeatureNotSupported, "COPY query must have a RETURNING clause")
	}
	c := &copyTo{s: s}
	names := make([]string, len(planned.Columns))
	for i, col := range planned.Columns {
		names[i] = col.Name
		c.columns = append(c.columns, copyformat.Column{Name: col.Name, Type: col.Type})
	}
	if c.opts, err = copyformat.ParseOptions(v.Options, false, names); err != nil {
		return nil, nil, err
	}
	if c.run, err = s.execute(ctx, planned, nil); err != nil {
		return nil, nil, err
	}
	return &copyToRun{action{run: c.send}, c}, nil, nil
}

// copyToRun closes the plan of a COPY TO with its action.
type copyToRun struct {
	action
	c *copyTo
}

func (r *copyToRun) close() { r.c.run.close() }

// selectColumns is SELECT columns FROM table.
func selectColumns(table *ast.RangeVar, columns []string) ast.Stmt {
	q := &ast.SelectStmt{From: []ast.FromItem{table}}
	for _, name := range columns {
		q.Targets = append(q.Targets, &ast.ResTarget{Value: &ast.ColumnRef{Names: []string{name}}})
	}
	if len(columns) == 0 {
		q.Targets = []*ast.ResTarget{{Value: &ast.ColumnRef{Star: true}}}
	}
	return q
}

func (c *copyTo) send(ctx context.Context) (string, error) {
	conn := c.s.conn
	if err := conn.CopyOut(len(c.columns), c.opts.Format == copyformat.Binary); err != nil {
		return "", err
	}
	w, err := copyformat.NewWriter(c.opts, c.columns, &c.run.fmt)
	if err != nil {
		return "", err
	}
	head := w.AppendHeader(nil)
	if c.opts.Format != copyformat.Binary && len(head) > 0 { // a line of its own
		if err := c.sendBytes(head); err != nil {
			return "", err
		}
		head = nil
	}
	rows := int64(0)
	for {
		rec, err := c.run.next(ctx)
		if err != nil {
			return "", err
		}
		if rec == nil {
			break
		}
		if err := c.sendBatch(w, rec, &head); err != nil {
			return "", err
		}
		rows += rec.NumRows()
		rec.Release()
	}
	if tail := w.AppendTrailer(head); len(tail) > 0 {
		if err := c.sendBytes(tail); err != nil {
			return "", err
		}
	}
	if err := conn.CopyDone(); err != nil {
		return "", err
	}
	return string(appendCount([]byte("COPY"), rows)), nil
}

func (c *copyTo) sendBytes(data []byte) error {
	return c.s.conn.CopyData(func(dst []byte) ([]byte, error) { return append(dst, data...), nil })
}

// sendBatch sends a message a row; head goes in front of the first.
func (c *copyTo) sendBatch(w *copyformat.Writer, rec arrow.Record, head *[]byte) error {
	row := 0
	write := func(dst []byte) ([]byte, error) {
		dst = append(dst, *head...)
		*head = nil
		return w.AppendRow(dst, rec, row), nil
	}
	for ; row < int(rec.NumRows()); row++ {
		if err := c.s.conn.CopyData(write); err != nil {
			rec.Release()
			return err
		}
	}
	return nil
}
