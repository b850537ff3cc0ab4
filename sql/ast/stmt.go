package ast

import "strings"

// Stmt is a statement.
type Stmt interface{ stmt() }

// Node is embedded in statements.
type Node struct{}

func (Node) stmt() {}

// Statement is one statement of a query text with where it stands.
type Statement struct {
	Stmt Stmt
	// Text is the statement's own text without the semicolon.
	Text string
	// Params is the highest $n used.
	Params int
}

// RangeVar names a relation.
type RangeVar struct {
	Pos
	Database, Schema, Name string
	Alias                  *Alias
	Only                   bool
	Persistence            byte // p, u or t (temporary)
}

// Alias is AS name (columns).
type Alias struct {
	Name    string
	Columns []string
}

// FromItem is an item of FROM: *RangeVar, *RangeSubselect, *RangeFunction,
// *JoinExpr.
type FromItem interface{ from() }

func (*RangeVar) from()       {}
func (*RangeSubselect) from() {}
func (*RangeFunction) from()  {}
func (*JoinExpr) from()       {}

// RangeSubselect is (SELECT …) AS a.
type RangeSubselect struct {
	Pos
	Lateral bool
	Query   *SelectStmt
	Alias   *Alias
}

// RangeFunction is f(…) AS a, or ROWS FROM (f(…), g(…)).
type RangeFunction struct {
	Pos
	Lateral    bool
	Ordinality bool
	RowsFrom   bool
	Functions  []RangeFunctionItem
	Alias      *Alias
	Columns    []ColumnDef // AS a(x int, y text)
}

// RangeFunctionItem is one call of a RangeFunction.
type RangeFunctionItem struct {
	Call    Expr // *FuncCall or *ValueFunc
	Columns []ColumnDef
}

// JoinType is the kind of a join.
type JoinType byte

// The join types; a cross join is an inner one without a condition.
const (
	JoinInner JoinType = iota
	JoinLeft
	JoinRight
	JoinFull
)

// JoinExpr is a JOIN b ON … / USING (…) / NATURAL.
type JoinExpr struct {
	Pos
	Type        JoinType
	Natural     bool
	Left, Right FromItem
	Using       []string
	UsingAlias  *Alias
	On          Expr
	Alias       *Alias
}

// SetOp is UNION, INTERSECT or EXCEPT.
type SetOp byte

// The set operations.
const (
	SetNone SetOp = iota
	SetUnion
	SetIntersect
	SetExcept
)

// ResTarget is an item of a select list, of RETURNING, or the target of an
// INSERT or UPDATE (Name, Indirection).
type ResTarget struct {
	Pos
	Name        string
	Indirection []IndirectionStep
	Value       Expr
}

// SelectStmt is SELECT, VALUES (Values set) or a set operation (Op, Left,
// Right set, with OrderBy, Limit and With of the whole).
type SelectStmt struct {
	Node
	Pos           Pos
	With          *WithClause
	Distinct      bool
	DistinctOn    []Expr
	Targets       []*ResTarget
	From          []FromItem
	Where         Expr
	GroupBy       []Expr // *GroupingSet for GROUPING SETS, ROLLUP, CUBE
	GroupDistinct bool
	Having        Expr
	Windows       []*WindowDef
	Values        [][]Expr
	// Rows holds literals of a large INSERT … VALUES without a node a number;
	// nil otherwise. Set only when Values is nil.
	Rows *ValuesRows

	Op          SetOp
	All         bool
	Left, Right *SelectStmt

	OrderBy  []*SortBy
	Limit    Expr
	Offset   Expr
	WithTies bool
	Locking  []*LockingClause
	Into     *RangeVar
}

// ValuesRows is the literals of VALUES lists in flat form: row r, column c is
// item r*Columns+c. It spares the parser and the binder a node a literal.
type ValuesRows struct {
	Columns int
	Kinds   []ConstKind
	Texts   []string
	Pos     []int32
}

// GroupingSetKind is ROLLUP, CUBE, GROUPING SETS or ().
type GroupingSetKind byte

// The kinds of grouping sets.
const (
	GroupingEmpty GroupingSetKind = iota
	GroupingRollup
	GroupingCube
	GroupingSets
)

// GroupingSet is an item of GROUP BY that makes several groupings.
type GroupingSet struct {
	Pos
	Kind  GroupingSetKind
	Items []Expr
}

// LockStrength is FOR KEY SHARE … FOR UPDATE.
type LockStrength byte

// The row lock strengths, weakest first.
const (
	LockForKeyShare LockStrength = iota
	LockForShare
	LockForNoKeyUpdate
	LockForUpdate
)

