package extop

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
)

// A sight is a directory of which one caller sees a part.
type sight struct {
	exists, visible map[string]bool
	emptyAnswers    bool
}

func (s sight) Resolve(context.Context, policy.Selection) (*policy.Effective, error) {
	return nil, result.New(result.Other, "not asked for")
}

func (s sight) Exists(_ context.Context, d string) (bool, error) { return s.exists[d], nil }

func (s sight) AuthzID() string { return "dn:cn=caller" }
func (s sight) Protected() bool { return true }

func (s sight) See(_ context.Context, d, _ string) error {
	switch {
	case s.exists[d] && s.visible[d]:
		return nil
	case s.exists[d] && s.emptyAnswers:
		return result.New(result.InsufficientAccessRights, "empty")
	}
	return result.New(result.NoSuchObject, "no such object")
}

// Over random trees with random access control: a caller passes exactly if it
// sees the target or, where there is none, the nearest superior that exists;
// and all other callers get the same answer, but for a target that has no
// superior at all.
func TestSee(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := sight{exists: map[string]bool{}, visible: map[string]bool{}, emptyAnswers: rapid.Bool().Draw(rt, "empty answers")}
		depth := rapid.IntRange(1, 6).Draw(rt, "depth")
		labels := make([]string, depth)
		for i := range labels {
			labels[i] = "ou=" + strings.Repeat("x", i+1)
		}
		path := func(i int) string { return strings.Join(labels[i:], ",") }
		nearest := -1 // the nearest superior that exists
		for i := depth - 1; i >= 0; i-- {
			s.exists[path(i)] = rapid.Bool().Draw(rt, "exists")
			s.visible[path(i)] = rapid.Bool().Draw(rt, "visible")
			if i > 0 && s.exists[path(i)] {
				nearest = i
			}
		}
		target, err := dn.Parse(path(0))
		if err != nil {
			rt.Fatal(err)
		}
		exists, err := see(t.Context(), s, s, target, "")
		switch {
		case s.exists[path(0)] && s.visible[path(0)]:
			if err != nil || !exists {
				rt.Fatalf("a visible target: %v %v", exists, err)
			}
		case !s.exists[path(0)] && nearest < 0:
			if !result.Is(err, result.NoSuchObject) {
				rt.Fatalf("outside every entry: %v", err)
			}
		case !s.exists[path(0)] && s.visible[path(nearest)]:
			if err != nil || exists {
				rt.Fatalf("a missing target in a visible place: %v %v", exists, err)
			}
		default:
			e := result.From(err)
			if e == nil || exists {
				rt.Fatal("a hidden target was let through")
			}
			if want := result.From(errHidden(nil)); e.Code != want.Code || e.Text != want.Text || e.MatchedDN != "" {
				rt.Fatalf("the answer tells more: %v %q %q", e.Code, e.Text, e.MatchedDN)
			}
		}
	})
}

func TestIsAnonymous(t *testing.T) {
	for _, s := range []string{"", " ", "dn:", "DN:", "dn: ", "u:", "U: "} {
		if !isAnonymous(s) {
			t.Errorf("%q is not anonymous", s)
		}
	}
	for _, s := range []string{"dn:cn=x", "u:x", "x", "dn", "u", "dn:x", ":x"} {
		if isAnonymous(s) {
			t.Errorf("%q is anonymous", s)
		}
	}
}
