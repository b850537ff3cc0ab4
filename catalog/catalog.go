package catalog

// Catalog is the process's hold on the cluster's catalog: the current Version,
// id allocation, ownership (the owner epoch) and the store behind it.
type Catalog struct{}
