package rule

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

// TestStated holds what Stated says to the relations that the shapers are
// tested for.
func TestStated(t *testing.T) {
	stated := 0
	for name, s := range shapers {
		rapid.Check(t, func(t *rapid.T) {
			r := s.draw(t)
			if !Stated(r) {
				return
			}
			stated++
			if s.relation == necessary && !s.ascii && name != "class run of octets" {
				t.Errorf("%s: its shape leaves something to Check", name)
			}
			if s.relation == necessary && s.ascii {
				if c, ok := r.(Credits); !ok || c.Digit > 0 || c.Upper > 0 || c.Lower > 0 || c.Other > 0 {
					t.Errorf("%s: its shape leaves something to Check", name)
				}
			}
			if !Stated(WithTexts(r, "another requirement", "")) {
				t.Errorf("%s: other words make a difference", name)
			}
		})
	}
	if stated == 0 {
		t.Fatal("no rule is stated")
	}
	for _, r := range []Rule{KrbCategories{3}, NewHaystack(big.NewInt(1<<40), big.NewInt(1000), false), Cracklib{}, Credits{Digit: 1}, Pwned{}} {
		if Stated(r) {
			t.Errorf("%T leaves something to Check", r)
		}
	}
}
