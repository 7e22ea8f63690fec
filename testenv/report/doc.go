// Package report writes what benchmarks measured into the documentation:
// tables in Markdown, curves in SVG, each with the machine that they come
// from.
//
// A page has a place for each section, between two comments:
//
//	<!-- bench: growth -->
//	<!-- /bench: growth -->
//
// What stands between is replaced as a whole, and nothing else is touched:
// what was measured is never edited by hand, and what was written never
// overwritten. Without a page to write to, a section goes to the benchmark's
// log.
//
// The package must not import the packages that are measured, nor start a
// server: it is told figures.
package report
