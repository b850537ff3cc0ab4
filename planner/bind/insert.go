package bind

import (
	"slices"

	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// insertBinder binds one INSERT.
type insertBinder struct {
	*binder
	stmt *ast.InsertStmt
	*target
	// columns are the targets named, in the order of the source.
	columns []*catalog.Column
	scope   *scope
	ctes    *cteScope
}

// insert binds INSERT.
func (b *binder) insert(s *ast.InsertStmt, outer *cteScope) *query {
	ctes, wrap := b.with(s.With, outer, nil)
	i := &insertBinder{binder: b, stmt: s, target: b.target(s.Table), ctes: ctes, scope: &scope{ctes: ctes}}
	b.meta.Relations++
	i.columns = i.targetColumns()
	m := &logical.Modify{Kind: logical.ModifyInsert, Table: i.table, Partition: i.partition}
	i.source(m)
	it := i.rowItem(m)
	if s.Keep != nil {
		m.Keep = b.exprs(&scope{items: []*item{it}}, kindCopyWhere).boolean(s.Keep, "WHERE")
	}
	m.Checks = b.checks(i.target, m.New)
	m.PartitionKey = b.partitionKey(i.target, m.New)
	if s.OnConflict != nil {
		m.Conflict = i.conflict(it)
	}
	q := b.returning(m, s.Returning, &scope{ctes: ctes, items: []*item{it}})
	q.node = wrap(q.node)
	return q
}

// alias is the name that the statement gives its table.
func alias(rv *ast.RangeVar) string {
	if rv.Alias != nil {
		return rv.Alias.Name
	}
	return rv.Name
}

// newRow makes ids for the table's row as the statement's own clauses see it.
func (b *binder) newRow(t *target, name string) ([]logical.ColID, *item) {
	it := &item{name: name, schema: t.schema, named: true, open: true, relation: t.table, origName: t.table.Name}
	origin := t.table.OID
	if t.partition != nil {
		it.relation, it.origName, origin = t.partition, t.partition.Name, t.partition.OID
	}
	var ids []logical.ColID
	for _, c := range t.live {
		id := b.meta.Add(logical.Column{Name: c.Name, Qualifier: name, Type: c.Type, Table: origin, Attribute: c.Number})
		ids = append(ids, id)
		it.cols = append(it.cols, itemCol{name: c.Name, id: id, system: c.Hidden})
	}
	it.dynamic = takesFields(t.table)
	return ids, it
}

func (i *insertBinder) rowItem(m *logical.Modify) *item {
	ids, it := i.newRow(i.target, alias(i.stmt.Table))
	m.New = ids
	return it
}

// targetColumns resolves INSERT INTO t (a, b).
func (i *insertBinder) targetColumns() []*catalog.Column {
	if len(i.stmt.Columns) == 0 {
		return listed(i.live)
	}
	var cols []*catalog.Column
	seen := map[string]bool{}
	for _, t := range i.stmt.Columns {
		var c *catalog.Column
		if i.isMeta(t) {
			c = dynamicColumn(t.Name)
		} else {
			c = i.assignable(t, i.target)
		}
		if seen[c.Name] {
			fail(sqlerr.New(sqlerr.DuplicateColumn, "column \"%s\" specified more than once", t.Name).At(i.place(t.Position())))
		}
		seen[c.Name] = true
		cols = append(cols, c)
	}
	return cols
}

// checkIndirection fails for an element or field that values of a column have not.
func (b *binder) checkIndirection(c *catalog.Column, t *ast.ResTarget) {
	typ, step := c.Type.Type(), t.Indirection[0]
	switch {
	case step.Field != "" && typ.Category != types.CategoryComposite:
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "cannot assign to field \"%s\" of column \"%s\" because its type %s is not a composite type",
			step.Field, c.Name, typeName(types.Of(typ.OID))).At(b.place(t.Position())))
	case step.Field == "" && !isArray(c.Type) && typ.OID != types.JSONBOID && typ.OID != types.NameOID:
		fail(sqlerr.New(sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting",
			typeName(types.Of(typ.OID))).At(b.place(t.Position())))
	}
}

