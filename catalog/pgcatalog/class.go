package pgcatalog

import (
	"fmt"

	"quiver/catalog"
	"quiver/sql/types"
)

// The access methods of pg_am.
const (
	heapMethod  = catalog.OID(2)
	btreeMethod = catalog.OID(403)
)

// attribute is a column of any relation, as pg_attribute sees it.
type attribute struct {
	number   int16
	name     string
	typ      types.T
	notNull  bool
	dropped  bool
	text     string // of the default
	identity byte
	comment  string
	storage  byte // 0: that of the type
	// compression is attcompression, for which Postgres has p and l alone.
	compression string
}

// compressionOf is attcompression: clients know those of Postgres and print others
// as errors; quiver.binlogs tells the codecs.
func compressionOf(c *catalog.Column) string {
	switch c.Compression {
	case "pglz":
		return "p"
	case "lz4":
		return "l"
	}
	return ""
}

// attributes lists the columns of a relation in order, dropped ones too.
func attributes(v catalog.View, r catalog.Relation) (out []attribute) {
	switch r := r.(type) {
	case *catalog.Table:
		for i := range r.Columns {
			c := &r.Columns[i]
			a := attribute{
				number: c.Number, name: c.Name, typ: c.Type, notNull: c.NotNull, dropped: c.Dropped() || c.Hidden,
				text: c.Default, identity: c.Identity, comment: c.Comment, storage: c.Storage, compression: compressionOf(c),
			}
			if a.identity != 0 {
				a.text = "" // identity is no default
			}
			out = append(out, a)
		}
	case *catalog.Partition:
		if t := v.Table(r.Table); t != nil {
			return attributes(v, t)
		}
	case *catalog.Alias:
		for _, a := range attributes(v, catalog.Follow(v, r)) {
			if !a.dropped {
				out = append(out, attribute{number: a.number, name: a.name, typ: a.typ, storage: a.storage})
			}
		}
	case *catalog.Index:
		t := v.Table(r.Table)
		for i, key := range r.Columns {
			a := attribute{number: int16(i + 1), name: key.Name, typ: indexColumnType(t, &key)}
			if c := columnOf(t, key.Number); c != nil && a.name == "" {
				a.name = c.Name
			}
			out = append(out, a)
		}
	case *catalog.Sequence:
		out = virtualAttributes(catalog.SequenceColumns)
	case *catalog.Virtual:
		out = virtualAttributes(r.Columns)
	}
	return out
}

func virtualAttributes(columns []catalog.VirtualColumn) []attribute {
	out := make([]attribute, len(columns))
	for i, c := range columns {
		out[i] = attribute{number: int16(i + 1), name: c.Name, typ: c.Type, notNull: c.NotNull}
	}
	return out
}

// columnOf is the table's column of that number, nil when there is none.
func columnOf(t *catalog.Table, number int16) *catalog.Column {
	if t == nil {
		return nil
	}
	for i := range t.Columns {
		if t.Columns[i].Number == number {
			return &t.Columns[i]
		}
	}
	return nil
}

func pgClass(b *rows) error {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		o, kind := r.Head(), r.Kind()
		method, file, identity := catalog.OID(0), o.OID, byte('n')
		size := catalog.UnknownStatistics
		var options []string
		hasIndex, checks := false, 0
		children, isPartition := false, false
		var bound any
		switch r := r.(type) {
		case *catalog.Table:
			method, identity, options = heapMethod, 'd', r.Options.Parameters
			hasIndex = len(b.view.Indexes(r.OID)) > 0
			if known, ok := catalog.StatisticsOf(b.view, r, r.OID); ok {
				size = known
			}
			if r.Explicit() {
				method, file, children = 0, 0, b.view.PartitionCount(r.OID) > 0
			}
			for _, c := range r.Constraints {
				if c.Kind == catalog.ConstraintCheck {
					checks++
				}
			}
		case *catalog.Partition:
			method, identity, options = heapMethod, 'd', r.Options.Parameters
			if p, t := boundedPartition(b.view, r); p != nil {
				isPartition, bound = true, catalog.BoundText(t.PartitionKey, p.Bound)
			}
		case *catalog.Index:
			method, options = methodOID(r.Method), r.OptionList()
			size, _ = catalog.StatisticsOf(b.view, b.view.Table(r.Table), r.OID)
			if t := b.view.Table(r.Table); t != nil && t.Explicit() {
				kind = 'I'
			}
		case *catalog.Sequence:
			size = catalog.RelationStatistics{Tuples: 1, Pages: 1}
		case *catalog.Virtual:
			if kind == 'r' {
				method = heapMethod
			} else {
				size, file = catalog.RelationStatistics{}, 0
			}
		}
		b.add(o.OID, o.Name, s.OID, rowType(r), 0, owner, method, file, 0, size.Pages, float64(size.Tuples), 0, 0, hasIndex, false, byte('p'), kind,
			len(attributes(b.view, r)), checks, kind == 'v', false, children, false, false, true, identity, isPartition, 0, 0, 0, nil, options, bound)
	})
	return nil
}

func pgAttribute(b *rows) error {
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		for _, a := range attributes(b.view, r) {
			b.attribute(r, a)
		}
	})
	return nil
}

