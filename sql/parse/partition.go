package parse

import (
	pgquery "github.com/pganalyze/pg_query_go/v5"

	"quiver/sql/ast"
)

var partitionStrategies = map[pgquery.PartitionStrategy]byte{
	pgquery.PartitionStrategy_PARTITION_STRATEGY_RANGE: 'r',
	pgquery.PartitionStrategy_PARTITION_STRATEGY_LIST:  'l',
	pgquery.PartitionStrategy_PARTITION_STRATEGY_HASH:  'h',
}

// partitionSpec converts PARTITION BY.
func (c *converter) partitionSpec(v *pgquery.PartitionSpec) *ast.PartitionSpec {
	if v == nil {
		return nil
	}
	s := &ast.PartitionSpec{Pos: c.pos(v.Location), Strategy: partitionStrategies[v.Strategy]}
	for _, n := range v.PartParams {
		p := n.GetPartitionElem()
		elem := &ast.PartitionElem{
			Pos: c.pos(p.GetLocation()), Name: p.GetName(), Expr: c.expr(p.GetExpr()),
			Collation: strs(p.GetCollation()), Opclass: strs(p.GetOpclass()),
		}
		if elem.Expr != nil {
			elem.ExprText = c.elemText(p.GetLocation())
		}
		s.Keys = append(s.Keys, elem)
	}
	return s
}

// elemText is the source text of the expression of an element of a list: a
// bracket, or a function's call.
func (c *converter) elemText(location int32) string {
	tokens := untilUnbalanced(c.tokensFrom(location))
	depth := 0
	for i, t := range tokens {
		depth += depthChange(t.kind)
		if depth == 0 && t.kind == tokenClose {
			return c.textOf(tokens[:i+1])
		}
	}
	return c.textOf(tokens)
}

// partitionBound converts FOR VALUES … and DEFAULT.
func (c *converter) partitionBound(v *pgquery.PartitionBoundSpec) *ast.PartitionBound {
	if v == nil {
		return nil
	}
	return &ast.PartitionBound{
		Pos: c.pos(v.Location), Strategy: firstByte(v.Strategy), Default: v.IsDefault, Modulus: v.Modulus, Remainder: v.Remainder,
		List: c.exprs(v.Listdatums), Lower: c.exprs(v.Lowerdatums), Upper: c.exprs(v.Upperdatums),
	}
}