// assignable finds the column that a target of INSERT or UPDATE names.
func (b *binder) assignable(t *ast.ResTarget, on *target) *catalog.Column {
	for _, c := range on.live {
		if c.Name == t.Name {
			if len(t.Indirection) > 0 {
				b.checkIndirection(c, t)
				fail(sqlerr.Unsupported("assigning to an element or field of column \"%s\"", t.Name).At(b.place(t.Position())))
			}
			return c
		}
	}
	fail(sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" of relation \"%s\" does not exist", t.Name, on.name()).At(b.place(t.Position())))
	return nil
}

func (t *target) name() string {
	if t.partition != nil {
		return t.partition.Name
	}
	return t.table.Name
}

// source binds the rows to insert and fills m.Input and m.Source.
func (i *insertBinder) source(m *logical.Modify) {
	src := i.stmt.Source
	switch {
	case src == nil:
		i.columns = nil
		m.Input = &logical.Values{Rows: [][]plan.Expr{{}}}
		m.Source = i.fillDefaults(nil)
	case i.plainValues(src):
		i.valuesSource(m, src)
	default:
		i.querySource(m, src)
	}
}

// plainValues: VALUES with nothing around it, whose cells are bound one by one
// to their columns, so that DEFAULT may stand among them.
func (i *insertBinder) plainValues(s *ast.SelectStmt) bool {
	return s.With == nil && s.Op == ast.SetNone && (s.Values != nil || s.Rows != nil) && len(s.OrderBy) == 0 && s.Limit == nil && s.Offset == nil && s.Locking == nil
}

func (i *insertBinder) valuesSource(m *logical.Modify, s *ast.SelectStmt) {
	v := &logical.Values{}
	width := 0
	if s.Rows != nil {
		width = s.Rows.Columns
	} else {
		width = len(s.Values[0])
	}
	i.cutColumns(width, s)
	flat := s.Rows
	if flat != nil {
		flat = i.omitDefaults(flat)
	}
	for k, c := range i.columns {
		v.Cols = append(v.Cols, i.meta.Add(logical.Column{Name: "column" + itoa(k+1), Qualifier: "*VALUES*", Type: c.Type}))
	}
	if flat != nil && literalsFit(flat, columnTypes(i.columns)) && !i.forbidsValues() {
		v.Literals = flat
	} else {
		rows := s.Values
		if flat != nil {
			rows = expandRows(flat)
		}
		i.cells(v, rows)
	}
	m.Input = v
	m.Source = i.fillDefaults(i.refs(v.Cols))
}

// omitDefaults treats columns that are DEFAULT in every row as not named.
func (i *insertBinder) omitDefaults(r *ast.ValuesRows) *ast.ValuesRows {
	rows, given := withoutDefaults(r)
	if given == nil {
		return r
	}
	var columns []*catalog.Column
	for k, c := range i.columns {
		if given[k] {
			columns = append(columns, c)
		}
	}
	i.columns = columns
	return rows
}

func columnTypes(cols []*catalog.Column) []types.T {
	ts := make([]types.T, len(cols))
	for i, c := range cols {
		ts[i] = c.Type
	}
	return ts
}

func (i *insertBinder) refs(ids []logical.ColID) []plan.Expr {
	out := make([]plan.Expr, len(ids))
	for k, id := range ids {
		out[k] = i.meta.Ref(id)
	}
	return out
}

// cutColumns matches the number of values with that of the targets: a column
// list must be filled, the table's own columns need not be.
func (i *insertBinder) cutColumns(width int, s *ast.SelectStmt) {
	switch {
	case width > len(i.columns):
		pos := 0
		if s.Rows != nil && len(i.columns) < len(s.Rows.Pos) {
			pos = int(s.Rows.Pos[len(i.columns)])
		} else if len(s.Values) > 0 {
			pos = s.Values[0][len(i.columns)].Position()
		} else if len(s.Targets) > len(i.columns) {
			pos = s.Targets[len(i.columns)].Value.Position()
		}
		fail(sqlerr.New(sqlerr.SyntaxError, "INSERT has more expressions than target columns").At(i.place(pos)))
	case width < len(i.columns) && len(i.stmt.Columns) > 0:
		fail(sqlerr.New(sqlerr.SyntaxError, "INSERT has more target columns than expressions").At(i.place(i.stmt.Columns[width].Position())))
	}
	i.columns = i.columns[:width]
}

