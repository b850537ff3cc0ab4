package plot

import (
	"fmt"
	"math"
	"strings"
)

// Plot is a picture of curves.
type Plot struct {
	Title, X, Y string
	Curves      []Curve
	// LogY has a logarithmic vertical axis.
	LogY bool
	// Marks are vertical lines, at values of x.
	Marks []float64
}

// Curve is a line through points, in the order given.
type Curve struct {
	Name   string
	Points []Point
}

// Point is one value.
type Point struct{ X, Y float64 }

// Measures of the picture, in pixels.
const (
	width, height            = 760, 460
	left, right, top, bottom = 80, 24, 48, 56
)

// colours are told apart by those who see few colours, too (Okabe and Ito).
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}

// SVG is the picture; without points it has only its frame.
func (p *Plot) SVG() []byte {
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", width, height, width, height)
	fmt.Fprintf(&s, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text(&s, width/2, 26, "middle", ` font-size="16"`, p.Title)
	x, y := p.axes()
	for _, v := range x.ticks() {
		at := x.at(v)
		fmt.Fprintf(&s, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`+"\n", at, top, at, height-bottom)
		text(&s, at, height-bottom+18, "middle", "", label(v))
	}
	for _, v := range y.ticks() {
		at := y.at(v)
		fmt.Fprintf(&s, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, at, width-right, at)
		text(&s, left-8, at+4, "end", "", label(v))
	}
	for _, m := range p.Marks {
		if m >= x.min && m <= x.max {
			fmt.Fprintf(&s, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#888" stroke-dasharray="4 4"/>`+"\n", x.at(m), top, x.at(m), height-bottom)
		}
	}
	fmt.Fprintf(&s, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="black"/>`+"\n", left, top, width-left-right, height-top-bottom)
	text(&s, (left+width-right)/2, height-14, "middle", "", p.X)
	text(&s, 0, 0, "middle", fmt.Sprintf(` transform="translate(18 %d) rotate(-90)"`, (top+height-bottom)/2), p.Y)
	for i, c := range p.Curves {
		p.curve(&s, i, c, x, y)
	}
	s.WriteString("</svg>\n")
	return []byte(s.String())
}

func (p *Plot) curve(s *strings.Builder, i int, c Curve, x, y axis) {
	colour := colours[i%len(colours)]
	var line strings.Builder
	for _, pt := range c.Points {
		fmt.Fprintf(&line, "%.1f,%.1f ", x.at(pt.X), y.at(pt.Y))
	}
	fmt.Fprintf(s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.TrimSpace(line.String()), colour)
	for _, pt := range c.Points {
		fmt.Fprintf(s, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", x.at(pt.X), y.at(pt.Y), colour)
	}
	at := height - bottom - 14 - 18*(len(p.Curves)-1-i)
	fmt.Fprintf(s, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="2"/>`+"\n", left+12, at-4, left+36, at-4, colour)
	text(s, left+42, float64(at), "start", "", c.Name)
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func text(s *strings.Builder, x, y float64, anchor, more, what string) {
	fmt.Fprintf(s, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, escape.Replace(what))
}

// axes spans the values of all curves.
func (p *Plot) axes() (x, y axis) {
	x = axis{min: math.Inf(1), max: math.Inf(-1), from: left, to: width - right}
	y = axis{min: math.Inf(1), max: math.Inf(-1), from: height - bottom, to: top, log: p.LogY}
	for _, c := range p.Curves {
		for _, pt := range c.Points {
			x.min, x.max = min(x.min, pt.X), max(x.max, pt.X)
			y.min, y.max = min(y.min, pt.Y), max(y.max, pt.Y)
		}
	}
	if !p.LogY {
		y.min = min(y.min, 0)
	}
	x.widen()
	y.widen()
	return x, y
}

// axis maps values to pixels.
type axis struct {
	min, max, from, to float64
	log                bool
}

// widen leaves room around the values, and makes a span of none.
func (a *axis) widen() {
	switch {
	case a.min > a.max:
		a.min, a.max = 1, 2
	case a.log:
		a.min, a.max = max(a.min, 1e-9)/1.2, max(a.max, 1e-9)*1.2
	case a.min == a.max:
		a.min, a.max = a.min-0.5, a.max+0.5
	default:
		room := (a.max - a.min) * 0.04
		if a.min != 0 {
			a.min -= room
		}
		a.max += room
	}
}

func (a axis) at(v float64) float64 {
	share := (v - a.min) / (a.max - a.min)
	if a.log {
		share = math.Log(max(v, a.min)/a.min) / math.Log(a.max/a.min)
	}
	return a.from + share*(a.to-a.from)
}

// ticks are round values inside the span: multiples of a power of ten, or on
// a logarithmic axis 1, 2 and 5 of each.
func (a axis) ticks() (out []float64) {
	if a.log {
		for e := math.Floor(math.Log10(a.min)); e <= math.Ceil(math.Log10(a.max)); e++ {
			for _, m := range []float64{1, 2, 5} {
				if v := m * math.Pow(10, e); v >= a.min && v <= a.max {
					out = append(out, v)
				}
			}
		}
		return out
	}
	step := math.Pow(10, math.Floor(math.Log10(a.max-a.min)))
	for _, m := range []float64{0.1, 0.2, 0.5, 1} {
		if (a.max-a.min)/(step*m) <= 9 {
			step *= m
			break
		}
	}
	for i := math.Ceil(a.min / step); i*step <= a.max; i++ {
		out = append(out, math.Round(i*step*1e9)/1e9)
	}
	return out
}

func label(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%gk", v/1e3)
	}
	return fmt.Sprintf("%g", v)
}
