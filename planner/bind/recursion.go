package bind

import "quiver/sql/ast"

// namesRelation says whether a query's FROM, at any depth, names a relation:
// what makes a WITH query recursive.
func namesRelation(s *ast.SelectStmt, name string) bool {
	if s == nil {
		return false
	}
	if s.With != nil {
		for _, c := range s.With.CTEs {
			if q, ok := c.Query.(*ast.SelectStmt); ok && namesRelation(q, name) {
				return true
			}
			if c.Name == name {
				return false
			}
		}
	}
	for _, f := range s.From {
		if itemNamesRelation(f, name) {
			return true
		}
	}
	return namesRelation(s.Left, name) || namesRelation(s.Right, name)
}

func itemNamesRelation(f ast.FromItem, name string) bool {
	switch f := f.(type) {
	case *ast.RangeVar:
		return f.Schema == "" && f.Name == name
	case *ast.RangeSubselect:
		return namesRelation(f.Query, name)
	case *ast.JoinExpr:
		return itemNamesRelation(f.Left, name) || itemNamesRelation(f.Right, name)
	}
	return false
}
