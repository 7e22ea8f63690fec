package rule

// Stated reports whether the shape that a rule narrows says all of it for
// passwords in ASCII: what is drawn from such a shape is never refused by the
// rule. It is false where that is not known.
func Stated(r Rule) bool {
	switch r := r.(type) {
	case ADComplexity, ByteClass, Categories, CharacterSets, ClassMinimums, ClassPoints, ClassRun, DisallowedCharacters,
		ForbiddenBytes, Length, RepeatedCharacters, Sequence, StoragePrefix, UniqueCharacters, UTF8:
		return true
	case Credits:
		return r.Digit <= 0 && r.Upper <= 0 && r.Lower <= 0 && r.Other <= 0
	case interface{ Unwrap() Rule }:
		return Stated(r.Unwrap())
	}
	return false
}

// Unwrap returns the rule whose words were changed, for Stated.
func (t texts) Unwrap() Rule { return t.rule }
