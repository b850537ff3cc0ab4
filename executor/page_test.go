package executor

import (
	"math"
	"testing"
)

// TestRecallOfPages: as many rows are missed before and on a page as would be on a page
// alone.
func TestRecallOfPages(t *testing.T) {
	for _, c := range []struct {
		target        float64
		count, offset int64
		want          float64
	}{
		{0.95, 10, 0, 0.95}, {0.95, 10, 10, 0.975}, {0.95, 10, 300, 1 - 0.5/310}, {0.90, math.MaxInt64, 300, 0.90},
		{0.95, 10, 1e6, pageRecallMost}, {0.9995, 10, 1e6, 0.9995}, {1, 10, 300, 1}, {0, 10, 300, 0}, {0.95, 0, 300, 0.95},
	} {
		o := &vectorSearcher{x: &execution{env: &Env{Search: SearchSettings{TargetRecall: c.target}}}, page: pageShare(c.count, c.offset)}
		if got := o.recall(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("LIMIT %d OFFSET %d at %v: %v, want %v", c.count, c.offset, c.target, got, c.want)
		}
	}
}
