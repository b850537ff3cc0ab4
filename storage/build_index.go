package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"quiver/catalog"
	"quiver/sql/types"
	"quiver/vector"
)

// ErrNoIndexes: vector indexes cannot be built (0A000).
var ErrNoIndexes = errors.New("storage: vector indexes are not supported")

// IndexBuild is what CREATE INDEX and REINDEX ask for.
type IndexBuild struct {
	Table *catalog.Table
	Index *catalog.Index
	// Workers build at a time; MemoryBytes is what each may use
	// (maintenance_work_mem).
	Workers     int
	MemoryBytes int64
	// Spills, if set, is called once if the memory does not suffice and a scratch
	// file takes the rest.
	Spills func()
	// PID and Command are shown by pg_stat_progress_create_index.
	PID     int32
	Command string
}

// IndexKeys computes what an index holds of rows, for indexes of expressions
// and partial ones: the executor fills it. It may be used by many goroutines
// at once.
type IndexKeys interface {
	// Fields are the columns that Eval reads.
	Fields() []catalog.FieldID
	// Eval computes the key of every row that keep has, as an array of the
	// index column's type with a value a row (null for rows not kept), which
	// the caller releases. For a partial index it first clears the bits of
	// rows that the predicate does not hold for. columns are those of Fields,
	// in order.
	Eval(ctx context.Context, columns []arrow.Array, rows int, keep Bitmap) (arrow.Array, error)
}

// IndexKeysOf makes the IndexKeys of an index, nil for one that holds a plain
// column of every row.
type IndexKeysOf func(table *catalog.Table, index *catalog.Index) (IndexKeys, error)

// IndexType is the type of what an index holds: of its column or expression.
func IndexType(table *catalog.Table, index *catalog.Index) types.T {
	key := index.Columns[0]
	if key.Number == 0 {
		return key.Type
	}
	for i := range table.Columns {
		if c := &table.Columns[i]; c.Number == key.Number {
			return c.Type
		}
	}
	return types.T{}
}

var elementsByType = map[string]vector.Element{
	"vector": vector.Float32, "halfvec": vector.Float16, "bit": vector.Bit, "sparsevec": vector.Sparse,
}

var distancesByOperator = map[string]vector.Distance{
	"<->": vector.L2, "<#>": vector.InnerProduct, "<=>": vector.Cosine, "<+>": vector.L1,
	"<~>": vector.Hamming, "<%>": vector.Jaccard,
}

// IndexSpace is the space that a vector index searches: its operator class and
// the dimensions of its column.
func IndexSpace(table *catalog.Table, index *catalog.Index) (vector.Space, error) {
	class := index.VectorOpclass()
	if class == nil {
		return vector.Space{}, fmt.Errorf("storage: index %q is no vector index", index.Name)
	}
	distance, ok := distancesByOperator[class.Operator]
	if !ok {
		return vector.Space{}, fmt.Errorf("storage: no distance for operator %s", class.Operator)
	}
	return vector.Space{Element: elementsByType[class.Type], Distance: distance, Dim: int(IndexType(table, index).Mod)}, nil
}

// IndexOptions reads the parameters that an index was created WITH; they were
// checked then.
func IndexOptions(index *catalog.Index) vector.Options {
	return vector.Options{
		M: index.Integer("m"), EfConstruction: index.Integer("ef_construction"), Lists: index.Integer("lists"),
		Quantization: strings.ToLower(index.Options["quantization"]), Bits: index.Integer("bits"),
	}
}
