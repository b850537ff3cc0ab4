package catalog

// Alias is another name of a table, which may be given to another table at any
// time (Milvus' alias of a collection). It shares the names of relations, and
// clients see it as a view of its table.
type Alias struct {
	Object
	Schema   OID `json:"schema"`
	Database OID `json:"database"`
	// Table is what the alias stands for.
	Table OID `json:"table"`
}

// Kind returns v: to clients an alias is a view.
func (*Alias) Kind() byte { return 'v' }

// SchemaOID returns the schema the alias lies in.
func (a *Alias) SchemaOID() OID { return a.Schema }

// Follow returns what a name stands for: the table of an alias, any other
// relation itself, nil for nil.
func Follow(v View, r Relation) Relation {
	a, ok := r.(*Alias)
	if !ok {
		return r
	}
	if t := v.Table(a.Table); t != nil {
		return t
	}
	return nil
}

// CreateAlias puts a new alias of a table into a schema.
func (t *Txn) CreateAlias(oid OID, schema *Schema, name string, table *Table) error {
	return t.Put(&Alias{Object: Object{OID: oid, Name: name}, Schema: schema.OID, Database: table.Database, Table: table.OID})
}
