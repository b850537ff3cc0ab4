package pgcatalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
)

// Provide makes fill the source of a relation over live state, such as
// pg_stat_activity or quiver.segments, in one catalog. fill calls add once a row with a value for
// every column of the relation, in order: bool, Go integers, types.OID,
// float64, string, byte for "char", []string, []int16, []types.OID, int64
// microseconds since 1970 for timestamps, nil for null. A relation that no
// fact file has is an error.
func Provide(c *catalog.Catalog, name string, fill func(ctx context.Context, v catalog.View, s types.Session, add func(values ...any)) error) error {
	schema := catalog.PgCatalogSchemaOID
	name, ours := strings.CutPrefix(name, "quiver.")
	if ours {
		schema = catalog.QuiverSchemaOID
	}
	for _, r := range relations {
		if r.Name != name || r.Schema != schema {
			continue
		}
		live := *r.Virtual
		live.Live = true
		live.Rows = func(ctx context.Context, mem memory.Allocator, v catalog.View, s types.Session) (arrow.Record, error) {
			b := newRows(ctx, mem, v, s, &live)
			defer b.release()
			if err := fill(ctx, v, s, b.add); err != nil {
				return nil, err
			}
			return b.record(), nil
		}
		c.RegisterVirtual(&live)
		return nil
	}
	return fmt.Errorf("pgcatalog: no relation %s", name)
}
