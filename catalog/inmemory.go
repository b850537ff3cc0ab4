package catalog

import (
	"context"

	"github.com/google/uuid"
)

// OpenInMemory opens a new cluster over an in-memory store of its own: for
// tests of storage, planner and executor. Close it.
func OpenInMemory(ctx context.Context) (*Catalog, error) {
	return Open(ctx, Options{KV: NewMemStore().Open(Faults{}), ClusterID: uuid.NewString(), Create: true})
}
