package planner

import (
	"strings"

	"quiver/sql/ast"
)

// Tag is the command tag of a statement without a row count.
func Tag(s ast.Stmt) string {
	switch s := s.(type) {
	case *ast.SelectStmt:
		return "SELECT"
	case *ast.InsertStmt:
		return "INSERT"
	case *ast.UpdateStmt:
		return "UPDATE"
	case *ast.DeleteStmt:
		return "DELETE"
	case *ast.CreateTableStmt:
		if s.As != nil {
			return "CREATE TABLE AS"
		}
		return "CREATE TABLE"
	case *ast.DropStmt:
		return "DROP " + objectWord(s.Kind, s.KindName)
	case *ast.AlterTableStmt:
		return "ALTER " + objectWord(s.Kind, "table")
	case *ast.RenameStmt:
		return renameTag(s)
	case *ast.TransactionStmt:
		return transactionTag(s)
	case *ast.SetStmt:
		if s.Kind == ast.SetReset || s.Kind == ast.SetResetAll {
			return "RESET"
		}
		return "SET"
	case *ast.FetchStmt:
		if s.Move {
			return "MOVE"
		}
		return "FETCH"
	case *ast.VacuumStmt:
		if s.Analyze {
			return "ANALYZE"
		}
		return "VACUUM"
	case *ast.DeallocateStmt:
		if s.Name == "" {
			return "DEALLOCATE ALL"
		}
		return "DEALLOCATE"
	case *ast.DiscardStmt:
		return "DISCARD " + strings.ToUpper(s.What)
	case *ast.CloseStmt:
		if s.Name == "" {
			return "CLOSE CURSOR ALL"
		}
		return "CLOSE CURSOR"
	}
	return plainTag(s)
}

// plainTag: statements whose tag depends on nothing but their kind.
func plainTag(s ast.Stmt) string {
	switch s.(type) {
	case *ast.CreateIndexStmt:
		return "CREATE INDEX"
	case *ast.CreateSchemaStmt:
		return "CREATE SCHEMA"
	case *ast.CreateDatabaseStmt:
		return "CREATE DATABASE"
	case *ast.DropDatabaseStmt:
		return "DROP DATABASE"
	case *ast.AlterDatabaseStmt:
		return "ALTER DATABASE"
	case *ast.CreateExtensionStmt:
		return "CREATE EXTENSION"
	case *ast.AlterExtensionStmt:
		return "ALTER EXTENSION"
	case *ast.CreateSequenceStmt:
		return "CREATE SEQUENCE"
	case *ast.AlterSequenceStmt:
		return "ALTER SEQUENCE"
	case *ast.TruncateStmt:
		return "TRUNCATE TABLE"
	case *ast.CommentStmt:
		return "COMMENT"
	case *ast.BackupStmt:
		return "BACKUP"
	case *ast.RestoreStmt:
		return "RESTORE"
	case *ast.CreatePartitionStmt:
		return "CREATE PARTITION"
	case *ast.DropPartitionStmt:
		return "DROP PARTITION"
	case *ast.CreateAliasStmt:
		return "CREATE ALIAS"
	case *ast.AlterAliasStmt:
		return "ALTER ALIAS"
	case *ast.DropAliasStmt:
		return "DROP ALIAS"
	case *ast.ShowStmt:
		return "SHOW"
	case *ast.ExplainStmt:
		return "EXPLAIN"
	case *ast.PrepareStmt:
		return "PREPARE"
	case *ast.ExecuteStmt:
		return "EXECUTE"
	case *ast.DeclareCursorStmt:
		return "DECLARE CURSOR"
	case *ast.CopyStmt:
		return "COPY"
	case *ast.LockStmt:
		return "LOCK TABLE"
	case *ast.CheckpointStmt:
		return "CHECKPOINT"
	case *ast.CallStmt:
		return "CALL"
	case *ast.ListenStmt:
		return "LISTEN"
	case *ast.NotifyStmt:
		return "NOTIFY"
	case *ast.UnlistenStmt:
		return "UNLISTEN"
	case *ast.ReindexStmt:
		return "REINDEX"
	}
	return "???"
}

func objectWord(kind ast.ObjectKind, written string) string {
	switch kind {
	case ast.ObjectTable:
		return "TABLE"
	case ast.ObjectIndex:
		return "INDEX"
	case ast.ObjectSequence:
		return "SEQUENCE"
	case ast.ObjectView:
		return "VIEW"
	case ast.ObjectMaterializedView:
		return "MATERIALIZED VIEW"
	case ast.ObjectSchema:
		return "SCHEMA"
	case ast.ObjectDatabase:
		return "DATABASE"
	case ast.ObjectExtension:
		return "EXTENSION"
	case ast.ObjectType:
		return "TYPE"
	case ast.ObjectFunction:
		return "FUNCTION"
	case ast.ObjectRole:
		return "ROLE"
	}
	return strings.ToUpper(written)
}

func renameTag(s *ast.RenameStmt) string {
	if s.Kind == ast.ObjectColumn || s.Kind == ast.ObjectConstraint {
		return "ALTER TABLE"
	}
	return "ALTER " + objectWord(s.Kind, "table")
}

func transactionTag(s *ast.TransactionStmt) string {
	switch s.Kind {
	case ast.TransactionBegin:
		return "BEGIN"
	case ast.TransactionStart:
		return "START TRANSACTION"
	case ast.TransactionCommit:
		return "COMMIT"
	case ast.TransactionSavepoint:
		return "SAVEPOINT"
	case ast.TransactionRelease:
		return "RELEASE"
	case ast.TransactionPrepare:
		return "PREPARE TRANSACTION"
	case ast.TransactionCommitPrepared:
		return "COMMIT PREPARED"
	case ast.TransactionRollbackPrepared:
		return "ROLLBACK PREPARED"
	}
	return "ROLLBACK"
}
