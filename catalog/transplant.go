package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"quiver/sql/sqlerr"
)

// EncodeDescriptor returns the form that the store and backups keep.
func EncodeDescriptor(d Descriptor) ([]byte, error) { return encodeDescriptor(d) }

// DecodeDescriptor reads what EncodeDescriptor wrote; name is for errors.
func DecodeDescriptor(name string, value []byte) (Descriptor, error) {
	d, err := decodeDescriptor(name, value)
	if err == nil && d == nil {
		err = &CorruptionError{name, fmt.Errorf("a removal is no descriptor")}
	}
	return d, err
}

// DatabaseOf is the database that d lies in, itself if it is one; 0 for what every
// database shares.
func DatabaseOf(d Descriptor) OID {
	switch d := d.(type) {
	case *Database:
		return d.OID
	case *Schema:
		return d.Database
	case *Table:
		return d.Database
	case *Partition:
		return d.Database
	case *Index:
		return d.Database
	case *Sequence:
		return d.Database
	case *Alias:
		return d.Database
	}
	return 0
}

// Export lists, in OID order, what a copy of a database needs, of every one if
// database is 0; or of the tables of it that keep has (Select).
func (v *Version) Export(database OID, keep func(table OID) bool) []Descriptor {
	return Select(v.Descriptors(), database, keep)
}

// Select picks what a copy of a database needs, of every one if database is 0; or
// of the tables of it that keep has: with their schemas, partitions, indexes and
// owned sequences.
func Select(all []Descriptor, database OID, keep func(table OID) bool) (out []Descriptor) {
	schemas := map[OID]bool{}
	for _, d := range all {
		if t, ok := d.(*Table); ok && keep != nil && t.Database == database && keep(t.OID) {
			schemas[t.Schema] = true
		}
	}
	for _, d := range all {
		in := DatabaseOf(d)
		if in == 0 || database != 0 && in != database {
			continue
		}
		if keep != nil {
			switch d := d.(type) {
			case *Database:
			case *Schema:
				if !schemas[d.OID] {
					continue
				}
			default:
				if table := copiedWith(d); table == 0 || !keep(table) {
					continue
				}
			}
		}
		out = append(out, d)
	}
	return out
}

// copiedWith is the table that d goes with, itself if it is one; 0 for none. An
// alias goes with no table: its name is another's business.
func copiedWith(d Descriptor) OID {
	switch d := d.(type) {
	case *Table:
		return d.OID
	case *Partition:
		return d.Table
	case *Index:
		return d.Table
	case *Sequence:
		return d.OwnerTable
	}
	return 0
}

// Transplant puts a copy of descriptors into the catalog under ids of its own.
type Transplant struct {
	// Descriptors are what to put; they are changed. Each one that another names
	// is among them.
	Descriptors []Descriptor
	// Databases are those to put things into, by the OID of the database
	// that they were in. What is missing here is made.
	Databases map[OID]*Database
	// Names are new names, by OID, of databases and tables.
	Names map[OID]string
	// SequenceText is how a default names a sequence.
	SequenceText func(schema, name string) string
}

// Transplanted tells the new ids by the old ones.
type Transplanted struct {
	OIDs    map[OID]OID
	Storage map[StorageID]StorageID
	// Sequences are the new ones by their old OIDs.
	Sequences map[OID]*Sequence
}

// transplanting is one Transplant under way.
type transplanting struct {
	Transplant
	Transplanted
	t *Txn
	// schemas has the old names of schemas, sequenceText the old and new text.
	schemas      map[OID]string
	tables       map[OID]*Table
	tableNames   map[OID]string // the old ones
	sequenceText []string
	indexNames   map[OID]string // the new names of indexes that had to change
}

// Transplant does it. A database or table whose name is taken is an error of the
// SQLSTATE that CREATE has for it; other relations get a name that is free.
func (t *Txn) Transplant(ctx context.Context, tr Transplant) (*Transplanted, error) {
	x := &transplanting{
		Transplant: tr, t: t, schemas: map[OID]string{}, tables: map[OID]*Table{}, tableNames: map[OID]string{}, indexNames: map[OID]string{},
		Transplanted: Transplanted{OIDs: map[OID]OID{}, Storage: map[StorageID]StorageID{}, Sequences: map[OID]*Sequence{}},
	}
	if err := x.databasesAndSchemas(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, Descriptor) error{x.allot, x.table, x.sequence, x.index, x.partition, x.alias} {
		for _, d := range tr.Descriptors {
			if err := step(ctx, d); err != nil {
				return nil, err
			}
		}
	}
	return &x.Transplanted, x.finishTables()
}

