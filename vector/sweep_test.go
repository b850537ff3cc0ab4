package vector

// A sweep is a walk through many combinations, of which each shows something of
// recall. Under the race detector, which looks for what goroutines share and
// makes all of it ten times slower, one in five is run: make test runs this package
// without it too.
type sweep int

// passes says whether the next combination is left out.
func (s *sweep) passes() bool {
	*s++
	return underRace && *s%5 != 1
}
