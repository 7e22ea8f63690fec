package restbridge

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// The limits in the documentation are those of the program.
func TestDocumentedLimits(t *testing.T) {
	text, err := os.ReadFile("../docs/rest/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]string)
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$`).FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	s, err := New(Config{Generate: &operation{}, Authenticate: &people{}})
	if err != nil {
		t.Fatal(err)
	}
	kib := func(n int64) string { return strconv.FormatInt(n>>10, 10) + " KiB" }
	short := func(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }
	h := &s.http
	for limit, want := range map[string]string{
		"connections to a listener":                              strconv.Itoa(s.cfg.MaxConnections),
		"requests under way":                                     strconv.Itoa(s.cfg.MaxRequests),
		"header of a request":                                    kib(int64(h.MaxHeaderBytes)),
		"body of a request":                                      kib(s.cfg.MaxBody),
		"password to be judged":                                  strconv.Itoa(extop.MaxValidatedOctets) + " octets",
		"passwords in one answer":                                "`generatePassword.maxPasswords`, " + strconv.Itoa(extop.DefaultMaxPasswords),
		"validation attempts":                                    "`generatePassword.maxAttempts`, " + strconv.Itoa(extop.DefaultMaxAttempts),
		"policies in one list":                                   strconv.Itoa(policy.MaxListed),
		"believed callers":                                       strconv.Itoa(maxIdentities),
		"connections that are bound as callers":                  strconv.Itoa(maxIdentityIdle) + " for each, " + strconv.Itoa(maxIdle) + " in all",
		"until the header has arrived":                           h.ReadHeaderTimeout.String(),
		"until the whole request has arrived":                    h.ReadTimeout.String(),
		"from then to the result, the directory's part included": s.cfg.Timeout.String(),
		"until the answer has been sent":                         h.WriteTimeout.String(),
		"between two requests on a connection":                   short(h.IdleTimeout),
		"after a provider could not be discovered":               discoveryPause.String(),
		"failed attempts of an address to say who it is":         strconv.Itoa(failuresPerSecond) + " a second and " + strconv.Itoa(failuresBurst) + " at once",
	} {
		if documented[limit] != want {
			t.Errorf("%s: %s, documented %q", limit, want, documented[limit])
		}
	}
}
