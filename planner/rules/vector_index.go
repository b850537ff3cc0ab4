package rules

import (
	"quiver/catalog"
	"quiver/planner/logical"
)

// chooseIndex gives a vector search the index that serves it: of the operator's
// class, over the column or expression searched, and whole, or partial with a
// predicate that the search's conditions imply. Of several a partial one, which
// is the smaller, goes first, then the graphs.
func chooseIndex(c *Context, v *logical.VectorSearch) {
	if c.View == nil || c.IndexExprs == nil || !Enabled(c.Setting, "vector_index") {
		return
	}
	best := 0
	for _, index := range c.View.Indexes(v.Table.OID) {
		class := index.VectorOpclass()
		if class == nil || class.Operator != v.Operator || index.Invalid {
			continue
		}
		if rank := indexRank(index); rank > best && serves(c, index, v) {
			best, v.Index = rank, index
		}
	}
}

// indexRank orders the indexes that serve a search.
func indexRank(index *catalog.Index) int {
	rank := 1
	if index.Method != "ivfflat" {
		rank++
	}
	if index.Predicate != "" {
		rank += 2
	}
	return rank
}

// serves says whether an index holds what is searched, for all rows wanted.
func serves(c *Context, index *catalog.Index, v *logical.VectorSearch) bool {
	if number := index.Columns[0].Number; number != 0 && index.Predicate == "" {
		for i := range v.Table.Columns {
			if col := &v.Table.Columns[i]; col.Number == number {
				return v.Key == nil && col.Field == v.Field
			}
		}
		return false
	}
	key, predicate, err := c.IndexExprs(index, &v.Scan)
	if err != nil || key == nil {
		return false
	}
	if v.Key != nil {
		simple, err := logical.Simplify(key, c.Format)
		if err != nil || logical.Key(simple) != logical.Key(v.Key) {
			return false
		}
	} else if r, ok := key.(*logical.Ref); !ok || v.FieldOf(r.ID) == nil || v.FieldOf(r.ID).Field != v.Field {
		return false
	}
	if predicate == nil {
		return true
	}
	simple, err := logical.Simplify(predicate, c.Format)
	return err == nil && implies(logical.Conjuncts(v.Filter), simple)
}