func (x *transplanting) databasesAndSchemas(ctx context.Context) error {
	for _, d := range x.Descriptors {
		db, ok := d.(*Database)
		if !ok {
			continue
		}
		if into := x.Databases[db.OID]; into != nil {
			x.OIDs[db.OID] = into.OID
			continue
		}
		if name, ok := x.Names[db.OID]; ok {
			db.Name = name
		}
		if x.t.DatabaseByName(db.Name) != nil {
			return sqlerr.New(sqlerr.DuplicateDatabase, "database \"%s\" already exists", db.Name)
		}
		if err := x.put(ctx, db); err != nil {
			return err
		}
	}
	for _, d := range x.Descriptors {
		s, ok := d.(*Schema)
		if !ok {
			continue
		}
		x.schemas[s.OID] = s.Name
		database, err := x.oid(s.Database)
		if err != nil {
			return err
		}
		if there, ok := x.t.own.schemas.get(compareName, nameKey{database, s.Name}); ok {
			x.OIDs[s.OID] = there.OID
			continue
		}
		s.Database = database
		if err := x.put(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// put gives d a new OID and puts it.
func (x *transplanting) put(ctx context.Context, d Descriptor) error {
	oid, err := x.newOID(ctx, d.Head().OID)
	if err != nil {
		return err
	}
	d.Head().OID = oid
	return x.t.Put(d)
}

func (x *transplanting) newOID(ctx context.Context, old OID) (OID, error) {
	oid, err := x.t.NewOID(ctx)
	x.OIDs[old] = oid
	return oid, err
}

// oid is the new OID of what had old; 0 stays.
func (x *transplanting) oid(old OID) (OID, error) {
	if old == 0 {
		return 0, nil
	}
	if oid := x.OIDs[old]; oid != 0 {
		return oid, nil
	}
	return 0, fmt.Errorf("catalog: object %d is named but not there", old)
}

func (x *transplanting) storage(ctx context.Context, old *StorageID) (err error) {
	if *old == 0 {
		return nil
	}
	if fresh := x.Storage[*old]; fresh != 0 { // an index and the one that a detached partition kept
		*old = fresh
		return nil
	}
	fresh, err := x.t.NewStorageID(ctx)
	x.Storage[*old] = fresh
	*old = fresh
	return err
}

// allot gives relations their new OIDs and storage ids.
func (x *transplanting) allot(ctx context.Context, d Descriptor) error {
	var err error
	switch d := d.(type) {
	case *Database, *Schema:
		return nil
	case *Table:
		err = x.storage(ctx, &d.Storage)
	case *Partition:
		err = x.storage(ctx, &d.Storage)
	case *Index:
		err = x.storage(ctx, &d.Storage)
	case *Sequence, *Alias:
	default:
		return fmt.Errorf("catalog: %T cannot be copied", d)
	}
	if err != nil {
		return err
	}
	_, err = x.newOID(ctx, d.Head().OID)
	return err
}

// relocate moves a relation to its new OID, schema and database.
func (x *transplanting) relocate(o *Object, schema, database *OID) (err error) {
	if o.OID, err = x.oid(o.OID); err != nil {
		return err
	}
	if *schema, err = x.oid(*schema); err != nil {
		return err
	}
	*database, err = x.oid(*database)
	return err
}

// table renames and moves a table; it is put last (finishTables).
func (x *transplanting) table(ctx context.Context, d Descriptor) error {
	t, ok := d.(*Table)
	if !ok {
		return nil
	}
	old := t.OID
	x.tables[old], x.tableNames[old] = t, t.Name
	if name, ok := x.Names[old]; ok {
		t.Name = name
	}
	if err := x.relocate(&t.Object, &t.Schema, &t.Database); err != nil {
		return err
	}
	if x.t.own.relation(t.Schema, t.Name) != nil {
		return sqlerr.New(sqlerr.DuplicateTable, "relation \"%s\" already exists", t.Name)
	}
	for i := range t.Constraints {
		var err error
		if t.Constraints[i].OID, err = x.t.NewOID(ctx); err != nil {
			return err
		}
	}
	// Put now for its name, and again once all that it names is known.
	return x.t.Put(t)
}

func (x *transplanting) sequence(_ context.Context, d Descriptor) error {
	s, ok := d.(*Sequence)
	if !ok {
		return nil
	}
	old, schema, name := s.OID, x.schemas[s.Schema], s.Name
	owner := s.OwnerTable
	if err := x.relocate(&s.Object, &s.Schema, &s.Database); err != nil {
		return err
	}
	var err error
	if s.OwnerTable, err = x.oid(s.OwnerTable); err != nil {
		return err
	}
	s.Name = x.freeName(s.Schema, s.Name, owner)
	s.Generation, s.First = 0, 0
	x.Sequences[old] = s
	if x.SequenceText != nil {
		x.sequenceText = append(x.sequenceText, x.SequenceText(schema, name), x.SequenceText(x.t.SchemaNameOf(s.Schema), s.Name))
	}
	return x.t.Put(s)
}

func (x *transplanting) index(_ context.Context, d Descriptor) error {
	i, ok := d.(*Index)
	if !ok {
		return nil
	}
	table, name := i.Table, i.Name
	if err := x.relocate(&i.Object, &i.Schema, &i.Database); err != nil {
		return err
	}
	var err error
	if i.Table, err = x.oid(i.Table); err != nil {
		return err
	}
	if i.Name = x.freeName(i.Schema, i.Name, table); i.Name != name {
		x.indexNames[i.OID] = i.Name
	}
	return x.t.Put(i)
}

func (x *transplanting) partition(_ context.Context, d Descriptor) error {
	p, ok := d.(*Partition)
	if !ok {
		return nil
	}
	table := p.Table
	if err := x.relocate(&p.Object, &p.Schema, &p.Database); err != nil {
		return err
	}
	var err error
	if p.Table, err = x.oid(p.Table); err != nil {
		return err
	}
	if !p.Default {
		p.Name = x.freeName(p.Schema, p.Name, table)
	}
	return x.t.Put(p)
}

func (x *transplanting) alias(_ context.Context, d Descriptor) error {
	a, ok := d.(*Alias)
	if !ok {
		return nil
	}
	if err := x.relocate(&a.Object, &a.Schema, &a.Database); err != nil {
		return err
	}
	var err error
	if a.Table, err = x.oid(a.Table); err != nil {
		return err
	}
	if x.t.own.relation(a.Schema, a.Name) != nil {
		return sqlerr.New(sqlerr.DuplicateTable, "relation \"%s\" already exists", a.Name)
	}
	return x.t.Put(a)
}

// finishTables puts the tables with what they name.
func (x *transplanting) finishTables() (err error) {
	text := strings.NewReplacer(x.sequenceText...)
	for _, t := range x.tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			if c.Sequence, err = x.oid(c.Sequence); err != nil {
				return err
			}
			c.Default = text.Replace(c.Default)
		}
		if t.PrimaryKey, err = x.oid(t.PrimaryKey); err != nil {
			return err
		}
		for i := range t.Constraints {
			c := &t.Constraints[i]
			if c.Index, err = x.oid(c.Index); err != nil {
				return err
			}
			if name, ok := x.indexNames[c.Index]; ok {
				c.Name = name
			}
		}
		if err := x.t.Put(t); err != nil {
			return err
		}
	}
	return nil
}

// freeName is name if it is free, else one after the new name of its table.
func (x *transplanting) freeName(schema OID, name string, table OID) string {
	taken := func(name string) bool { return x.t.own.relation(schema, name) != nil }
	if !taken(name) {
		return name
	}
	base := name
	if t := x.tables[table]; t != nil && t.Name != x.tableNames[table] {
		base = t.Name + "_" + strings.TrimPrefix(name, x.tableNames[table]+"_")
	}
	for n := 0; ; n++ {
		label := ""
		if n > 0 {
			label = strconv.Itoa(n)
		}
		if name = clipTo(base, identifierBytesMax-len(label)) + label; !taken(name) {
			return name
		}
	}
}

// identifierBytesMax is NAMEDATALEN - 1.
const identifierBytesMax = 63

func clipTo(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// SchemaNameOf is the name of a schema of any database.
func (t *Txn) SchemaNameOf(oid OID) string {
	if s, ok := t.own.Descriptor(oid).(*Schema); ok {
		return s.Name
	}
	return ""
}

// Empty says whether a database has no relation of its own.
func (v *Version) Empty(database OID) bool {
	for _, d := range v.Descriptors() {
		if r := relation(d); r != nil && DatabaseOf(d) == database {
			return false
		}
	}
	return true
}
