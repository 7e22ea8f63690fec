package behera_test

import (
	"testing"

	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/behera"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

func TestHistory(t *testing.T) {
	attributes := []policy.Attribute{
		{Name: "userPassword", Values: []string{"{SSHA}now"}},
		{Name: "pwdHistory", Values: []string{
			"20261120220749Z#1.3.6.1.4.1.1466.115.121.1.40#9#{SSHA}old", "20261120220750Z#1.3.6.1.4.1.1466.115.121.1.40#11#{SSHA}later",
		}},
	}
	conformance.History(t, behera.New(behera.Config{}), "cn=p",
		conformance.HistoryCase{Name: "all", Keep: 3, User: conformance.User{Attributes: attributes}, Want: []string{"{SSHA}now", "{SSHA}later", "{SSHA}old"}},
		conformance.HistoryCase{Name: "the current one hidden", Keep: 3, User: conformance.User{Attributes: attributes[1:]}, Want: []string{"{SSHA}later", "{SSHA}old"}},
	)
}
