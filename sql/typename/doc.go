// Package typename resolves types as written (ast.TypeName) to the registry's.
// It is shared by the binder (casts) and by DDL (columns); it imports sql/ast
// and sql/types.
package typename
