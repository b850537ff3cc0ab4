package parse

import (
	"strings"

	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
)

// ddl converts the statements that define objects.
func (c *converter) ddl(n *pgquery.Node) ast.Stmt {
	switch v := n.GetNode().(type) {
	case *pgquery.Node_CreateStmt:
		return c.createTable(v.CreateStmt)
	case *pgquery.Node_CreateTableAsStmt:
		return c.createTableAs(v.CreateTableAsStmt)
	case *pgquery.Node_DropStmt:
		return c.drop(v.DropStmt)
	case *pgquery.Node_AlterTableStmt:
		return c.alterTable(v.AlterTableStmt)
	case *pgquery.Node_RenameStmt:
		return c.rename(v.RenameStmt)
	case *pgquery.Node_AlterObjectSchemaStmt:
		if v.AlterObjectSchemaStmt.Relation != nil {
			return c.alterSchema(v.AlterObjectSchemaStmt)
		}
	case *pgquery.Node_IndexStmt:
		return c.createIndex(v.IndexStmt)
	case *pgquery.Node_CreateSchemaStmt:
		return c.createSchema(v.CreateSchemaStmt)
	case *pgquery.Node_CreatedbStmt:
		return &ast.CreateDatabaseStmt{Name: v.CreatedbStmt.Dbname, Options: c.options(v.CreatedbStmt.Options)}
	case *pgquery.Node_AlterDatabaseStmt:
		return &ast.AlterDatabaseStmt{Name: v.AlterDatabaseStmt.Dbname, Options: c.options(v.AlterDatabaseStmt.Options)}
	case *pgquery.Node_AlterDatabaseSetStmt:
		if set, ok := c.set(v.AlterDatabaseSetStmt.Setstmt).(*ast.SetStmt); ok {
			return &ast.AlterDatabaseStmt{Name: v.AlterDatabaseSetStmt.Dbname, Set: set}
		}
	case *pgquery.Node_AlterOwnerStmt:
		if v.AlterOwnerStmt.ObjectType == pgquery.ObjectType_OBJECT_DATABASE {
			return &ast.AlterDatabaseStmt{Name: str(v.AlterOwnerStmt.Object), Owner: v.AlterOwnerStmt.Newowner.GetRolename()}
		}
	case *pgquery.Node_DropdbStmt:
		return c.dropDatabase(v.DropdbStmt)
	case *pgquery.Node_CreateExtensionStmt:
		return &ast.CreateExtensionStmt{
			Name: v.CreateExtensionStmt.Extname, IfNotExists: v.CreateExtensionStmt.IfNotExists,
			Options: c.options(v.CreateExtensionStmt.Options),
		}
	case *pgquery.Node_AlterExtensionStmt:
		return &ast.AlterExtensionStmt{Name: v.AlterExtensionStmt.Extname, Options: c.options(v.AlterExtensionStmt.Options)}
	case *pgquery.Node_CreateSeqStmt:
		return &ast.CreateSequenceStmt{
			Name: c.rangeVar(v.CreateSeqStmt.Sequence), IfNotExists: v.CreateSeqStmt.IfNotExists,
			Options: c.options(v.CreateSeqStmt.Options),
		}
	case *pgquery.Node_AlterSeqStmt:
		return &ast.AlterSequenceStmt{
			Name: c.rangeVar(v.AlterSeqStmt.Sequence), IfExists: v.AlterSeqStmt.MissingOk,
			Options: c.options(v.AlterSeqStmt.Options),
		}
	case *pgquery.Node_CommentStmt:
		return c.comment(v.CommentStmt)
	case *pgquery.Node_ReindexStmt:
		return c.reindex(v.ReindexStmt)
	case *pgquery.Node_CreateRoleStmt:
		switch v.CreateRoleStmt.StmtType {
		case pgquery.RoleStmtType_ROLESTMT_USER:
			return &ast.UnsupportedStmt{Feature: "CREATE USER"}
		case pgquery.RoleStmtType_ROLESTMT_GROUP:
			return &ast.UnsupportedStmt{Feature: "CREATE GROUP"}
		}
	case *pgquery.Node_GrantStmt:
		if !v.GrantStmt.IsGrant {
			return &ast.UnsupportedStmt{Feature: "REVOKE"}
		}
	}
	return &ast.UnsupportedStmt{Feature: nodeName(n)}
}

