//go:build !amd64

package vector

// machineGathers: there is no assembly for this architecture.
func machineGathers() []gatherKernels { return nil }

// prefetch is nothing here.
func prefetch(*uint32, int) {}
