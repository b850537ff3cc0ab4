package session

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/catalog/pgcatalog"
	"quiver/planner/plan"
	"quiver/server/copyfile"
	"quiver/server/copyformat"
	"quiver/server/pgwire"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
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
	if v.Program {
		return nil, nil, sqlerr.Unsupported("COPY with a program")
	}
	if err := s.checkFile(v); err != nil {
		return nil, nil, err
	}
	if v.Where != nil && !v.From {
		return nil, nil, sqlerr.New(sqlerr.SyntaxError, "WHERE clause not allowed with COPY TO")
	}
	if v.From {
		if err := s.writesRefused("COPY FROM"); err != nil {
			return nil, nil, err
		}
		c, err := s.newCopyFrom(ctx, st, v)
		if err != nil {
			return nil, nil, err
		}
		return &action{run: c.run}, nil, nil
	}
	return s.newCopyTo(ctx, st, v)
}

// copyFrom is a COPY FROM. Its rows go through the plan of an INSERT
// whose input is fed, so that defaults and constraints are those of INSERT.
type copyFrom struct {
	s       *Session
	plan    *plan.Statement
	table   *catalog.Table
	columns []copyformat.Column
	opts    *copyOptions
	file    string // "" for STDIN
	rows    int64  // inserted
	// several: there are many files, and errors say which.
	several  bool
	progress copyProgress
}

