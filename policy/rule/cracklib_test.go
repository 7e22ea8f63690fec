package rule

import (
	"encoding/json"
	"os"
	"testing"
)

// TestCracklib holds the promise to refuse what cracklib refuses: the
// passwords are some that cracklib-check 2.9.6 refused with a dictionary of
// the words.
func TestCracklib(t *testing.T) {
	data, err := os.ReadFile("testdata/cracklib.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Words, Refused []string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Refused) == 0 {
		t.Fatal("no vectors")
	}
	r := Cracklib{NewWords(vectors.Words...)}
	for _, password := range vectors.Refused {
		if len(r.Check([]byte(password), Subject{})) == 0 {
			t.Errorf("%q is accepted", password)
		}
	}
}
