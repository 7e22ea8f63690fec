package rule

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

// How the shape that a rule states relates to its verdict.
type relation int

const (
	exact      relation = iota // a password fits if and only if it passes
	necessary                  // a password that passes fits
	sufficient                 // a password that fits passes
)

const asciiLetters = "abcdABCDxyz0123!-_ {}<"

// shapers draw rules of every kind that has a shape. ASCII says that the
// relation holds for ASCII only.
var shapers = map[string]struct {
	relation relation
	ascii    bool
	draw     func(t *rapid.T) Shaper
}{
	"length": {exact, false, func(t *rapid.T) Shaper {
		return Length{Min: small(t, "min"), Max: small(t, "max")}
	}},
	"length in octets": {exact, true, func(t *rapid.T) Shaper {
		return Length{Min: small(t, "min"), Max: small(t, "max"), Unit: Bytes}
	}},
	"length in code units": {exact, true, func(t *rapid.T) Shaper {
		return Length{Min: small(t, "min"), Max: small(t, "max"), Unit: UTF16}
	}},
	"character sets": {exact, false, func(t *rapid.T) Shaper {
		r := CharacterSets{MinSets: small(t, "sets") - 2, AllowUnclassified: rapid.Bool().Draw(t, "unclassified")}
		for range rapid.IntRange(1, 4).Draw(t, "n") {
			r.Sets = append(r.Sets, CharacterSet{set(t), rapid.IntRange(0, 2).Draw(t, "min")})
		}
		return r
	}},
	"repeated characters": {exact, false, func(t *rapid.T) Shaper {
		r := RepeatedCharacters{Max: small(t, "max"), CaseSensitive: rapid.Bool().Draw(t, "case")}
		for range rapid.IntRange(0, 2).Draw(t, "n") {
			r.Equivalent = append(r.Equivalent, set(t))
		}
		return r
	}},
	"repeated octets": {exact, true, func(t *rapid.T) Shaper {
		return RepeatedCharacters{Max: small(t, "max"), CaseSensitive: rapid.Bool().Draw(t, "case"), Unit: Bytes}
	}},
	"unique characters": {exact, false, func(t *rapid.T) Shaper {
		return UniqueCharacters{Min: small(t, "min"), CaseSensitive: rapid.Bool().Draw(t, "case")}
	}},
	"disallowed characters": {exact, false, func(t *rapid.T) Shaper {
		return DisallowedCharacters{Anywhere: set(t), Leading: set(t), Trailing: set(t)}
	}},
	"haystack": {necessary, false, func(t *rapid.T) Shaper {
		return NewHaystack(big.NewInt(rapid.Int64Range(0, 1<<50).Draw(t, "guesses")), big.NewInt(1000), rapid.Bool().Draw(t, "sum"))
	}},
	"utf-8": {exact, false, func(t *rapid.T) Shaper {
		return UTF8{
			AllowNonASCII:   rapid.Bool().Draw(t, "ascii"),
			AllowUnassigned: rapid.Bool().Draw(t, "unassigned"),
			Types:           CharacterTypes(rapid.UintRange(0, 1<<len(characterTypes)-1).Draw(t, "types")),
		}
	}},
	"class minimums": {exact, false, func(t *rapid.T) Shaper {
		n := func() int { return max(0, small(t, "min")-6) }
		return ClassMinimums{n(), n(), n(), n(), n(), n()}
	}},
	"categories": {exact, false, func(t *rapid.T) Shaper { return Categories{small(t, "min")} }},
	"class run": {exact, true, func(t *rapid.T) Shaper {
		r := ClassRun{Max: small(t, "max")}
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			r.Classes = append(r.Classes, byteSet(t))
		}
		return r
	}},
	"class run of octets": {necessary, false, func(t *rapid.T) Shaper { return ClassRun{Max: small(t, "max")} }},
	"sequence":            {exact, true, func(t *rapid.T) Shaper { return Sequence{small(t, "max")} }},
	"palindrome":          {necessary, true, func(t *rapid.T) Shaper { return Palindrome{rapid.Bool().Draw(t, "case")} }},
	"bad words": {necessary, false, func(t *rapid.T) Shaper {
		return BadWords{rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune(asciiLetters+"é")), 0, 3, -1), 0, 3).Draw(t, "words")}
	}},
	"bad words of one character": {exact, false, func(t *rapid.T) Shaper {
		return BadWords{rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom([]rune(asciiLetters+"é")), 0, 1, -1), 0, 3).Draw(t, "words")}
	}},
	"storage prefix": {exact, false, func(*rapid.T) Shaper { return StoragePrefix{} }},
	"storage prefix of some schemes": {sufficient, false, func(*rapid.T) Shaper {
		return StoragePrefix{Schemes: []string{"a", "b0"}}
	}},
	"class points": {exact, true, func(t *rapid.T) Shaper {
		r := ClassPoints{Min: small(t, "min") - 1}
		for range rapid.IntRange(0, 4).Draw(t, "n") {
			r.Classes = append(r.Classes, PointClass{"c", byteSet(t), rapid.IntRange(-1, 3).Draw(t, "forPoint")})
		}
		return r
	}},
	"byte class": {exact, true, func(t *rapid.T) Shaper {
		return ByteClass{"c", byteSet(t), small(t, "min") - 2, small(t, "max")}
	}},
	"forbidden bytes": {exact, false, func(t *rapid.T) Shaper { return ForbiddenBytes{byteSet(t)} }},
	"ad complexity": {exact, false, func(t *rapid.T) Shaper {
		return ADComplexity{ADReading(rapid.IntRange(0, 2).Draw(t, "reading"))}
	}},
	"krb categories": {necessary, false, func(t *rapid.T) Shaper { return KrbCategories{small(t, "min")} }},
	"credits": {exact, true, func(t *rapid.T) Shaper {
		return Credits{MinLength: small(t, "min"), Digit: -small(t, "d") / 4, Upper: -small(t, "u") / 4, Lower: -small(t, "l") / 4, Other: -small(t, "o") / 4}
	}},
	"credits that shorten": {necessary, true, func(t *rapid.T) Shaper {
		return Credits{MinLength: small(t, "min"), Digit: small(t, "d"), Upper: -1, Other: small(t, "o")}
	}},
	"cracklib": {necessary, true, func(*rapid.T) Shaper { return Cracklib{NewWords("abc")} }},
	"regular expression": {necessary, false, func(t *rapid.T) Shaper {
		p := rapid.SampledFrom(patterns).Draw(t, "pattern")
		mode := rapid.SampledFrom([]RegexpMode{Strictest, Find, Full}).Draw(t, "mode")
		r, err := NewRegularExpression(p, rapid.Bool().Draw(t, "reject"), mode)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}},
}

