package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
)

func TestExitCode(t *testing.T) {
	refused := result.New(result.InvalidCredentials, "no")
	tests := []struct {
		name string
		err  error
		want int
		hint string // part of one; empty if there is none
	}{
		{"nothing", nil, 0, ""},
		{"help", &helpWanted{}, 0, ""},
		{"flag's help", flag.ErrHelp, 0, ""},
		{"anything", errors.New("broken"), 1, ""},
		{"protocol error", asked{server: "x", front: true}.explain(result.New(result.ProtocolError, "")), 1, "does -H name an ldapsuggest server"},
		{"usage", misuse("no"), 2, "see ldapsuggest help suggest"},
		{"usage in a configuration", misconfigured(misuse("no")), 2, "see ldapsuggest help"},
		{"rejected", fmt.Errorf("one: %w", errRejected), 3, ""},
		{"unavailable", asked{server: "ldap://x", front: true}.explain(result.New(result.Unavailable, "")), 4, "has lost the directory behind it"},
		{"no answer", asked{server: "ldap://x", front: true}.explain(result.Wrap(syscall.ECONNREFUSED, result.Unavailable, "")), 4, `"ldapsuggest serve" starts one`},
		{"no answer of a directory", asked{server: "ldap://x"}.explain(result.Wrap(syscall.ECONNREFUSED, result.Unavailable, "")), 4, "is a directory listening at ldap://x?"},
		{"too late", result.New(result.TimeLimitExceeded, ""), 4, ""},
		{"deadline", context.DeadlineExceeded, 4, ""},
		{"unknown authority", asked{front: true}.explain(result.Wrap(x509.UnknownAuthorityError{}, result.Unavailable, "")), 4, "--cacert FILE"},
		{"expired certificate", x509.CertificateInvalidError{Reason: x509.Expired}, 4, ""},
		{"credentials", asked{dn: "cn=x"}.explain(refused), 5, "check -D and the password"},
		{"credentials of the service account", asked{}.explain(result.Wrap(refused, result.Unavailable, "no")), 5, "check the name and the password"},
		{"rights", asked{dn: "cn=x", front: true, target: "cn=y"}.explain(result.New(result.InsufficientAccessRights, "")), 6, "must let cn=x read the target entry"},
		{"rights of the service account", asked{}.explain(result.New(result.InsufficientAccessRights, "")), 6, "docs/dialects"},
		{"another identity", asked{dn: "cn=x"}.explain(result.New(result.AuthorizationDenied, "")), 6, "must let cn=x act"},
		{"no entry", asked{target: "cn=y"}.explain(&result.Error{Code: result.NoSuchObject, MatchedDN: "dc=y"}), 7, "check the DN"},
		{"no token", &hinted{&reworded{"none", errNotFound}, "list"}, 7, "list"},
		{"unwilling", asked{}.explain(result.New(result.UnwillingToPerform, "")), 8, "policy explain"},
		{"configuration", misconfigured(errors.New("no")), 9, ""},
		{"busy", asked{}.explain(result.New(result.Busy, "")), 10, "wait a moment"},
		{"confidentiality", asked{}.explain(result.New(result.ConfidentialityRequired, "")), 11, "-ZZ"},
		{"interrupted", errInterrupted, 130, ""},
		{"canceled", context.Canceled, 130, ""},
	}
	text, err := os.ReadFile("../../docs/commands/ldapsuggest.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[int]bool)
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \| `).FindAllStringSubmatch(string(text), -1) {
		code, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		documented[code] = true
	}
	seen := make(map[int]bool)
	for _, tt := range tests {
		seen[tt.want] = true
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		if all := strings.Join(hints(tt.err, "suggest"), "\n"); tt.hint == "" && all != "" || !strings.Contains(all, tt.hint) {
			t.Errorf("%s: hints %q, want %q", tt.name, all, tt.hint)
		}
		if !documented[tt.want] {
			t.Errorf("%s: the code %d is not documented", tt.name, tt.want)
		}
	}
	for code := range documented {
		if !seen[code] {
			t.Errorf("nothing ends with %d, which is documented", code)
		}
	}
}

func TestNearest(t *testing.T) {
	commands := []string{"serve", "suggest", "policy", "breach", "token", "export", "n", "D"}
	for word, want := range map[string]string{
		"suggst": "suggest", "sugegst": "suggest", "exprot": "export", "sugg": "suggest", "polici": "policy", "serv": "serve",
		"frobnicate": "", "": "", "x": "", "se": "", "tokens": "token",
	} {
		if got := nearest(word, commands); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"ab", "", 2}, {"ab", "ba", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want || distance(tt.b, tt.a) != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
