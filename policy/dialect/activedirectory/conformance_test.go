package activedirectory_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
	"github.com/ldapsuggest/ldapsuggest/testenv"
	"github.com/ldapsuggest/ldapsuggest/testenv/conformance"
)

// judge lets Samba judge passwords.
type judge struct {
	*testenv.Samba
	service *policy.Service
}

func serviceAs(t *testing.T, s *testenv.Samba, who testenv.Account) *policy.Service {
	t.Helper()
	client, err := directory.New(directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: who.DN, BindPassword: []byte(who.Password)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return policy.NewService(activedirectory.New(activedirectory.Config{}), client, policy.ServiceConfig{TTL: -1})
}

func (j *judge) Name() string             { return "Samba" }
func (j *judge) Service() *policy.Service { return j.service }
func (j *judge) Slots() int               { return testenv.SambaSlots }

// randomSettings returns a policy's minimum length and its demand for
// complexity, made from rng.
func randomSettings(rng *rand.Rand) (length int, complexity string) {
	lengths := []int{0, 1, 4, 7, 8, 14, 15, 24, 60, 128, 255}
	return lengths[rng.IntN(len(lengths))], strings.ToUpper(strconv.FormatBool(rng.IntN(3) > 0))
}

func (j *judge) Install(_ context.Context, slot int, rng *rand.Rand) (string, string, error) {
	conn, err := ldap.DialURL(j.TLSURL, ldap.DialWithTLSConfig(j.TLSConfig()))
	if err != nil {
		return "", "", err
	}
	defer conn.Close()
	if err := conn.Bind(j.Admin.DN, j.Admin.Password); err != nil {
		return "", "", err
	}
	length, wanted := randomSettings(rng)
	name := fmt.Sprintf("slot%d", slot)
	req := ldap.NewModifyRequest(j.SettingsDN("PSO-"+name), nil)
	req.Replace("msDS-MinimumPasswordLength", []string{strconv.Itoa(length)})
	req.Replace("msDS-PasswordComplexityEnabled", []string{wanted})
	return j.UserDN(name), fmt.Sprintf("length %d, complexity %s", length, wanted), conn.Modify(req)
}

func (j *judge) Connect(context.Context) (func(string, []byte) error, func(), error) {
	conn, err := ldap.DialURL(j.TLSURL, ldap.DialWithTLSConfig(j.TLSConfig()))
	if err != nil {
		return nil, nil, err
	}
	if err := conn.Bind(j.Admin.DN, j.Admin.Password); err != nil {
		conn.Close()
		return nil, nil, err
	}
	set := func(dn string, password []byte) error {
		req := ldap.NewModifyRequest(dn, nil)
		req.Replace("unicodePwd", []string{testenv.UnicodePwd(string(password))})
		err := conn.Modify(req)
		var failure *ldap.Error
		// By the code at the front of the text: the result is 19 or 53,
		// depending on the version.
		if errors.As(err, &failure) && strings.HasPrefix(failure.Err.Error(), "0000052D") {
			return &conformance.Refusal{Text: failure.Err.Error()}
		}
		return err
	}
	return set, func() { conn.Close() }, nil
}

// Exempt knows where we are stricter than Samba on purpose: Windows checks
// names and counts fewer characters beyond ASCII as a kind of their own, and
// no password is longer than 256 code units there.
func (j *judge) Exempt(p []byte, s rule.Subject, ours []string, theirs *conformance.Refusal) string {
	if theirs != nil {
		return ""
	}
	samba := rule.ADComplexity{Reading: rule.SambaReading}
	windows := rule.ADComplexity{Reading: rule.WindowsReading}
	n := 0
	n += len(rule.ADNames{}.Check(p, s))
	if len(samba.Check(p, s)) == 0 && len(windows.Check(p, s)) > 0 {
		n++
	}
	if len(utf16.Encode([]rune(string(p)))) > 256 {
		n++
	}
	if n > 0 && n >= len(ours) {
		return "Windows would refuse it"
	}
	return ""
}

var suite = conformance.Options{Policies: 41, Suggestions: 50, Verdicts: 12, Seed: 2012}

func TestConformance(t *testing.T) {
	s := testenv.StartSamba(t)
	totals := conformance.Run(t, &judge{s, serviceAs(t, s, s.Reader)}, suite.FromEnv(t))
	if totals.Accepted.Load() == 0 || totals.Refused.Load() == 0 || totals.Unsatisfiable.Load() != 0 {
		t.Errorf("the run proved nothing, or found a policy unsatisfiable that is not")
	}
}

func TestResolve(t *testing.T) {
	s := testenv.StartSamba(t)
	svc := serviceAs(t, s, s.Reader)
	lengthOf := func(t *testing.T, sel policy.Selection) int {
		t.Helper()
		eff, err := svc.Resolve(t.Context(), sel)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range eff.Policy.Demands {
			if strings.EqualFold(d.Source.Attribute, "minPwdLength") || strings.EqualFold(d.Source.Attribute, "msDS-MinimumPasswordLength") {
				n, _ := strconv.Atoi(d.Source.Value)
				return n
			}
		}
		t.Fatal("no minimum length")
		return 0
	}
	for name, want := range testenv.SambaUsers {
		dn := s.UserDN(name)
		found, err := s.Dial(t, s.Reader).Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"objectSid", "objectGUID"}, nil))
		if err != nil {
			t.Fatal(err)
		}
		guid := guidText(found.Entries[0].GetRawAttributeValue("objectGUID"))
		sid := sidText(found.Entries[0].GetRawAttributeValue("objectSid"))
		for _, target := range []string{dn, strings.ToUpper(dn), guid, "<GUID=" + guid + ">", "<guid=" + strings.ToUpper(guid) + ">", sid, "<SID=" + sid + ">"} {
			if got := lengthOf(t, policy.Selection{Target: target}); got != want {
				t.Errorf("%s by %s: minimum %d, want %d", name, target, got, want)
			}
			if got, err := svc.ResolveName(t.Context(), target); err != nil || !strings.EqualFold(got, dn) {
				t.Errorf("ResolveName(%s) = %q, %v", target, got, err)
			}
		}
	}
	for _, domain := range []string{s.Suffix, testenv.SambaDomainSID, testenv.SambaDomainGUID} {
		if got := lengthOf(t, policy.Selection{Target: domain}); got != 10 {
			t.Errorf("domain %s: minimum %d", domain, got)
		}
	}
	if got := lengthOf(t, policy.Selection{}); got != 10 {
		t.Errorf("default: minimum %d", got)
	}
	if got := lengthOf(t, policy.Selection{Target: "CN=Nobody,OU=People," + s.Suffix}); got != 10 {
		t.Errorf("a user to be: minimum %d", got)
	}
	if got := lengthOf(t, policy.Selection{PolicyDN: s.SettingsDN("PSO-Staff")}); got != 14 {
		t.Errorf("by policy: minimum %d", got)
	}

	for _, tc := range []struct {
		sel  policy.Selection
		code result.Code
	}{
		{policy.Selection{Target: "CN=staff,OU=People," + s.Suffix}, result.UnwillingToPerform},
		{policy.Selection{Target: "OU=People," + s.Suffix}, result.UnwillingToPerform},
		{policy.Selection{Target: "CN=DC1,OU=Domain Controllers," + s.Suffix}, result.UnwillingToPerform},
		{policy.Selection{Target: "CN=krbtgt,CN=Users," + s.Suffix}, result.UnwillingToPerform},
		{policy.Selection{Target: testenv.SambaDomainSID + "-502"}, result.UnwillingToPerform},
		{policy.Selection{Target: "S-1-5-21-1-2-3-4"}, result.NoSuchObject},
		{policy.Selection{Target: "00000000-1111-2222-3333-444444444444"}, result.NoSuchObject},
		{policy.Selection{PolicyDN: "CN=None," + s.Suffix}, result.NoSuchObject},
		{policy.Selection{PolicyDN: "OU=People," + s.Suffix}, result.NoSuchObject},
		{policy.Selection{Target: "carol"}, result.InvalidDNSyntax},
		{policy.Selection{Target: "{" + testenv.SambaDomainGUID + "}"}, result.InvalidDNSyntax},
		{policy.Selection{Target: "not,,a dn"}, result.InvalidDNSyntax},
		{policy.Selection{Target: "<WKGUID=a9d1ca15768811d1aded00c04fd8d5cd,DC=example,DC=com>"}, result.InvalidDNSyntax},
		{policy.Selection{Target: "<SID=x)(objectClass=*>"}, result.InvalidDNSyntax},
	} {
		if _, err := svc.Resolve(t.Context(), tc.sel); !result.Is(err, tc.code) {
			t.Errorf("%+v: %v, want %v", tc.sel, err, tc.code)
		}
	}

	// Who may not read a settings object gets no password for those under it.
	stranger := serviceAs(t, s, s.Stranger)
	for name := range testenv.SambaUsers {
		_, err := stranger.Resolve(t.Context(), policy.Selection{Target: s.UserDN(name)})
		if name == "alice" {
			if err != nil {
				t.Errorf("the domain's policy needs no grant: %v", err)
			}
		} else if !result.Is(err, result.InsufficientAccessRights) || !strings.Contains(err.Error(), "dsacl") {
			t.Errorf("%s: %v, want 50 and how to grant the right", name, err)
		}
	}
}

func guidText(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}

func sidText(b []byte) string {
	s := fmt.Sprintf("S-%d-%d", b[0], b[7])
	for i := 8; i+4 <= len(b); i += 4 {
		s += fmt.Sprintf("-%d", uint32(b[i])|uint32(b[i+1])<<8|uint32(b[i+2])<<16|uint32(b[i+3])<<24)
	}
	return s
}
