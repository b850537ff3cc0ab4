package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
)

var benchLine = regexp.MustCompile(`^Benchmark(SelectOne|PointRead|InsertOne|VectorSearch)\S*\s+\d+\s+([\d.]+) ns/op.*?([\d.]+) B/op\s+([\d.]+) allocs/op`)

// allocations reads the heap allocations per execution from the Go benchmarks
// of server/session: prepared statements, executed in process.
func (b *bench) allocations() error {
	out, err := exec.Command("go", "test", "-run", "^$", "-bench", "^Benchmark(SelectOne|PointRead|InsertOne|VectorSearch)$", "-benchmem", "./server/session").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -bench: %v\n%s", err, out)
	}
	var table strings.Builder
	table.WriteString("Heap use of one execution, prepared, in the server:\n\n| Statement | time | bytes | allocations |\n|---|---|---|---|\n")
	names := map[string]string{"SelectOne": "SELECT 1", "PointRead": "a point read by primary key", "InsertOne": "a one-row INSERT",
		"VectorSearch": "the nearest 10 of 2,000 vectors by hnsw, their search included"}
	found := 0
	for _, l := range strings.Split(string(out), "\n") {
		if m := benchLine.FindStringSubmatch(l); m != nil {
			fmt.Fprintf(&table, "| %s | %s ns | %s | %s |\n", names[m[1]], m[2], m[3], m[4])
			found++
		}
	}
	if found != len(names) {
		return fmt.Errorf("%d of %d benchmarks ran:\n%s", found, len(names), out)
	}
	b.notes = append(b.notes, note{b.section, strings.TrimRight(table.String(), "\n")})
	return nil
}
