//go:build !amd64

package vector

// machineKernels: there is no assembly for this architecture.
func machineKernels() []Kernels { return nil }
