package executor

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/internal/hlc"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/parse"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/storage/backup"
	"quiver/storage/objstore"
)

// backup is BACKUP; it returns the backup's name.
func (d *ddl) backup(ctx context.Context, s *ast.BackupStmt) (string, error) {
	if d.x.env.Engine == nil {
		return "", sqlerr.Unsupported("BACKUP in this process")
	}
	spec := storage.BackupSpec{Name: s.Name, Txn: d.x.env.Txn, PID: d.pid()}
	switch {
	case s.Database != "":
		db := d.catalog().DatabaseByName(s.Database)
		if db == nil {
			return "", noDatabase(s.Database)
		}
		spec.Database, spec.Scope.Database = db.OID, db.Name
	case s.Tables != nil:
		db := d.catalog().Database()
		spec.Database, spec.Scope.Database = db.OID, db.Name
		for _, r := range s.Tables {
			table, err := d.backedUp(r)
			if err != nil {
				return "", err
			}
			if slices.Contains(spec.Tables, table.OID) {
				continue
			}
			spec.Tables = append(spec.Tables, table.OID)
			spec.Scope.Tables = append(spec.Scope.Tables, d.qualified(table.Schema, table.Name))
		}
	}
	place, err := openPlace(ctx, s.URL, true)
	if err != nil {
		return "", err
	}
	defer place.Close()
	made, err := d.x.env.Engine.Backup(ctx, place, spec)
	if err != nil {
		return "", backupError(ctx, err)
	}
	d.notice(sqlerr.SuccessfulCompletion, "backup %s is made: %d objects of %d bytes, of which %d of %d bytes were copied",
		quoted(made.Name), made.Objects, made.Bytes, made.NewObjects, made.NewBytes)
	return made.Name, nil
}

func (d *ddl) pid() int32 {
	if s := d.x.c.Session; s != nil {
		return s.BackendPID()
	}
	return 0
}

// backedUp finds a table to back up.
func (d *ddl) backedUp(r *ast.RangeVar) (*catalog.Table, error) {
	rel, err := d.find(r)
	if err != nil {
		return nil, err
	}
	switch rel := rel.(type) {
	case nil:
		return nil, noRelation(r)
	case *catalog.Table:
		if !rel.Temporary {
			return rel, nil
		}
	}
	return nil, sqlerr.New(sqlerr.WrongObjectType, "%s is not a table that can be backed up", quoted(r.Name)).At(r.Position())
}

// openPlace opens where backups lie.
func openPlace(ctx context.Context, url string, create bool) (*backup.Place, error) {
	place, err := backup.Open(ctx, url, create)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, sqlerr.Wrap(err, sqlerr.UndefinedFile, "could not open %s: no such directory", quoted(url))
	case errors.Is(err, fs.ErrPermission):
		return nil, sqlerr.Wrap(err, sqlerr.InsufficientPrivilege, "could not open %s: permission denied", quoted(url))
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, objstore.ErrUnavailable):
		return nil, err
	case err != nil:
		return nil, sqlerr.Wrap(err, sqlerr.InvalidParameterValue, "could not open %s: %v", quoted(url), err)
	}
	return place, nil
}

// backupError gives the errors of places their SQLSTATEs.
func backupError(ctx context.Context, err error) error {
	var refused *storage.ErrRestoreTime
	code := sqlerr.Code("")
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, backup.ErrNoBackup):
		code = sqlerr.UndefinedObject
	case errors.Is(err, backup.ErrExists):
		code = sqlerr.DuplicateObject
	case errors.Is(err, backup.ErrInUse):
		code = sqlerr.ObjectInUse
	case errors.Is(err, backup.ErrName), errors.As(err, &refused):
		code = sqlerr.InvalidParameterValue
	default:
		return err
	}
	return sqlerr.Wrap(err, code, "%s", strings.TrimPrefix(err.Error(), "backup: "))
}

// restore is RESTORE; it returns the backup's name.
func (d *ddl) restore(ctx context.Context, s *ast.RestoreStmt) (string, error) {
	if d.x.env.Engine == nil {
		return "", sqlerr.Unsupported("RESTORE in this process")
	}
	at, err := d.restoreTime(s.Timestamp)
	if err != nil {
		return "", err
	}
	place, err := openPlace(ctx, s.URL, false)
	if err != nil {
		return "", err
	}
	defer place.Close()
	var from *backup.Description
	if s.Backup != "" {
		from, err = place.Describe(ctx, s.Backup)
	} else {
		from, err = place.Newest(ctx)
	}
	if err != nil {
		return "", backupError(ctx, err)
	}
	r := &restoring{d: d, from: from}
	spec := storage.RestoreSpec{Backup: from, Timestamp: at, PID: d.pid()}
	if spec.Transplant, err = r.transplant(s); err != nil {
		return "", err
	}
	if s.Tables != nil {
		spec.Database = d.catalog().Database().OID
	}
	if err := d.x.env.Engine.Restore(ctx, place, spec); err != nil {
		return "", backupError(ctx, err)
	}
	return from.Name, nil
}

