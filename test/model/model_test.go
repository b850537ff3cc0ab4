package model

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func setting(t *testing.T, name string, or int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// only are the operations that QUIVER_MODEL_ONLY asks for, or else the first n.
func only(t *testing.T, n int) (list []int) {
	t.Helper()
	text := os.Getenv("QUIVER_MODEL_ONLY")
	if text == "" {
		for i := range n {
			list = append(list, i)
		}
		return list
	}
	for _, s := range strings.Split(text, ",") {
		i, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("QUIVER_MODEL_ONLY: %v", err)
		}
		list = append(list, i)
	}
	return list
}

// TestModel compares the server with the model over random operations.
func TestModel(t *testing.T) {
	first, seeds := setting(t, "QUIVER_MODEL_SEED", 1), setting(t, "QUIVER_MODEL_SEEDS", 3)
	ops := only(t, setting(t, "QUIVER_MODEL_OPS", 1200))
	total, told := newTally(), 0
	for seed := uint64(first); seed < uint64(first+seeds); seed++ {
		err := play(t.Context(), seed, ops, total)
		var f *failure
		if errors.As(err, &f) {
			t.Logf("seed %d: %v\nshrinking %d operations", seed, err, len(f.ops))
			f = shrink(t.Context(), seed, f, time.Duration(setting(t, "QUIVER_MODEL_SHRINK", 60))*time.Second)
			t.Fatalf("%s\n%v\nrepeat: QUIVER_MODEL_SEED=%d QUIVER_MODEL_SEEDS=1 QUIVER_MODEL_ONLY=%s go test ./test/model",
				strings.Join(f.log, "\n"), f, seed, strings.Trim(strings.ReplaceAll(fmt.Sprint(f.ops), " ", ","), "[]"))
		}
		if err != nil {
			t.Fatal(err)
		}
		if total.operations-told >= 10_000 {
			told = total.operations
			t.Logf("%d operations on %d seeds", told, seed-uint64(first)+1)
		}
	}
	t.Logf("%d operations on %d seeds, of %d drawn: %v", total.operations, seeds, total.drawn, total.counts)
	if os.Getenv("QUIVER_MODEL_ONLY") != "" || total.operations < 30_000 { // the rare ones come by then
		return
	}
	for _, o := range operations {
		if total.counts[o.name] == 0 && o.name != "power cut in a statement" {
			t.Errorf("%s was never done", o.name)
		}
	}
	if total.counts["survived a cut unacknowledged"] == 0 {
		t.Error("no statement was cut short")
	}
}
