package pgcatalog

import "quiver/catalog"

// OIDs of the catalogs that rows of pg_depend and pg_description point at.
const (
	classCatalog      = catalog.OID(1259)
	databaseCatalog   = catalog.OID(1262)
	namespaceCatalog  = catalog.OID(2615)
	attrdefCatalog    = catalog.OID(2604)
	extensionCatalog  = catalog.OID(3079)
	constraintCatalog = catalog.OID(2606)
	procCatalog       = catalog.OID(1255)
	operatorCatalog   = catalog.OID(2617)
	typeCatalog       = catalog.OID(1247)
	methodCatalog     = catalog.OID(2601)
	languageCatalog   = catalog.OID(2612)
	collationCatalog  = catalog.OID(3456)
)

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
