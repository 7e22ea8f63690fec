package opendj

import (
	"context"
	"testing"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

const jo = "uid=jo,ou=people,dc=example,dc=com"

// TestOneFreshRead: of all that a request reads, only the user's entry must
// not come from a cache.
func TestOneFreshRead(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	d := New(Config{})
	loc, err := d.Locate(context.Background(), dir, policy.Selection{Target: jo})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(context.Background(), dir, loc.Ref); err != nil {
		t.Fatal(err)
	}
	fresh := 0
	for _, q := range dir.queries {
		if !q.Shared {
			fresh++
			if q.Base != jo || q.Scope != policy.BaseObject {
				t.Errorf("%q is read afresh", q.Base)
			}
		}
	}
	if fresh != 1 {
		t.Errorf("%d fresh reads", fresh)
	}
}

// TestSameRef: however a policy is named, it is the same one.
func TestSameRef(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	for _, name := range []string{
		"cn=Default Password Policy,cn=Password Policies,cn=config",
		"CN=default password policy , CN=Password Policies,cn=CONFIG",
		`cn=Default\20Password\20Policy,2.5.4.3=Password Policies,cn=config`,
	} {
		loc, err := New(Config{}).Locate(context.Background(), dir, policy.Selection{PolicyDN: name})
		if err != nil || loc.Ref != "cn=Default Password Policy,cn=Password Policies,cn=config" {
			t.Errorf("%q: %q, %v", name, loc.Ref, err)
		}
	}
}

// TestMatchedDN: what the server says goes before what can be found out.
func TestMatchedDN(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	gone := &result.Error{Code: result.NoSuchObject, MatchedDN: "cn=Said,cn=config"}
	dir.deny = map[string]error{key("cn=x,cn=config"): gone}
	for name, want := range map[string]string{
		"cn=x,cn=config":                           "cn=Said,cn=config",
		"cn=y,cn=Password Policies,cn=config":      "cn=Password Policies,cn=config",
		"cn=y,cn=z,CN=password policies,cn=config": "cn=Password Policies,cn=config",
		"cn=y,o=elsewhere":                         "",
	} {
		_, err := New(Config{}).Locate(context.Background(), dir, policy.Selection{PolicyDN: name})
		if !result.Is(err, result.NoSuchObject) || result.From(err).MatchedDN != want {
			t.Errorf("%s: matched %q, %v", name, result.From(err).MatchedDN, err)
		}
	}
}

func TestCanceled(t *testing.T) {
	dir := newMemory(t, readFile(t, "testdata/base.ldif"))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, sel := range []policy.Selection{{}, {Target: jo}, {PolicyDN: "cn=Default Password Policy,cn=Password Policies,cn=config"}} {
		if _, err := New(Config{}).Locate(ctx, dir, sel); !result.Is(err, result.Canceled) {
			t.Errorf("%+v: %v", sel, err)
		}
	}
	if _, err := New(Config{}).Load(ctx, dir, "cn=Default Password Policy,cn=Password Policies,cn=config"); !result.Is(err, result.Canceled) {
		t.Errorf("load: %v", err)
	}
}
