package catalog

import (
	"context"

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
	// RegisterVirtual. The caller releases the record.
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

var virtuals []*Virtual

// RegisterVirtual adds a virtual relation to every database. Call it from an
// init function or before the server starts; it is not safe afterwards.
func RegisterVirtual(v *Virtual) { virtuals = append(virtuals, v) }
