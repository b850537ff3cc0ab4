// Package plot draws curves as SVG: lines with points over two axes, with
// labels that a reader can compare, on a white ground. It knows as much as the
// plots of docs/plots need.
//
// Start reading at Plot.
package plot
