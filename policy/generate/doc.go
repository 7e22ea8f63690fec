// Package generate draws passwords: uniformly from all strings of a [Shape],
// from a [Template], or from a [WordList]. For most uses, build a Shape, call
// [Compile] once, and [Sampler.Append] for each password:
//
//	s, err := generate.Compile(generate.Shape{
//		Alphabet: generate.Printable,
//		Counts:   []generate.Count{{Set: generate.Digits, Min: 2, Max: generate.NoMax}},
//	}, generate.Target{Length: 16, Bits: 80})
//	...
//	rnd := generate.NewRand(nil)
//	defer rnd.Wipe()
//	password := s.Append(nil, rnd)
//
// # Uniformity
//
// A Sampler draws each string of its length that fits its Shape with exactly
// the same probability: not nearly, and not only each character. The entropy
// that it reports is log2 of the number of these strings, which is counted
// and not estimated; [Sampler.Exact] tells of the few Shapes for which it is
// an upper bound instead. Whoever draws again because a candidate failed a
// check that is no part of the Shape (a dictionary, a pattern) keeps the
// distribution uniform over what passes; the entropy is then an upper bound
// too.
//
// Templates and passphrases are not uniform as strings where characters have
// weights or the number of words varies; their entropy is Shannon's.
//
// # Bounds
//
// Shapes that nothing fits are proved so when compiled. A draw takes bounded
// time on average, whatever share of all strings fits: nothing is left to
// luck that could be counted. Strings have at most [MaxChars] characters;
// what would take too long to decide is [ErrTooComplex].
//
// # What is not here
//
// The package knows no policies and no directories. It imports only the
// standard library, so that it can be read, tested and reused on its own.
package generate