// String is the clause as written.
func (s LockStrength) String() string {
	return [...]string{"FOR KEY SHARE", "FOR SHARE", "FOR NO KEY UPDATE", "FOR UPDATE"}[s]
}

// LockWait is what to do about a row that is locked.
type LockWait byte

// The lock wait policies.
const (
	LockWaitBlock LockWait = iota
	LockWaitSkip
	LockWaitError
)

// LockingClause is FOR UPDATE and its like.
type LockingClause struct {
	Strength LockStrength
	Wait     LockWait
	Tables   []*RangeVar
}

// WithClause is WITH [RECURSIVE] ctes.
type WithClause struct {
	Pos
	Recursive bool
	CTEs      []*CTE
}

// CTE is one common table expression. Query is a *SelectStmt, *InsertStmt,
// *UpdateStmt or *DeleteStmt. Materialized is nil when not said.
type CTE struct {
	Pos
	Name         string
	Columns      []string
	Materialized *bool
	Query        Stmt
}

// InsertStmt is INSERT. Source is nil for DEFAULT VALUES.
type InsertStmt struct {
	Node
	With       *WithClause
	Table      *RangeVar
	Columns    []*ResTarget
	Overriding byte // 0, 's'ystem or 'u'ser value
	Source     *SelectStmt
	OnConflict *OnConflict
	Returning  []*ResTarget
	// Keep is the WHERE of COPY FROM, over the new row; nil keeps all.
	Keep Expr
}

// OnConflict is ON CONFLICT (columns) | ON CONSTRAINT name DO NOTHING | UPDATE.
type OnConflict struct {
	Pos
	Columns     []Expr // the conflict target: *ColumnRef or expressions
	Where       Expr   // of the target (partial index)
	Constraint  string
	Update      bool
	Set         []*ResTarget
	UpdateWhere Expr
}

// UpdateStmt is UPDATE. A multi-column SET (a, b) = (…) arrives as one
// ResTarget a column whose Value is a *MultiAssign.
type UpdateStmt struct {
	Node
	With      *WithClause
	Table     *RangeVar
	Set       []*ResTarget
	From      []FromItem
	Where     Expr
	Returning []*ResTarget
}

// MultiAssign is column Column (from 1) of Columns of a row source in UPDATE … SET
// (a, b) = source.
type MultiAssign struct {
	Pos
	Source          Expr
	Column, Columns int
}

// DeleteStmt is DELETE.
type DeleteStmt struct {
	Node
	With      *WithClause
	Table     *RangeVar
	Using     []FromItem
	Where     Expr
	Returning []*ResTarget
}

// ColumnDef is a column of CREATE TABLE, ADD COLUMN or a function's record.
type ColumnDef struct {
	Pos
	Name        string
	Type        *TypeName
	Collation   []string
	Compression string
	Constraints []*Constraint
}

// ConstraintKind is the kind of a table or column constraint.
type ConstraintKind byte

// The kinds of constraints.
const (
	ConstraintNull ConstraintKind = iota
	ConstraintNotNull
	ConstraintDefault
	ConstraintIdentity
	ConstraintGenerated
	ConstraintCheck
	ConstraintPrimaryKey
	ConstraintUnique
	ConstraintExclusion
	ConstraintForeignKey
)

// Constraint is a constraint as written on a column or a table.
type Constraint struct {
	Pos
	Kind                                    ConstraintKind
	Name                                    string
	Expr                                    Expr   // CHECK, DEFAULT, GENERATED
	ExprText                                string // its source text, as stored in descriptors
	Columns                                 []string
	Including                               []string
	Always                                  bool // GENERATED ALWAYS
	SequenceOptions                         []*Option
	RefTable                                *RangeVar
	RefColumns                              []string
	OnDelete, OnUpdate, Match               byte
	Deferrable, InitiallyDeferred, NotValid bool
	NullsNotDistinct                        bool
}

// Option is name = value of WITH (…), of a sequence, of COPY and EXPLAIN. Value
// is nil when only the name was written.
type Option struct {
	Pos
	Namespace string
	Name      string
	Value     Expr
	// Names holds a list value: FORCE_QUOTE (a, b); Star is FORCE_QUOTE *.
	Names []string
	Star  bool
	// Reset of ALTER … RESET and SET of ALTER SEQUENCE travel elsewhere.
}

// Boolean is the value of an option that is on or off; without a value it is on.
// ok is false for another value.
func (o *Option) Boolean() (value, ok bool) {
	word := ""
	switch v := o.Value.(type) {
	case nil:
		return true, true
	case *Const:
		word = v.Text
	case *ColumnRef:
		word = strings.Join(v.Names, ".")
	}
	switch strings.ToLower(word) {
	case "true", "on", "1", "t":
		return true, true
	case "false", "off", "0", "f":
		return false, true
	}
	return false, false
}

