package restbridge

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// accounts is a directory of accounts that counts its reads.
type accounts struct {
	disabled, gone bool
	reads          int
}

func (a *accounts) Search(_ context.Context, q policy.Query) ([]policy.Entry, error) {
	a.reads++
	if a.gone {
		return nil, result.New(result.NoSuchObject, "")
	}
	e := policy.Entry{DN: q.Base}
	if a.disabled {
		e.Attributes = []policy.Attribute{{Name: "nsAccountLock", Values: []string{"TRUE"}}}
	}
	return []policy.Entry{e}, nil
}

func TestDelegateRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := &accounts{disabled: true}
		d := &Delegate{Directory: dir, Act: ActService, Remember: time.Minute}
		ask := func(want result.Code, reads int) {
			t.Helper()
			s, err := d.Session(t.Context(), "uid=jo,dc=example")
			if (want == result.Success) != (err == nil) || err != nil && !result.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
			if s != nil && s.AuthzID() != "dn:uid=jo,dc=example" {
				t.Errorf("AuthzID %q", s.AuthzID())
			}
			if dir.reads != reads {
				t.Errorf("%d reads, want %d", dir.reads, reads)
			}
		}
		ask(result.AuthorizationDenied, 1) // what is bad is asked again
		ask(result.AuthorizationDenied, 2)
		dir.disabled = false
		ask(result.Success, 3)
		ask(result.Success, 3)
		dir.gone = true
		time.Sleep(time.Minute - 1)
		ask(result.Success, 3)
		time.Sleep(time.Nanosecond)
		ask(result.InvalidCredentials, 4)
		dir.gone = false
		d.Remember = 0
		ask(result.Success, 5)
		ask(result.Success, 6)

		d.Remember = time.Minute
		for i := range 3 * maxRemembered {
			if _, err := d.Session(t.Context(), fmt.Sprintf("uid=%d,dc=example", i)); err != nil {
				t.Fatal(err)
			}
		}
		if len(d.good) > maxRemembered {
			t.Errorf("%d entries are remembered", len(d.good))
		}
	})
}
