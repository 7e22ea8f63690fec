package restbridge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/restbridge/token"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// The APIs in front of a real domain controller: every password that they
// give out is set, and the one that is changed is changed.
func TestSamba(t *testing.T) {
	samba := testenv.StartSamba(t)
	dir, err := directory.New(directory.Config{
		URLs: []string{samba.TLSURL}, TLS: samba.TLSConfig(), BindDN: samba.Reader.DN, BindPassword: []byte(samba.Reader.Password),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	service := policy.NewService(activedirectory.New(activedirectory.Config{}), dir, policy.ServiceConfig{})
	store := token.Open(filepath.Join(t.TempDir(), "tokens.json"))
	c := &client{bridge: &bridge{people: &people{}, log: new(testenv.Output)}}
	s, err := New(Config{
		Generate:     extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: service}),
		Validate:     extop.NewValidatePassword(extop.ValidatePasswordConfig{Policies: service}),
		List:         extop.NewListPolicies(extop.ListPoliciesConfig{Policies: service}),
		Authenticate: &people{},
		Tokens:       Tokens{Store: store, Delegate: &Delegate{Directory: dir}},
		Adaxes:       &Adaxes{Names: service, Parameters: AdaxesParameters{MinLength: 8, MaxLength: 12}},
		ECGrid: &ECGrid{ChangePassword: func(ctx context.Context, dn string, current, new []byte) error {
			return dir.ChangePassword(ctx, directory.ByUnicodePwd, dn, current, new)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(s)
	defer c.Server.Close()
	mint := func(name string) string {
		t.Helper()
		_, secret, err := store.Create(token.Token{Entry: samba.UserDN(name), APIs: APIs(), Expires: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	c.secret = mint("alice")
	admin := samba.Dial(t, samba.Admin)
	reset := func(name, password string) error {
		req := ldap.NewModifyRequest(samba.UserDN(name), nil)
		req.Replace("unicodePwd", []string{testenv.UnicodePwd(password)})
		return admin.Modify(req)
	}
	guid := func(dn string) string {
		t.Helper()
		found, err := admin.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"objectGUID"}, nil))
		if err != nil {
			t.Fatal(err)
		}
		b := found.Entries[0].GetRawAttributeValue("objectGUID")
		return fmt.Sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%x-%x", b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8:10], b[10:])
	}
	ask := func(object string) (int, string, string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"directoryObject": object})
		if err != nil {
			t.Fatal(err)
		}
		res, answer := c.adaxes(t, string(body))
		var password string
		_ = json.Unmarshal([]byte(answer), &password)
		return res.StatusCode, password, answer
	}

	// A user's token lists the domain and the settings objects, all of which
	// the service account may read.
	var list struct {
		PasswordPolicies []struct {
			ResultCode  struct{ Value int }
			PolicyDN    string `json:"passwordPolicyDN"`
			Satisfiable bool
		}
	}
	res, text := c.do(t, "GET", "/directory/v1/passwordPolicies", "", "Authorization", "Bearer "+c.secret)
	if err := json.Unmarshal([]byte(text), &list); err != nil || res.StatusCode != 200 || len(list.PasswordPolicies) < 3 {
		t.Errorf("policies: %d %s", res.StatusCode, text)
	}
	domain := false
	for _, p := range list.PasswordPolicies {
		domain = domain || p.PolicyDN == samba.Suffix
		if p.ResultCode.Value != 0 || !p.Satisfiable {
			t.Errorf("%+v", p)
		}
	}
	if !domain {
		t.Errorf("the domain is not listed: %s", text)
	}

	// The minimum is the greater of both: of the parameters (8), the domain
	// (10) and the settings objects.
	rids := map[string]int{"alice": 1102, "bob": 1103, "carol": 1104, "dave": 1105}
	for name, minimum := range testenv.SambaUsers {
		for _, object := range []string{samba.UserDN(name), guid(samba.UserDN(name)), fmt.Sprintf("%s-%d", testenv.SambaDomainSID, rids[name])} {
			for range 2 {
				status, password, answer := ask(object)
				n := len(password)
				if status != 200 || n < max(8, minimum) || n > max(12, minimum) {
					t.Fatalf("%s (%s): %d %s", name, object, status, answer)
				}
				if lower := strings.ToLower(password); strings.Contains(lower, name) {
					t.Errorf("%s has the name", name)
				}
				if err := reset(name, password); err != nil {
					t.Errorf("%s refuses a suggestion: %v", name, err)
				}
			}
		}
	}
	for _, object := range []string{samba.Suffix, testenv.SambaDomainGUID, testenv.SambaDomainSID} {
		if status, password, answer := ask(object); status != 200 || len(password) < 10 || len(password) > 12 {
			t.Errorf("%s: %d %s", object, status, answer)
		}
	}
	for object, want := range map[string]int{
		"S-1-5-21-1-2-3-4": 404, "00000000-2222-3333-4444-555555555555": 404, "CN=Nobody,OU=People," + samba.Suffix: 404,
		"OU=People," + samba.Suffix: 400, "CN=staff,OU=People," + samba.Suffix: 400,
		"carol": 400, "{" + testenv.SambaDomainGUID + "}": 400, "<SID=" + testenv.SambaDomainSID + ">": 400, "not,,a dn": 400,
	} {
		if status, _, answer := ask(object); status != want {
			t.Errorf("%s: %d %s", object, status, answer)
		}
	}
	if res, answer := c.adaxes(t, ""); res.StatusCode != 200 || len(answer) < 8+3 || len(answer) > 12+3 {
		t.Errorf("without a body: %d %s", res.StatusCode, answer)
	}

	// bob changes his password.
	const first, second = "First-Passw0rd-of-b", "Second-Passw0rd-of-b"
	if err := reset("bob", first); err != nil {
		t.Fatal(err)
	}
	key := mint("bob")
	change := func(current, new string) (int, string) {
		t.Helper()
		body, err := json.Marshal(map[string]string{"currentPassword": current, "newPassword": new})
		if err != nil {
			t.Fatal(err)
		}
		res, answer := c.do(t, "PUT", ecgridChangePath, string(body), "X-API-Key", key)
		return res.StatusCode, answer
	}
	for _, tt := range []struct {
		current, new string
		status       int
		want         string
	}{
		{"wrong", second, 400, "currentPassword is wrong"},
		{first, "Short-1aA", 400, "The password is shorter than 14 characters."},
		{first, second, 200, "Password updated successfully."},
		{second, first, 400, "the directory refuses the new password"}, // history
	} {
		if status, answer := change(tt.current, tt.new); status != tt.status || !strings.Contains(answer, tt.want) {
			t.Errorf("%s to %s: %d %s", tt.current, tt.new, status, answer)
		}
	}
	if u, err := dir.Bind(t.Context(), samba.UserDN("bob"), []byte(second)); err != nil {
		t.Errorf("the new password does not bind: %v", err)
	} else {
		u.Close()
	}

	// A token is dead while the account is disabled.
	disable := ldap.NewModifyRequest(samba.UserDN("bob"), nil)
	disable.Replace("userAccountControl", []string{"514"})
	if err := admin.Modify(disable); err != nil {
		t.Fatal(err)
	}
	res, answer := c.do(t, "POST", "/restApi"+adaxesPath, "", "Adm-Authorization", key)
	if res.StatusCode != 403 || !strings.Contains(answer, `"code":"accountIsDisabled"`) {
		t.Errorf("disabled: %d %s", res.StatusCode, answer)
	}
}