// CreateTableStmt is CREATE TABLE.
type CreateTableStmt struct {
	Node
	Table       *RangeVar
	IfNotExists bool
	Columns     []*ColumnDef
	Constraints []*Constraint
	Options     []*Option
	OnCommit    byte // 0, 'p'reserve, 'd'elete rows, d'r'op
	// As is CREATE TABLE AS; WithData its WITH [NO] DATA, AsColumns its names.
	As        *SelectStmt
	WithData  bool
	AsColumns []string
	// PartitionBy is PARTITION BY; Parent and Bound are of PARTITION OF.
	PartitionBy *PartitionSpec
	Parent      *RangeVar
	Bound       *PartitionBound
	// Like, Inherits and others that are not supported yet: binding answers 0A000
	// with this name.
	Unsupported string
}

// PartitionSpec is PARTITION BY RANGE | LIST | HASH (keys).
type PartitionSpec struct {
	Pos
	Strategy byte // r, l or h
	Keys     []*PartitionElem
}

// PartitionElem is a column or an expression of PARTITION BY.
type PartitionElem struct {
	Pos
	Name     string
	Expr     Expr
	ExprText string // its source text
	// Collation and Opclass are nil when not written.
	Collation, Opclass []string
}

// PartitionBound is FOR VALUES … or DEFAULT. In Lower and Upper MINVALUE and
// MAXVALUE are column references of those names.
type PartitionBound struct {
	Pos
	Strategy           byte // r, l or h; 0 for DEFAULT
	Default            bool
	Modulus, Remainder int32
	List, Lower, Upper []Expr
}

// ObjectKind is what a DROP, COMMENT or ALTER … RENAME is about.
type ObjectKind byte

// The object kinds.
const (
	ObjectTable ObjectKind = iota
	ObjectIndex
	ObjectSequence
	ObjectView
	ObjectMaterializedView
	ObjectSchema
	ObjectDatabase
	ObjectExtension
	ObjectType
	ObjectColumn
	ObjectConstraint
	ObjectFunction
	ObjectRole
	ObjectOther
)

// DropStmt is DROP of any kind but databases.
type DropStmt struct {
	Node
	Kind       ObjectKind
	KindName   string // as written: "materialized view"
	Names      [][]string
	Positions  []int
	IfExists   bool
	Cascade    bool
	Concurrent bool
}

// AlterTableStmt is ALTER TABLE with its commands; Kind is ObjectTable,
// ObjectIndex, ObjectSequence or ObjectView.
type AlterTableStmt struct {
	Node
	Kind     ObjectKind
	Table    *RangeVar
	IfExists bool
	Commands []*AlterTableCmd
}

// AlterTableAction is what one ALTER TABLE command does.
type AlterTableAction byte

// The actions. AlterOther carries its name for the 0A000 answer.
const (
	AlterAddColumn AlterTableAction = iota
	AlterDropColumn
	AlterSetDefault
	AlterDropDefault
	AlterSetNotNull
	AlterDropNotNull
	AlterColumnType
	AlterAddConstraint
	AlterDropConstraint
	AlterSetOptions
	AlterResetOptions
	AlterAddIdentity
	AlterDropIdentity
	AlterSetIdentity
	AlterSetSchema
	AlterOwner
	AlterSetStorage
	AlterAttachPartition
	AlterDetachPartition
	AlterSetCompression
	AlterOther
)

// AlterTableCmd is one command of ALTER TABLE.
type AlterTableCmd struct {
	Pos
	Action      AlterTableAction
	Name        string // column or constraint
	Column      *ColumnDef
	Constraint  *Constraint
	Type        *TypeName
	Using       Expr
	UsingText   string
	Default     Expr
	DefaultText string
	Options     []*Option // of AlterSetIdentity: a sequence's, and generated
	Storage     string    // PLAIN, EXTENDED …
	Compression string    // a codec, or default
	IfExists    bool      // IF EXISTS or IF NOT EXISTS
	Cascade     bool
	// Partition and Bound are of ATTACH and DETACH PARTITION, Concurrent of
	// DETACH … CONCURRENTLY.
	Partition  *RangeVar
	Bound      *PartitionBound
	Concurrent bool
	Other      string
}

// RenameStmt is ALTER … RENAME.
type RenameStmt struct {
	Node
	Kind     ObjectKind
	Table    *RangeVar
	Names    []string
	Column   string
	NewName  string
	IfExists bool
}

