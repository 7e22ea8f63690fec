package growth

import (
	"fmt"
	"math"

	"github.com/ldapsuggest/ldapsuggest/testenv/report"
)

// level is what a curve may rise or fall by and still count as flat: noise on
// a busy machine reaches nearly as far, and the sizes differ by thousands.
const level = 2.0

// kneeOf returns the index of the last point before a curve leaves its level
// for good; that of the last point if it does not.
func kneeOf(points []report.Point) int {
	knee := len(points) - 1
	for knee > 0 && outside(points[knee].Y/points[0].Y) {
		knee--
	}
	return knee
}

// Trend says in words how a curve goes: flat, up or down, from where on, and
// whether in proportion. Its points are in the order of x.
func Trend(points []report.Point) string {
	if len(points) < 2 {
		return "one point only"
	}
	first, last := points[0], points[len(points)-1]
	span := fmt.Sprintf("a factor of %s from %s to %s", report.Number(max(last.Y/first.Y, first.Y/last.Y)), report.Number(first.X), report.Number(last.X))
	knee := kneeOf(points)
	if knee == len(points)-1 {
		return fmt.Sprintf("flat (%s)", span)
	}
	at := points[knee]
	exponent := math.Log(last.Y/at.Y) / math.Log(last.X/at.X)
	way := "down"
	switch {
	case exponent > 1.2:
		way = "up faster than in proportion"
	case exponent >= 0.8:
		way = "up in proportion"
	case exponent > 0:
		way = "up slower than in proportion"
	case exponent < -0.8:
		way = "down in inverse proportion"
	}
	if knee == 0 {
		return fmt.Sprintf("%s (%s)", way, span)
	}
	return fmt.Sprintf("flat up to %s, then %s (%s)", report.Number(at.X), way, span)
}

func outside(ratio float64) bool { return ratio > level || ratio < 1/level }

// Slope returns what each unit of x adds to y between the first and the last
// point, and 0 for a curve that is flat or falls.
func Slope(points []report.Point) float64 {
	first, last := points[0], points[len(points)-1]
	if kneeOf(points) == len(points)-1 {
		return 0
	}
	return max(0, (last.Y-first.Y)/(last.X-first.X))
}