// forbidsValues: some column takes values only under OVERRIDING.
func (i *insertBinder) forbidsValues() bool {
	for _, c := range i.columns {
		if c.Identity == 'a' || c.Identity == 'd' && i.stmt.Overriding == 'u' || isDynamic(c) {
			return true
		}
	}
	return false
}

// cells binds the cells of VALUES, each to its column's type.
func (i *insertBinder) cells(v *logical.Values, rows [][]ast.Expr) {
	x := i.exprs(i.scope, kindValues)
	overridden := make([]bool, len(i.columns))
	for _, row := range rows {
		if len(row) != len(rows[0]) {
			fail(sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(i.place(row[0].Position())))
		}
		cells := make([]plan.Expr, len(row))
		for k, e := range row {
			c := i.columns[k]
			if _, isDefault := e.(*ast.SetToDefault); isDefault {
				cells[k] = i.defaultOf(i.target, c)
				continue
			}
			if isDynamic(c) {
				cells[k] = i.toJSON(x.expr(e))
				continue
			}
			overridden[k] = true
			cells[k] = i.assign(x.expr(e), c.Name, c.Type)
			if c.Identity == 'd' && i.stmt.Overriding == 'u' || c.Identity == 'a' && i.stmt.Overriding == 'u' {
				cells[k] = i.defaultOf(i.target, c)
			}
		}
		v.Rows = append(v.Rows, cells)
	}
	for k, c := range i.columns {
		if overridden[k] {
			i.checkIdentity(c)
		}
	}
}

// checkIdentity refuses a value for a GENERATED ALWAYS column.
func (i *insertBinder) checkIdentity(c *catalog.Column) {
	if c.Identity == 'a' && i.stmt.Overriding == 0 {
		fail(sqlerr.New(sqlerr.GeneratedAlways, "cannot insert a non-DEFAULT value into column \"%s\"", c.Name).
			WithDetail("Column \"%s\" is an identity column defined as GENERATED ALWAYS.", c.Name).
			WithHint("Use OVERRIDING SYSTEM VALUE to override."))
	}
}

// querySource binds INSERT … SELECT.
func (i *insertBinder) querySource(m *logical.Modify, s *ast.SelectStmt) {
	q := i.query(s, nil, i.ctes)
	i.cutColumns(len(q.cols), s)
	for k, c := range i.columns {
		if isDynamic(c) {
			continue
		}
		i.checkIdentity(c)
		i.coerceOutput(q, k, types.Of(c.Type.OID))
	}
	i.resolveUnknowns(q)
	m.Input = q.node
	var values []plan.Expr
	for k, c := range i.columns {
		r := i.meta.Ref(q.cols[k].id)
		i.mark(r, q.cols[k].pos)
		if isDynamic(c) {
			values = append(values, i.toJSON(r))
			continue
		}
		value := i.assign(r, c.Name, c.Type)
		if c.Identity != 0 && i.stmt.Overriding == 'u' {
			value = i.defaultOf(i.target, c)
		}
		values = append(values, value)
	}
	m.Source = i.fillDefaults(values)
}

// fillDefaults lays the values of the named columns out over all live columns
// and computes the rest from their defaults.
func (i *insertBinder) fillDefaults(values []plan.Expr) []plan.Expr {
	source := make([]plan.Expr, len(i.live))
	for k, c := range i.live {
		for j, named := range i.columns {
			if named.Number == c.Number {
				source[k] = values[j]
			}
		}
		switch {
		case !c.Hidden:
		case source[k] == nil:
			source[k] = i.metaObject(i.columns, values)
		case slices.ContainsFunc(i.columns, isDynamic):
			source[k] = i.metaWith(source[k], i.columns, values)
		}
		if source[k] == nil {
			source[k] = i.defaultOf(i.target, c)
		}
	}
	return source
}

// defaultOf binds a column's default anew from its text; null without one.
func (b *binder) defaultOf(t *target, c *catalog.Column) plan.Expr {
	if c.Identity != 0 && c.Sequence != 0 {
		next := b.sqlText("nextval("+itoa(int(c.Sequence))+"::regclass)", nil, kindDefault)
		return b.coerceTo(next, c.Type, coerceAssignment, 0)
	}
	if c.Default == "" {
		return b.nullConst(c.Type)
	}
	return b.assignDefault(b.sqlText(c.Default, nil, kindDefault), c.Name, c.Type)
}