func (c *converter) createTable(v *pgquery.CreateStmt) ast.Stmt {
	s := &ast.CreateTableStmt{
		Table: c.rangeVar(v.Relation), IfNotExists: v.IfNotExists, Options: c.options(v.Options),
		OnCommit: onCommit(v.Oncommit), WithData: true,
	}
	switch {
	case v.Partbound != nil:
		s.Parent, s.Bound = c.rangeVar(v.InhRelations[0].GetRangeVar()), c.partitionBound(v.Partbound)
	case v.OfTypename != nil:
		s.Unsupported = "CREATE TABLE OF"
	case len(v.InhRelations) > 0:
		s.Unsupported = "INHERITS"
	case v.Tablespacename != "":
		s.Unsupported = "TABLESPACE"
	}
	s.PartitionBy = c.partitionSpec(v.Partspec)
	if v.Partbound != nil && len(v.TableElts) > 0 {
		s.Unsupported = "columns or constraints of its own for a partition"
		return s
	}
	for _, n := range v.TableElts {
		switch {
		case n.GetColumnDef() != nil:
			s.Columns = append(s.Columns, c.columnDef(n.GetColumnDef()))
		case n.GetConstraint() != nil:
			s.Constraints = c.addConstraint(s.Constraints, n.GetConstraint(), -1)
		case n.GetTableLikeClause() != nil:
			s.Unsupported = "LIKE in CREATE TABLE"
		}
	}
	return s
}

func onCommit(a pgquery.OnCommitAction) byte {
	switch a {
	case pgquery.OnCommitAction_ONCOMMIT_PRESERVE_ROWS:
		return 'p'
	case pgquery.OnCommitAction_ONCOMMIT_DELETE_ROWS:
		return 'd'
	case pgquery.OnCommitAction_ONCOMMIT_DROP:
		return 'r'
	}
	return 0
}

func (c *converter) createTableAs(v *pgquery.CreateTableAsStmt) ast.Stmt {
	if v.Objtype != pgquery.ObjectType_OBJECT_TABLE {
		return &ast.UnsupportedStmt{Feature: "CREATE MATERIALIZED VIEW"}
	}
	query := v.Query.GetSelectStmt()
	if query == nil {
		return &ast.UnsupportedStmt{Feature: "CREATE TABLE AS EXECUTE"}
	}
	s := &ast.CreateTableStmt{
		Table: c.rangeVar(v.Into.Rel), IfNotExists: v.IfNotExists, Options: c.options(v.Into.Options),
		OnCommit: onCommit(v.Into.OnCommit), As: c.selectStmt(query), WithData: !v.Into.SkipData,
		AsColumns: strs(v.Into.ColNames),
	}
	if v.Into.TableSpaceName != "" {
		s.Unsupported = "TABLESPACE"
	}
	return s
}

func (c *converter) columnDef(v *pgquery.ColumnDef) *ast.ColumnDef {
	d := &ast.ColumnDef{Pos: c.pos(v.Location), Name: v.Colname, Type: c.typeName(v.TypeName), Compression: v.Compression}
	if v.CollClause != nil {
		d.Collation = strs(v.CollClause.Collname)
	}
	if len(v.Fdwoptions) > 0 {
		c.unsupported(v.Location, "OPTIONS of a column")
	}
	for i, n := range v.Constraints {
		d.Constraints = c.addConstraint(d.Constraints, n.GetConstraint(), c.nextQualifier(v, i))
	}
	return d
}

// nextQualifier is the location of what follows constraint i of a column: the
// next constraint or COLLATE; -1 when it is the last.
func (c *converter) nextQualifier(v *pgquery.ColumnDef, i int) int32 {
	here, next := v.Constraints[i].GetConstraint().GetLocation(), int32(-1)
	if i+1 < len(v.Constraints) {
		next = v.Constraints[i+1].GetConstraint().GetLocation()
	}
	if v.CollClause != nil && v.CollClause.Location > here && (next < 0 || v.CollClause.Location < next) {
		next = v.CollClause.Location
	}
	return next
}

