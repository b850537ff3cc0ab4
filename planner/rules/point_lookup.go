package rules

import (
	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// lookUpPoints reads the one row that a condition names by its whole primary
// key.
func lookUpPoints(c *Context, root logical.Node, _ logical.ColSet) logical.Node {
	return bottomUp(root, func(n logical.Node) logical.Node {
		if s, ok := n.(*logical.Scan); ok && s.Table != nil && s.Filter != nil {
			lookUpPoint(c, s)
		}
		return n
	})
}

func lookUpPoint(c *Context, s *logical.Scan) {
	columns := keyColumns(c.View, s.Table)
	if len(columns) == 0 {
		return
	}
	conds := logical.Conjuncts(s.Filter)
	key := make([]plan.Expr, len(columns))
	used := make([]bool, len(conds))
	for k, column := range columns {
		for i, cond := range conds {
			if used[i] || key[k] != nil {
				continue
			}
			if value := keyValue(c, s, column, cond); value != nil {
				key[k], used[i] = value, true
			}
		}
		if key[k] == nil {
			return
		}
	}
	var rest []plan.Expr
	for i, cond := range conds {
		if !used[i] {
			rest = append(rest, cond)
		}
	}
	s.Key, s.Filter = key, logical.All(rest)
}

// keyColumns are the columns of the primary key in key order.
func keyColumns(v catalog.View, t *catalog.Table) []*catalog.Column {
	if t.PrimaryKey == 0 || v == nil {
		return nil
	}
	var columns []*catalog.Column
	for _, index := range v.Indexes(t.OID) {
		if index.OID != t.PrimaryKey {
			continue
		}
		for _, ic := range index.Columns {
			for i := range t.Columns {
				if t.Columns[i].Number == ic.Number {
					columns = append(columns, &t.Columns[i])
				}
			}
		}
	}
	return columns
}

// keyValue returns the value that cond compares the column with, in the
// column's own type; nil when cond is something else.
func keyValue(c *Context, s *logical.Scan, column *catalog.Column, cond plan.Expr) plan.Expr {
	call, ok := cond.(*plan.Call)
	if !ok || call.Operator != "=" || len(call.Args) != 2 {
		return nil
	}
	var own logical.ColSet
	for _, col := range s.Cols {
		own.Add(col.ID)
	}
	for i := range call.Args {
		r, isRef := relabelled(call.Args[i]).(*logical.Ref)
		if !isRef {
			continue
		}
		sc := s.FieldOf(r.ID)
		value := call.Args[1-i]
		if sc == nil || sc.Field != column.Field || logical.Columns(value).Meets(own) || logical.HasSubquery(value) || logical.VolatileExpr(value) {
			continue
		}
		return asKey(c, value, column.Type)
	}
	return nil
}

// relabelled strips casts that change no bytes.
func relabelled(e plan.Expr) plan.Expr {
	if cast, ok := e.(*plan.Cast); ok && !cast.ViaText && cast.T.Mod == types.NoMod && (cast.Cast == nil || cast.Cast.Kernel == nil) {
		return relabelled(cast.Arg)
	}
	return e
}

// asKey brings a value to the key's type where that cannot change the answer:
// the same bytes, or an integer that fits.
func asKey(c *Context, value plan.Expr, t types.T) plan.Expr {
	have := value.Type()
	bare := types.Of(t.OID)
	if have.OID == t.OID {
		return value
	}
	// char(n) compares without its trailing blanks.
	if have.OID == types.BPCharOID || t.OID == types.BPCharOID {
		return nil
	}
	path, cast := funcs.FindPath(have.OID, t.OID, types.CastAssignment)
	wrapped := &plan.Cast{Typed: plan.Typed{T: bare}, Arg: value, Cast: cast, Implicit: true}
	switch {
	case path == funcs.PathRelabel:
	case path == funcs.PathFunction && integer(have.OID) && integer(t.OID):
		if have.Type().Len > t.Type().Len {
			folded, ok := logical.Fold(wrapped, c.Format).(*plan.Const)
			if !ok {
				return nil
			}
			return folded
		}
	default:
		return nil
	}
	return logical.Fold(wrapped, c.Format)
}

func integer(oid types.OID) bool {
	return oid == types.Int2OID || oid == types.Int4OID || oid == types.Int8OID
}
