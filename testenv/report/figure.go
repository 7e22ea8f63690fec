package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// A Figure is one or more panels, one below the other, over the same axis of
// x. Both axes are logarithmic: what grows in proportion is a line of slope
// one, what does not grow is level.
type Figure struct {
	Title  string
	X      string // what x is, with its unit
	Panels []Panel
}

// A Panel shows some series in one unit.
type Panel struct {
	Y      string // what y is, with its unit
	Series []Series
}

// A Series is a curve with its points, in the order of x. A figure tells at
// most four of a panel apart.
type Series struct {
	Name   string
	Points []Point
}

// A Point is a measurement; both figures are above 0.
type Point struct{ X, Y float64 }

// Where things are, in pixels.
const (
	figureWidth  = 760
	panelHeight  = 230 // of the plot
	panelPitch   = 310 // from panel to panel
	belowPlot    = 48  // ticks and the name of the axis
	plotLeft     = 84
	plotRight    = 716
	plotTop      = 62 // of the first panel
	legendOffset = 14 // above the plot
	markSize     = 3.5
)

// figureStyle follows the reader's colour scheme: the page that shows a
// figure may be dark. The colours can be told apart by readers who do not see
// all of them, and the marks differ in shape too.
const figureStyle = `
text { font: 12px system-ui, sans-serif; fill: #24292f; }
text.title { font-size: 15px; font-weight: 600; }
text.tick { font-size: 11px; fill: #57606a; }
line.grid { stroke: #d0d7de; stroke-width: 1; }
rect.frame { fill: none; stroke: #8c959f; stroke-width: 1; }
polyline { fill: none; stroke-width: 2; }
.s0 polyline { stroke: #0072b2; } .s0 .mark { fill: #0072b2; }
.s1 polyline { stroke: #d55e00; } .s1 .mark { fill: #d55e00; }
.s2 polyline { stroke: #008f6b; } .s2 .mark { fill: #008f6b; }
.s3 polyline { stroke: #a8558a; } .s3 .mark { fill: #a8558a; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  text.tick { fill: #9198a1; }
  line.grid { stroke: #30363d; }
  rect.frame { stroke: #6e7681; }
  .s0 polyline { stroke: #56b4e9; } .s0 .mark { fill: #56b4e9; }
  .s1 polyline { stroke: #f0883e; } .s1 .mark { fill: #f0883e; }
  .s2 polyline { stroke: #3fd9a9; } .s2 .mark { fill: #3fd9a9; }
  .s3 polyline { stroke: #e29bc9; } .s3 .mark { fill: #e29bc9; }
}
`