var constraintKinds = map[pgquery.ConstrType]ast.ConstraintKind{
	pgquery.ConstrType_CONSTR_NULL:      ast.ConstraintNull,
	pgquery.ConstrType_CONSTR_NOTNULL:   ast.ConstraintNotNull,
	pgquery.ConstrType_CONSTR_DEFAULT:   ast.ConstraintDefault,
	pgquery.ConstrType_CONSTR_IDENTITY:  ast.ConstraintIdentity,
	pgquery.ConstrType_CONSTR_GENERATED: ast.ConstraintGenerated,
	pgquery.ConstrType_CONSTR_CHECK:     ast.ConstraintCheck,
	pgquery.ConstrType_CONSTR_PRIMARY:   ast.ConstraintPrimaryKey,
	pgquery.ConstrType_CONSTR_UNIQUE:    ast.ConstraintUnique,
	pgquery.ConstrType_CONSTR_EXCLUSION: ast.ConstraintExclusion,
	pgquery.ConstrType_CONSTR_FOREIGN:   ast.ConstraintForeignKey,
}

// addConstraint appends a constraint, or changes the last one when v is one of
// the attributes (DEFERRABLE …) that the grammar lists behind it.
func (c *converter) addConstraint(list []*ast.Constraint, v *pgquery.Constraint, next int32) []*ast.Constraint {
	kind, known := constraintKinds[v.Contype]
	if !known {
		if len(list) == 0 {
			c.unsupported(v.Location, "misplaced DEFERRABLE clause")
			return list
		}
		last := list[len(list)-1]
		switch v.Contype {
		case pgquery.ConstrType_CONSTR_ATTR_DEFERRABLE:
			last.Deferrable = true
		case pgquery.ConstrType_CONSTR_ATTR_DEFERRED:
			last.Deferrable, last.InitiallyDeferred = true, true
		}
		return list
	}
	if v.Indexname != "" {
		c.unsupported(v.Location, "USING INDEX")
	}
	k := &ast.Constraint{
		Pos: c.pos(v.Location), Kind: kind, Name: v.Conname, Expr: c.expr(v.RawExpr),
		Columns: strs(v.Keys), Including: strs(v.Including), Always: v.GeneratedWhen == "a",
		RefTable: c.rangeVar(v.Pktable), RefColumns: strs(v.PkAttrs),
		OnDelete: firstByte(v.FkDelAction), OnUpdate: firstByte(v.FkUpdAction), Match: firstByte(v.FkMatchtype),
		Deferrable: v.Deferrable, InitiallyDeferred: v.Initdeferred,
		NotValid: v.SkipValidation && !v.InitiallyValid, NullsNotDistinct: v.NullsNotDistinct,
	}
	if kind == ast.ConstraintForeignKey {
		k.Columns = strs(v.FkAttrs)
	}
	if kind == ast.ConstraintIdentity {
		k.SequenceOptions = c.options(v.Options)
	}
	if v.RawExpr != nil {
		k.ExprText = c.constraintText(v, next)
	}
	return append(list, k)
}

// constraintText is the source text of a constraint's expression.
func (c *converter) constraintText(v *pgquery.Constraint, next int32) string {
	tokens := c.tokensFrom(v.Location)
	switch v.Contype {
	case pgquery.ConstrType_CONSTR_DEFAULT:
		tokens = untilUnbalanced(after(tokens, pgquery.Token_DEFAULT))
		if next >= 0 {
			for i, t := range tokens {
				if t.start >= c.offset(int(next)) {
					tokens = tokens[:i]
					break
				}
			}
		}
		return c.textOf(tokens)
	case pgquery.ConstrType_CONSTR_CHECK:
		return c.textOf(inParentheses(after(tokens, pgquery.Token_CHECK)))
	case pgquery.ConstrType_CONSTR_GENERATED:
		return c.textOf(inParentheses(after(tokens, pgquery.Token_AS)))
	}
	return ""
}

var objectKinds = map[pgquery.ObjectType]ast.ObjectKind{
	pgquery.ObjectType_OBJECT_TABLE:         ast.ObjectTable,
	pgquery.ObjectType_OBJECT_INDEX:         ast.ObjectIndex,
	pgquery.ObjectType_OBJECT_SEQUENCE:      ast.ObjectSequence,
	pgquery.ObjectType_OBJECT_VIEW:          ast.ObjectView,
	pgquery.ObjectType_OBJECT_MATVIEW:       ast.ObjectMaterializedView,
	pgquery.ObjectType_OBJECT_SCHEMA:        ast.ObjectSchema,
	pgquery.ObjectType_OBJECT_DATABASE:      ast.ObjectDatabase,
	pgquery.ObjectType_OBJECT_EXTENSION:     ast.ObjectExtension,
	pgquery.ObjectType_OBJECT_TYPE:          ast.ObjectType,
	pgquery.ObjectType_OBJECT_COLUMN:        ast.ObjectColumn,
	pgquery.ObjectType_OBJECT_TABCONSTRAINT: ast.ObjectConstraint,
	pgquery.ObjectType_OBJECT_FUNCTION:      ast.ObjectFunction,
	pgquery.ObjectType_OBJECT_ROLE:          ast.ObjectRole,
}

