package pgcatalog

import (
	"fmt"
	"strings"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

func init() {
	define(getPartitionKeyDef, "pg_get_partkeydef(oid)")
	define(getPartitionConstraintDef, "pg_get_partition_constraintdef(oid)")
	define(partitionRoot, "pg_partition_root(regclass)")
	defineRows("pg_partition_ancestors(regclass)", partitionAncestors)
	defineRows("pg_partition_tree(regclass)", partitionTree)
}

// boundedPartition is r as a partition of a table whose partitions have bounds.
func boundedPartition(v catalog.View, r catalog.Relation) (*catalog.Partition, *catalog.Table) {
	p, ok := r.(*catalog.Partition)
	if !ok || p.Bound == nil {
		return nil, nil
	}
	t := v.Table(p.Table)
	if t == nil || t.PartitionKey == nil {
		return nil, nil
	}
	return p, t
}

func partitionedTable(v catalog.View, oid catalog.OID) *catalog.Table {
	if t, ok := v.RelationByOID(oid).(*catalog.Table); ok && t.Explicit() {
		return t
	}
	return nil
}

func pgInherits(b *rows) error {
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		if p, t := boundedPartition(b.view, r); p != nil {
			b.add(p.OID, t.OID, 1, false)
		}
	})
	return nil
}

func pgPartitionedTable(b *rows) error {
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		t, ok := r.(*catalog.Table)
		if !ok || !t.Explicit() {
			return
		}
		key := t.PartitionKey
		n := len(key.Columns)
		attributes, classes, collations := make([]int16, n), make([]catalog.OID, n), make([]catalog.OID, n)
		var exprs []string
		for i, c := range key.Columns {
			attributes[i], classes[i], collations[i] = c.Number, opclassOf(c.Type.OID), collationOf(c.Type.OID)
			if c.Number == 0 {
				exprs = append(exprs, c.Expr)
			}
		}
		var text any
		if exprs != nil {
			text = strings.Join(exprs, ", ")
		}
		other := catalog.OID(0)
		if p := b.view.DefaultOf(t.OID); p != nil {
			other = p.OID
		}
		b.add(t.OID, key.Strategy, n, other, attributes, classes, collations, text)
	})
	return nil
}

// keyColumn prints a column of a partition key.
func keyColumn(t *catalog.Table, c *catalog.PartitionKeyColumn) string {
	if column := columnOf(t, c.Number); column != nil {
		return funcs.QuoteIdentifier(column.Name)
	}
	return c.Expr
}

func getPartitionKeyDef(c call) (any, error) {
	t := partitionedTable(c.view, c.oid(0))
	if t == nil {
		return nil, nil
	}
	columns := make([]string, len(t.PartitionKey.Columns))
	for i := range columns {
		columns[i] = keyColumn(t, &t.PartitionKey.Columns[i])
	}
	word := map[byte]string{catalog.PartitionByRange: "RANGE", catalog.PartitionByList: "LIST", catalog.PartitionByHash: "HASH"}[t.PartitionKey.Strategy]
	return word + " (" + strings.Join(columns, ", ") + ")", nil
}

func partitionRoot(c call) (any, error) {
	r := c.view.RelationByOID(c.oid(0))
	if p, t := boundedPartition(c.view, r); p != nil {
		return t.OID, nil
	}
	if t := partitionedTable(c.view, c.oid(0)); t != nil {
		return t.OID, nil
	}
	return nil, nil
}

func partitionAncestors(c call, add func(values ...any)) error {
	if p, t := boundedPartition(c.view, c.view.RelationByOID(c.oid(0))); p != nil {
		add(p.OID)
		add(t.OID)
	} else if t := partitionedTable(c.view, c.oid(0)); t != nil {
		add(t.OID)
	}
	return nil
}

func partitionTree(c call, add func(values ...any)) error {
	if p, t := boundedPartition(c.view, c.view.RelationByOID(c.oid(0))); p != nil {
		add(p.OID, t.OID, true, 0)
	}
	t := partitionedTable(c.view, c.oid(0))
	if t == nil {
		return nil
	}
	add(t.OID, nil, false, 0)
	for _, p := range c.view.Partitions(t.OID) {
		add(p.OID, t.OID, true, 1)
	}
	return nil
}

func getPartitionConstraintDef(c call) (any, error) {
	p, t := boundedPartition(c.view, c.view.RelationByOID(c.oid(0)))
	if p == nil {
		return nil, nil
	}
	if conds := partitionConstraint(c.view, t, p); conds != "" {
		return conds, nil
	}
	return nil, nil
}

