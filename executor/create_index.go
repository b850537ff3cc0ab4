package executor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"quiver/catalog"
	"quiver/internal/cores"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/funcs"
	"quiver/sql/settings"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
	"quiver/storage"
	"quiver/vector"
)

// indexColumnsMax is the most columns of an index.
const indexColumnsMax = 32

// scalarMethods are PostgreSQL's access methods over scalar values.
var scalarMethods = []string{"btree", "hash", "gist", "gin", "spgist", "brin"}

// createIndex is CREATE INDEX. The planner has bound its expressions and the
// session has locked the table.
func (d *ddl) createIndex(ctx context.Context, s *ast.CreateIndexStmt) error {
	if d.index == nil || d.index.Table == nil {
		return d.notIndexable(s.Table)
	}
	table := d.catalog().Table(d.index.Table.OID)
	if table == nil {
		return noRelation(s.Table)
	}
	c := &indexCreation{ddl: d, stmt: s, table: table}
	if err := c.describe(); err != nil {
		return err
	}
	exists, err := c.name(ctx)
	if exists || err != nil {
		return err
	}
	if err := c.checkKind(); err != nil {
		return err
	}
	if s.Concurrent {
		return c.createConcurrently(ctx)
	}
	if err := c.identify(ctx, d.catalog()); err != nil {
		return err
	}
	if err := d.buildIndex(ctx, table, c.index, "CREATE INDEX"); err != nil {
		return err
	}
	return d.catalog().Put(c.index)
}

// notIndexable answers for an index on what is not a table.
func (d *ddl) notIndexable(r *ast.RangeVar) error {
	rel, err := d.find(r)
	if err != nil {
		return err
	}
	switch rel := rel.(type) {
	case nil:
		return noRelation(&ast.RangeVar{Schema: r.Schema, Name: r.Name})
	case *catalog.Virtual:
		return sqlerr.New(sqlerr.InsufficientPrivilege, "permission denied: %s is a system catalog", quoted(rel.Name))
	case *catalog.Index:
		return sqlerr.New(sqlerr.WrongObjectType, "%s is an index", quoted(rel.Name))
	case *catalog.Partition:
		return sqlerr.Unsupported("CREATE INDEX on a partition alone").At(r.Position())
	}
	return sqlerr.New(sqlerr.WrongObjectType, "cannot create index on relation %s", quoted(r.Name)).
		WithDetail("This operation is not supported for sequences.")
}

// indexCreation is one CREATE INDEX.
type indexCreation struct {
	*ddl
	stmt  *ast.CreateIndexStmt
	table *catalog.Table
	index *catalog.Index
	// names are those of the index's columns, for the automatic name.
	names []string
}

// describe makes the descriptor, without ids and name, in the order of
// PostgreSQL's checks: method, predicate, parameters, columns.
func (c *indexCreation) describe() error {
	s := c.stmt
	c.index = &catalog.Index{
		Object: catalog.Object{Name: s.Name}, Schema: c.table.Schema, Database: c.table.Database,
		Table: c.table.OID, Method: s.Method, Unique: s.Unique, Invalid: s.Concurrent,
	}
	if n := len(s.Columns) + len(s.Including); n > indexColumnsMax {
		return sqlerr.New(sqlerr.TooManyColumns, "cannot use more than %d columns in an index", indexColumnsMax)
	}
	if err := c.checkMethod(); err != nil {
		return err
	}
	if p := c.ddl.index.Predicate; p != nil {
		if !immutable(p.Expr) {
			return sqlerr.New(sqlerr.InvalidObjectDefinition, "functions in index predicate must be marked IMMUTABLE")
		}
		c.index.Predicate = p.Text
	}
	var err error
	if !c.scalar() {
		if c.index, err = setIndexOptions(c.index, s.Options); err != nil {
			return err
		}
	}
	for i, e := range s.Columns {
		column, err := c.column(e, c.ddl.index.Columns[i])
		if err != nil {
			return err
		}
		c.index.Columns = append(c.index.Columns, *column)
	}
	return nil
}