func objectKind(t pgquery.ObjectType) ast.ObjectKind {
	if k, ok := objectKinds[t]; ok {
		return k
	}
	return ast.ObjectOther
}

// kindName spells an object type as SQL does: materialized view.
func kindName(t pgquery.ObjectType) string {
	switch t {
	case pgquery.ObjectType_OBJECT_MATVIEW:
		return "materialized view"
	case pgquery.ObjectType_OBJECT_TABCONSTRAINT:
		return "constraint"
	case pgquery.ObjectType_OBJECT_TSCONFIGURATION:
		return "text search configuration"
	}
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(t.String(), "OBJECT_")), "_", " ")
}

func (c *converter) drop(v *pgquery.DropStmt) ast.Stmt {
	s := &ast.DropStmt{
		Kind: objectKind(v.RemoveType), KindName: kindName(v.RemoveType), IfExists: v.MissingOk,
		Cascade: v.Behavior == pgquery.DropBehavior_DROP_CASCADE, Concurrent: v.Concurrent,
	}
	for _, n := range v.Objects {
		s.Names = append(s.Names, objectName(n))
	}
	return s
}

// objectName reads the several shapes that name an object.
func objectName(n *pgquery.Node) []string {
	switch v := n.GetNode().(type) {
	case *pgquery.Node_TypeName:
		return strs(v.TypeName.Names)
	case *pgquery.Node_ObjectWithArgs:
		return strs(v.ObjectWithArgs.Objname)
	case *pgquery.Node_List:
		var names []string
		for _, item := range v.List.Items {
			names = append(names, objectName(item)...)
		}
		return names
	}
	return listStrs(n)
}

var alterActions = map[pgquery.AlterTableType]ast.AlterTableAction{
	pgquery.AlterTableType_AT_AddColumn:       ast.AlterAddColumn,
	pgquery.AlterTableType_AT_DropColumn:      ast.AlterDropColumn,
	pgquery.AlterTableType_AT_SetNotNull:      ast.AlterSetNotNull,
	pgquery.AlterTableType_AT_DropNotNull:     ast.AlterDropNotNull,
	pgquery.AlterTableType_AT_AlterColumnType: ast.AlterColumnType,
	pgquery.AlterTableType_AT_AddConstraint:   ast.AlterAddConstraint,
	pgquery.AlterTableType_AT_DropConstraint:  ast.AlterDropConstraint,
	pgquery.AlterTableType_AT_SetRelOptions:   ast.AlterSetOptions,
	pgquery.AlterTableType_AT_ResetRelOptions: ast.AlterResetOptions,
	pgquery.AlterTableType_AT_AddIdentity:     ast.AlterAddIdentity,
	pgquery.AlterTableType_AT_DropIdentity:    ast.AlterDropIdentity,
	pgquery.AlterTableType_AT_SetIdentity:     ast.AlterSetIdentity,
	pgquery.AlterTableType_AT_ChangeOwner:     ast.AlterOwner,
	pgquery.AlterTableType_AT_SetStorage:      ast.AlterSetStorage,
	pgquery.AlterTableType_AT_AttachPartition: ast.AlterAttachPartition,
	pgquery.AlterTableType_AT_DetachPartition: ast.AlterDetachPartition,
	pgquery.AlterTableType_AT_SetCompression:  ast.AlterSetCompression,
}

func (c *converter) alterTable(v *pgquery.AlterTableStmt) ast.Stmt {
	s := &ast.AlterTableStmt{Kind: objectKind(v.Objtype), Table: c.rangeVar(v.Relation), IfExists: v.MissingOk}
	if s.Kind == ast.ObjectOther || s.Kind == ast.ObjectType || s.Kind == ast.ObjectMaterializedView {
		return &ast.UnsupportedStmt{Feature: "ALTER " + strings.ToUpper(kindName(v.Objtype))}
	}
	for i, n := range v.Cmds {
		s.Commands = append(s.Commands, c.alterCommand(n.GetAlterTableCmd(), i))
	}
	return s
}

