package embedded

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

func replace(dn, attribute string, values ...string) *ldap.ModifyRequest {
	m := ldap.NewModifyRequest(dn, nil)
	m.Replace(attribute, values)
	return m
}

func TestPasswordPolicyIsEnforced(t *testing.T) {
	d := open(t, Config{})
	c := dialAdmin(t, d)
	err := c.Modify(replace(aminaDN, "userPassword", "short"))
	wantCode(t, err, result.ConstraintViolation)
	text := err.Error()
	for _, want := range []string{"12 characters", "unique"} {
		if !strings.Contains(strings.ToLower(text), want) && !strings.Contains(text, "different") {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "short,") || strings.Contains(text, `"short"`) {
		t.Errorf("the password is in %q", text)
	}

	add := ldap.NewAddRequest("uid=new,ou=people,dc=example,dc=com", nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("cn", []string{"Newcomer"})
	add.Attribute("sn", []string{"Newcomer"})
	add.Attribute("userPassword", []string{"x"})
	add.Attribute("ds-pwp-password-policy-dn", []string{securePolicy})
	wantCode(t, c.Add(add), result.ConstraintViolation)
	add.Attributes[3].Vals = []string{"Newcomer-is-here-11"} // holds the cn
	wantCode(t, c.Add(add), result.ConstraintViolation)
	add.Attributes[3].Vals = []string{"Kestrel-on-the-wing-11"}
	wantCode(t, c.Add(add), result.Success)
	wantCode(t, dial(t, d).Bind(add.DN, "Kestrel-on-the-wing-11"), result.Success)

	// History: the current password and the five before it.
	passwords := []string{"Quill-marmot-1a", "Quill-marmot-2b", "Quill-marmot-3c", "Quill-marmot-4d", "Quill-marmot-5e", "Quill-marmot-6f"}
	for _, p := range passwords {
		wantCode(t, c.Modify(replace(aminaDN, "userPassword", p)), result.Success)
	}
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", passwords[5])), result.ConstraintViolation)
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", passwords[0])), result.ConstraintViolation)
	_, err = c.PasswordModify(ldap.NewPasswordModifyRequest(aminaDN, "", passwords[1]))
	if err == nil {
		t.Error("gldap carried a password modify")
	}
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", "Quill-marmot-0z")), result.Success)
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", passwords[0])), result.Success)

	wantCode(t, c.Modify(replace(securePolicy, "ds-cfg-skip-validation-for-administrators", "true")), result.Success)
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", "short")), result.Success)
	u := dial(t, d)
	wantCode(t, u.Bind(aminaDN, "short"), result.Success)
	wantCode(t, u.Modify(replace(aminaDN, "userPassword", "short2")), result.ConstraintViolation)
	wantCode(t, u.Modify(replace(aminaDN, "userPassword", "Quill-marmot-7g")), result.Success)

	wantCode(t, c.Modify(replace(aminaDN, "userPassword", "Quill-marmot-8h", "Quill-marmot-9i")), result.ConstraintViolation)
	const hash = "{SSHA}MdJlgU9whwoPmB75Zascp3qF+3D/bnfG"
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", hash)), result.ConstraintViolation)
	wantCode(t, c.Modify(replace(securePolicy, "ds-cfg-allow-pre-encoded-passwords", "true")), result.Success)
	wantCode(t, c.Modify(replace(aminaDN, "userPassword", hash)), result.Success)
	wantCode(t, dial(t, d).Bind(aminaDN, "correct horse"), result.Success)

	wantCode(t, c.Modify(replace(securePolicy, "ds-cfg-password-change-requires-current-password", "true")), result.Success)
	u = dial(t, d)
	wantCode(t, u.Bind(aminaDN, "correct horse"), result.Success)
	wantCode(t, u.Modify(replace(aminaDN, "userPassword", "Quill-marmot-9i")), result.UnwillingToPerform)
	m := ldap.NewModifyRequest(aminaDN, nil)
	m.Delete("userPassword", []string{"wrong"})
	m.Add("userPassword", []string{"Quill-marmot-9i"})
	wantCode(t, u.Modify(m), result.NoSuchAttribute)
	m.Changes[0].Modification.Vals = []string{hash}
	wantCode(t, u.Modify(m), result.NoSuchAttribute)
	m.Changes[0].Modification.Vals = []string{"correct horse"}
	wantCode(t, u.Modify(m), result.Success)
}

// The next suggestion obeys what was edited a moment ago.
func TestEditsTakeEffectAtOnce(t *testing.T) {
	d := open(t, Config{})
	c := dialAdmin(t, d)
	changes := 0
	d.OnChange(func() { changes++ })
	suggest := func(target string) string {
		t.Helper()
		eff, err := d.Policies().Resolve(t.Context(), policy.Selection{Target: target})
		if err != nil {
			t.Fatal(err)
		}
		out, err := eff.Suggest(t.Context(), policy.SuggestOptions{Count: 1, Attempts: 5})
		if err != nil {
			t.Fatal(err)
		}
		return string(out[0].Password.Bytes())
	}
	if p := suggest(joDN); len(p) < 20 {
		t.Errorf("no passphrase: %d characters", len(p))
	}
	wantCode(t, c.Modify(replace("cn=Random,cn=Password Generators,cn=config", "ds-cfg-password-format", "digit:9")), result.Success)
	wantCode(t, c.Modify(replace(defaultPolicy, "ds-cfg-password-generator", "cn=Random,cn=Password Generators,cn=config")), result.Success)
	if p := suggest(joDN); len(p) != 9 || strings.Trim(p, "0123456789") != "" {
		t.Error("the new generator is not used")
	}
	wantCode(t, c.Modify(replace(joDN, "ds-pwp-password-policy-dn", securePolicy)), result.Success)
	if p := suggest(joDN); len(p) < 12 {
		t.Error("the new policy is not used")
	}
	wantCode(t, c.Modify(replace("cn=Length,cn=Password Validators,cn=config", "ds-cfg-min-password-length", "30")), result.Success)
	if p := suggest(joDN); len(p) < 30 {
		t.Error("the new length is not obeyed")
	}
	if changes < 4 {
		t.Errorf("%d changes were told", changes)
	}
}

func TestBrokenEditsAreRefused(t *testing.T) {
	d := open(t, Config{})
	c := dialAdmin(t, d)
	const (
		validators = ",cn=Password Validators,cn=config"
		generators = ",cn=Password Generators,cn=config"
	)
	before, err := d.Search(t.Context(), policy.Query{Base: "cn=config", Scope: policy.WholeSubtree, Attributes: []string{"*", "+"}})
	if err != nil {
		t.Fatal(err)
	}
	addValidator := ldap.NewAddRequest("cn=Odd"+validators, nil)
	addValidator.Attribute("objectClass", []string{"ds-cfg-password-validator", "ds-cfg-length-based-password-validator"})
	addValidator.Attribute("ds-cfg-enabled", []string{"true"})
	addValidator.Attribute("ds-cfg-min-password-length", []string{"many"})
	tests := []struct {
		name string
		do   func() error
		want string
	}{
		{"invalid regex", func() error { return c.Modify(replace("cn=Year"+validators, "ds-cfg-match-pattern", "(")) }, "Year"},
		{"min above max", func() error {
			return c.Modify(replace("cn=Length"+validators, "ds-cfg-min-password-length", "65"))
		}, "Length"},
		{"no integer", func() error {
			return c.Modify(replace("cn=Unique Characters"+validators, "ds-cfg-min-unique-characters", "few"))
		}, "Unique"},
		{"missing validator", func() error {
			return c.Modify(replace(securePolicy, "ds-cfg-password-validator", "cn=None"+validators))
		}, "None"},
		{"missing generator", func() error {
			return c.Modify(replace(defaultPolicy, "ds-cfg-password-generator", "cn=None"+generators))
		}, "None"},
		{"disabled validator", func() error { return c.Modify(replace("cn=Length"+validators, "ds-cfg-enabled", "false")) }, "Length"},
		{"disabled generator", func() error { return c.Modify(replace("cn=Passphrase"+generators, "ds-cfg-enabled", "false")) }, "Passphrase"},
		{"unknown validator type", func() error {
			return c.Modify(replace("cn=Length"+validators, "objectClass", "ds-cfg-password-validator", "ds-cfg-groovy-scripted-password-validator"))
		}, "Length"},
		{"missing word list", func() error {
			return c.Modify(replace("cn=Commonly-Used Passwords"+validators, "ds-cfg-dictionary-file", "../../../etc/passwd"))
		}, "Commonly-Used"},
		{"removed validator", func() error { return c.Del(ldap.NewDelRequest("cn=Length"+validators, nil)) }, "Length"},
		{"renamed validator", func() error {
			_, handled := d.Supplement(t.Context(), adminDN, modifyDN("cn=Length"+validators, "cn=Other", true))
			if !handled {
				t.Error("modify DN was left to gldap")
			}
			return d.rename(t.Context(), d.sessionFor(adminDN), renaming{target: "cn=Length" + validators, newRDN: "cn=Other", deleteOldRDN: true})
		}, "Length"},
		{"removed policy", func() error { return c.Del(ldap.NewDelRequest(defaultPolicy, nil)) }, "Default Password Policy"},
		{"policy in use", func() error { return c.Del(ldap.NewDelRequest(securePolicy, nil)) }, aminaDN},
		{"no default policy", func() error {
			return c.Modify(replace("cn=config", "ds-cfg-default-password-policy", "cn=x,cn=config"))
		}, "cn=x"},
		{"dangling pointer", func() error { return c.Modify(replace(joDN, "ds-pwp-password-policy-dn", "cn=x,cn=config")) }, "cn=x"},
		{"broken new validator", func() error { return c.Add(addValidator) }, "Odd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.do()
			switch e := result.From(err); {
			case err == nil:
				t.Fatal("accepted")
			case ldap.IsErrorAnyOf(err, 19, 53):
			case e.Code == result.UnwillingToPerform, e.Code == result.ConstraintViolation:
			default:
				t.Errorf("%v", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("no %q in %q", tt.want, err)
			}
			t.Log(err)
		})
	}
	after, err := d.Search(t.Context(), policy.Query{Base: "cn=config", Scope: policy.WholeSubtree, Attributes: []string{"*", "+"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) {
		t.Errorf("%d entries, %d before", len(after), len(before))
	}
	if err := d.dialect().CheckConfig(t.Context(), d); err != nil {
		t.Error(err)
	}
}
