package dataset

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quiver/vector"
)

func TestExactAgainstSortedDistances(t *testing.T) {
	s := NewClusters().Set(3000, 20)
	keep := make([]byte, (s.Len()+7)/8)
	for i := range keep {
		keep[i] = 0b01000010
	}
	for _, filter := range [][]byte{nil, keep} {
		truth := s.Exact(20, 10, func(int) []byte { return filter })
		for q := range s.NumQueries() {
			var all []vector.Neighbor
			for i := range s.Len() {
				if filter == nil || filter[i/8]>>(i%8)&1 != 0 {
					all = append(all, vector.Neighbor{Row: uint64(i), Distance: vector.Exact(s.Distance, s.Query(q), s.Row(i))})
				}
			}
			slices.SortFunc(all, func(a, b vector.Neighbor) int { return cmp.Compare(a.Distance, b.Distance) })
			if truth.Worst[q] != all[9].Distance || truth.Found[q] != 10 {
				t.Fatalf("query %d: k-th distance %v of %d rows, want %v", q, truth.Worst[q], truth.Found[q], all[9].Distance)
			}
			ids := make([]int32, 10)
			for i := range ids {
				ids[i] = int32(all[i].Row)
			}
			if r := truth.Recall(s, q, ids, nil); r != 1 {
				t.Fatalf("query %d: recall %v of the exact answer", q, r)
			}
			ids[3], ids[9] = ids[2], int32(all[len(all)-1].Row)
			if r := truth.Recall(s, q, ids, nil); r != 0.8 {
				t.Fatalf("query %d: recall %v with one row twice and one far one, want 0.8", q, r)
			}
		}
	}
}

func TestClustersDependOnTheirNumberAlone(t *testing.T) {
	c := NewClusters()
	all := make([]float32, 100*c.Dim)
	c.Fill(all, 0)
	part := make([]float32, 10*c.Dim)
	c.Fill(part, 50)
	if !slices.Equal(part, all[50*c.Dim:60*c.Dim]) {
		t.Error("rows 50 to 59 differ when they are made by themselves")
	}
	if slices.Equal(c.Queries(1), all[:c.Dim]) {
		t.Error("a query is a row")
	}
}

func TestReadWink(t *testing.T) {
	numbers := "0.5" + strings.Repeat(",-1", winkDim-1) + ",7.5,1"
	file := filepath.Join(t.TempDir(), "wink.json")
	text := `{"size":2,"words":["a","vectors"],"vectors":{"a":[` + numbers + `],"\"\\":[` + numbers + `]},"unkVector":[0]}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	words, vectors, err := readWink(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(words, []string{"a", `"\`}) || len(vectors) != 2*winkDim || vectors[winkDim] != 0.5 || vectors[winkDim+1] != -1 {
		t.Errorf("got words %q and %d numbers", words, len(vectors))
	}
	if err := os.WriteFile(file, []byte(text[:len(text)-40]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readWink(file); err == nil {
		t.Error("a file that ends early is read")
	}
}

func TestFilesAreWholeOrAbsent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "x.set")
	s := NewClusters().Set(100, 3)
	if err := s.save(file); err != nil {
		t.Fatal(err)
	}
	got, err := load(file)
	if err != nil || !slices.Equal(got.Rows, s.Rows) || got.NumQueries() != 3 {
		t.Fatalf("read back %v: %v", got, err)
	}
	if err := save(file, make(chan int)); err == nil {
		t.Fatal("a channel was written")
	}
	if _, err := load(file); err != nil {
		t.Errorf("the old file is gone: %v", err)
	}
}