func (b *rows) attribute(r catalog.Relation, a attribute) {
	name, typ, length, byVal, align, storage, collation := a.name, a.typ.OID, int16(0), false, byte('i'), byte('p'), catalog.OID(0)
	if t := types.ByOID(typ); t != nil {
		length, byVal, align, storage, collation = t.Len, t.ByVal, t.Align, t.Storage, collationOf(typ)
	}
	if a.dropped {
		name, typ, collation = fmt.Sprintf("........pg.dropped.%d........", a.number), 0, 0
	}
	if a.storage != 0 {
		storage = a.storage
	}
	identity := ""
	if a.identity != 0 {
		identity = string(rune(a.identity))
	}
	b.add(r.Head().OID, name, typ, -1, length, a.number, dimensions(typ), -1, a.typ.Mod, byVal, align, storage, a.compression,
		a.notNull && !a.dropped, a.text != "" && !a.dropped, false, identity, "", a.dropped, true, 0, collation, nil, nil, nil, nil)
}

// dimensions is attndims: 1 for arrays, which Quiver does not count further.
func dimensions(typ types.OID) int {
	if t := types.ByOID(typ); t != nil && t.Category == types.CategoryArray && t.Elem != 0 && t.Len == -1 {
		return 1
	}
	return 0
}

// eachDefault calls f with each column that has a default. Defaults have no
// OIDs of their own in Quiver: one is made of the table's and the column's.
func (b *rows) eachDefault(f func(oid catalog.OID, t *catalog.Table, a attribute)) {
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		t, ok := r.(*catalog.Table)
		if !ok {
			return
		}
		for _, a := range attributes(b.view, t) {
			if a.text != "" && !a.dropped {
				f(defaultOID(t, a), t, a)
			}
		}
	})
}

// defaultOID lies above the OIDs that a cluster hands out for a long time.
func defaultOID(t *catalog.Table, a attribute) catalog.OID {
	return 1<<31 | t.OID<<11 | catalog.OID(a.number)
}

func pgAttrdef(b *rows) error {
	b.eachDefault(func(oid catalog.OID, t *catalog.Table, a attribute) {
		b.add(oid, t.OID, a.number, a.text)
	})
	return nil
}

// eachIndex calls f with every index and its table.
func (b *rows) eachIndex(f func(s *catalog.Schema, i *catalog.Index, t *catalog.Table)) {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if i, ok := r.(*catalog.Index); ok {
			if t := b.view.Table(i.Table); t != nil {
				f(s, i, t)
			}
		}
	})
}

// The bits of pg_index.indoption.
const (
	indexDesc       = 1
	indexNullsFirst = 2
)

func pgIndex(b *rows) error {
	b.eachIndex(func(_ *catalog.Schema, i *catalog.Index, t *catalog.Table) {
		n := len(i.Columns)
		keys, options := make([]int16, n), make([]int16, n)
		collations, classes := make([]catalog.OID, n), make([]catalog.OID, n)
		var exprs, predicate any
		for k, c := range i.Columns {
			keys[k] = c.Number
			if c.Desc {
				options[k] |= indexDesc
			}
			if c.NullsFirst {
				options[k] |= indexNullsFirst
			}
			typ := indexColumnType(t, &c).OID
			collations[k], classes[k] = collationOf(typ), opclassOf(typ)
			if c.Opclass != "" {
				classes[k] = vectorClassOID(i.Method, c.Opclass)
			}
			if c.Expr != "" {
				exprs = c.Expr // vector indexes have one column
			}
		}
		if i.Predicate != "" {
			predicate = i.Predicate
		}
		b.add(i.OID, i.Table, n, n, i.Unique, false, i.Primary, false, true, false, !i.Invalid, false, true, true, false,
			keys, collations, classes, options, exprs, predicate)
	})
	return nil
}

// eachConstraint calls f with every constraint and its table.
func (b *rows) eachConstraint(f func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint)) {
	b.eachRelation(func(s *catalog.Schema, r catalog.Relation) {
		if t, ok := r.(*catalog.Table); ok {
			for i := range t.Constraints {
				f(s, t, &t.Constraints[i])
			}
		}
	})
}

func pgConstraint(b *rows) error {
	b.eachConstraint(func(s *catalog.Schema, t *catalog.Table, c *catalog.Constraint) {
		var expr any
		if c.Expr != "" {
			expr = c.Expr
		}
		key := c.Kind == catalog.ConstraintPrimaryKey || c.Kind == catalog.ConstraintUnique
		b.add(c.OID, c.Name, s.OID, byte(c.Kind), false, false, true, t.OID, 0, c.Index, 0, 0, byte(' '), byte(' '), byte(' '),
			true, 0, key, c.Columns, nil, nil, nil, nil, nil, nil, expr)
	})
	return nil
}

// eachSequence calls f with every sequence.
func (b *rows) eachSequence(f func(schema *catalog.Schema, s *catalog.Sequence)) {
	b.eachRelation(func(schema *catalog.Schema, r catalog.Relation) {
		if s, ok := r.(*catalog.Sequence); ok {
			f(schema, s)
		}
	})
}

func pgSequence(b *rows) error {
	b.eachSequence(func(_ *catalog.Schema, s *catalog.Sequence) {
		b.add(s.OID, s.Type, s.Start, s.Increment, s.Max, s.Min, s.Cache, s.Cycle)
	})
	return nil
}

func pgSequences(b *rows) error {
	live := catalog.LiveOf(b.view)
	var failed error
	b.eachSequence(func(schema *catalog.Schema, s *catalog.Sequence) {
		var last any
		if live != nil {
			v, called, err := live.SequenceValue(b.ctx, s)
			if err != nil {
				failed = err
			}
			if called {
				last = v
			}
		}
		b.add(schema.Name, s.Name, b.role(), s.Type, s.Start, s.Min, s.Max, s.Increment, s.Cycle, s.Cache, last)
	})
	return failed
}