// checks binds the table's CHECK constraints over its row.
func (b *binder) checks(t *target, row []logical.ColID) []plan.Check {
	var checks []plan.Check
	it := &item{name: t.table.Name, named: true, open: true, relation: t.table}
	for i, c := range t.live {
		it.cols = append(it.cols, itemCol{name: c.Name, id: row[i]})
	}
	for _, c := range t.table.Constraints {
		if c.Kind == catalog.ConstraintCheck {
			cond := b.sqlText(c.Expr, &scope{items: []*item{it}}, kindCheck)
			checks = append(checks, plan.Check{Name: c.Name, Cond: b.coerceNamed(cond, types.Of(types.BoolOID), "CHECK")})
		}
	}
	return append(checks, b.indexChecks(t, &scope{items: []*item{it}})...)
}

// conflict binds ON CONFLICT.
func (i *insertBinder) conflict(it *item) *logical.Conflict {
	oc := i.stmt.OnConflict
	if oc.Update && len(oc.Columns) == 0 && oc.Constraint == "" {
		fail(sqlerr.New(sqlerr.SyntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name").
			WithHint("For example, ON CONFLICT (column_name).").At(i.place(oc.Position())))
	}
	i.conflictTarget(oc)
	c := &logical.Conflict{}
	if !oc.Update {
		return c
	}
	existing, existingItem := i.newRow(i.target, it.name)
	excluded, excludedItem := i.newRow(i.target, "excluded")
	excludedItem.schema, excludedItem.origName = "", "excluded"
	c.Existing, c.Excluded = existing, excluded
	sc := &scope{ctes: i.ctes, items: []*item{existingItem, excludedItem}}
	set, _ := i.assignments(oc.Set, i.target, sc, i.refs(existing))
	c.Set = set
	if oc.UpdateWhere != nil {
		c.Where = i.exprs(sc, kindWhere).boolean(oc.UpdateWhere, "WHERE")
	}
	return c
}

// conflictTarget checks that the target is the primary key: it is the one
// unique index there is.
func (i *insertBinder) conflictTarget(oc *ast.OnConflict) {
	if oc.Constraint != "" {
		for _, c := range i.table.Constraints {
			if c.Name == oc.Constraint {
				if c.Kind == catalog.ConstraintPrimaryKey {
					return
				}
				fail(sqlerr.New(sqlerr.WrongObjectType, "constraint in ON CONFLICT clause has no associated index"))
			}
		}
		fail(sqlerr.New(sqlerr.UndefinedObject, "constraint \"%s\" for table \"%s\" does not exist", oc.Constraint, i.table.Name))
	}
	if len(oc.Columns) == 0 {
		return
	}
	_, it := i.newRow(i.target, i.table.Name)
	sc := &scope{items: []*item{it}}
	named := map[int16]bool{}
	plain := true
	for _, e := range oc.Columns {
		r, ok := i.exprs(sc, kindConflict).expr(e).(*logical.Ref)
		if !ok {
			plain = false
			continue
		}
		named[i.meta.Column(r.ID).Attribute] = true
	}
	key := i.primaryKey(i.table)
	matches := plain && len(key) > 0 && len(key) == len(named)
	for _, n := range key {
		matches = matches && named[n]
	}
	if !matches {
		fail(sqlerr.New(sqlerr.InvalidColumnReference, "there is no unique or exclusion constraint matching the ON CONFLICT specification"))
	}
}

// returning binds RETURNING and makes the statement's query.
func (b *binder) returning(m *logical.Modify, list []*ast.ResTarget, sc *scope) *query {
	q := &query{node: m}
	if len(list) == 0 {
		return q
	}
	x := b.exprs(sc, kindReturning)
	for _, t := range b.targetList(list, x) {
		b.typeReturning(t)
		c := logical.Column{Name: t.name, Type: t.expr.Type()}
		if r, ok := t.expr.(*logical.Ref); ok {
			from := b.meta.Column(r.ID)
			c.Table, c.Attribute = from.Table, from.Attribute
		}
		id := b.meta.Add(c)
		m.Returning = append(m.Returning, logical.Item{ID: id, Expr: t.expr})
		q.cols = append(q.cols, outCol{name: t.name, id: id, pos: t.pos})
	}
	return q
}

func (b *binder) typeReturning(t *targetItem) { t.expr = b.typed(t.expr) }