// partitionConstraint prints what the rows of a partition satisfy; "" for a default
// partition beside no other.
func partitionConstraint(v catalog.View, t *catalog.Table, p *catalog.Partition) string {
	key := t.PartitionKey
	names := make([]string, len(key.Columns))
	for i := range names {
		names[i] = keyColumn(t, &key.Columns[i])
	}
	switch {
	case p.Bound.Modulus != 0:
		return fmt.Sprintf("satisfies_hash_partition('%d'::oid, %d, %d, %s)", t.OID, p.Bound.Modulus, p.Bound.Remainder, strings.Join(names, ", "))
	case p.Bound.To != nil:
		return conjunction(append(notNull(names), rangeConditions(key, names, p.Bound)...))
	case !p.Bound.Default:
		return listConstraint(key.Columns[0].Type, names[0], p.Bound.List)
	}
	var values []catalog.BoundValue
	var ranges []string
	for _, other := range v.Partitions(t.OID) {
		if values = append(values, other.Bound.List...); other.Bound.To != nil {
			ranges = append(ranges, conjunction(rangeConditions(key, names, other.Bound)))
		}
	}
	switch {
	case values != nil:
		return "(NOT " + listConstraint(key.Columns[0].Type, names[0], values) + ")"
	case ranges == nil:
		return ""
	}
	return "(NOT " + conjunction(append(notNull(names), disjunction(ranges))) + ")"
}

func notNull(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "(" + name + " IS NOT NULL)"
	}
	return out
}

func conjunction(conds []string) string { return connected(conds, " AND ") }
func disjunction(conds []string) string { return connected(conds, " OR ") }

func connected(conds []string, word string) string {
	if len(conds) == 1 {
		return conds[0]
	}
	return "(" + strings.Join(conds, word) + ")"
}

func listConstraint(typ types.T, name string, values []catalog.BoundValue) string {
	var texts []string
	null := false
	for i := range values {
		if values[i].Kind == catalog.BoundNull {
			null = true
			continue
		}
		texts = append(texts, values[i].Literal(typ))
	}
	cond := ""
	switch {
	case len(texts) == 0:
		return "(" + name + " IS NULL)"
	case len(texts) == 1:
		cond = "(" + name + " = " + texts[0] + ")"
	default:
		cond = "(" + name + " = ANY (ARRAY[" + strings.Join(texts, ", ") + "]))"
	}
	if null {
		return "((" + name + " IS NULL) OR " + cond + ")"
	}
	return "((" + name + " IS NOT NULL) AND " + cond + ")"
}

// rangeConditions are those of the two ends: none where an end is open.
func rangeConditions(key *catalog.PartitionKey, names []string, b *catalog.PartitionBound) []string {
	var out []string
	shared := 0
	for shared < len(names) && b.From[shared].Kind == catalog.BoundDatum && b.To[shared].Kind == catalog.BoundDatum &&
		string(b.From[shared].Key) == string(b.To[shared].Key) {
		out = append(out, "("+names[shared]+" = "+b.From[shared].Literal(key.Columns[shared].Type)+")")
		shared++
	}
	if low := rangeEnd(key, names, b.From, shared, ">", ">="); low != "" {
		out = append(out, low)
	}
	if high := rangeEnd(key, names, b.To, shared, "<", "<"); high != "" {
		out = append(out, high)
	}
	if len(out) == 0 {
		return []string{"true"}
	}
	return out
}

// rangeEnd compares the columns from first on with an end; last is how the last
// column is compared.
func rangeEnd(key *catalog.PartitionKey, names []string, end []catalog.BoundValue, first int, before, last string) string {
	var alternatives []string
	var equal []string
	for i := first; i < len(names); i++ {
		v := &end[i]
		if v.Kind != catalog.BoundDatum {
			break
		}
		literal := v.Literal(key.Columns[i].Type)
		op := before
		switch {
		case i == len(names)-1:
			op = last
		case end[i+1].Kind != catalog.BoundDatum && (end[i+1].Kind == catalog.BoundMinValue) == (before == ">"):
			op += "=" // whatever the next column is
		}
		alternatives = append(alternatives, conjunction(append(equal[:len(equal):len(equal)], "("+names[i]+" "+op+" "+literal+")")))
		equal = append(equal, "("+names[i]+" = "+literal+")")
	}
	if alternatives == nil {
		return ""
	}
	return disjunction(alternatives)
}
