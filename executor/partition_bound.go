package executor

import (
	"fmt"
	"strings"

	"quiver/catalog"
	"quiver/sql/ast"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// bound reads FOR VALUES … of a partition to be, by name, of table.
func (d *ddl) bound(table *catalog.Table, name string, s *ast.PartitionBound) (*catalog.PartitionBound, error) {
	key := table.PartitionKey
	strategy := map[byte]string{catalog.PartitionByHash: "hash", catalog.PartitionByList: "list", catalog.PartitionByRange: "range"}[key.Strategy]
	switch {
	case s.Default && key.Strategy == catalog.PartitionByHash:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "a hash-partitioned table may not have a default partition")
	case s.Default:
		return &catalog.PartitionBound{Default: true}, nil
	case s.Strategy != key.Strategy:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "invalid bound specification for a %s partition", strategy).At(s.Position())
	case key.Strategy == catalog.PartitionByHash:
		return hashBound(s)
	case key.Strategy == catalog.PartitionByList:
		return d.listBound(table, s)
	}
	return d.rangeBound(table, name, s)
}

func hashBound(s *ast.PartitionBound) (*catalog.PartitionBound, error) {
	switch {
	case s.Modulus <= 0:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "modulus for hash partition must be an integer value greater than zero")
	case s.Remainder < 0:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "remainder for hash partition must be an integer value greater than or equal to zero")
	case s.Remainder >= s.Modulus:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "remainder for hash partition must be less than modulus")
	}
	return &catalog.PartitionBound{Modulus: uint64(s.Modulus), Remainder: uint64(s.Remainder)}, nil
}

// listBound keeps the first of equal values.
func (d *ddl) listBound(table *catalog.Table, s *ast.PartitionBound) (*catalog.PartitionBound, error) {
	b := &catalog.PartitionBound{}
	seen := map[string]bool{}
	for _, e := range s.List {
		v, err := d.boundValue(table, 0, e)
		if err != nil {
			return nil, err
		}
		if key := fmt.Sprint(v.Kind, string(v.Key)); !seen[key] {
			seen[key] = true
			b.List = append(b.List, *v)
		}
	}
	return b, nil
}

func (d *ddl) rangeBound(table *catalog.Table, name string, s *ast.PartitionBound) (*catalog.PartitionBound, error) {
	columns := len(table.PartitionKey.Columns)
	switch {
	case len(s.Lower) != columns:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "FROM must specify exactly one value per partitioning column")
	case len(s.Upper) != columns:
		return nil, sqlerr.New(sqlerr.InvalidTableDefinition, "TO must specify exactly one value per partitioning column")
	}
	b := &catalog.PartitionBound{}
	var err error
	if b.From, err = d.rangeEnd(table, s.Lower); err != nil {
		return nil, err
	}
	if b.To, err = d.rangeEnd(table, s.Upper); err != nil {
		return nil, err
	}
	if b.FromKey() >= b.ToKey() {
		return nil, sqlerr.New(sqlerr.InvalidObjectDefinition, "empty range bound specified for partition %s", quoted(name)).
			WithDetail("Specified lower bound %s is greater than or equal to upper bound %s.",
				catalog.RangeEndText(table.PartitionKey, b.From), catalog.RangeEndText(table.PartitionKey, b.To)).At(s.Lower[firstDifference(b.From, b.To)].Position())
	}
	return b, nil
}

// firstDifference is the first column in which two ends differ, or the last.
func firstDifference(a, b []catalog.BoundValue) int {
	for i := range a {
		if a[i].Kind != b[i].Kind || string(a[i].Key) != string(b[i].Key) {
			return i
		}
	}
	return len(a) - 1
}

func (d *ddl) rangeEnd(table *catalog.Table, exprs []ast.Expr) ([]catalog.BoundValue, error) {
	var out []catalog.BoundValue
	for i, e := range exprs {
		v, err := d.rangeValue(table, i, e)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			switch before := out[i-1].Kind; {
			case before == catalog.BoundMinValue && v.Kind != before:
				return nil, sqlerr.New(sqlerr.DatatypeMismatch, "every bound following MINVALUE must also be MINVALUE").At(e.Position())
			case before == catalog.BoundMaxValue && v.Kind != before:
				return nil, sqlerr.New(sqlerr.DatatypeMismatch, "every bound following MAXVALUE must also be MAXVALUE").At(e.Position())
			}
		}
		out = append(out, *v)
	}
	return out, nil
}

