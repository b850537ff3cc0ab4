package cores

import (
	"runtime"
	"testing"
)

func TestSpread(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	if Count() != before {
		t.Fatalf("%d processors, Go started with %d", Count(), before)
	}
	t.Setenv("GOMAXPROCS", "1")
	Spread()
	if now := runtime.GOMAXPROCS(0); now != before {
		t.Errorf("GOMAXPROCS is set and became %d", now)
	}
	t.Setenv("GOMAXPROCS", "")
	Spread()
	if now := runtime.GOMAXPROCS(0); now != perCore*before || Count() != before {
		t.Errorf("%d goroutines at once on %d processors", now, Count())
	}
}
