package roofline

import (
	"testing"
	"time"
)

func TestShare(t *testing.T) {
	for _, c := range []struct {
		bytes, operations int
		want              float64
	}{{100, 0, 0.5}, {0, 100, 0.25}, {100, 400, 1}} {
		if got := Share(time.Second, c.bytes, c.operations, 200, 400); got != c.want {
			t.Errorf("%d bytes, %d operations: %v, not %v", c.bytes, c.operations, got, c.want)
		}
	}
}

func TestMeasures(t *testing.T) {
	if b := Bandwidth(make([]byte, 1<<20)); !(b > 0) {
		t.Errorf("%v bytes a second", b)
	}
	if a := Arithmetic(); !(a > 0) {
		t.Errorf("%v operations a second", a)
	}
	// The loops in Go stand in for the others.
	readWords(make([]byte, 1<<10))
	multiplyAddSlow(10)
	if sink != 0 {
		t.Error("zeros do not add up to zero")
	}
}