// restoreTime reads the option timestamp: a timestamptz, or the number of one.
func (d *ddl) restoreTime(text string) (hlc.Timestamp, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil && n >= 1<<40 {
		return hlc.Timestamp(n), nil
	}
	us, err := types.ParseTimestamptz(text, d.x.c.Format)
	if err != nil {
		return 0, err
	}
	return hlc.At(time.UnixMicro(us)), nil
}

// restoring picks what to restore of a backup.
type restoring struct {
	d    *ddl
	from *backup.Description
	all  []catalog.Descriptor
}

func (r *restoring) transplant(s *ast.RestoreStmt) (t catalog.Transplant, err error) {
	for _, value := range r.from.Descriptors {
		o, err := catalog.DecodeDescriptor("backup "+r.from.Name, value)
		if err != nil {
			return t, sqlerr.Wrap(err, sqlerr.DataCorrupted, "%v", err)
		}
		r.all = append(r.all, o)
	}
	t = catalog.Transplant{
		Databases: map[catalog.OID]*catalog.Database{}, Names: map[catalog.OID]string{},
		SequenceText: func(schema, name string) string {
			return literal(identifier(schema)+"."+identifier(name)) + "::regclass"
		},
	}
	switch {
	case s.Tables != nil:
		err = r.tables(&t, s.Tables)
	case s.Database != "":
		db := r.database(s.Database)
		if db == nil {
			return t, sqlerr.New(sqlerr.InvalidCatalogName, "database %s is not in backup %s", quoted(s.Database), quoted(r.from.Name))
		}
		name := s.Database
		if s.DatabaseAs != "" {
			name = s.DatabaseAs
			t.Names[db.OID] = name
		}
		t.Descriptors = catalog.Select(r.all, db.OID, nil)
		err = r.into(&t, db, name)
	default:
		t.Descriptors = r.all
		for _, o := range r.all {
			if db, ok := o.(*catalog.Database); ok && err == nil {
				err = r.into(&t, db, db.Name)
			}
		}
	}
	return t, err
}

// into lets a database that is there take the contents of one of the backup, if it
// has none of its own.
func (r *restoring) into(t *catalog.Transplant, db *catalog.Database, name string) error {
	there := r.d.catalog().DatabaseByName(name)
	if there == nil {
		return nil
	}
	if !r.d.x.env.Catalog.Current().Empty(there.OID) {
		return sqlerr.New(sqlerr.DuplicateDatabase, "database %s already exists", quoted(name)).
			WithDetail("It is not empty.").WithHint("Restore it under another name: RESTORE DATABASE … AS ….")
	}
	t.Databases[db.OID] = there
	return nil
}

// database finds a database of the backup by name.
func (r *restoring) database(name string) *catalog.Database {
	for _, o := range r.all {
		if db, ok := o.(*catalog.Database); ok && db.Name == name {
			return db
		}
	}
	return nil
}

// tables picks tables, which go into the current database.
func (r *restoring) tables(t *catalog.Transplant, list []ast.RestoredTable) error {
	picked := map[catalog.OID]map[catalog.OID]bool{} // by database
	for _, item := range list {
		table, err := r.table(item.Table)
		if err != nil {
			return err
		}
		if picked[table.Database] == nil {
			picked[table.Database] = map[catalog.OID]bool{}
			t.Databases[table.Database] = r.d.catalog().Database()
		}
		if picked[table.Database][table.OID] {
			return sqlerr.New(sqlerr.DuplicateAlias, "table %s is named more than once", quoted(rangeName(item.Table))).
				WithHint("A RESTORE makes one table of each: use one for each name.").At(item.Table.Position())
		}
		picked[table.Database][table.OID] = true
		if item.As != "" {
			t.Names[table.OID] = item.As
		}
	}
	for database, tables := range picked {
		t.Descriptors = append(t.Descriptors, catalog.Select(r.all, database, func(oid catalog.OID) bool { return tables[oid] })...)
	}
	return nil
}

