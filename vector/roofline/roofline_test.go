package roofline

import "testing"

func TestMeasures(t *testing.T) {
	memory := make([]byte, 1<<16)
	for m := range 2 * mixes {
		m, wide := m/2, m%2 == 1
		r := Measure(memory, m, wide, func() { readWords(memory[:256]) })
		if !(r.Rate > 0 && r.Bandwidth > 0 && r.Arithmetic > 0) || r.Share != r.Rate/min(r.Bandwidth, r.Arithmetic) {
			t.Errorf("mix %d: %+v", m, r)
		}
	}
	r := MeasureRows(memory, []uint32{3, 1023, 0}, 2, 64, Squares, false, func() { readRowsWords(memory, []uint32{3, 1023, 0}, 3, 64) })
	if !(r.Rate > 0 && r.Bandwidth > 0) {
		t.Errorf("rows: %+v", r)
	}
	if s := Speedup(func() { readWords(memory) }, func() { readWords(memory) }); !(s > 0) {
		t.Errorf("%v times as fast as itself", s)
	}
	// The loop in Go stands in for the others.
	if readWords(memory); sink != 0 {
		t.Error("zeros do not add up to zero")
	}
}