// patterns are what people write, and what could mislead the facts.
var patterns = []string{
	`[0-9]`, `^[0-9]`, `[0-9]$`, `[a-z]+`, `^[a-z]+$`, `^[a-zA-Z0-9]{3,6}$`, `(.)\1`, `(.)\1{2,}`, `.*(.)\1\1`, `(.)\1*`,
	`^(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{4,8}$`, `^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[\w!]*$`, `^\w*(?=\w*\d)(?=\w*[a-z])\w*$`,
	`^(?!.*[ _]).{2,}$`, `^(?!\d)\w+`, `(?i)abc`, `(?i)^(?=.*b)[a-d]+$`, `^(?!.*(.)\1).*$`, `^(?!.*(.)\1\1)(?=.{2,5}$)`, `a|^b|c$`,
	`(?=a|b)`, `^(?=.*[ab]|.*[01]).{2}`, `(a|b){2}`, `^(ab|cd)*$`, `a*`, `^$`, `^a?b*c{2}`, `^.+$`, `[^a-z]`, `^[^a-z]`, `\s`, `^\S+$`,
	`(?=\d)\d`, `^(?=\d)\w`, `^(?=[a-d]+$)`, `^(?![a-d]+$).*`, `^(?!.*[a-d]$).*`, `^(?!a|b)`, `(?!a)`, `x(?=y)`, `^(?=.*a.*b)`, `^(?=(?:.*\d){2})`,
	`^(?:.*\d){2}`, `(\d.*){2,}`, `^[a-d]*[0-3]{1,2}$|^x+$`, `(?m)^[a-z]+$`, `^é?[À-ÿ]*$`, `.`, `^.$`, `a(?:b|)c`, `^(?=.*\d)?x*`, `\Aab?\z`, `^^a$$`,
	`^[ab]+.*$`, `.*[0-9].*`, `^.*[0-9]$`, `(?=.*0)(?!.*1)(?<!2)[0-3]+`, `(?:a|(?i:b))c`, `[a-c]{0}`, `(?:)`,
}

