package freeipa_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/freeipa"
	"github.com/ldapsuggest/ldapsuggest/policy/dn"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

const (
	realmDN = "cn=EXAMPLE.COM,cn=kerberos,dc=example,dc=com"
	users   = "cn=users,cn=accounts,dc=example,dc=com"
)

// open serves testdata/ipa.ldif, the entries that FreeIPA documents, from the
// embedded directory.
func open(t *testing.T) *server {
	t.Helper()
	f, err := os.Open("testdata/ipa.ldif")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), LDIF: f, AdminPassword: "Administrator-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{Directory: d, hidden: map[string]error{}}
}

// A server is the embedded directory with the cn=config of a 389 Directory
// Server, whose syntax check FreeIPA leaves off, and with entries that the
// account may not read.
type server struct {
	policy.Directory
	hidden map[string]error // by dn.Key of the base
}

func (s *server) Search(ctx context.Context, q policy.Query) ([]policy.Entry, error) {
	if err, ok := s.hidden[dn.Key(q.Base)]; ok {
		return nil, err
	}
	if dn.Key(q.Base) == "cn=config" {
		return []policy.Entry{{DN: "cn=config", Attributes: []policy.Attribute{
			{Name: "passwordCheckSyntax", Values: []string{"on"}},
			{Name: "passwordMinLength", Values: []string{"9"}},
			{Name: "passwordMinCategories", Values: []string{"1"}},
			{Name: "nsslapd-pwpolicy-local", Values: []string{"off"}},
		}}}, nil
	}
	return s.Directory.Search(ctx, q)
}

func resolve(t *testing.T, s *server, cfg freeipa.Config, sel policy.Selection) (*policy.Effective, error) {
	t.Helper()
	return policy.NewService(freeipa.New(cfg), s, policy.ServiceConfig{TTL: -1}).Resolve(t.Context(), sel)
}