func (c *converter) alterCommand(v *pgquery.AlterTableCmd, i int) *ast.AlterTableCmd {
	cmd := &ast.AlterTableCmd{
		Name: v.Name, IfExists: v.MissingOk, Cascade: v.Behavior == pgquery.DropBehavior_DROP_CASCADE,
	}
	action, known := alterActions[v.Subtype]
	if cmd.Action = action; !known {
		cmd.Action, cmd.Other = ast.AlterOther, alterName(v.Subtype)
	}
	switch v.Subtype {
	case pgquery.AlterTableType_AT_AddColumn:
		cmd.Column = c.columnDef(v.Def.GetColumnDef())
		cmd.Pos, cmd.Name = cmd.Column.Pos, cmd.Column.Name
	case pgquery.AlterTableType_AT_ColumnDefault:
		if v.Def == nil {
			cmd.Action, cmd.Other = ast.AlterDropDefault, ""
			break
		}
		cmd.Action, cmd.Other = ast.AlterSetDefault, ""
		cmd.Default = c.expr(v.Def)
		if parts := splitAtCommas(c.stmtTokens()); i < len(parts) {
			cmd.DefaultText = c.textOf(after(parts[i], pgquery.Token_DEFAULT))
		}
	case pgquery.AlterTableType_AT_AlterColumnType:
		def := v.Def.GetColumnDef()
		cmd.Type, cmd.Using = c.typeName(def.TypeName), c.expr(def.RawDefault)
		cmd.Pos = c.pos(def.Location)
		if parts := splitAtCommas(c.stmtTokens()); cmd.Using != nil && i < len(parts) {
			cmd.UsingText = c.textOf(after(parts[i], pgquery.Token_USING))
		}
	case pgquery.AlterTableType_AT_AddConstraint, pgquery.AlterTableType_AT_AddIdentity:
		if list := c.addConstraint(nil, v.Def.GetConstraint(), -1); len(list) > 0 {
			cmd.Constraint, cmd.Pos = list[0], list[0].Pos
		}
	case pgquery.AlterTableType_AT_AttachPartition, pgquery.AlterTableType_AT_DetachPartition:
		p := v.Def.GetPartitionCmd()
		cmd.Partition, cmd.Bound, cmd.Concurrent = c.rangeVar(p.GetName()), c.partitionBound(p.GetBound()), p.GetConcurrent()
	case pgquery.AlterTableType_AT_SetStorage:
		cmd.Storage = v.Def.GetString_().GetSval()
	case pgquery.AlterTableType_AT_SetCompression:
		cmd.Compression = v.Def.GetString_().GetSval()
	case pgquery.AlterTableType_AT_SetRelOptions, pgquery.AlterTableType_AT_ResetRelOptions, pgquery.AlterTableType_AT_SetIdentity:
		cmd.Options = c.options(v.Def.GetList().GetItems())
	}
	return cmd
}

// alterName names an action of ALTER TABLE that ast lacks.
func alterName(t pgquery.AlterTableType) string {
	var words strings.Builder
	for i, r := range strings.TrimPrefix(t.String(), "AT_") {
		if i > 0 && r >= 'A' && r <= 'Z' {
			words.WriteByte(' ')
		}
		words.WriteRune(r)
	}
	return "ALTER TABLE " + strings.ToUpper(words.String())
}

func (c *converter) alterSchema(v *pgquery.AlterObjectSchemaStmt) ast.Stmt {
	return &ast.AlterTableStmt{
		Kind: objectKind(v.ObjectType), Table: c.rangeVar(v.Relation), IfExists: v.MissingOk,
		Commands: []*ast.AlterTableCmd{{Action: ast.AlterSetSchema, Name: v.Newschema}},
	}
}

func (c *converter) rename(v *pgquery.RenameStmt) ast.Stmt {
	s := &ast.RenameStmt{
		Kind: objectKind(v.RenameType), Table: c.rangeVar(v.Relation), NewName: v.Newname, IfExists: v.MissingOk,
	}
	switch s.Kind {
	case ast.ObjectColumn, ast.ObjectConstraint:
		s.Column = v.Subname
	case ast.ObjectSchema, ast.ObjectDatabase, ast.ObjectRole:
		s.Names = []string{v.Subname}
	case ast.ObjectOther:
		return &ast.UnsupportedStmt{Feature: "ALTER " + strings.ToUpper(kindName(v.RenameType)) + " RENAME"}
	default:
		s.Names = objectName(v.Object)
	}
	return s
}

