package executor

import (
	"github.com/apache/arrow/go/v15/arrow"

	"quiver/sql/types"
)

// groupTable numbers the groups of GROUP BY in order of appearance. One integer
// key is looked up as such, anything else by its encoded form.
type groupTable struct {
	keys  *keyEncoder
	ints  map[int64]uint32
	null  int64 // number of the null group of ints, -1 while there is none
	any   map[string]uint32
	n     int
	bytes int64
	// values are the group columns of the groups, in pieces.
	values [][]arrow.Array
}

// noGroup marks rows whose group is not in a full table.
const noGroup = ^uint32(0)

func (g *groupTable) reset() {
	g.drop()
	g.ints, g.any, g.null, g.n, g.bytes = nil, nil, -1, 0, 0
	if len(g.keys.items) == 1 && isIntegerKey(g.keys.items[0].typ.OID) {
		g.ints = map[int64]uint32{}
	} else {
		g.any = map[string]uint32{}
	}
}

func (g *groupTable) drop() {
	for _, piece := range g.values {
		releaseAll(piece)
	}
	g.values = nil
}

// isIntegerKey: types whose equality is that of the integers that hold them.
func isIntegerKey(oid types.OID) bool {
	switch oid {
	case types.Int2OID, types.Int4OID, types.Int8OID, types.OIDOID, types.DateOID, types.TimestampOID, types.TimestamptzOID:
		return true
	}
	return false
}

// assign sets groups[i] for each row. With full, rows of unknown groups get
// noGroup and the table stays as it is.
func (g *groupTable) assign(x *execution, cols []types.Vec, n int, groups []uint32, full bool) {
	var fresh []int32
	add := func(row int) uint32 {
		fresh = append(fresh, int32(row))
		g.n++
		return uint32(g.n - 1)
	}
	if g.ints != nil {
		g.assignInts(cols[0], n, groups, full, add)
	} else {
		k := g.keys.encodeVecs(cols, n)
		for i := range n {
			key := k.at(i)
			group, ok := g.any[string(key)]
			if !ok {
				if full {
					groups[i] = noGroup
					continue
				}
				group = add(i)
				g.any[string(key)] = group
				g.bytes += int64(len(key)) + mapEntryBytes
			}
			groups[i] = group
		}
	}
	if len(fresh) > 0 {
		g.keep(x, cols, fresh)
	}
}

func (g *groupTable) assignInts(col types.Vec, n int, groups []uint32, full bool, add func(int) uint32) {
	read, ok := integersOf(col.Array)
	nulls := col.Array.NullN() > 0 || !ok
	for i := range n {
		row := col.Row(i)
		if nulls && (!ok || col.Array.IsNull(row)) {
			switch {
			case g.null >= 0:
				groups[i] = uint32(g.null)
			case full:
				groups[i] = noGroup
			default:
				groups[i] = add(i)
				g.null = int64(groups[i])
			}
			continue
		}
		v := read(row)
		group, ok := g.ints[v]
		if !ok {
			if full {
				groups[i] = noGroup
				continue
			}
			group = add(i)
			g.ints[v] = group
			g.bytes += mapEntryBytes
		}
		groups[i] = group
	}
}

// keep copies the group columns of the rows that began a group.
func (g *groupTable) keep(x *execution, cols []types.Vec, rows []int32) {
	piece := make([]arrow.Array, len(cols))
	for c, v := range cols {
		if v.Const {
			piece[c] = take(x.mem, v.Array, make([]int32, len(rows)))
		} else {
			piece[c] = take(x.mem, v.Array, rows)
		}
		g.bytes += arrayBytes(piece[c])
	}
	g.values = append(g.values, piece)
}

// columns returns the group columns of all groups; the caller releases them.
func (g *groupTable) columns(x *execution) ([]arrow.Array, error) {
	if len(g.values) == 0 {
		return nil, nil
	}
	out := make([]arrow.Array, len(g.values[0]))
	for c := range out {
		pieces := make([]arrow.Array, len(g.values))
		for i, p := range g.values {
			pieces[i] = p[c]
		}
		var err error
		if out[c], err = concat(x.mem, pieces); err != nil {
			releaseAll(out)
			return nil, err
		}
	}
	return out, nil
}
