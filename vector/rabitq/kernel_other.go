//go:build !amd64

package rabitq

// machineImplementations: there is no assembly for this architecture.
func machineImplementations() []implementation { return nil }
