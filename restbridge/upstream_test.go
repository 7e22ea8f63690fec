package restbridge

import (
	"context"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// An answering session gives one answer to every extended operation.
type answering struct {
	*session
	value []byte
	err   error
}

func (a answering) Extended(context.Context, string, []byte, ...extop.Control) ([]byte, error) {
	return a.value, a.err
}

func TestUpstreamErrors(t *testing.T) {
	ask := extop.GeneratePasswordRequest{Count: 1, Attempts: 5}
	for _, tt := range []struct {
		name    string
		session Session
		request extop.GeneratePasswordRequest
		want    result.Code
	}{
		{"no connection", &session{}, ask, result.UnwillingToPerform},
		{"recipe", answering{}, extop.GeneratePasswordRequest{Count: 1, Recipe: &policy.Recipe{}}, result.UnwillingToPerform},
		{"no value", answering{}, ask, result.Other},
		{"malformed", answering{value: []byte("\x30\x03x")}, ask, result.Other},
		{"refused", answering{err: result.New(result.NoSuchObject, "")}, ask, result.NoSuchObject},
	} {
		res, err := Upstream{}.Do(t.Context(), caller{tt.session, true}, tt.request, nil)
		if res != nil || !result.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}
