package catalog

import (
	"cmp"
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/sql/types"
)

// Virtual is a relation computed on demand: pg_catalog, information_schema,
// quiver. It is scanned by the ordinary executor.
type Virtual struct {
	Object
	Schema  OID
	Columns []VirtualColumn
	// Rows computes the relation for a view. Owners of live state (storage:
	// quiver.segments; server: pg_stat_activity) register theirs with
	// Catalog.RegisterVirtual. The caller releases the record.
	Rows func(ctx context.Context, mem memory.Allocator, v View, s types.Session) (arrow.Record, error)
	// Live relations are never cached; the others are cached by View.Stamp.
	Live bool
	// View marks those that pg_class shows as views (relkind v).
	View bool
}

// VirtualColumn is a column of a Virtual.
type VirtualColumn struct {
	Name    string
	Type    types.T
	NotNull bool
}

// Kind returns v for views and r for catalog tables.
func (v *Virtual) Kind() byte {
	if v.View {
		return 'v'
	}
	return 'r'
}

// SchemaOID returns the schema the relation lies in.
func (v *Virtual) SchemaOID() OID { return v.Schema }

// virtuals are those that packages register for every catalog.
var virtuals []*Virtual

// RegisterVirtual adds a virtual relation to every database of every catalog
// opened later. Call it from an init function.
func RegisterVirtual(v *Virtual) { virtuals = append(virtuals, v) }

// virtualSet is an immutable set of virtual relations.
type virtualSet struct {
	oids  map[OID]*Virtual
	names map[nameKey]*Virtual
}

func newVirtualSet(all []*Virtual) *virtualSet {
	s := &virtualSet{oids: map[OID]*Virtual{}, names: map[nameKey]*Virtual{}}
	for _, v := range all {
		s.add(v)
	}
	return s
}

func (s *virtualSet) add(v *Virtual) {
	if old := s.names[nameKey{v.Schema, v.Name}]; old != nil {
		delete(s.oids, old.OID)
	}
	s.oids[v.OID], s.names[nameKey{v.Schema, v.Name}] = v, v
}

// with returns the set with v in it, in place of one of the same name.
func (s *virtualSet) with(v *Virtual) *virtualSet {
	fresh := newVirtualSet(nil)
	for _, old := range s.oids {
		fresh.add(old)
	}
	fresh.add(v)
	return fresh
}

func (s *virtualSet) byOID(oid OID) Relation {
	if v := s.oids[oid]; v != nil {
		return v
	}
	return nil
}

func (s *virtualSet) byName(schema OID, name string) Relation {
	if v := s.names[nameKey{schema, name}]; v != nil {
		return v
	}
	return nil
}

func (s *virtualSet) inSchema(schema OID) []Relation {
	var out []Relation
	for _, v := range s.oids {
		if v.Schema == schema {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Relation) int { return cmp.Compare(a.Head().OID, b.Head().OID) })
	return out
}
