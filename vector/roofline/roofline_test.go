package roofline

import "testing"

func TestMeasures(t *testing.T) {
	memory := make([]byte, 1<<16)
	for m := range mixes {
		r := Measure(memory, m, func() { readWords(memory) })
		if !(r.Rate > 0 && r.Bandwidth > 0 && r.Arithmetic > 0) || r.Share != r.Rate/min(r.Bandwidth, r.Arithmetic) {
			t.Errorf("mix %d: %+v", m, r)
		}
	}
	// The loop in Go stands in for the others.
	if readWords(memory); sink != 0 {
		t.Error("zeros do not add up to zero")
	}
}
