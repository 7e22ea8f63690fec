package rule

import "github.com/ldapsuggest/ldapsuggest/policy/generate"

// CharacterSets demands characters from each of several sets, and a number
// of sets that are used at all (the character-set validator of PingDirectory
// and OpenDJ). A character is credited to the first set that holds it.
type CharacterSets struct {
	Sets []CharacterSet

	// MinSets is how many sets must be used, those with a Min counted.
	// PingDirectory says it so; OpenDJ compares the optional sets that are
	// used with the number less the mandatory sets, which comes to the same
	// for every password that satisfies the mandatory ones. 0 demands
	// nothing.
	MinSets int

	// AllowUnclassified admits characters that are in no set.
	AllowUnclassified bool
}

// A CharacterSet is a set with the number of its characters that a password
// needs. Min 0 makes it optional: it counts toward MinSets only.
type CharacterSet struct {
	Set generate.Set
	Min int
}