func (c *indexCreation) scalar() bool { return slices.Contains(scalarMethods, c.stmt.Method) }

// checkMethod checks the access method against what it is asked to do.
func (c *indexCreation) checkMethod() error {
	s := c.stmt
	if c.scalar() {
		return nil
	}
	if indexOptions[s.Method] == nil {
		return sqlerr.New(sqlerr.UndefinedObject, "access method %s does not exist", quoted(s.Method))
	}
	missing := ""
	switch {
	case s.Unique:
		missing = "unique indexes"
	case len(s.Including) > 0:
		missing = "included columns"
	case len(s.Columns) > 1:
		missing = "multicolumn indexes"
	}
	if missing != "" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "access method %s does not support %s", quoted(s.Method), missing)
	}
	return nil
}

// column describes a column of the index.
func (c *indexCreation) column(e *ast.IndexElem, x *plan.IndexExpr) (*catalog.IndexColumn, error) {
	out := &catalog.IndexColumn{Desc: e.Desc, NullsFirst: e.NullsFirst || e.Desc && !e.NullsSet}
	name := e.Column
	typ := types.T{}
	switch {
	case x == nil:
		col := columnNamed(c.table, e.Column)
		if col == nil {
			return nil, sqlerr.New(sqlerr.UndefinedColumn, "column %s does not exist", quoted(e.Column))
		}
		out.Number, typ = col.Number, col.Type
	case x.Column != nil:
		out.Number, typ, name = x.Column.Number, x.Column.Type, x.Column.Name
	default:
		if !immutable(x.Expr) {
			return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "functions in index expression must be marked IMMUTABLE")
		}
		out.Expr, out.Type, out.Name = x.Text, x.Expr.Type(), x.Name
		typ, name = out.Type, x.Name
	}
	c.names = append(c.names, name)
	if c.scalar() {
		return out, c.scalarClass(e, typ)
	}
	class, err := c.opclass(e, typ)
	if err != nil {
		return nil, err
	}
	out.Opclass = class.Name
	if len(e.OpclassOptions) > 0 {
		return nil, sqlerr.New(sqlerr.InvalidParameterValue, "operator class %s has no options", quoted(class.Name))
	}
	switch {
	case e.Ordered:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "access method %s does not support ASC/DESC options", quoted(c.stmt.Method))
	case e.NullsSet:
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "access method %s does not support NULLS FIRST/LAST options", quoted(c.stmt.Method))
	}
	return out, nil
}

// opclass finds the operator class of a vector index's column.
func (c *indexCreation) opclass(e *ast.IndexElem, typ types.T) (*catalog.Opclass, error) {
	method := c.stmt.Method
	if len(e.Opclass) == 0 {
		class := catalog.DefaultOpclass(method, typ.Type().Name)
		if class == nil {
			return nil, noDefaultClass(typ, method)
		}
		return class, nil
	}
	name := e.Opclass[len(e.Opclass)-1]
	class := catalog.OpclassByName(method, name)
	if len(e.Opclass) > 1 && c.catalog().SchemaByName(e.Opclass[0]) == nil {
		return nil, sqlerr.New(sqlerr.InvalidSchemaName, "schema %s does not exist", quoted(e.Opclass[0]))
	}
	if class == nil {
		return nil, sqlerr.New(sqlerr.UndefinedObject, "operator class %s does not exist for access method %s", quoted(strings.Join(e.Opclass, ".")), quoted(method))
	}
	// varbit is coercible to bit as far as operator classes go; the build then
	// refuses it, as pgvector's does.
	if t := typ.Type().Name; t != class.Type && (t != "varbit" || class.Type != "bit") {
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "operator class %s does not accept data type %s", quoted(name), typ.Type().SQLName)
	}
	return class, nil
}

func noDefaultClass(typ types.T, method string) error {
	return sqlerr.New(sqlerr.UndefinedObject, "data type %s has no default operator class for access method %s", typ.Type().SQLName, quoted(method)).
		WithHint("You must specify an operator class for the index or define a default operator class for the data type.")
}

