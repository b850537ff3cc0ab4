package pgcatalog

import (
	"strings"

	"quiver/sql/types"
)

// typeColumns are the columns of stored rows that name types, by relation: a
// row about a type that Quiver lacks is left out.
var typeColumns = map[string][]int{
	"pg_opclass": {6}, "pg_amop": {2, 3}, "pg_amproc": {2, 3},
}

// stored fills a relation from facts/rows_{name}.txt.
func stored(b *rows) (err error) {
	eachFact("rows_"+b.relation.Name+".txt", func(line string) {
		fields := strings.Split(line, "\t")
		for _, i := range typeColumns[b.relation.Name] {
			if types.ByOID(types.OID(number(fields[i]))) == nil {
				return
			}
		}
		if err == nil {
			err = b.text(fields)
		}
	})
	return err
}

// collations are the names of pg_collation's rows.
var collations = loadCollations()

type collation struct {
	oid  types.OID
	name string
}

func loadCollations() (all []collation) {
	eachFact("rows_pg_collation.txt", func(line string) {
		f := strings.Split(line, "\t")
		all = append(all, collation{types.OID(number(f[0])), f[1]})
	})
	return all
}

func collationName(oid types.OID) string {
	for _, c := range collations {
		if c.oid == oid {
			return c.name
		}
	}
	return ""
}

func collationByName(name string) types.OID {
	for _, c := range collations {
		if strings.EqualFold(c.name, name) {
			return c.oid
		}
	}
	return 0
}

// The collations of text and of name.
const (
	defaultCollation types.OID = 100
	nameCollation    types.OID = 950
)

// collationOf is pg_type.typcollation.
func collationOf(oid types.OID) types.OID {
	switch oid {
	case types.NameOID:
		return nameCollation
	case types.TextOID, types.VarcharOID, types.BPCharOID, types.PgNodeTreeOID:
		return defaultCollation
	}
	if t := types.ByOID(oid); t != nil && t.Elem != 0 && t.Category == types.CategoryArray {
		return collationOf(t.Elem)
	}
	return 0
}

// opclasses are the default btree operator classes by input type.
var opclasses = loadOpclasses()

func loadOpclasses() map[types.OID]types.OID {
	all := map[types.OID]types.OID{}
	eachFact("rows_pg_opclass.txt", func(line string) {
		f := strings.Split(line, "\t")
		if f[7] == "t" {
			all[types.OID(number(f[6]))] = types.OID(number(f[0]))
		}
	})
	return all
}

// opclassOf is the default btree operator class of a type; 0 for none.
func opclassOf(oid types.OID) types.OID {
	if oid == types.VarcharOID {
		oid = types.TextOID
	}
	if class := opclasses[oid]; class != 0 {
		return class
	}
	if t := types.ByOID(oid); t != nil && t.Elem != 0 && t.Category == types.CategoryArray {
		return opclasses[types.AnyArrayOID]
	}
	return 0
}
