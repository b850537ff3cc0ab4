package plan

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// Placement finds the partitions that rows of a partitioned table belong to.
type Placement struct {
	View  catalog.View
	Table *catalog.Table
	// Types are those of the columns of the partition key.
	Types []*types.Type
	// last is where the row before went, whose key was lastKey: rows of one
	// partition mostly come together.
	last    *catalog.Partition
	lastKey []byte
	key     []byte
}

// Of is the partition of a row, whose values of the partition key are in key; nil
// if there is none.
func (p *Placement) Of(key []types.Vec, row int) *catalog.Partition {
	if p.Table.PartitionKey.Strategy == catalog.PartitionByHash {
		return p.View.PartitionOfHash(p.Table.OID, p.hash(key, row))
	}
	null := false
	p.key = p.key[:0]
	for i, v := range key {
		if v.IsNull(row) {
			p.key, null = catalog.AppendKeyNull(p.key), true
		} else {
			p.key = p.Types[i].AppendKey(catalog.AppendKeyDatum(p.key), v.Array, v.Row(row))
		}
	}
	if p.last != nil && string(p.key) == string(p.lastKey) {
		return p.last
	}
	var found *catalog.Partition
	if p.Table.PartitionKey.Strategy == catalog.PartitionByList {
		found = p.View.PartitionOfList(p.Table.OID, p.key)
	} else if !null { // a range has no nulls
		found = p.View.PartitionOfRange(p.Table.OID, p.key)
	}
	if found == nil {
		found = p.View.DefaultOf(p.Table.OID)
	}
	p.last, p.lastKey = found, append(p.lastKey[:0], p.key...)
	return found
}

func (p *Placement) hash(key []types.Vec, row int) uint64 {
	var hash uint64
	for i, v := range key {
		if !v.IsNull(row) {
			hash = CombineHash(hash, p.Types[i], v.Array, v.Row(row))
		}
	}
	return hash
}

// TableOID is the system column tableoid of the rows of a partitioned table: its
// arguments are the OID of the table and the partition key, from which follows in
// which partition a row lies.
var TableOID = &funcs.Function{
	Schema: "pg_catalog", Name: "tableoid", Kind: funcs.KindFunction, Result: types.OIDOID, Volatility: funcs.Stable,
	Impl: funcs.Impl{Kernel: tableOID},
}

func tableOID(c *types.EvalContext, args []types.Vec, n int) (arrow.Array, error) {
	b := array.NewUint32Builder(c.Mem)
	defer b.Release()
	view, _ := c.Catalog.(catalog.View)
	place := Placement{View: view}
	for row := range n {
		oid := catalog.OID(args[0].Array.(*array.Uint32).Value(args[0].Row(row)))
		if view != nil && place.Table == nil {
			if place.Table = view.Table(oid); place.Table != nil && place.Table.Explicit() {
				place.Types = keyTypes(place.Table.PartitionKey)
			}
		}
		if place.Types != nil {
			if p := place.Of(args[1:], row); p != nil {
				oid = p.OID
			}
		}
		b.Append(uint32(oid))
	}
	return b.NewArray(), nil
}

func keyTypes(key *catalog.PartitionKey) (list []*types.Type) {
	for _, c := range key.Columns {
		list = append(list, c.Type.Type())
	}
	return list
}