func (c *converter) createIndex(v *pgquery.IndexStmt) ast.Stmt {
	s := &ast.CreateIndexStmt{
		Name: v.Idxname, Table: c.rangeVar(v.Relation), Unique: v.Unique, Concurrent: v.Concurrent,
		IfNotExists: v.IfNotExists, Method: v.AccessMethod, Where: c.expr(v.WhereClause),
		Options: c.options(v.Options), NullsNotDistinct: v.NullsNotDistinct,
	}
	if v.TableSpace != "" {
		c.unsupported(-1, "TABLESPACE")
	}
	s.Columns = c.indexElems(v.IndexParams)
	s.Including = c.indexElems(v.IndexIncludingParams)
	c.indexPlaces(s)
	return s
}

func (c *converter) indexElems(nodes []*pgquery.Node) []*ast.IndexElem {
	var out []*ast.IndexElem
	for _, n := range nodes {
		v := n.GetIndexElem()
		if len(v.Collation) > 0 {
			c.unsupported(-1, "COLLATE in an index")
		}
		out = append(out, &ast.IndexElem{
			Column: v.Name, Expr: c.expr(v.Expr), Opclass: strs(v.Opclass), OpclassOptions: c.options(v.Opclassopts),
			Desc:       v.Ordering == pgquery.SortByDir_SORTBY_DESC,
			Ordered:    v.Ordering == pgquery.SortByDir_SORTBY_ASC || v.Ordering == pgquery.SortByDir_SORTBY_DESC,
			NullsFirst: v.NullsOrdering == pgquery.SortByNulls_SORTBY_NULLS_FIRST,
			NullsSet:   v.NullsOrdering != pgquery.SortByNulls_SORTBY_NULLS_DEFAULT,
		})
	}
	return out
}

// indexPlaces finds the places of an index's columns, which the grammar does
// not keep: the first list in parentheses after ON.
func (c *converter) indexPlaces(s *ast.CreateIndexStmt) {
	parts := splitAtCommas(inParentheses(after(c.stmtTokens(), pgquery.Token_ON)))
	for i, e := range s.Columns {
		if i >= len(parts) || len(parts[i]) == 0 {
			break
		}
		e.Pos = ast.Pos(c.chars(parts[i][0].start))
	}
}

func (c *converter) createSchema(v *pgquery.CreateSchemaStmt) ast.Stmt {
	s := &ast.CreateSchemaStmt{Name: v.Schemaname, IfNotExists: v.IfNotExists}
	if s.Name == "" {
		s.Name = v.Authrole.GetRolename() // CREATE SCHEMA AUTHORIZATION role
	}
	for _, n := range v.SchemaElts {
		s.Elements = append(s.Elements, c.stmt(n))
	}
	return s
}

func (c *converter) dropDatabase(v *pgquery.DropdbStmt) ast.Stmt {
	s := &ast.DropDatabaseStmt{Name: v.Dbname, IfExists: v.MissingOk}
	for _, o := range c.options(v.Options) {
		s.Force = s.Force || o.Name == "force"
	}
	return s
}

func (c *converter) comment(v *pgquery.CommentStmt) ast.Stmt {
	s := &ast.CommentStmt{Kind: objectKind(v.Objtype), Names: objectName(v.Object)}
	if v.Comment != "" { // COMMENT … IS '' removes the comment, as NULL does
		s.Text = &v.Comment
	}
	return s
}

func (c *converter) reindex(v *pgquery.ReindexStmt) ast.Stmt {
	s := &ast.ReindexStmt{Table: c.rangeVar(v.Relation), Name: v.Name}
	switch v.Kind {
	case pgquery.ReindexObjectType_REINDEX_OBJECT_INDEX:
		s.Kind = ast.ObjectIndex
	case pgquery.ReindexObjectType_REINDEX_OBJECT_TABLE:
		s.Kind = ast.ObjectTable
	case pgquery.ReindexObjectType_REINDEX_OBJECT_SCHEMA:
		s.Kind = ast.ObjectSchema
	default:
		s.Kind = ast.ObjectDatabase
	}
	for _, o := range c.options(v.Params) {
		s.Concurrent = s.Concurrent || o.Name == "concurrently"
	}
	return s
}
