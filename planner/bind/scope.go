package bind

import (
	"quiver/catalog"
	"quiver/planner/logical"
	"quiver/planner/plan"
	"quiver/sql/sqlerr"
	"quiver/sql/types"
)

// scope is what names mean at one query level: its FROM items, then the
// enclosing queries.
type scope struct {
	parent *scope
	ctes   *cteScope
	// items can be named; hidden ones exist in the query but not for names at
	// this point (hints speak of them).
	items  []*item
	hidden []*item
	// sel is the SELECT that aggregates of this level belong to; nil where
	// there is none.
	sel *selection
}

// item is one entry of the namespace: a FROM item, or the merged columns of a
// join.
type item struct {
	name   string
	schema string // set for plain relations: s.t.a is allowed
	cols   []itemCol
	// named: its name can qualify columns. open: its columns can be used
	// without a qualifier.
	named, open bool
	// relation is the table behind it, for hints and system columns.
	relation catalog.Relation
	// origName is the relation's own name when an alias hides it.
	origName string
	isJoin   bool
	// dynamic: names that no column has are dynamic fields of its table.
	dynamic bool
	// forbidden names why the item cannot be used here ("" when it can).
	lateralBad bool
	// scan is the table scan behind the item (FOR UPDATE adds the row id).
	scan *logical.Scan
	// scalar: a function in FROM with one column, whose whole row is the value.
	scalar bool
}

type itemCol struct {
	name string
	id   logical.ColID
	// system columns are found by name but not listed by *.
	system bool
}

func (it *item) ids() logical.ColSet {
	var s logical.ColSet
	for _, c := range it.cols {
		s.Add(c.id)
	}
	return s
}

// visible returns the columns that * lists.
func (it *item) visible() []itemCol {
	var cols []itemCol
	for _, c := range it.cols {
		if !c.system {
			cols = append(cols, c)
		}
	}
	return cols
}

// find looks a column up in one item; two of the same name are ambiguous.
func (b *binder) findIn(it *item, name string, pos int) (logical.ColID, bool) {
	var found logical.ColID
	for _, c := range it.cols {
		if c.name == name {
			if found != 0 {
				fail(sqlerr.New(sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", name).At(b.place(pos)))
			}
			found = c.id
		}
	}
	return found, found != 0
}

// lookupColumn finds an unqualified column from the innermost scope outwards.
func (b *binder) lookupColumn(s *scope, name string, pos int) (logical.ColID, *scope) {
	for ; s != nil; s = s.parent {
		var found logical.ColID
		for _, it := range s.items {
			if !it.open {
				continue
			}
			if id, ok := b.findIn(it, name, pos); ok {
				if found != 0 {
					fail(sqlerr.New(sqlerr.AmbiguousColumn, "column reference \"%s\" is ambiguous", name).At(b.place(pos)))
				}
				if it.lateralBad {
					b.failLateral(it, pos)
				}
				found = id
			}
		}
		if found != 0 {
			return found, s
		}
	}
	return 0, nil
}

// lookupItem finds a FROM item by its name.
func (b *binder) lookupItem(s *scope, schema, name string, pos int) (*item, *scope) {
	for ; s != nil; s = s.parent {
		var found *item
		for _, it := range s.items {
			if !it.named || it.name != name || schema != "" && it.schema != schema {
				continue
			}
			if found != nil {
				fail(sqlerr.New(sqlerr.AmbiguousAlias, "table reference \"%s\" is ambiguous", name).At(b.place(pos)))
			}
			found = it
		}
		if found != nil {
			if found.lateralBad {
				b.failLateral(found, pos)
			}
			return found, s
		}
	}
	return nil, nil
}

func (b *binder) failLateral(it *item, pos int) {
	fail(sqlerr.New(sqlerr.InvalidColumnReference, "invalid reference to FROM-clause entry for table \"%s\"", it.name).
		WithDetail("The combining JOIN type must be INNER or LEFT for a LATERAL reference.").At(b.place(pos)))
}

// failMissingItem reports a qualifier that names nothing here.
func (b *binder) failMissingItem(s *scope, name string, pos int) {
	for level := s; level != nil; level = level.parent {
		for _, it := range level.everything() {
			if it.name == name {
				fail(sqlerr.New(sqlerr.UndefinedTable, "invalid reference to FROM-clause entry for table \"%s\"", name).
					WithHint("There is an entry for table \"%s\", but it cannot be referenced from this part of the query.", name).
					At(b.place(pos)))
			}
			if it.origName == name && it.origName != it.name {
				fail(sqlerr.New(sqlerr.UndefinedTable, "invalid reference to FROM-clause entry for table \"%s\"", name).
					WithHint("Perhaps you meant to reference the table alias \"%s\".", it.name).At(b.place(pos)))
			}
		}
	}
	fail(sqlerr.New(sqlerr.UndefinedTable, "missing FROM-clause entry for table \"%s\"", name).At(b.place(pos)))
}

func (s *scope) everything() []*item {
	all := append([]*item{}, s.items...)
	return append(all, s.hidden...)
}

// failMissingColumn reports an unknown column, with the nearest name as a hint.
func (b *binder) failMissingColumn(s *scope, qualifier, name string, pos int) {
	var err *sqlerr.Error
	if qualifier != "" {
		err = sqlerr.New(sqlerr.UndefinedColumn, "column %s.%s does not exist", qualifier, name)
	} else {
		err = sqlerr.New(sqlerr.UndefinedColumn, "column \"%s\" does not exist", name)
	}
	fail(b.hintColumn(err, s, qualifier, name).At(b.place(pos)))
}

// hintColumn adds what Postgres would suggest.
func (b *binder) hintColumn(err *sqlerr.Error, s *scope, qualifier, name string) *sqlerr.Error {
	var g guess
	g.distance = fuzzyMax + 1
	for level := s; level != nil; level = level.parent {
		for _, it := range level.everything() {
			if it.isJoin {
				continue
			}
			penalty := 0
			if qualifier != "" {
				penalty = min(levenshtein(qualifier, it.name), fuzzyMax+1)
			}
			for _, c := range it.cols {
				if c.system {
					continue
				}
				if qualifier == "" && c.name == name {
					return err.WithHint("There is a column named \"%s\" in table \"%s\", but it cannot be referenced from this part of the query.", name, it.name)
				}
				g.consider(it.name, c.name, name, penalty)
			}
		}
	}
	switch len(g.names) {
	case 1:
		return err.WithHint("Perhaps you meant to reference the column \"%s\".", g.names[0])
	case 2:
		return err.WithHint("Perhaps you meant to reference the column \"%s\" or the column \"%s\".", g.names[0], g.names[1])
	}
	return err
}

// systemColumn binds tableoid, the one system column that means something here. Of
// a partitioned table it is that of the partition, which follows from the row.
func (b *binder) systemColumn(it *item, name string) (plan.Expr, bool) {
	if it.relation == nil || name != "tableoid" {
		return nil, false
	}
	oid := b.oidConst(it.relation.Head().OID)
	t, ok := it.relation.(*catalog.Table)
	if !ok || !t.Explicit() {
		return oid, true
	}
	row := make([]logical.ColID, len(it.cols))
	for i, c := range it.cols {
		row[i] = c.id
	}
	args := append([]plan.Expr{oid}, b.partitionKey(&target{table: t, live: liveColumns(t)}, row)...)
	return &plan.Call{Typed: plan.Typed{T: types.Of(types.OIDOID)}, Function: plan.TableOID, Args: args, Word: name}, true
}
