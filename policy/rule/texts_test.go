package rule

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/generate"
)

func TestWithTexts(t *testing.T) {
	for name, e := range examples() {
		r := WithTexts(e.rule, "Say it so.", "No.")
		if req, was := r.Requirement(), e.rule.Requirement(); req.Text != "Say it so." || req.Type != was.Type {
			t.Errorf("%s: %+v", name, req)
		}
		for _, password := range []string{"", "a", "Aa1!Bb2?", "test.user"} {
			was := e.rule.Check([]byte(password), e.subject)
			want := was
			if len(was) > 0 {
				want = []string{"No."}
			}
			if got := r.Check([]byte(password), e.subject); !slices.Equal(got, want) {
				t.Errorf("%s says %q of %q, want %q", name, got, password, want)
			}
			if got := WithTexts(e.rule, "Say it so.", "").Check([]byte(password), e.subject); !slices.Equal(got, was) {
				t.Errorf("%s says %q of %q, want %q", name, got, password, was)
			}
		}
		was, got := generate.Shape{Alphabet: generate.Printable}, generate.Shape{Alphabet: generate.Printable}
		s1, ok1 := e.rule.(Shaper)
		s2, ok2 := r.(Shaper)
		if ok1 != ok2 {
			t.Fatalf("%s: is a Shaper %t, then %t", name, ok1, ok2)
		}
		if ok1 {
			s1.Narrow(&was)
			s2.Narrow(&got)
		}
		u1, ok1 := e.rule.(SubjectShaper)
		u2, ok2 := r.(SubjectShaper)
		if ok1 != ok2 {
			t.Fatalf("%s: is a SubjectShaper %t, then %t", name, ok1, ok2)
		}
		if ok1 && u1.NarrowFor(&was, e.subject) != u2.NarrowFor(&got, e.subject) {
			t.Errorf("%s narrows differently for the subject", name)
		}
		if !reflect.DeepEqual(was, got) {
			t.Errorf("%s has the shape %+v, then %+v", name, was, got)
		}
	}
	if r := WithTexts(Length{Min: 3}, "", ""); r != (Length{Min: 3}) {
		t.Errorf("without texts, the rule is %T", r)
	}
}