func TestLocate(t *testing.T) {
	s := open(t)
	for _, tc := range []struct {
		name   string
		sel    policy.Selection
		want   string // DN of the policy
		exists bool
		says   string // in the last step
		code   result.Code
	}{
		{"no selection", policy.Selection{}, "cn=global_policy," + realmDN, false, "the default", 0},
		{"no group", policy.Selection{Target: "uid=plain," + users}, "cn=global_policy," + realmDN, true, "No group", 0},
		{"a group without policy", policy.Selection{Target: "uid=unrelated," + users}, "cn=global_policy," + realmDN, true, "No group", 0},
		{"the computed reference comes first", policy.Selection{Target: "UID=Computed," + users}, "cn=credit," + realmDN, true, "computed", 0},
		{"by group", policy.Selection{Target: "uid=admin1," + users}, "cn=admins," + realmDN, true, "(10)", 0},
		{"the lowest priority wins", policy.Selection{Target: "uid=otto1," + users}, "cn=ops," + realmDN, true, "(5)", 0},
		{"a computed reference to nothing", policy.Selection{Target: "uid=dangling," + users}, "", true, "no such entry", 0},
		{"a group's reference to nothing", policy.Selection{Target: "uid=danglinggroup," + users}, "", true, "no such entry", 0},
		{"a priority that is no number", policy.Selection{Target: "uid=broken," + users}, "", false, "", result.Other},
		{"no principal", policy.Selection{Target: "uid=contact," + users}, "cn=config", true, "switched off", 0},
		{"missing", policy.Selection{Target: "uid=new," + users}, "cn=global_policy," + realmDN, false, "does not exist", 0},
		{"by name", policy.Selection{PolicyDN: "CN=Five," + realmDN}, "cn=five," + realmDN, false, "by its DN", 0},
		{"by name, not there", policy.Selection{PolicyDN: "cn=gone," + realmDN}, "", false, "", result.NoSuchObject},
		{"by name, no policy", policy.Selection{PolicyDN: "uid=plain," + users}, "", false, "", result.NoSuchObject},
		{"by name, of the server below", policy.Selection{PolicyDN: "cn=config"}, "cn=config", false, "by its DN", 0},
		{"malformed", policy.Selection{Target: "jo"}, "", false, "", result.InvalidDNSyntax},
	} {
		t.Run(tc.name, func(t *testing.T) {
			eff, err := resolve(t, s, freeipa.Config{}, tc.sel)
			if tc.code != 0 {
				if !result.Is(err, tc.code) {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if dn.Key(eff.Policy.DN) != dn.Key(tc.want) || eff.Exists != tc.exists || len(eff.Steps) == 0 || !strings.Contains(eff.Steps[len(eff.Steps)-1].Text, tc.says) {
				t.Errorf("%q, exists %v, %+v", eff.Policy.DN, eff.Exists, eff.Steps)
			}
		})
	}
}

// TestFailClosed takes away what the account may read.
func TestFailClosed(t *testing.T) {
	denied := result.New(result.InsufficientAccessRights, "denied")
	missing := result.New(result.NoSuchObject, "no such object")
	for _, tc := range []struct {
		name, hidden string
		err          error
		sel          policy.Selection
		says         string
	}{
		{"the realm", "cn=kerberos,dc=example,dc=com", missing, policy.Selection{}, "Password Policy Readers"},
		{"the global policy", "cn=global_policy," + realmDN, denied, policy.Selection{}, "Password Policy Readers"},
		{"a group's policy", "cn=ops," + realmDN, denied, policy.Selection{Target: "uid=otto1," + users}, "denied"},
		{"the user", "uid=otto1," + users, denied, policy.Selection{Target: "uid=otto1," + users}, "denied"},
		{"the templates", "cn=cosTemplates,cn=accounts,dc=example,dc=com", denied, policy.Selection{Target: "uid=otto1," + users}, "denied"},
	} {
		s := open(t)
		s.hidden[dn.Key(tc.hidden)] = tc.err
		if _, err := resolve(t, s, freeipa.Config{}, tc.sel); !result.Is(err, result.InsufficientAccessRights) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestVerdicts(t *testing.T) {
	s := open(t)
	cfg := freeipa.Config{Words: rule.NewWords("swordfish")}
	for _, tc := range []struct {
		policy             string
		accepted, rejected []string
	}{
		{"global_policy", []string{"abcdefgh", "éééééééé"}, []string{"abcdefg", "ééééééé", ""}},
		{"admins", []string{"Abcdefghijk1.x"}, []string{"Abcdefghij1.x", "abcdefghijk1.x", "Abcdefghijkl.x", "Abcdefghijk1xx"}},
		{"ops", []string{"kfmqwxtrbnpz", "aabbfmqwxtrb", "abcfmqwxtrbn"}, []string{
			"kfmqwxtrbnp", "aaafmqwxtrbn", "abcdqwxtrbnp", "dcbaqwxtrbnp", "kfmqwttwqmfk", "KfmqwttwqmfK",
		}},
		{"five", []string{"aA1.é"}, []string{"aA1.b", "aA1éb"}},
		{"dict", []string{"kX9#mQ2wtR"}, []string{"kX9#m", "swordfish", "hsifdrows"}},
		{"credit", []string{"ABkfmq12.", "ABkfm12.", "ABkfmqtrw."}, []string{"ABkf12.", "Abkfmqtr12.", "ABkfmqtr12x"}},
		{"bytes", []string{"éàèùü", "abkfmqtrzx"}, []string{"abkfmqtrz", "éàèù1"}},
		{"chars", []string{"éàèùüéàèùü"}, []string{"éàèùü", "abkfmqtrz"}},
		{"lax", []string{"a", "é"}, nil},
		{"young", []string{"a"}, nil},
		{"rep", []string{"abaB1x", "Bx1aaa"}, []string{"aaaB1x", "abab1x", "aB1xy"}},
	} {
		t.Run(tc.policy, func(t *testing.T) {
			eff, err := resolve(t, s, cfg, policy.Selection{PolicyDN: "cn=" + tc.policy + "," + realmDN})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range tc.accepted {
				if reasons := eff.Compiled.Validate([]byte(p), eff.Subject); len(reasons) > 0 {
					t.Errorf("%q is refused: %v", p, reasons)
				}
			}
			for _, p := range tc.rejected {
				if len(eff.Compiled.Validate([]byte(p), eff.Subject)) == 0 {
					t.Errorf("%q is accepted", p)
				}
			}
			suggestions, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 500, Attempts: 5})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range suggestions {
				if len(s.Errors) > 0 {
					t.Fatalf("a suggestion is refused: %v", s.Errors)
				}
			}
		})
	}
}

// TestUserCheck is about a rule that knows whose password it is.
func TestUserCheck(t *testing.T) {
	eff, err := resolve(t, open(t), freeipa.Config{}, policy.Selection{Target: "uid=otto1," + users})
	if err != nil {
		t.Fatal(err)
	}
	for password, accepted := range map[string]bool{
		"kfmqwxtrbnpz": true, "kfmqotto1rbn": false, "kfmqOTTO1rbn": false, "kfmq1ottorbn": false, "kfmqottoxrbn": true,
	} {
		if reasons := eff.Compiled.Validate([]byte(password), eff.Subject); (len(reasons) == 0) != accepted {
			t.Errorf("%q: %v", password, reasons)
		}
	}
}

func TestAccount(t *testing.T) {
	s := open(t)
	for name, want := range map[string]policy.Policy{
		"global_policy": {MaxAge: 90 * 24 * time.Hour},
		"admins":        {History: 12}, // the current one is among them
		"lax":           {},
	} {
		eff, err := resolve(t, s, freeipa.Config{}, policy.Selection{PolicyDN: "cn=" + name + "," + realmDN})
		if err != nil {
			t.Fatal(err)
		}
		if p := eff.Policy; p.MaxAge != want.MaxAge || p.History != want.History {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