func (s *Session) newCopyFrom(ctx context.Context, st *ast.Statement, v *ast.CopyStmt) (*copyFrom, error) {
	table, err := s.copyTable(ctx, v.Table)
	if err != nil {
		return nil, err
	}
	c := &copyFrom{s: s, table: table, file: v.File}
	c.progress.relation, c.progress.from, c.progress.kind = table.OID, true, "PIPE"
	if v.File != "" {
		c.progress.kind = "FILE"
	}
	if c.columns, err = copyColumns(table, v.Columns); err != nil {
		return nil, err
	}
	names := make([]string, len(c.columns))
	for i, col := range c.columns {
		names[i] = col.Name
	}
	if c.opts, err = parseCopyOptions(v, names); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, sqlerr.Unsupported("COPY FROM into a table without columns")
	}
	c.plan, err = s.planFedInsert(ctx, v, names, st.Text)
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
			if c := &table.Columns[i]; !c.Dropped() && !c.Hidden {
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
		if !found && table.Options.DynamicFields && !slices.Contains(catalog.SystemColumns, name) {
			columns = append(columns, copyformat.Column{Name: name, Type: types.Of(types.JSONBOID), Dynamic: true})
			found = true
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
func (s *Session) planFedInsert(ctx context.Context, v *ast.CopyStmt, names []string, text string) (*plan.Statement, error) {
	insert := &ast.InsertStmt{Table: v.Table, Keep: v.Where, Overriding: 's', Source: &ast.SelectStmt{}}
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

// run inserts what the client sends, or what files have.
func (c *copyFrom) run(ctx context.Context) (string, error) {
	defer c.s.showProgress(&c.progress)()
	store, err := c.s.store(ctx)
	if err != nil {
		return "", err
	}
	if store.BeginLoad(c.table) {
		defer store.AbortLoad()
	}
	switch {
	case c.file != "":
		err = c.runFiles(ctx)
	case c.opts.file != 0 || c.opts.compression != copyfile.None:
		err = c.runSpooled(ctx)
	default:
		err = c.runStream(ctx)
	}
	if err == nil {
		err = store.EndLoad(ctx)
	}
	if err != nil {
		return "", err
	}
	return string(appendCount([]byte("COPY"), c.rows)), nil
}

// checkFreeze refuses FREEZE where PostgreSQL could not write rows that everybody sees
// at once: nobody else may know the table, nor this session read what was before.
// Rows become visible at the commit here, with FREEZE or without.
func (c *copyFrom) checkFreeze() error {
	if !c.opts.freeze {
		return nil
	}
	if c.table.PartitionKey != nil {
		return sqlerr.New(sqlerr.FeatureNotSupported, "cannot perform COPY FREEZE on a partitioned table")
	}
	for _, p := range c.s.portals {
		if p.cursor != nil || len(p.columns) > 0 {
			return sqlerr.New(sqlerr.InvalidTransactionState, "cannot perform COPY FREEZE because of prior transaction activity")
		}
	}
	if !c.s.txn.store.Catalog().IsFresh(c.table.OID) {
		return sqlerr.New(sqlerr.ObjectNotInPrerequisiteState,
			"cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction")
	}
	return nil
}

// runStream reads the client's data and inserts it batch by batch.
func (c *copyFrom) runStream(ctx context.Context) error {
	s := c.s
	if err := s.conn.CopyIn(len(c.columns), c.opts.isBinary()); err != nil {
		return err
	}
	if err := c.checkFreeze(); err != nil {
		return err
	}
	format := *s.format(s.view())
	reader := copyformat.NewReader(c.opts.rows, c.table.Name, c.columns, &format, memory.DefaultAllocator)
	defer reader.Release()
	s.activity.update(func(now *activityState) { now.reading = true })
	defer s.activity.update(func(now *activityState) { now.reading = false })
	defer s.running.interruptReads(ctx)()
	for {
		data, err := s.conn.ReadCopy()
		if err != nil {
			return c.readError(ctx, err, reader)
		}
		if data == nil {
			break
		}
		c.progress.bytes.Add(int64(len(data)))
		for len(data) > 0 {
			n := min(len(data), copyPieceBytes)
			if err := reader.Write(data[:n]); err != nil {
				return err
			}
			data = data[n:]
			if reader.Bytes() >= copyBatchBytes || reader.Rows() >= copyBatchRows {
				if err := c.insertRead(ctx, reader); err != nil {
					return err
				}
			}
		}
		if err := context.Cause(ctx); err != nil {
			return c.readError(ctx, err, reader)
		}
	}
	if err := reader.Finish(); err != nil {
		return err
	}
	return c.insertRead(ctx, reader)
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

// insertRead adds the rows that reader has gathered.
func (c *copyFrom) insertRead(ctx context.Context, reader *copyformat.Reader) error {
	b := copyBatch{rows: reader.Rows()}
	if b.rows == 0 {
		return nil
	}
	b.columns, b.lines = reader.Take()
	return c.insert(ctx, &b)
}

// insert adds the rows of a batch, which it releases. When a row is refused, the
// batch is undone and its rows go one by one, to name the line.
func (c *copyFrom) insert(ctx context.Context, b *copyBatch) error {
	columns, rows := b.columns, b.rows
	defer releaseArrays(columns)
	store, err := c.s.store(ctx)
	if err != nil {
		return err
	}
	mark := store.Savepoint()
	inserted, err := c.insertRows(ctx, columns, rows)
	if err == nil {
		store.Release(mark)
		c.rows += inserted
		c.progress.processed.Add(inserted)
		c.progress.leftByCond.Add(int64(rows) - inserted)
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
		_, rowErr := c.insertRows(ctx, one, 1)
		releaseArrays(one)
		if rowErr != nil {
			return c.located(rowErr, b.file, copyformat.LineContext(c.table.Name, b.line(i)))
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

// located adds where an error is, and of which file if there are several.
func (c *copyFrom) located(err error, file *copyfile.File, context string) error {
	var e *sqlerr.Error
	if !errors.As(err, &e) {
		return err
	}
	if context != "" {
		e = e.WithContext("%s", context)
	}
	if c.several && file != nil {
		e = e.WithContext("file \"%s\"", file.Name)
	}
	return e
}

// insertRows runs the plan over some rows and returns how many it inserted.
func (c *copyFrom) insertRows(ctx context.Context, columns []arrow.Array, rows int) (int64, error) {
	run, err := c.s.execute(ctx, c.plan, nil)
	if err != nil {
		return 0, err
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
			return run.cursor.Affected(), err
		}
		rec.Release()
	}
}

// runFiles inserts what the files of the server have.
func (c *copyFrom) runFiles(ctx context.Context) error {
	files, err := copyfile.Find(ctx, c.file)
	if err != nil {
		return err
	}
	if err := c.checkFreeze(); err != nil {
		return err
	}
	c.several = len(files) > 1
	return c.insertFiles(ctx, files)
}

func (c *copyFrom) insertFiles(ctx context.Context, files []*copyfile.File) error {
	for _, f := range files {
		c.progress.total.Add(f.Size)
	}
	in := &copyInput{
		opts: c.opts, table: c.table.Name, columns: c.columns, format: *c.s.format(c.s.view()), progress: &c.progress, tempDir: c.s.cfg.TempDir,
	}
	// Names are looked up by many goroutines at a time: in a version that stays.
	in.format.Names = &pgcatalog.Names{View: c.s.cfg.Catalog.View(c.s.database.OID)}
	in.start(ctx, files)
	defer in.close()
	for b := range in.batches {
		if b.err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cancelError(cause)
			}
			return c.located(b.err, b.file, "")
		}
		if err := c.insert(ctx, &b); err != nil {
			return err
		}
	}
	if cause := context.Cause(ctx); cause != nil {
		return cancelError(cause)
	}
	return nil
}

// runSpooled takes what the client sends as a file: formats of columns are not
// read in order.
func (c *copyFrom) runSpooled(ctx context.Context) error {
	s := c.s
	if err := s.conn.CopyIn(len(c.columns), c.opts.isBinary()); err != nil {
		return err
	}
	if err := c.checkFreeze(); err != nil {
		return err
	}
	spool, err := copyfile.TempFile(s.cfg.TempDir)
	if err != nil {
		return err
	}
	defer spool.Close()
	size, err := c.spool(ctx, spool)
	if err != nil {
		return err
	}
	c.progress.bytes.Store(0)
	return c.insertFiles(ctx, []*copyfile.File{copyfile.Opened("STDIN", spool, size)})
}

func (c *copyFrom) spool(ctx context.Context, to io.Writer) (size int64, err error) {
	s := c.s
	s.activity.update(func(now *activityState) { now.reading = true })
	defer s.activity.update(func(now *activityState) { now.reading = false })
	defer s.running.interruptReads(ctx)()
	for {
		data, err := s.conn.ReadCopy()
		if cause := context.Cause(ctx); cause != nil {
			return 0, cancelError(cause)
		}
		if err != nil || data == nil {
			return size, err
		}
		if _, err := to.Write(data); err != nil {
			return 0, sqlerr.Wrap(err, sqlerr.IOError, "could not write to temporary file: %s", err)
		}
		size += int64(len(data))
		c.progress.bytes.Add(int64(len(data)))
	}
}

// copyTo is a COPY TO: it sends the rows of a plan to the client or into a file.
type copyTo struct {
	s        *Session
	run      *planRun
	columns  []copyformat.Column
	opts     *copyOptions
	file     string // "" for STDOUT
	progress copyProgress
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
	c := &copyTo{s: s, file: v.File}
	c.progress.kind = "PIPE"
	if v.File != "" {
		c.progress.kind = "FILE"
	}
	if v.Query == nil && len(planned.Tables) > 0 {
		c.progress.relation = planned.Tables[0].OID
	}
	names := make([]string, len(planned.Columns))
	for i, col := range planned.Columns {
		names[i] = col.Name
		c.columns = append(c.columns, copyformat.Column{Name: col.Name, Type: col.Type})
	}
	if c.opts, err = parseCopyOptions(v, names); err != nil {
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
	defer c.s.showProgress(&c.progress)()
	var err error
	switch {
	case c.file != "":
		err = c.sendFile(ctx)
	case c.opts.isBinary() && (c.opts.file != 0 || c.opts.compression != copyfile.None):
		err = c.sendPacked(ctx)
	default:
		err = c.sendRows(ctx)
	}
	if err != nil {
		return "", err
	}
	return string(appendCount([]byte("COPY"), c.progress.processed.Load())), nil
}

// sendRows sends a message a row.
func (c *copyTo) sendRows(ctx context.Context) error {
	conn := c.s.conn
	if err := conn.CopyOut(len(c.columns), c.opts.isBinary()); err != nil {
		return err
	}
	w, err := copyformat.NewWriter(c.opts.rows, c.columns, &c.run.fmt)
	if err != nil {
		return err
	}
	head := w.AppendHeader(nil)
	if c.opts.rows.Format != copyformat.Binary && len(head) > 0 { // a line of its own
		if err := c.sendBytes(head); err != nil {
			return err
		}
		head = nil
	}
	for {
		rec, err := c.run.next(ctx)
		if err != nil {
			return err
		}
		if rec == nil {
			break
		}
		if err := c.sendBatch(w, rec, &head); err != nil {
			return err
		}
		c.progress.processed.Add(rec.NumRows())
		rec.Release()
	}
	if tail := w.AppendTrailer(head); len(tail) > 0 {
		if err := c.sendBytes(tail); err != nil {
			return err
		}
	}
	return conn.CopyDone()
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
