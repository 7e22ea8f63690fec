package opendj_test

import (
	"math"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/opendj"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

func TestHistory(t *testing.T) {
	const oid = "#1.3.6.1.4.1.26027.1.3.1#"
	attributes := []policy.Attribute{
		{Name: "userPassword", Values: []string{"{SSHA}now"}},
		{Name: "pwdHistory", Values: []string{"20261120220749.125Z" + oid + "{SSHA}old", "20261120220749.126Z" + oid + "{SSHA}later"}},
	}
	conformance.History(t, opendj.New(opendj.Config{}), "cn=p",
		conformance.HistoryCase{Name: "all", Keep: 3, User: conformance.User{Attributes: attributes}, Want: []string{"{SSHA}now", "{SSHA}later", "{SSHA}old"}},
		conformance.HistoryCase{Name: "more than count", Keep: 2, User: conformance.User{Attributes: attributes}, Want: []string{"{SSHA}now", "{SSHA}later"}},
		conformance.HistoryCase{Name: "counted by time", Keep: math.MaxInt32, User: conformance.User{Attributes: attributes}, Want: []string{"{SSHA}now", "{SSHA}later", "{SSHA}old"}},
		conformance.HistoryCase{Name: "the current one hidden", Keep: 3, User: conformance.User{Attributes: attributes[1:]}, Want: []string{"{SSHA}later", "{SSHA}old"}},
	)
}