// scalarClass checks a column of an index over scalar values as far as the
// catalog knows: btree and hash order and compare what types compare.
func (c *indexCreation) scalarClass(e *ast.IndexElem, typ types.T) error {
	if t := typ.Type(); len(e.Opclass) == 0 && c.stmt.Method == "btree" && (t.Compare == nil || t.AppendKey == nil) {
		return noDefaultClass(typ, c.stmt.Method)
	}
	return nil
}

// name finds the index's name, or says that IF NOT EXISTS has nothing to do.
func (c *indexCreation) name(ctx context.Context) (exists bool, err error) {
	schema := c.table.Schema
	if c.index.Name == "" {
		column := c.names[0]
		for _, n := range c.names[1:] {
			column += "_" + n
		}
		for {
			name := c.relationName(schema, c.table.Name, column, "idx")
			if err := c.lockName(ctx, schema, name); err != nil {
				return false, err
			}
			if c.catalog().Relation(schema, name) == nil {
				c.index.Name = name
				return false, nil
			}
		}
	}
	if err := c.lockName(ctx, schema, c.index.Name); err != nil {
		return false, err
	}
	if c.catalog().Relation(schema, c.index.Name) == nil {
		return false, nil
	}
	if c.stmt.IfNotExists {
		c.notice(sqlerr.DuplicateTable, "relation %s already exists, skipping", quoted(c.index.Name))
		return true, nil
	}
	return false, duplicateRelation(c.index.Name)
}

// checkKind asks whether the index can be built at all.
func (c *indexCreation) checkKind() error {
	if c.scalar() {
		what := "CREATE INDEX USING " + c.stmt.Method
		if c.stmt.Unique {
			what = "CREATE UNIQUE INDEX"
		}
		return sqlerr.Unsupported("%s", what).At(c.stmt.Table.Position())
	}
	if t := storage.IndexType(c.table, c.index); t.Type().Name == "varbit" {
		return sqlerr.New(sqlerr.FeatureNotSupported, "type not supported for %s index", c.index.Method)
	}
	if err := checkBits(c.index); err != nil {
		return err
	}
	return checkVectorIndex(c.table, c.index)
}

// checkVectorIndex checks type and parameters of a vector index before a build.
func checkVectorIndex(table *catalog.Table, index *catalog.Index) error {
	if storage.IndexType(table, index).Mod < 0 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "column does not have dimensions")
	}
	if err := checkIndexOptions(index); err != nil {
		return err
	}
	if class := index.VectorOpclass(); index.Method == "ivfflat" && (class.Operator == "<#>" || class.Operator == "<=>") && storage.IndexType(table, index).Mod == 1 {
		return sqlerr.New(sqlerr.InvalidParameterValue, "dimensions must be greater than one for this opclass")
	}
	kind := vector.KindByName(index.Method)
	if kind == nil {
		return sqlerr.Unsupported("access method %s", quoted(index.Method))
	}
	space, err := storage.IndexSpace(table, index)
	if err != nil {
		return err
	}
	if err := kind.Check(space, storage.IndexOptions(index)); err != nil {
		return sqlerr.Wrap(err, sqlerr.FeatureNotSupported, "%s", strings.TrimPrefix(err.Error(), "vector: "))
	}
	return nil
}

// identify gives the index its ids.
func (c *indexCreation) identify(ctx context.Context, t *catalog.Txn) (err error) {
	if c.index.OID, err = t.NewOID(ctx); err != nil {
		return err
	}
	c.index.Storage, err = t.NewStorageID(ctx)
	return err
}

// createConcurrently commits the index as not valid in a transaction of its
// own, then builds it, while others write, and makes it valid. A build that
// fails leaves it as it is, as in PostgreSQL.
func (c *indexCreation) createConcurrently(ctx context.Context) error {
	own := c.x.env.Txn
	first, err := c.x.env.Engine.Begin(ctx, own.Options())
	if err != nil {
		return err
	}
	defer first.Rollback()
	if err := c.identify(ctx, first.Catalog()); err != nil {
		return err
	}
	if err := first.Catalog().Put(c.index); err != nil {
		return err
	}
	if err := first.Commit(ctx); err != nil {
		return err
	}
	c.catalog().Refresh()
	if err := c.buildIndex(ctx, c.table, c.index, "CREATE INDEX CONCURRENTLY"); err != nil {
		return err
	}
	valid := *c.index
	valid.Invalid = false
	return c.catalog().Put(&valid)
}

