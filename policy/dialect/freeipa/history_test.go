package freeipa_test

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

func TestHistory(t *testing.T) {
	attributes := []policy.Attribute{
		{Name: "userPassword", Values: []string{"{PBKDF2_SHA256}now"}},
		{Name: "passwordHistory", Values: []string{"20261120221743Z{SHA512}old", "20261120221744Z{SHA512}now"}},
	}
	conformance.History(t, freeipa.New(freeipa.Config{}), "krb cn=global_policy",
		// Of principals, the current one is in the history, or does not count.
		conformance.HistoryCase{Name: "principal", Keep: 2, User: conformance.User{Attributes: attributes}, Want: []string{"{SHA512}now", "{SHA512}old"}},
		conformance.HistoryCase{Name: "other entry", Ref: "389 cn=config", Keep: 3, User: conformance.User{Attributes: attributes}, Want: []string{"{PBKDF2_SHA256}now", "{SHA512}now", "{SHA512}old"}},
	)
}