func small(t *rapid.T, label string) int { return rapid.IntRange(0, 8).Draw(t, label) }

func set(t *rapid.T) generate.Set {
	return generate.NewSet(rapid.StringOfN(rapid.RuneFrom([]rune(asciiLetters+"éÉß")), 0, 6, -1).Draw(t, "set"))
}

func byteSet(t *rapid.T) ByteSet {
	return NewByteSet(rapid.StringOfN(rapid.RuneFrom([]rune(asciiLetters)), 0, 8, -1).Draw(t, "octets"))
}

func TestShapes(t *testing.T) {
	for name, s := range shapers {
		t.Run(name, func(t *testing.T) {
			characters := asciiLetters
			if !s.ascii {
				characters += "éÉßẞ漢€ªǅ١\u0378"
			}
			rapid.Check(t, func(t *rapid.T) {
				r := s.draw(t)
				// A small alphabet makes runs and repeats likely.
				alphabet := []rune(rapid.StringOfN(rapid.RuneFrom([]rune(characters)), 1, 12, -1).Draw(t, "alphabet"))
				shape := generate.Shape{Alphabet: generate.NewSet(string(alphabet))}
				r.Narrow(&shape)
				for range 20 {
					password := rapid.StringOfN(rapid.RuneFrom(alphabet), 0, 10, -1).Draw(t, "password")
					reasons := r.Check([]byte(password), Subject{})
					passes, fits := len(reasons) == 0, shape.Fits(password)
					if passes && !fits && s.relation != sufficient {
						t.Fatalf("%q passes and does not fit %+v", password, shape)
					}
					if fits && !passes && s.relation != necessary {
						t.Fatalf("%q fits and is refused: %q", password, reasons)
					}
				}
			})
		})
	}
}

func TestSubjectShapes(t *testing.T) {
	characters := []rune("abcABC01.é@")
	rapid.Check(t, func(t *rapid.T) {
		var r SubjectShaper
		single := rapid.Bool().Draw(t, "single")
		n := 1
		if !single {
			n = rapid.IntRange(2, 4).Draw(t, "n")
		}
		if rapid.Bool().Draw(t, "tokens") {
			r = Tokens{n, []string{"cn", "mail"}}
		} else {
			r = AttributeValues{MinSubstring: n, Reversed: rapid.Bool().Draw(t, "reversed")}
		}
		s := Subject{Attributes: map[string][]string{
			"cn":   rapid.SliceOfN(rapid.StringOfN(rapid.RuneFrom(characters), 0, 3, -1), 0, 2).Draw(t, "cn"),
			"mail": {"b@0"},
		}}
		shape := generate.Shape{Alphabet: generate.NewSet(string(characters) + "xyz!")}
		if r.NarrowFor(&shape, s) != single {
			t.Fatalf("%+v narrows: %t", r, !single)
		}
		for range 20 {
			password := rapid.StringOfN(rapid.RuneFrom([]rune(string(characters)+"xyz!")), 1, 5, -1).Draw(t, "password")
			passes, fits := len(r.Check([]byte(password), s)) == 0, shape.Fits(password)
			if passes && !fits || single && fits && !passes {
				t.Fatalf("%q: passes %t, fits %t", password, passes, fits)
			}
		}
	})
}

// TestEveryShaper fails when a rule gains a shape without a property here.
func TestEveryShaper(t *testing.T) {
	known := make(map[string]bool)
	for _, s := range shapers {
		r := rapid.Custom(func(t *rapid.T) Shaper {
			rapid.Bool().Draw(t, "") // some draw nothing, which rapid takes for a mistake
			return s.draw(t)
		}).Example(0)
		known[strings.TrimPrefix(typeName(r), "*")] = true
	}
	for name, e := range examples() {
		if _, ok := e.rule.(Shaper); ok && !known[strings.TrimPrefix(typeName(e.rule), "*")] {
			t.Errorf("%s has a shape that is not tested", name)
		}
	}
}
