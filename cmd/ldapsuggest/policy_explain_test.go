package main

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
)

func TestExplanationTexts(t *testing.T) {
	for seconds, want := range map[int64]string{86400: "1 day", 7776000: "90 days", 90: "1m30s", 90000: "25h0m0s"} {
		if got := age(seconds); got != want {
			t.Errorf("%d seconds: %q, want %q", seconds, got, want)
		}
	}
	for source, want := range map[policy.ExplainedSource]string{
		{}:                                       "",
		{DN: "cn=p"}:                             "cn=p",
		{Attribute: "a", Value: "1"}:             "a: 1",
		{DN: "cn=p", Attribute: "a", Value: "1"}: "a: 1 (cn=p)",
		{DN: "cn=p", Attribute: "a"}:             "a (cn=p)",
		{DN: "cn=p", Value: "1\n2\n"}:            "1\n2\n(cn=p)",
		{DN: "cn=p", Attribute: "a", Value: "1\n"}: "a: 1 (cn=p)",
	} {
		if got := sourceText(source); got != want {
			t.Errorf("%+v: %q, want %q", source, got, want)
		}
	}
	for want, g := range map[string]policy.ExplainedGenerator{
		"Random words: 20 to 30 characters, 80.50 bits of entropy (lower bound).":                                     {Kind: "passphrase", MinLength: 20, MaxLength: 30, EntropyBits: 80.5, Entropy: policy.EntropyLowerBound},
		"By the directory's generator, 1.00 bits of entropy (exact).":                                                 {Kind: "other", EntropyBits: 1, Entropy: policy.EntropyExact},
		"Random characters, by the format of the directory's generator: 8 characters, 40.00 bits of entropy (exact).": {Kind: "template", MinLength: 8, MaxLength: 8, EntropyBits: 40, Entropy: policy.EntropyExact},
	} {
		if got := generatorText(&g); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