// buildIndex has storage build an index.
func (d *ddl) buildIndex(ctx context.Context, table *catalog.Table, index *catalog.Index, command string) error {
	b := storage.IndexBuild{Table: table, Index: index, Workers: 1, Command: command}
	if s := d.x.c.Session; s != nil {
		b.PID = s.BackendPID()
		b.Workers = min(1+int(setting(s, "max_parallel_maintenance_workers")), cores.Count())
		b.MemoryBytes = int64(setting(s, "maintenance_work_mem")) << 10
	}
	b.Spills = func() {
		d.notice(sqlerr.SuccessfulCompletion, "the build of index %s no longer fits into maintenance_work_mem, %s for each of %d workers: scratch files take the rest, which takes longer",
			quoted(index.Name), sizeText(b.MemoryBytes), b.Workers)
	}
	if strings.HasPrefix(command, "CREATE") {
		d.noticeEstimate(table, index, b.Workers)
	}
	err := d.x.env.Txn.BuildIndex(ctx, b)
	var memory *vector.MemoryError
	switch {
	case errors.As(err, &memory):
		return sqlerr.Wrap(err, sqlerr.ProgramLimitExceeded, "memory required is %d MB, maintenance_work_mem is %d MB", memory.Needed/int64(b.Workers)>>20+1, b.MemoryBytes>>20)
	case errors.Is(err, storage.ErrNoIndexes):
		return sqlerr.Unsupported("building of %s indexes", index.Method)
	case errors.Is(err, vector.ErrMemory):
		return sqlerr.Wrap(err, sqlerr.ProgramLimitExceeded, "%s", err.Error()).
			WithHint("Increase maintenance_work_mem, or choose a quantization.")
	}
	if err != nil {
		return err
	}
	return d.withStatistics(ctx, func(s *statistics) error {
		s.table(table)
		if err := s.noticeLittleData(ctx, table, index); err != nil {
			return err
		}
		return s.index(ctx, table, index)
	})
}

// setting is the value of a numeric setting, in its unit.
func setting(s types.Session, name string) float64 {
	text, _ := s.Setting(name)
	if known := settings.Lookup(name); known != nil {
		return known.Number(text)
	}
	return 0
}

// immutable says whether an expression gives the same value for the same row for
// ever.
func immutable(e plan.Expr) bool {
	ok := true
	walkExpr(e, func(e plan.Expr) {
		switch e := e.(type) {
		case *plan.Call:
			ok = ok && e.Function.Volatility == funcs.Immutable
		case *plan.Cast:
			ok = ok && !castDepends(e)
		}
	})
	return ok
}

// castDepends: such a cast reads or writes dates as the session has it, or names as
// its search path and the catalog do.
func castDepends(e *plan.Cast) bool {
	from, to := e.Arg.Type().OID, e.T.OID
	if from == to {
		return false
	}
	if e.ViaText {
		return spelledBySession(from) || spelledBySession(to)
	}
	if to == types.RegclassOID {
		return from == types.TextOID || from == types.VarcharOID
	}
	return (from == types.TimestamptzOID) != (to == types.TimestamptzOID)
}

func spelledBySession(oid types.OID) bool {
	switch oid {
	case types.DateOID, types.TimeOID, types.TimetzOID, types.TimestampOID, types.TimestamptzOID, types.IntervalOID,
		types.RegclassOID, types.RegtypeOID, types.RegprocOID, types.RegprocedureOID, types.RegoperOID, types.RegoperatorOID,
		types.RegnamespaceOID, types.RegroleOID, types.RegcollationOID:
		return true
	}
	return false
}
