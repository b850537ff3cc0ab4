package pgcatalog

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"quiver/catalog"
	"quiver/sql/funcs"
	"quiver/sql/types"
)

func init() {
	define(objDescription, "obj_description(oid)", "obj_description(oid,name)")
	define(colDescription, "col_description(oid,int4)")
	define(shobjDescription, "shobj_description(oid,name)")
}

// factComments are those of facts/comments.txt, by catalog and OID.
var factComments = sync.OnceValue(loadComments)

func loadComments() map[string]map[types.OID]string {
	all := map[string]map[types.OID]string{}
	eachFact("comments.txt", func(line string) {
		f := strings.SplitN(line, " ", 3)
		if all[f[0]] == nil {
			all[f[0]] = map[types.OID]string{}
		}
		all[f[0]][types.OID(number(f[1]))] = f[2]
	})
	return all
}

// commented is a catalog whose objects may have comments.
type commented struct {
	name string
	oid  catalog.OID
	// comment is that of one object; empty when there is none.
	comment func(v catalog.View, oid types.OID) string
	// each calls f with the objects of the catalog.
	each func(b *rows, f func(oid types.OID))
}

// commentedCatalogs are in the order in which obj_description of an OID alone
// looks: user objects first.
var commentedCatalogs = []commented{
	{"pg_class", classCatalog, relationComment, func(b *rows, f func(types.OID)) {
		b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) { f(r.Head().OID) })
	}},
	{"pg_namespace", namespaceCatalog, schemaComment, func(b *rows, f func(types.OID)) {
		for _, s := range b.view.Schemas() {
			f(s.OID)
		}
	}},
	{"pg_extension", extensionCatalog, extensionComment, func(_ *rows, f func(types.OID)) { f(vectorExtensionOID) }},
	{"pg_proc", procCatalog, functionComment, func(_ *rows, f func(types.OID)) {
		for _, fn := range allFunctions() {
			f(fn.OID)
		}
	}},
	{"pg_operator", operatorCatalog, operatorComment, func(_ *rows, f func(types.OID)) {
		for _, o := range funcs.Operators() {
			f(o.OID)
		}
	}},
	{"pg_type", typeCatalog, typeComment, func(_ *rows, f func(types.OID)) {
		for _, t := range types.All() {
			f(t.OID)
		}
	}},
	{"pg_am", methodCatalog, methodComment, func(_ *rows, f func(types.OID)) {
		eachFactComment("pg_am", f)
		for _, m := range vectorMethods {
			f(m.oid)
		}
	}},
	factCommented("pg_language", languageCatalog),
	factCommented("pg_collation", collationCatalog),
}

// factCommented is a catalog of stored rows, whose comments are facts too.
func factCommented(name string, oid catalog.OID) commented {
	return commented{
		name, oid, func(_ catalog.View, oid types.OID) string { return factComments()[name][oid] },
		func(_ *rows, f func(types.OID)) { eachFactComment(name, f) },
	}
}

func eachFactComment(name string, f func(types.OID)) {
	for _, oid := range slices.Sorted(maps.Keys(factComments()[name])) {
		f(oid)
	}
}

func relationComment(v catalog.View, oid types.OID) string {
	if r := v.RelationByOID(oid); r != nil {
		return r.Head().Comment
	}
	return ""
}

func schemaComment(v catalog.View, oid types.OID) string {
	if s := v.SchemaByOID(oid); s != nil {
		return s.Comment
	}
	return ""
}

func extensionComment(_ catalog.View, oid types.OID) string {
	if oid == vectorExtensionOID {
		return vectorExtensionComment
	}
	return ""
}

func functionComment(_ catalog.View, oid types.OID) string {
	if f := functionByOID(oid); f != nil {
		return f.Comment()
	}
	return ""
}

func operatorComment(_ catalog.View, oid types.OID) string {
	if o := funcs.OperatorByOID(oid); o != nil {
		return o.Comment
	}
	return ""
}

// extensionTypeComments are pgvector's, by name.
var extensionTypeComments = map[string]string{
	"vector": "single-precision vector", "halfvec": "half-precision vector", "sparsevec": "single-precision sparse vector",
}

func typeComment(_ catalog.View, oid types.OID) string {
	if t := types.ByOID(oid); t != nil && extensionTypeComments[t.Name] != "" {
		return extensionTypeComments[t.Name]
	}
	return factComments()["pg_type"][oid]
}

func methodComment(_ catalog.View, oid types.OID) string {
	for _, m := range vectorMethods {
		if m.oid == oid {
			return m.name + " index access method"
		}
	}
	return factComments()["pg_am"][oid]
}

func pgDescription(b *rows) error {
	for _, c := range commentedCatalogs {
		c.each(b, func(oid types.OID) {
			if text := c.comment(b.view, oid); text != "" {
				b.add(oid, c.oid, 0, text)
			}
		})
	}
	b.eachRelation(func(_ *catalog.Schema, r catalog.Relation) {
		if t, ok := r.(*catalog.Table); ok {
			for _, a := range attributes(b.view, t) {
				if a.comment != "" {
					b.add(t.OID, classCatalog, a.number, a.comment)
				}
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

// objDescription is the comment on an object; the catalog it is in narrows it.
func objDescription(c call) (any, error) {
	for _, k := range commentedCatalogs {
		if len(c.args) == 2 && c.text(1) != k.name {
			continue
		}
		if text := k.comment(c.view, c.oid(0)); text != "" {
			return text, nil
		}
	}
	return nil, nil
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func colDescription(c call) (any, error) {
	t, _ := c.view.RelationByOID(c.oid(0)).(*catalog.Table)
	if col := columnOf(t, int16(c.int(1))); col != nil {
		return textOrNull(col.Comment), nil
	}
	return nil, nil
}

func shobjDescription(c call) (any, error) {
	if c.text(1) != "pg_database" {
		return nil, nil
	}
	for _, d := range c.view.Databases() {
		if d.OID == c.oid(0) {
			return textOrNull(d.Comment), nil
		}
	}
	return nil, nil
}
