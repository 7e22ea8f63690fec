package growth

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

func TestTrend(t *testing.T) {
	curve := func(y ...float64) []report.Point {
		x := 1.0
		var points []report.Point
		for _, v := range y {
			points = append(points, report.Point{X: x, Y: v})
			x *= 10
		}
		return points
	}
	for _, tt := range []struct {
		points []report.Point
		want   string
	}{
		{curve(5, 6, 4, 5.5), "flat (a factor of 1.1 from 1 to 1,000)"},
		{curve(5, 50, 500), "up in proportion (a factor of 100 from 1 to 100)"},
		{curve(5, 5, 5, 50), "flat up to 100, then up in proportion (a factor of 10 from 1 to 1,000)"},
		{curve(5, 5, 11, 20), "flat up to 10, then up slower than in proportion (a factor of 4 from 1 to 1,000)"},
		{curve(5, 5, 500), "flat up to 10, then up faster than in proportion (a factor of 100 from 1 to 100)"},
		{curve(40, 19, 15, 15), "down (a factor of 2.67 from 1 to 1,000)"},
		{curve(100, 10, 1), "down in inverse proportion (a factor of 100 from 1 to 100)"},
		{curve(5, 20, 5), "flat (a factor of 1 from 1 to 100)"}, // one bad round is no knee
		{curve(5), "one point only"},
	} {
		if got := Trend(tt.points); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.points, got, tt.want)
		}
	}
}

func TestSlope(t *testing.T) {
	for _, tt := range []struct {
		points []report.Point
		want   float64
	}{
		{[]report.Point{{X: 1, Y: 10}, {X: 10, Y: 5}, {X: 101, Y: 60}}, 0.5},
		{[]report.Point{{X: 1, Y: 10}, {X: 10, Y: 5}}, 0},
		{[]report.Point{{X: 1, Y: 10}, {X: 10, Y: 1}}, 0},
		{[]report.Point{{X: 1, Y: 10}, {X: 10, Y: 11}}, 0},
		{[]report.Point{{X: 1, Y: 10}}, 0},
	} {
		if got := Slope(tt.points); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.points, got, tt.want)
		}
	}
}