// table finds a table of the backup: of the database that is named, of the one of
// the current one's name, or of the only one; of the schema that is named, or of
// the first on the search path that has it.
func (r *restoring) table(v *ast.RangeVar) (*catalog.Table, error) {
	var databases []*catalog.Database
	for _, o := range r.all {
		if db, ok := o.(*catalog.Database); ok {
			databases = append(databases, db)
		}
	}
	name := v.Database
	if name == "" {
		name = r.d.catalog().Database().Name
	}
	db := r.database(name)
	if db == nil && v.Database == "" && len(databases) == 1 {
		db = databases[0]
	}
	if db == nil {
		return nil, sqlerr.New(sqlerr.InvalidCatalogName, "database %s is not in backup %s", quoted(name), quoted(r.from.Name)).At(v.Position())
	}
	schemas := []string{v.Schema}
	if v.Schema == "" {
		schemas = nil
		for _, s := range r.d.searchPath() {
			schemas = append(schemas, s.Name)
		}
	}
	named := map[catalog.OID]string{}
	for _, o := range r.all {
		if s, ok := o.(*catalog.Schema); ok && s.Database == db.OID {
			named[s.OID] = s.Name
		}
	}
	for _, schema := range schemas {
		for _, o := range r.all {
			if t, ok := o.(*catalog.Table); ok && t.Database == db.OID && t.Name == v.Name && named[t.Schema] == schema {
				return t, nil
			}
		}
	}
	return nil, sqlerr.New(sqlerr.UndefinedTable, "relation %s is not in backup %s", quoted(rangeName(v)), quoted(r.from.Name)).At(v.Position())
}

func init() {
	twin := func(oid types.OID, name string, argNames []string, run func(d *ddl, ctx context.Context, args []string) (string, error)) {
		f := &funcs.Function{
			OID: oid, Schema: "quiver", Name: name, Kind: funcs.KindFunction, ArgNames: argNames,
			Result: types.TextOID, Volatility: funcs.Volatile,
			Impl: funcs.Impl{Kernel: func(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
				return twinRows(c, argNames, args, n, run)
			}},
		}
		for i := range argNames {
			f.Args = append(f.Args, types.TextOID)
			if i > 0 {
				f.Defaults = append(f.Defaults, "''")
			}
		}
		funcs.Register(f)
	}
	twin(backupOID, "backup", []string{"url", "what", "name"}, func(d *ddl, ctx context.Context, a []string) (string, error) {
		s, err := twinStatement[*ast.BackupStmt]("BACKUP "+a[1]+" TO ", a[0], [][2]string{{"name", a[2]}})
		if err != nil {
			return "", err
		}
		return d.backup(ctx, s)
	})
	twin(restoreOID, "restore", []string{"url", "what", "backup", "timestamp"}, func(d *ddl, ctx context.Context, a []string) (string, error) {
		s, err := twinStatement[*ast.RestoreStmt]("RESTORE "+a[1]+" FROM ", a[0], [][2]string{{"backup", a[2]}, {"timestamp", a[3]}})
		if err != nil {
			return "", err
		}
		return d.restore(ctx, s)
	})
}

// The OIDs of the functions.
const (
	backupOID  types.OID = 9970
	restoreOID types.OID = 9971
)

// twinStatement parses the statement that a function is the twin of.
func twinStatement[T ast.Stmt](text, url string, options [][2]string) (s T, err error) {
	text += literal(url)
	var with []string
	for _, o := range options {
		if o[1] != "" {
			with = append(with, o[0]+" = "+literal(o[1]))
		}
	}
	if with != nil {
		text += " WITH (" + strings.Join(with, ", ") + ")"
	}
	list, err := parse.Parse(text)
	if err != nil {
		return s, err
	}
	if len(list) == 1 {
		if s, ok := list[0].Stmt.(T); ok {
			return s, nil
		}
	}
	return s, sqlerr.New(sqlerr.InvalidParameterValue, "invalid words: %s", text)
}

// twinNeeded is how many arguments of a twin, its first, say what is done: of them
// null is an error. Of the others, its options, null is none.
const twinNeeded = 2

// twinRows runs a statement for every row of arguments.
func twinRows(c *types.EvalContext, names []string, args []types.Vec, n int, run func(d *ddl, ctx context.Context, args []string) (string, error)) (arrow.Array, error) {
	x, err := executionOf(c)
	if err != nil {
		return nil, err
	}
	if x.env.Engine == nil {
		return nil, sqlerr.Unsupported("BACKUP and RESTORE in this process")
	}
	if x.env.Txn == nil { // of a query that names no table
		tx, err := x.env.Engine.Begin(c.Ctx, storage.TxnOptions{Database: x.view().Database().OID})
		if err != nil {
			return nil, err
		}
		defer tx.Rollback()
		env := *x.env
		env.Txn = tx
		x = &execution{env: &env, c: x.c, mem: x.mem, params: x.params}
	}
	b := array.NewStringBuilder(c.Mem)
	defer b.Release()
	for i := range n {
		texts := make([]string, len(args))
		for j, a := range args {
			switch {
			case !a.IsNull(i):
				texts[j] = strings.Clone(a.Array.(*array.String).Value(a.Row(i)))
			case j < twinNeeded:
				return nil, sqlerr.New(sqlerr.NullValueNotAllowed, "argument %s must not be null", quoted(names[j]))
			}
		}
		name, err := run(&ddl{x: x}, c.Ctx, texts)
		if err != nil {
			return nil, err
		}
		b.Append(name)
	}
	return b.NewArray(), nil
}
