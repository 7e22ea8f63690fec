package console_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/ldapsuggest/ldapsuggest/testenv"
)

func TestPage(t *testing.T) {
	browser := chromium(t)
	s := testenv.StartSlapd(t, testenv.SlapdOptions{Databases: []testenv.SlapdDatabase{{Users: 30}}})
	rigs := map[string]*rig{"slapd": startSlapd(t, s, nil), "embedded": startEmbedded(t, nil)}
	for name, r := range rigs {
		t.Run(name, func(t *testing.T) {
			b := open(t, browser, r, name, look{})
			b.open("/")
			b.picture("1-sign-in")
			b.signIn(r.helper, "wrong")
			b.shows("The name or the password is wrong")
			b.picture("2-wrong")
			b.signIn(r.helper, r.helperPassword)
			b.shows("Find a person")
			b.do(chromedp.SetValue("#text", "a", chromedp.ByQuery))
			b.button("Find")
			b.picture("3-found")
			b.open(personURL(r.target))
			b.shows("Suggested passwords", "bits")
			b.picture("4-person")
			b.button("Reset to this…")
			b.picture("5-confirm")
			password := eval[string](b, "document.querySelector('#pw').textContent")
			b.button("Reset the password")
			b.picture("6-outcome")
			b.shows("success (0)")
			u, err := r.client.Bind(t.Context(), r.target, []byte(password))
			if err != nil {
				t.Fatalf("the new password does not bind: %v", err)
			}
			u.Close()
			b.open("/console/policies")
			b.picture("7-policies")
			if !strings.HasPrefix(b.title(), "Policies") {
				t.Error(b.title())
			}
		})
	}
}