// SVG draws the figure. A figure without points, or with one that has no
// logarithm, is an error.
func (f Figure) SVG() ([]byte, error) {
	var xs []float64
	for _, p := range f.Panels {
		if len(p.Series) > 4 {
			return nil, fmt.Errorf("report: %q: %d series in a panel", f.Title, len(p.Series))
		}
		for _, s := range p.Series {
			for _, pt := range s.Points {
				if !(pt.X > 0) || !(pt.Y > 0) || math.IsInf(pt.X, 0) || math.IsInf(pt.Y, 0) {
					return nil, fmt.Errorf("report: %q: %s has the point %v", f.Title, s.Name, pt)
				}
				xs = append(xs, pt.X)
			}
		}
	}
	if len(xs) == 0 {
		return nil, fmt.Errorf("report: %q has no points", f.Title)
	}
	x := newAxis(xs, plotLeft, plotRight)
	height := plotTop + panelPitch*(len(f.Panels)-1) + panelHeight + belowPlot
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">`+"\n", figureWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(f.Title), figureStyle)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="24">%s</text>`+"\n", plotLeft, escape(f.Title))
	for i, p := range f.Panels {
		p.draw(&b, x, f.X, plotTop+i*panelPitch)
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

func (p Panel) draw(b *bytes.Buffer, x axis, xName string, top int) {
	bottom := top + panelHeight
	var ys []float64
	for _, s := range p.Series {
		for _, pt := range s.Points {
			ys = append(ys, pt.Y)
		}
	}
	if len(ys) == 0 {
		return
	}
	y := newAxis(ys, float64(bottom), float64(top))
	for _, t := range x.ticks() {
		at := x.at(t)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%d" x2="%.1[1]f" y2="%[3]d"/>`, at, top, bottom)
		fmt.Fprintf(b, `<text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at, bottom+16, Number(t))
	}
	for _, t := range y.ticks() {
		at := y.at(t)
		fmt.Fprintf(b, `<line class="grid" x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f"/>`, plotLeft, at, plotRight)
		fmt.Fprintf(b, `<text class="tick" x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n", plotLeft-6, at+4, Number(t))
	}
	fmt.Fprintf(b, `<rect class="frame" x="%d" y="%d" width="%d" height="%d"/>`+"\n", plotLeft, top, plotRight-plotLeft, panelHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (plotLeft+plotRight)/2, bottom+36, escape(xName))
	middle := (top + bottom) / 2
	fmt.Fprintf(b, `<text x="18" y="%d" text-anchor="middle" transform="rotate(-90 18 %[1]d)">%s</text>`+"\n", middle, escape(p.Y))
	legend := float64(plotLeft)
	for i, s := range p.Series {
		fmt.Fprintf(b, `<g class="s%d"><polyline points="`, i)
		for j, pt := range s.Points {
			if j > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(b, "%.1f,%.1f", x.at(pt.X), y.at(pt.Y))
		}
		b.WriteString(`"/>`)
		for _, pt := range s.Points {
			mark(b, i, x.at(pt.X), y.at(pt.Y))
		}
		mark(b, i, legend+5, float64(top-legendOffset-4))
		fmt.Fprintf(b, `<text x="%.1f" y="%d">%s</text></g>`+"\n", legend+14, top-legendOffset, escape(s.Name))
		legend += 34 + 6.4*float64(len([]rune(s.Name)))
	}
}

// mark draws the mark of a series: a circle, a square, a diamond, a triangle.
func mark(b *bytes.Buffer, series int, x, y float64) {
	const r = markSize
	switch series {
	case 0:
		fmt.Fprintf(b, `<circle class="mark" cx="%.1f" cy="%.1f" r="%.1f"/>`, x, y, r)
	case 1:
		fmt.Fprintf(b, `<rect class="mark" x="%.1f" y="%.1f" width="%.1f" height="%.1[3]f"/>`, x-r, y-r, 2*r)
	case 2:
		fmt.Fprintf(b, `<path class="mark" d="M%.1f %.1fl%.1f %.1[3]f -%.1[3]f %.1[3]f -%.1[3]f -%.1[3]fz"/>`, x, y-1.3*r, 1.3*r)
	default:
		fmt.Fprintf(b, `<path class="mark" d="M%.1f %.1fl%.1f %.1fh-%.1fz"/>`, x, y-r, 1.2*r, 2*r, 2.4*r)
	}
}

// An axis maps figures to pixels, by their logarithms.
type axis struct {
	low, high  float64 // 1, 2 or 5 times a power of ten
	start, end float64 // pixels
}

// newAxis returns an axis that has all values on it and covers a decade at
// least: noise must not look like growth.
func newAxis(values []float64, start, end float64) axis {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	a := axis{roundDown(low), roundUp(high), start, end}
	for a.high/a.low < 10-1e-9 {
		// The value stays off the frame on both sides.
		if a.high/high < low/a.low {
			a.high = roundUp(a.high * 1.1)
		} else {
			a.low = roundDown(a.low / 1.1)
		}
	}
	return a
}

func (a axis) at(v float64) float64 {
	return a.start + (a.end-a.start)*math.Log(v/a.low)/math.Log(a.high/a.low)
}

// ticks returns the powers of ten on the axis, and where those are few, also
// 2 and 5 times them.
func (a axis) ticks() []float64 {
	factors := []float64{1}
	if a.high/a.low < 1000 {
		factors = []float64{1, 2, 5}
	}
	var ticks []float64
	for e := math.Floor(math.Log10(a.low)); e <= math.Ceil(math.Log10(a.high)); e++ {
		for _, f := range factors {
			if t := f * math.Pow(10, e); t > a.low*(1-1e-9) && t < a.high*(1+1e-9) {
				ticks = append(ticks, t)
			}
		}
	}
	return ticks
}

// roundDown returns the largest of 1, 2 and 5 times a power of ten that is
// not above v, roundUp the least that is not below.
func roundDown(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)+1e-12))
	for _, f := range []float64{5, 2} {
		if f*p <= v*(1+1e-12) {
			return f * p
		}
	}
	return p
}

func roundUp(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)+1e-12))
	for _, f := range []float64{1, 2, 5} {
		if f*p >= v*(1-1e-12) {
			return f * p
		}
	}
	return 10 * p
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