// CreateIndexStmt is CREATE INDEX.
type CreateIndexStmt struct {
	Node
	Name             string
	Table            *RangeVar
	Unique           bool
	Concurrent       bool
	IfNotExists      bool
	Method           string
	Columns          []*IndexElem
	Including        []*IndexElem
	Where            Expr
	Options          []*Option
	NullsNotDistinct bool
}

// IndexElem is a column or expression of an index.
type IndexElem struct {
	Pos
	Column         string
	Expr           Expr
	Opclass        []string
	OpclassOptions []*Option
	Desc           bool
	Ordered        bool // ASC or DESC was written
	NullsFirst     bool
	NullsSet       bool
}

// CreateSchemaStmt is CREATE SCHEMA.
type CreateSchemaStmt struct {
	Node
	Name        string
	IfNotExists bool
	Elements    []Stmt
}

// CreateDatabaseStmt is CREATE DATABASE.
type CreateDatabaseStmt struct {
	Node
	Name    string
	Options []*Option
}

// AlterDatabaseStmt is ALTER DATABASE, but for RENAME: one of Options, Set and
// Owner.
type AlterDatabaseStmt struct {
	Node
	Name    string
	Options []*Option
	Set     *SetStmt
	Owner   string
}

// DropDatabaseStmt is DROP DATABASE.
type DropDatabaseStmt struct {
	Node
	Name     string
	IfExists bool
	Force    bool
}

// CreateExtensionStmt is CREATE EXTENSION.
type CreateExtensionStmt struct {
	Node
	Name        string
	IfNotExists bool
	Options     []*Option
}

// AlterExtensionStmt is ALTER EXTENSION … UPDATE; the option new_version is what
// follows TO.
type AlterExtensionStmt struct {
	Node
	Name    string
	Options []*Option
}

// CreateSequenceStmt is CREATE SEQUENCE; AlterSequenceStmt ALTER SEQUENCE.
type CreateSequenceStmt struct {
	Node
	Name        *RangeVar
	IfNotExists bool
	Options     []*Option
}

// AlterSequenceStmt is ALTER SEQUENCE.
type AlterSequenceStmt struct {
	Node
	Name     *RangeVar
	IfExists bool
	Options  []*Option
}

// TruncateStmt is TRUNCATE.
type TruncateStmt struct {
	Node
	Tables          []*RangeVar
	RestartIdentity bool
	Cascade         bool
}

// CommentStmt is COMMENT ON.
type CommentStmt struct {
	Node
	Kind  ObjectKind
	Names []string
	Text  *string
}

// BackupStmt is Quiver's BACKUP [DATABASE d | TABLE t, …] TO 'url' [WITH (name =
// '…')]: of all databases without a clause.
type BackupStmt struct {
	Node
	Database string
	Tables   []*RangeVar
	URL      string
	Name     string
}

// RestoreStmt is Quiver's RESTORE [DATABASE d [AS e] | TABLE t [AS u], …] FROM
// 'url' [WITH (backup = '…', timestamp = '…')].
type RestoreStmt struct {
	Node
	Database, DatabaseAs string
	Tables               []RestoredTable
	URL                  string
	Backup, Timestamp    string
}

// RestoredTable is a table of a backup and its new name, "" for the old one.
type RestoredTable struct {
	Table *RangeVar
	As    string
}

// CreatePartitionStmt is Quiver's CREATE PARTITION [IF NOT EXISTS] p ON t.
type CreatePartitionStmt struct {
	Node
	Schema      string // "": the table's
	Name        string
	NamePos     int
	Table       *RangeVar
	IfNotExists bool
	Bound       *PartitionBound // nil: the rows that name the partition
	Options     []*Option
}

// DropPartitionStmt is Quiver's DROP PARTITION [IF EXISTS] p ON t.
type DropPartitionStmt struct {
	Node
	Schema   string // "": the table's
	Name     string
	NamePos  int
	Table    *RangeVar
	IfExists bool
}

// CreateAliasStmt is Quiver's CREATE ALIAS [IF NOT EXISTS] a FOR t.
type CreateAliasStmt struct {
	Node
	Alias, Table *RangeVar
	IfNotExists  bool
}

// AlterAliasStmt is Quiver's ALTER ALIAS [IF EXISTS] a FOR t: from its commit on
// the alias stands for t.
type AlterAliasStmt struct {
	Node
	Alias, Table *RangeVar
	IfExists     bool
}

// DropAliasStmt is Quiver's DROP ALIAS [IF EXISTS] a, ….
type DropAliasStmt struct {
	Node
	Aliases  []*RangeVar
	IfExists bool
}

