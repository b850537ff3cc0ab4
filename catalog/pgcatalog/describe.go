package pgcatalog

import "quiver/catalog"

// OIDs of the catalogs that rows of pg_depend and pg_description point at.
const (
	classCatalog     = catalog.OID(1259)
	databaseCatalog  = catalog.OID(1262)
	namespaceCatalog = catalog.OID(2615)
	attrdefCatalog   = catalog.OID(2604)
	extensionCatalog = catalog.OID(3079)
)

func pgDescription(b *rows) error {
	describe := func(oid, class catalog.OID, column int16, text string) {
		if text != "" {
			b.add(oid, class, column, text)
		}
	}
	for _, s := range b.view.Schemas() {
		describe(s.OID, namespaceCatalog, 0, s.Comment)
	}
	describe(vectorExtensionOID, extensionCatalog, 0, vectorExtensionComment)
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		describe(r.Head().OID, classCatalog, 0, r.Head().Comment)
		if t, ok := r.(*catalog.Table); ok {
			for _, a := range attributes(b.view, t) {
				describe(t.OID, classCatalog, a.number, a.comment)
			}
		}
	})
	return nil
}

func pgShdescription(b *rows) error {
	for _, d := range b.view.Databases() {
		if d.Comment != "" {
			b.add(d.OID, databaseCatalog, d.Comment)
		}
	}
	return nil
}

// pgDepend says what clients look for: which column a sequence belongs to (a
// for serial, i for identity), and what a default hangs on.
func pgDepend(b *rows) error {
	b.eachSequence(func(_ *catalog.Schema, s *catalog.Sequence) {
		if s.OwnerTable == 0 {
			return
		}
		kind := byte('a')
		if c := columnOf(b.view.Table(s.OwnerTable), s.OwnerColumn); c != nil && c.Identity != 0 {
			kind = 'i'
		}
		b.add(classCatalog, s.OID, 0, classCatalog, s.OwnerTable, s.OwnerColumn, kind)
	})
	b.eachDefault(func(oid catalog.OID, t *catalog.Table, a attribute) {
		b.add(attrdefCatalog, oid, 0, classCatalog, t.OID, a.number, byte('a'))
		if c := columnOf(t, a.number); c != nil && c.Sequence != 0 {
			b.add(attrdefCatalog, oid, 0, classCatalog, c.Sequence, 0, byte('n'))
		}
	})
	b.eachIndex(func(_ *catalog.Schema, i *catalog.Index, t *catalog.Table) {
		for _, c := range t.Constraints {
			if c.Index == i.OID {
				b.add(classCatalog, i.OID, 0, constraintCatalog, c.OID, 0, byte('i'))
				return
			}
		}
		for _, c := range i.Columns {
			b.add(classCatalog, i.OID, 0, classCatalog, t.OID, c.Number, byte('a'))
		}
	})
	return nil
}

const constraintCatalog = catalog.OID(2606)