func (d *ddl) rangeValue(table *catalog.Table, column int, e ast.Expr) (*catalog.BoundValue, error) {
	if ref, ok := e.(*ast.ColumnRef); ok && len(ref.Names) == 1 && !ref.Star {
		switch ref.Names[0] {
		case "minvalue":
			return &catalog.BoundValue{Kind: catalog.BoundMinValue}, nil
		case "maxvalue":
			return &catalog.BoundValue{Kind: catalog.BoundMaxValue}, nil
		}
	}
	v, err := d.boundValue(table, column, e)
	if err == nil && v.Kind == catalog.BoundNull {
		err = sqlerr.New(sqlerr.InvalidObjectDefinition, "cannot specify NULL in range bound")
	}
	return v, err
}

// boundValue computes a value for a column of the partition key.
func (d *ddl) boundValue(table *catalog.Table, column int, e ast.Expr) (*catalog.BoundValue, error) {
	k := &table.PartitionKey.Columns[column]
	name := k.Expr
	if k.Number != 0 {
		name = columnByNumber(table, k.Number).Name
	}
	bound, err := d.x.env.Stored.PartitionBound(e, name, k.Type)
	if err != nil {
		return nil, err
	}
	ev, err := (&builder{x: d.x}).compile(bound)
	if err != nil {
		return nil, err
	}
	a, err := evalOne(d.x, ev)
	if err != nil {
		return nil, positioned(err, e.Position())
	}
	defer a.Release()
	if a.IsNull(0) {
		return &catalog.BoundValue{Kind: catalog.BoundNull}, nil
	}
	typ := k.Type.Type()
	return &catalog.BoundValue{Text: string(typ.AppendText(nil, a, 0, types.DefaultFormat())), Key: typ.AppendKey(nil, a, 0)}, nil
}

// checkBound refuses a bound that takes rows of another partition.
func (d *ddl) checkBound(table *catalog.Table, name string, bound *catalog.PartitionBound, s *ast.PartitionBound) error {
	if bound.Modulus != 0 {
		if err := d.checkModulus(table, bound.Modulus); err != nil {
			return err
		}
	}
	other := d.catalog().Overlapping(table.OID, bound)
	if other == nil {
		return nil
	}
	if bound.Default {
		return sqlerr.New(sqlerr.InvalidObjectDefinition, "partition %s conflicts with existing default partition %s", quoted(name), quoted(other.Name)).At(s.Position())
	}
	return sqlerr.New(sqlerr.InvalidObjectDefinition, "partition %s would overlap partition %s", quoted(name), quoted(other.Name)).At(overlapPosition(bound, other, s))
}

// overlapPosition is the value that the other partition takes, or the lower end.
func overlapPosition(bound *catalog.PartitionBound, other *catalog.Partition, s *ast.PartitionBound) int {
	for i, v := range bound.List {
		for _, o := range other.Bound.List {
			if v.Kind == o.Kind && string(v.Key) == string(o.Key) && i < len(s.List) {
				return s.List[i].Position()
			}
		}
	}
	if len(s.Lower) > 0 {
		return s.Lower[0].Position()
	}
	return s.Position()
}

// checkModulus: of any two moduli the greater is a multiple of the smaller.
func (d *ddl) checkModulus(table *catalog.Table, modulus uint64) error {
	var detail string
	for _, other := range d.catalog().Moduli(table.OID) {
		name := ""
		for r := uint64(0); r < other && name == ""; r++ {
			if p := d.catalog().PartitionByRemainder(table.OID, other, r); p != nil {
				name = p.Name
			}
		}
		switch {
		case other <= modulus && modulus%other != 0:
			detail = fmt.Sprintf("The new modulus %d is not divisible by %d, the modulus of existing partition %s.", modulus, other, quoted(name))
		case other > modulus && other%modulus != 0 && detail == "":
			detail = fmt.Sprintf("The new modulus %d is not a factor of %d, the modulus of existing partition %s.", modulus, other, quoted(name))
		}
	}
	if detail == "" {
		return nil
	}
	return sqlerr.New(sqlerr.InvalidObjectDefinition, "every hash partition modulus must be a factor of the next larger modulus").
		WithDetail("%s", strings.TrimSpace(detail))
}
