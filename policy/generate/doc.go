// Package generate draws passwords: uniformly from all strings of a [Shape],
// from a template, or from a word list. For most uses, build a Shape, call
// [Compile] once, and [Sampler.Append] for each password.
//
// # Uniformity
//
// A Sampler counts, exactly, how many strings of its length fit its Shape and
// draws each of them with the same probability. The entropy that it reports
// is log2 of that count. Whoever draws again because a candidate failed a
// check that is no part of the Shape (a dictionary, a pattern) keeps the
// distribution uniform over what passes; the entropy is then an upper bound.
//
// # What is not here
//
// The package knows no policies and no directories. It imports only the
// standard library, so that it can be read, tested and reused on its own.
package generate
