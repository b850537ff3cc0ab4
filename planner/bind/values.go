package bind

import (
	"strings"

	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// values binds VALUES as a table.
func (b *binder) values(s *ast.SelectStmt, parent *scope, ctes *cteScope) *query {
	list := s.Values
	if s.Rows != nil {
		list = expandRows(s.Rows)
	}
	x := b.exprs(&scope{parent: parent, ctes: ctes}, kindValues)
	v := &logical.Values{}
	for _, row := range list {
		if len(row) != len(list[0]) {
			fail(sqlerr.New(sqlerr.SyntaxError, "VALUES lists must all be the same length").At(b.place(row[0].Position())))
		}
		cells := make([]plan.Expr, len(row))
		for i, e := range row {
			cells[i] = x.expr(e)
		}
		v.Rows = append(v.Rows, cells)
	}
	q := &query{node: v}
	for i := range list[0] {
		column := make([]plan.Expr, len(v.Rows))
		for r := range v.Rows {
			column[r] = v.Rows[r][i]
		}
		t := b.commonType("VALUES", column)
		for r := range v.Rows {
			v.Rows[r][i] = b.coerceImplicit(v.Rows[r][i], t)
		}
		name := "column" + itoa(i+1)
		id := b.meta.Add(logical.Column{Name: name, Qualifier: "*VALUES*", Type: t})
		v.Cols = append(v.Cols, id)
		q.cols = append(q.cols, outCol{name: name, id: id, pos: b.loc(column[0])})
	}
	return b.orderSet(s, q, parent, ctes)
}

// expandRows turns the flat form of literals back into expressions.
func expandRows(r *ast.ValuesRows) [][]ast.Expr {
	rows := make([][]ast.Expr, 0, len(r.Texts)/max(r.Columns, 1))
	for at := 0; at+r.Columns <= len(r.Texts); at += r.Columns {
		row := make([]ast.Expr, r.Columns)
		for i := range row {
			row[i] = expandLiteral(r.Kinds[at+i], r.Texts[at+i], ast.Pos(r.Pos[at+i]))
		}
		rows = append(rows, row)
	}
	return rows
}

func expandLiteral(kind ast.ConstKind, text string, pos ast.Pos) ast.Expr {
	switch kind {
	case ast.ConstDefault:
		return &ast.SetToDefault{Pos: pos}
	case ast.ConstVector:
		return castToVector(&ast.Const{Pos: pos, Kind: ast.ConstString, Text: text}, pos)
	case ast.ConstArray:
		return expandArray(text, pos)
	case ast.ConstVectorArray:
		return castToVector(expandArray(text, pos), pos)
	}
	return &ast.Const{Pos: pos, Kind: kind, Text: text}
}

func castToVector(e ast.Expr, pos ast.Pos) ast.Expr {
	return &ast.Cast{Pos: pos, Arg: e, Type: &ast.TypeName{Pos: pos, Names: []string{"vector"}}}
}

func expandArray(text string, pos ast.Pos) ast.Expr {
	out := &ast.ArrayExpr{Pos: pos}
	for number := range strings.SplitSeq(text[1:len(text)-1], ",") {
		kind := ast.ConstInteger
		if strings.Contains(number, ".") {
			kind = ast.ConstFloat
		}
		out.Items = append(out.Items, &ast.Const{Pos: pos, Kind: kind, Text: number})
	}
	return out
}

// withoutDefaults leaves out the columns for which every row says DEFAULT; given
// says which remain. It returns r itself when all do, or none.
func withoutDefaults(r *ast.ValuesRows) (rows *ast.ValuesRows, given []bool) {
	given = make([]bool, r.Columns)
	width := 0
	for c := range given {
		for at := c; at < len(r.Kinds) && !given[c]; at += r.Columns {
			given[c] = r.Kinds[at] != ast.ConstDefault
		}
		if given[c] {
			width++
		}
	}
	if width == r.Columns || width == 0 {
		return r, nil
	}
	rows = &ast.ValuesRows{Columns: width}
	for at := range r.Kinds {
		if given[at%r.Columns] {
			rows.Kinds, rows.Texts, rows.Pos = append(rows.Kinds, r.Kinds[at]), append(rows.Texts, r.Texts[at]), append(rows.Pos, r.Pos[at])
		}
	}
	return rows, given
}

// literalsFit says whether every literal of the flat form can be read by its
// column's input function with the result that a cast would give: strings and
// nulls always, numbers where the column is a number of a kind that reads that
// spelling alike.
func literalsFit(r *ast.ValuesRows, want []types.T) bool {
	if r.Columns != len(want) {
		return false
	}
	for i, kind := range r.Kinds {
		t := want[i%r.Columns]
		switch kind {
		case ast.ConstNull, ast.ConstString:
		case ast.ConstInteger:
			switch t.OID {
			case types.Int2OID, types.Int4OID, types.Int8OID, types.Float4OID, types.Float8OID, types.NumericOID:
			default:
				return false
			}
		case ast.ConstFloat:
			switch t.OID {
			case types.Float4OID, types.Float8OID, types.NumericOID:
			default:
				return false
			}
		case ast.ConstBool:
			if t.OID != types.BoolOID {
				return false
			}
		case ast.ConstVector, ast.ConstArray, ast.ConstVectorArray:
			if t.OID != types.VectorOID {
				return false
			}
		default:
			return false
		}
	}
	return true
}
