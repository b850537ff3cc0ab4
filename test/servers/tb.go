package servers

// TB is what servers need of a test: *testing.T and *testing.B have it, and so
// has the benchmark program, which is no test.
type TB interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}
