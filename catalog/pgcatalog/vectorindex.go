package pgcatalog

import (
	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

// OIDs of the access methods of vector indexes and what belongs to them. They
// are below those of user objects, in the range that initdb fills.
const (
	ivfflatMethod = catalog.OID(16200)
	hnswMethod    = catalog.OID(16202)
	diskannMethod = catalog.OID(16204)

	opclassOIDs = catalog.OID(16210)
	floatFamily = catalog.OID(1970) // btree float_ops: what distances are ordered by
)

var vectorMethods = []struct {
	name string
	oid  catalog.OID
}{{"ivfflat", ivfflatMethod}, {"hnsw", hnswMethod}, {"diskann", diskannMethod}}

// methodOID is pg_am.oid of an access method.
func methodOID(name string) catalog.OID {
	for _, m := range vectorMethods {
		if m.name == name {
			return m.oid
		}
	}
	return btreeMethod
}

// vectorHandlers are the handlers of the methods, which they precede by one OID.
func vectorHandlers() (all []*funcs.Function) {
	for _, m := range vectorMethods {
		all = append(all, &funcs.Function{
			OID: m.oid - 1, Schema: "pg_catalog", Extension: vectorExtension, Name: m.name + "handler", Kind: funcs.KindFunction,
			Args: []types.OID{types.InternalOID}, Result: types.IndexAMHandlerOID,
			Volatility: funcs.Volatile,
			Declared: &funcs.Declaration{
				Language: "c", Source: m.name + "handler", Parallel: 's', Cost: 1, Comment: m.name + " index access method handler",
			},
		})
	}
	return all
}

// vectorClass is an operator class of one method, with OIDs of its own: family,
// class, operator entry and support function entries.
type vectorClass struct {
	*catalog.Opclass
	method string
	oid    catalog.OID
	typ    types.OID
}

func (c *vectorClass) family() catalog.OID { return c.oid + 1 }

func (c *vectorClass) isDefault() bool {
	return catalog.DefaultOpclass(c.method, c.Type) == c.Opclass
}

// vectorClasses are those whose types are there.
func vectorClasses() (all []*vectorClass) {
	oid := opclassOIDs
	for _, m := range vectorMethods {
		for _, o := range catalog.Opclasses() {
			if catalog.OpclassByName(m.name, o.Name) != o {
				continue
			}
			c := &vectorClass{Opclass: o, method: m.name, oid: oid}
			oid += 4
			if t := types.ByName(o.Type); t != nil {
				c.typ = t.OID
				all = append(all, c)
			}
		}
	}
	return all
}

// vectorClassOID is the operator class of an index column, 0 for none.
func vectorClassOID(method, name string) catalog.OID {
	for _, c := range vectorClasses() {
		if c.method == method && c.Name == name {
			return c.oid
		}
	}
	return 0
}

func pgAm(b *rows) error {
	err := stored(b)
	for _, m := range vectorMethods {
		b.add(m.oid, m.name, m.oid-1, byte('i'))
	}
	return err
}

func pgOpfamily(b *rows) error {
	err := stored(b)
	for _, c := range vectorClasses() {
		b.add(c.family(), methodOID(c.method), c.Name, publicSchema(b.view), owner)
	}
	return err
}

func pgOpclass(b *rows) error {
	err := stored(b)
	for _, c := range vectorClasses() {
		b.add(c.oid, methodOID(c.method), c.Name, publicSchema(b.view), owner, c.family(), c.typ, c.isDefault(), 0)
	}
	return err
}

func pgAmop(b *rows) error {
	err := stored(b)
	for _, c := range vectorClasses() {
		if o := funcs.LookupOperator(c.Operator, c.typ, c.typ); o != nil {
			b.add(c.oid+2, c.family(), c.typ, c.typ, 1, byte('o'), o.OID, methodOID(c.method), floatFamily)
		}
	}
	return err
}

func pgAmproc(b *rows) error {
	err := stored(b)
	for _, c := range vectorClasses() {
		if o := funcs.LookupOperator(c.Operator, c.typ, c.typ); o != nil && o.Function != nil {
			b.add(c.oid+3, c.family(), c.typ, c.typ, 1, o.Function.OID)
		}
	}
	return err
}

func pgStatProgressCreateIndex(b *rows) error {
	for _, p := range catalog.LiveOf(b.view).IndexBuilds() {
		name := ""
		for _, d := range b.view.Databases() {
			if d.OID == p.Database {
				name = d.Name
			}
		}
		b.add(p.PID, p.Database, name, p.Table, p.Index, p.Command, p.Phase, 0, 0, 0, p.BlocksTotal, p.BlocksDone,
			p.TuplesTotal, p.TuplesDone, p.PartitionsTotal, p.PartitionsDone)
	}
	return nil
}
