package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// elements counts the elements of a well-formed document by name.
func elements(t *testing.T, svg []byte) map[string]int {
	t.Helper()
	n := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			n[e.Name.Local]++
		}
	}
}

func TestSVGShowsEveryPoint(t *testing.T) {
	p := Plot{Title: "a < b & c", X: "recall", Y: "QPS", LogY: true, Marks: []float64{0.95, 2}, Curves: []Curve{
		{"one", []Point{{0.9, 100}, {0.95, 50}, {0.99, 10}}},
		{"two", []Point{{0.9, 4000}}},
	}}
	svg := p.SVG()
	n := elements(t, svg)
	if n["circle"] != 4 || n["polyline"] != 2 {
		t.Errorf("%d points and %d lines, want 4 and 2", n["circle"], n["polyline"])
	}
	if strings.Count(string(svg), "stroke-dasharray") != 1 {
		t.Error("a mark outside the axis is drawn, or one inside is not")
	}
	if !strings.Contains(string(svg), "a &lt; b &amp; c") || strings.Contains(string(svg), "NaN") {
		t.Errorf("title or numbers are wrong:\n%s", svg)
	}
}

func TestSVGOfNothing(t *testing.T) {
	for _, p := range []Plot{{}, {LogY: true}, {Curves: []Curve{{Name: "one point", Points: []Point{{3, 3}}}}}} {
		svg := p.SVG()
		elements(t, svg)
		if strings.Contains(string(svg), "NaN") || strings.Contains(string(svg), "Inf") {
			t.Errorf("not a number in\n%s", svg)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		a    axis
		want int
	}{{axis{min: 0, max: 1}, 6}, {axis{min: 10, max: 1000, log: true}, 7}, {axis{min: 0.82, max: 1}, 9}} {
		if got := c.a.ticks(); len(got) < 3 || len(got) > 10 || c.a.log && len(got) != c.want {
			t.Errorf("%+v: ticks %v", c.a, got)
		}
	}
}
