package rule_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

func TestStoredPasswordsArePrintedByNobody(t *testing.T) {
	const secret = "hunter2"
	stored := rule.NewStoredPasswords([]string{secret})
	s := rule.Subject{DN: "uid=jo", Stored: stored}
	hidden := struct {
		s rule.Subject
		p *rule.StoredPasswords
	}{s, &stored}
	var out strings.Builder
	for _, v := range []any{stored, &stored, s, &s, hidden, []rule.Subject{s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if b, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		} else {
			out.Write(b)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}
	if got := out.String(); strings.Contains(got, secret) || strings.Contains(got, fmt.Sprintf("%x", secret)) || !strings.Contains(got, "REDACTED") {
		t.Errorf("it is printed:\n%s", got)
	}
	if got := stored.Values(); len(got) != 1 || got[0] != secret {
		t.Errorf("Values: %q", got)
	}
	if (rule.StoredPasswords{}).Values() != nil || stored.Equal(rule.StoredPasswords{}) || !stored.Equal(s.Stored) {
		t.Error("Equal or the zero value is wrong")
	}
}
