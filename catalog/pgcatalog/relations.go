package pgcatalog

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"quiver/catalog"
	"quiver/sql/types"
)

//go:embed facts/*.txt
var factFiles embed.FS

// eachFact calls f with every line of a fact file.
func eachFact(name string, f func(line string)) {
	text, err := factFiles.ReadFile("facts/" + name)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		f(strings.TrimSuffix(line, "\n"))
	}
}

var schemaOIDs = map[string]catalog.OID{
	"pg_catalog": catalog.PgCatalogSchemaOID, "information_schema": catalog.InformationSchemaOID, "quiver": catalog.QuiverSchemaOID,
}

// relations are the virtual relations: PostgreSQL's, and those of the schema
// quiver, which show the storage engine and are empty without a server.
var relations = slices.Concat(loadRelations("relations.txt"), loadRelations("quiver.txt"))

func init() {
	for _, r := range relations {
		catalog.RegisterVirtual(r.Virtual)
	}
}

// relationFact is one relation of a fact file with its source.
type relationFact struct {
	*catalog.Virtual
	source source
	cache  recordCache
}

func loadRelations(file string) (all []*relationFact) {
	eachFact(file, func(line string) {
		if column, ok := strings.CutPrefix(line, "\t"); ok {
			r := all[len(all)-1]
			r.Columns = append(r.Columns, columnFact(column))
			return
		}
		f := strings.Fields(line)
		r := &relationFact{Virtual: &catalog.Virtual{
			Object: catalog.Object{OID: catalog.OID(number(f[2])), Name: f[1], Version: 1, State: catalog.StatePublic},
			Schema: schemaOIDs[f[0]], View: f[3] == "v",
		}}
		r.source = sources[f[0]+"."+f[1]]
		r.Live = r.source.live
		r.Rows = r.rows
		all = append(all, r)
	})
	return all
}

func number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		panic(err)
	}
	return n
}

// columnFact reads "name type mod [notnull]". A type that Quiver lacks shows
// as text: such columns are null or spelled out.
func columnFact(line string) catalog.VirtualColumn {
	f := strings.Fields(line)
	t := types.Of(types.TextOID)
	if typ := types.ByName(f[1]); typ != nil && typ.Kind != 'p' {
		mod, err := strconv.Atoi(f[2])
		if err != nil {
			panic(err)
		}
		t = types.T{OID: typ.OID, Mod: int32(mod)}
	}
	return catalog.VirtualColumn{Name: f[0], Type: t, NotNull: len(f) > 3}
}

// rows computes the relation, or answers from the cache.
func (r *relationFact) rows(ctx context.Context, mem memory.Allocator, v catalog.View, s types.Session) (arrow.Record, error) {
	if r.source.fill == nil || r.Live {
		return r.compute(ctx, mem, v, s)
	}
	return r.cache.get(cacheKey{v.Stamp(), databaseOID(v), roleName(s)}, func() (arrow.Record, error) {
		return r.compute(ctx, memory.DefaultAllocator, v, s)
	})
}

func (r *relationFact) compute(ctx context.Context, mem memory.Allocator, v catalog.View, s types.Session) (arrow.Record, error) {
	b := newRows(ctx, mem, v, s, r.Virtual)
	defer b.release()
	if r.source.fill != nil {
		if err := r.source.fill(b); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return b.record(), nil
}

func databaseOID(v catalog.View) catalog.OID {
	if d := v.Database(); d != nil {
		return d.OID
	}
	return 0
}

// cacheKey is all that a relation that is not live depends on.
type cacheKey struct {
	stamp    uint64
	database catalog.OID
	role     string
}

// recordCache keeps the newest record of a relation. It holds Go memory, so
// that nobody need release it.
type recordCache struct {
	mu     sync.Mutex // guards what follows
	key    cacheKey
	record arrow.Record
}

func (c *recordCache) get(key cacheKey, compute func() (arrow.Record, error)) (arrow.Record, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.record == nil || c.key != key {
		record, err := compute()
		if err != nil {
			return nil, err
		}
		if c.record != nil {
			c.record.Release()
		}
		c.key, c.record = key, record
	}
	c.record.Retain()
	return c.record, nil
}
