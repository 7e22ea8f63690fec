package generate_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

func ExampleCompile() {
	s, err := generate.Compile(generate.Shape{
		Alphabet: generate.Printable.Minus(generate.LookAlikes),
		Counts: []generate.Count{
			{Set: generate.Upper, Min: 1, Max: generate.NoMax},
			{Set: generate.Digits, Min: 2, Max: 4},
		},
		Repeats:  []generate.Repeat{{Max: 1}},
		NotFirst: generate.NewSet("{"),
	}, generate.Target{Length: 12, Bits: 70})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Examples need the same numbers every time; passwords need NewRand(nil).
	rnd := generate.NewRand(rand.NewChaCha8([32]byte{}))
	defer rnd.Wipe()
	password := s.Append(nil, rnd)
	fmt.Println(len(password), "characters of", s.Count(), "passwords")
	fmt.Printf("%.1f bits\n", s.Bits())
	// Output:
	// 12 characters of 37425042815561314074624 passwords
	// 75.0 bits
}

func ExamplePassphrase() {
	p, err := generate.NewPassphrase(generate.PassphraseConfig{
		Words:     generate.EFFLarge(),
		MinWords:  5,
		Separator: "-",
		Extras:    []generate.Extra{{Set: generate.Digits, Count: 1}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f bits\n", p.Bits())
	// Output:
	// 70.3 bits
}