// TransactionKind is the kind of a transaction statement.
type TransactionKind byte

// The kinds of transaction statements.
const (
	TransactionBegin TransactionKind = iota
	TransactionStart
	TransactionCommit
	TransactionRollback
	TransactionSavepoint
	TransactionRelease
	TransactionRollbackTo
	TransactionPrepare
	TransactionCommitPrepared
	TransactionRollbackPrepared
)

// TransactionStmt is BEGIN, COMMIT, SAVEPOINT …. Options holds isolation
// level, read only and deferrable as their GUC names: transaction_isolation,
// transaction_read_only, transaction_deferrable.
type TransactionStmt struct {
	Node
	Kind    TransactionKind
	Name    string // of the savepoint or prepared transaction
	Options []*Option
	Chain   bool
}

// SetKind is the form of a SET.
type SetKind byte

// The forms of SET and RESET.
const (
	SetValue SetKind = iota
	SetDefault
	SetCurrent
	SetMulti // SET TRANSACTION, SET SESSION CHARACTERISTICS: Name tells which, Options what
	SetReset
	SetResetAll
)

// SetStmt is SET or RESET.
type SetStmt struct {
	Node
	Kind    SetKind
	Name    string
	Args    []Expr
	Options []*Option
	Local   bool
}

// ShowStmt is SHOW name; "all" for SHOW ALL.
type ShowStmt struct {
	Node
	Name string
}

// ExplainStmt is EXPLAIN.
type ExplainStmt struct {
	Node
	Query   Stmt
	Options []*Option // analyze, verbose, format, costs, timing, buffers …
}

// PrepareStmt is PREPARE name (types) AS query.
type PrepareStmt struct {
	Node
	Name  string
	Types []*TypeName
	Query Stmt
	// QueryText is the text of the query itself.
	QueryText string
}

// ExecuteStmt is EXECUTE name (args).
type ExecuteStmt struct {
	Node
	Name string
	Args []Expr
}

// DeallocateStmt is DEALLOCATE; an empty name means ALL.
type DeallocateStmt struct {
	Node
	Name string
}

// DiscardStmt is DISCARD; What is all, plans, sequences or temp.
type DiscardStmt struct {
	Node
	What string
}

// DeclareCursorStmt is DECLARE name CURSOR FOR query.
type DeclareCursorStmt struct {
	Node
	Name                           string
	Binary, Scroll, NoScroll, Hold bool
	Query                          *SelectStmt
}

// FetchStmt is FETCH or MOVE. Direction is forward, backward, absolute or
// relative; Count is -1<<63 … 1<<63-1, with All for ALL.
type FetchStmt struct {
	Node
	Name      string
	Direction string
	Count     int64
	All       bool
	Move      bool
}

// CloseStmt is CLOSE; an empty name means ALL.
type CloseStmt struct {
	Node
	Name string
}

// CopyStmt is COPY. Table or Query is set.
type CopyStmt struct {
	Node
	Table   *RangeVar
	Columns []string
	Query   Stmt
	From    bool
	Program bool
	File    string // empty for STDIN and STDOUT
	Options []*Option
	Where   Expr
}

// LockStmt is LOCK TABLE; Mode counts from 1 (ACCESS SHARE) to 8.
type LockStmt struct {
	Node
	Tables []*RangeVar
	Mode   int
	NoWait bool
}

// VacuumStmt is VACUUM or ANALYZE.
type VacuumStmt struct {
	Node
	Analyze bool // the statement is ANALYZE
	Tables  []*RangeVar
	// Columns are those named in parentheses after each table.
	Columns [][]string
	Options []*Option
}

// CheckpointStmt is CHECKPOINT, and Quiver's CHECKPOINT table [, …].
type CheckpointStmt struct {
	Node
	Tables []*RangeVar
}

// CallStmt is CALL.
type CallStmt struct {
	Node
	Call *FuncCall
}

// ListenStmt is LISTEN, NotifyStmt NOTIFY, UnlistenStmt UNLISTEN (empty: *).
type ListenStmt struct {
	Node
	Channel string
}

// NotifyStmt is NOTIFY.
type NotifyStmt struct {
	Node
	Channel, Payload string
}

// UnlistenStmt is UNLISTEN.
type UnlistenStmt struct {
	Node
	Channel string
}

// ReindexStmt is REINDEX.
type ReindexStmt struct {
	Node
	Kind       ObjectKind
	Table      *RangeVar
	Name       string
	Concurrent bool
}

// UnsupportedStmt is a statement that the grammar reads and Quiver does not do:
// 0A000 with its name.
type UnsupportedStmt struct {
	Node
	Feature string
}
