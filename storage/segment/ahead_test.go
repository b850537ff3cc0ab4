package segment

import (
	"reflect"
	"testing"
)

// TestStretches: what lies between events is read with them where it is not more than
// they are.
func TestStretches(t *testing.T) {
	for _, c := range []struct {
		name   string
		events [][2]int64 // offset and length
		want   []stretch
	}{
		{"beside each other", [][2]int64{{64, 100}, {164, 50}}, []stretch{{64, 214, 150}}},
		{"half of the file", [][2]int64{{0, 100}, {200, 100}, {400, 100}}, []stretch{{0, 500, 300}}},
		{"less than half", [][2]int64{{0, 100}, {310, 100}, {400, 100}}, []stretch{{0, 100, 100}, {310, 500, 200}}},
		{"most of the file", [][2]int64{{0, 100}, {150, 100}, {300, 100}}, []stretch{{0, 400, 300}}},
		{"a part of the file", [][2]int64{{0, 100}, {1000, 100}, {2000, 100}}, []stretch{{0, 100, 100}, {1000, 1100, 100}, {2000, 2100, 100}}},
	} {
		var got []stretch
		for _, e := range c.events {
			got = appendStretch(got, e[0], e[1])
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
}
