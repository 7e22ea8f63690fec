// Package operations tests the operations that generate a password and have
// the directory set it, over the wire and against real directories.
package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/directory"
	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/activedirectory"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/ds389"
	"github.com/ldapsuggest/ldapsuggest/policy/dialect/openldap"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/testenv"
)

// A front is a front end in front of a directory.
type front struct {
	addr    string
	relayed atomic.Int64 // extended requests that the directory got
}

// Relayed counts for the Observer.
func (f *front) observe(op byte) {
	if op == message.ExtendedRequest {
		f.relayed.Add(1)
	}
}

type observer struct{ *front }

func (observer) ConnectionOpened()                           {}
func (observer) ConnectionClosed()                           {}
func (observer) ConnectionRefused()                          {}
func (observer) Disconnected(result.Code)                    {}
func (o observer) Relayed(op byte)                           { o.observe(op) }
func (observer) Answered(string, result.Code, time.Duration) {}
func (observer) Panicked(string)                             {}

func serve(t *testing.T, dial func(context.Context) (net.Conn, error), service *policy.Service, supplement ldapserver.Supplement) *front {
	t.Helper()
	f := &front{}
	cfg := extop.RewriteConfig{Policies: service, UnicodePwd: func() bool { return service.Dialect() == directory.ActiveDirectory }}
	srv := ldapserver.New(ldapserver.Config{
		Dial: dial,
		Extended: map[string]extop.Handler{
			extop.GeneratePasswordRequestOID: extop.NewGeneratePassword(extop.GeneratePasswordConfig{Policies: service}),
			extop.PasswordQualityRequestOID:  extop.NewPasswordQuality(extop.PasswordQualityConfig{Policies: service}),
		},
		RewriteExtended: map[string]extop.Rewriter{extop.PasswordModifyOID: extop.NewPasswordModify(cfg)},
		RewriteControls: map[string]extop.Rewriter{extop.GeneratePasswordRequestControlOID: extop.NewGeneratePasswordControl(cfg)},
		Supplement:      supplement,
		Observer:        observer{f},
		Logger:          slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, ldapserver.ErrServerClosed) {
			t.Error(err)
		}
	})
	return f
}

// client returns a connection pool of the service account.
func client(t *testing.T, cfg directory.Config) *directory.Client {
	t.Helper()
	c, err := directory.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func (f *front) dial(t *testing.T, a testenv.Account) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL("ldap://" + f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.SetTimeout(20 * time.Second)
	if a.DN != "" {
		if err := c.Bind(a.DN, a.Password); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// binds checks a password at the directory itself.
func binds(t *testing.T, url string, a testenv.Account, opts ...ldap.DialOpt) {
	t.Helper()
	c, err := ldap.DialURL(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(a.DN, a.Password); err != nil {
		t.Errorf("bind as %s with %q: %v", a.DN, a.Password, err)
	}
}

func codeOf(err error) result.Code {
	var e *ldap.Error
	if errors.As(err, &e) {
		return result.Code(e.ResultCode)
	}
	if err != nil {
		return -1
	}
	return result.Success
}

// A wire says what no client library says.
type wire struct {
	t    *testing.T
	conn net.Conn
	in   *message.Reader
}

func (f *front) wire(t *testing.T, a testenv.Account) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	w := &wire{t, conn, message.NewReader(conn, message.Limits{})}
	if a.DN != "" {
		body := message.AppendInt(nil, 0x02, 3)
		body = message.AppendElement(body, 0x04, a.DN)
		body = message.AppendElement(body, 0x80, a.Password)
		if r, _ := w.ask(message.BindRequest, body, nil); r.Code != 0 {
			t.Fatalf("bind: %v %s", r.Code, r.Text)
		}
	}
	return w
}

// ask sends a request and returns the final response.
func (w *wire) ask(op byte, body, controls []byte) (message.Result, []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(message.AppendMessage(nil, 1, op, body, controls)); err != nil {
		w.t.Fatal(err)
	}
	for {
		m, err := w.in.Next()
		if err != nil {
			w.t.Fatal(err)
		}
		if !message.IsFinal(m.Op) {
			continue
		}
		if m, err = message.Scan(bytes.Clone(m.Raw), message.Limits{}); err != nil {
			w.t.Fatal(err)
		}
		r, err := message.ParseResult(m.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		return r, m.Controls
	}
}

func (w *wire) extended(oid string, value, controls []byte) (message.Result, []byte) {
	w.t.Helper()
	body := message.AppendElement(nil, 0x80, oid)
	if value != nil {
		body = message.AppendElement(body, 0x81, value)
	}
	return w.ask(message.ExtendedRequest, body, controls)
}

func modifyValue(user string) []byte {
	return extop.PasswordModifyRequest{UserIdentity: &user}.Encode()
}

func generated(t *testing.T, r message.Result) string {
	t.Helper()
	m, err := extop.DecodePasswordModifyResponse(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	return string(m.Generated.Bytes())
}

// generateControl is the Generate Password request control.
func generateControl(critical bool) []byte {
	return message.AppendControl(nil, extop.GeneratePasswordRequestControlOID, critical, nil)
}

// add adds an entry.
func (w *wire) add(dn string, controls []byte, attributes ...string) (message.Result, []byte) {
	w.t.Helper()
	var list []byte
	for i := 0; i < len(attributes); i += 2 {
		list = message.AppendAttribute(list, message.Attribute{Name: attributes[i], Values: [][]byte{[]byte(attributes[i+1])}})
	}
	body := message.AppendElement(nil, 0x04, dn)
	return w.ask(message.AddRequest, message.AppendElement(body, 0x30, list), controls)
}

// added returns what the one response control tells.
func added(t *testing.T, r message.Result, controls []byte) extop.GeneratePasswordResponseControl {
	t.Helper()
	if r.Code != 0 {
		t.Fatalf("add: %v %s", r.Code, r.Text)
	}
	var found []extop.GeneratePasswordResponseControl
	err := message.EachControl(controls, func(c message.Control) bool {
		v, err := extop.DecodeGeneratePasswordResponseControl(c.Value)
		if err != nil || string(c.OID) != extop.GeneratePasswordResponseControlOID || c.Critical {
			t.Errorf("control %s: %v", c.OID, err)
		}
		found = append(found, v)
		return true
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("controls %x: %v", controls, err)
	}
	return found[0]
}

func want(t *testing.T, what string, r message.Result, code result.Code) {
	t.Helper()
	if r.Code != code {
		t.Errorf("%s: %v %q, want %v", what, r.Code, r.Text, code)
	}
}

func TestOpenLDAP(t *testing.T) {
	s := testenv.StartSlapd(t, testenv.SlapdOptions{ReadableConfig: true, HashCleartext: true, Databases: []testenv.SlapdDatabase{{Users: 60}}})
	cfg := directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)}
	c := client(t, cfg)
	f := serve(t, c.Dial, policy.NewService(openldap.New(openldap.Config{}), c, policy.ServiceConfig{}), nil)

	t.Run("password modify", func(t *testing.T) {
		helpdesk := f.dial(t, s.Helpdesk)
		n := 0
		for i := range 30 {
			switch s.UserPolicy(i) {
			case "strict": // wants the old password
			case "", "none", "noquality", "quality1", "quality3":
				n++
				res, err := helpdesk.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(i), "", ""))
				if err != nil {
					t.Errorf("user %d: %v", i, err)
					continue
				}
				binds(t, s.URL, testenv.Account{DN: s.UserDN(i), Password: res.GeneratedPassword})
			case "impossible", "neglen":
				if _, err := helpdesk.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(i), "", "")); codeOf(err) != result.UnwillingToPerform {
					t.Errorf("user %d: %v", i, err)
				}
			}
		}
		if n < 10 {
			t.Errorf("%d users", n)
		}
		self := f.dial(t, testenv.Account{DN: s.UserDN(40), Password: testenv.UserPassword})
		res, err := self.PasswordModify(ldap.NewPasswordModifyRequest("", testenv.UserPassword, ""))
		if err != nil {
			t.Fatal(err)
		}
		binds(t, s.URL, testenv.Account{DN: s.UserDN(40), Password: res.GeneratedPassword})
		if _, err := self.PasswordModify(ldap.NewPasswordModifyRequest("", "wrong", "")); codeOf(err) != result.UnwillingToPerform || !strings.Contains(err.Error(), "old password") {
			t.Errorf("wrong old password: %v", err)
		}
	})

	t.Run("controls", func(t *testing.T) {
		w := f.wire(t, s.Admin)
		user := s.UserDN(41)
		// The directory gets the password policy control, and takes no
		// assertion (RFC 4528) here.
		behera := message.AppendControl(nil, extop.PasswordPolicyControlOID, false, nil)
		r, controls := f.wire(t, s.Helpdesk).extended(extop.PasswordModifyOID, modifyValue(s.UserDN(1)), behera)
		want(t, "old password wanted", r, result.InsufficientAccessRights)
		if !bytes.Contains(controls, []byte(extop.PasswordPolicyControlOID)) || !strings.Contains(string(r.Text), "old password") {
			t.Errorf("%s, controls %x", r.Text, controls)
		}
		r, _ = w.extended(extop.PasswordModifyOID, modifyValue(user), behera)
		want(t, "password policy", r, 0)
		binds(t, s.URL, testenv.Account{DN: user, Password: generated(t, r)})
		ava := message.AppendElement(message.AppendElement(nil, 0x04, "uid"), 0x04, "user041")
		r, _ = w.extended(extop.PasswordModifyOID, modifyValue(user), message.AppendControl(nil, "1.3.6.1.1.12", true, message.AppendElement(nil, 0xa3, ava)))
		want(t, "assertion", r, result.UnavailableCriticalExtension)
		r, _ = w.extended(extop.PasswordModifyOID, modifyValue(user), message.AppendControl(nil, "1.2.3.4", true, nil))
		want(t, "unknown, critical", r, result.UnavailableCriticalExtension)
		r, _ = w.extended(extop.PasswordModifyOID, modifyValue(user), message.AppendControl(nil, "1.2.3.4", false, nil))
		want(t, "unknown", r, 0)
		as := message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte("dn:"+s.UserDN(42)))
		r, _ = w.extended(extop.PasswordModifyOID, nil, as)
		want(t, "proxied", r, 0)
		binds(t, s.URL, testenv.Account{DN: s.UserDN(42), Password: generated(t, r)})
		r, _ = f.wire(t, s.Helpdesk).extended(extop.PasswordModifyOID, nil, as)
		want(t, "not allowed to proxy", r, result.AuthorizationDenied)
		r, _ = f.wire(t, testenv.Account{}).extended(extop.PasswordModifyOID, modifyValue(user), nil)
		want(t, "anonymous", r, result.InsufficientAccessRights)

		// The operations that are answered here.
		for oid, value := range map[string][]byte{
			extop.GeneratePasswordRequestOID: nil,
			extop.PasswordQualityRequestOID:  {0x30, 2, 0x80, 0},
		} {
			r, _ = w.extended(oid, value, message.AppendControl(nil, "1.2.3.4", true, nil))
			want(t, oid+", unknown, critical", r, result.UnavailableCriticalExtension)
			r, _ = w.extended(oid, value, message.AppendControl(nil, "1.2.3.4", false, []byte("x")))
			want(t, oid+", unknown", r, 0)
			r, _ = w.extended(oid, value, as)
			want(t, oid+", proxied", r, 0)
			r, _ = f.wire(t, s.Helpdesk).extended(oid, value, as)
			want(t, oid+", not allowed to proxy", r, result.AuthorizationDenied)
			r, _ = w.extended(oid, value, message.AppendControl(nil, extop.ProxiedAuthorizationOID, false, []byte("dn:"+user)))
			want(t, oid+", proxied, not critical", r, result.ProtocolError)
		}
	})

	t.Run("history", func(t *testing.T) {
		// So few passwords that some come again; the policy remembers 3.
		few := policy.Config{Length: 1, MinEntropyBits: 0.1, Alphabet: generate.NewSet("abcdefghijklmnopqrstuvwxyz"), NotFirst: generate.NewSet("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
		c := client(t, cfg)
		f := serve(t, c.Dial, policy.NewService(openldap.New(openldap.Config{}), c, policy.ServiceConfig{Generator: few}), nil)
		helpdesk := f.dial(t, s.Helpdesk)
		requests := int64(0)
		for f.relayed.Load() == requests {
			if requests++; requests > 500 {
				t.Fatal("no password came again")
			}
			res, err := helpdesk.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(2), "", ""))
			if err != nil {
				t.Fatal(err)
			}
			if len(res.GeneratedPassword) != 1 {
				t.Fatalf("password %q", res.GeneratedPassword)
			}
			binds(t, s.URL, testenv.Account{DN: s.UserDN(2), Password: res.GeneratedPassword})
		}
	})

	t.Run("add", func(t *testing.T) {
		w := f.wire(t, s.Admin)
		person := func(n int, more ...string) (string, []string) {
			dn := fmt.Sprintf("uid=new%d,ou=people,%s", n, s.Suffix)
			return dn, append([]string{"objectClass", "inetOrgPerson", "cn", "New", "surname", "Person"}, more...)
		}
		dn, attributes := person(1)
		got := added2(w.add(dn, generateControl(true), attributes...))(t)
		binds(t, s.URL, testenv.Account{DN: dn, Password: string(got.Password.Bytes())})
		if got.MustChange {
			t.Error("the default policy has nobody change")
		}
		// The policy that the entry itself names.
		dn, attributes = person(2, "pwdPolicySubentry", s.PolicyDN("strict"))
		got = added2(w.add(dn, generateControl(false), attributes...))(t)
		binds(t, s.URL, testenv.Account{DN: dn, Password: string(got.Password.Bytes())})
		if !got.MustChange {
			t.Error("the policy strict has users change")
		}
		dn, attributes = person(3, "pwdPolicySubentry", s.PolicyDN("impossible"))
		r, _ := w.add(dn, generateControl(true), attributes...)
		want(t, "impossible", r, result.UnwillingToPerform)

		// Its other controls go on: proxied authorization decides.
		dn, attributes = person(5)
		r, _ = w.add(dn, append(generateControl(true), message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte("dn:"+s.UserDN(43)))...), attributes...)
		want(t, "proxied, no right", r, result.InsufficientAccessRights)
		r, _ = w.add(dn, append(generateControl(true), message.AppendControl(nil, "1.2.3.4", true, nil)...), attributes...)
		want(t, "unknown, critical", r, result.UnavailableCriticalExtension)
		r, _ = w.add(dn, append(generateControl(true), message.AppendControl(nil, "1.2.3.4", false, nil)...), attributes...)
		want(t, "unknown", r, result.Success)

		dn, attributes = person(1)
		r, controls := w.add(dn, generateControl(true), attributes...)
		want(t, "existing", r, result.EntryAlreadyExists)
		if controls != nil {
			t.Errorf("controls %x", controls)
		}
		dn, attributes = person(4, "userPassword", "Given-Pw-1234!")
		r, _ = w.add(dn, generateControl(true), attributes...)
		want(t, "with password", r, result.UnwillingToPerform)
		_, attributes = person(4)
		r, _ = w.add(dn, message.AppendControl(nil, extop.GeneratePasswordRequestControlOID, true, []byte{}), attributes...)
		want(t, "with value", r, result.ProtocolError)
		r, _ = f.wire(t, testenv.Account{}).add(dn, generateControl(true), attributes...)
		want(t, "anonymous", r, result.InsufficientAccessRights)
		r, _ = f.wire(t, s.Helpdesk).add(dn, generateControl(true), attributes...)
		want(t, "no right", r, result.InsufficientAccessRights)
		r, _ = w.ask(message.DelRequest, []byte(s.UserDN(50)), generateControl(true))
		want(t, "delete", r, result.UnavailableCriticalExtension)
		r, _ = w.ask(message.DelRequest, []byte(s.UserDN(50)), generateControl(false))
		want(t, "delete, not critical", r, result.UnwillingToPerform)
		found, err := s.Dial(t, s.Admin).Search(ldap.NewSearchRequest(s.Suffix, ldap.ScopeWholeSubtree, 0, 0, 0, false, "(|(uid=new4)(uid=new3)(uid=user050))", []string{"1.1"}, nil))
		if err != nil || len(found.Entries) != 1 || found.Entries[0].DN != s.UserDN(50) {
			t.Errorf("the directory was touched: %v %v", found, err)
		}
	})
}

// added2 makes added take the results of add.
func added2(r message.Result, controls []byte) func(*testing.T) extop.GeneratePasswordResponseControl {
	return func(t *testing.T) extop.GeneratePasswordResponseControl { t.Helper(); return added(t, r, controls) }
}

func Test389(t *testing.T) {
	t.Parallel()
	s := testenv.StartDS389(t, testenv.DS389Options{})
	c := client(t, directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	service := policy.NewService(ds389.New(ds389.Config{}), c, policy.ServiceConfig{})
	f := serve(t, c.Dial, service, nil)
	helpdesk := f.dial(t, s.Helpdesk)
	for _, i := range []int{0, 1, 4, 5, 6, 13, 14, 20} {
		res, err := helpdesk.PasswordModify(ldap.NewPasswordModifyRequest(s.UserDN(i), "", ""))
		if err != nil {
			t.Errorf("user %d: %v", i, err)
			continue
		}
		binds(t, s.URL, testenv.Account{DN: s.UserDN(i), Password: res.GeneratedPassword})
	}

	// The policy of the superior entry, whatever the entry names.
	w := f.wire(t, s.Admin)
	dn := "uid=new1,ou=contractors,ou=people," + s.Suffix
	got := added2(w.add(dn, generateControl(true), "objectClass", "inetOrgPerson", "cn", "New", "sn", "Person"))(t)
	binds(t, s.URL, testenv.Account{DN: dn, Password: string(got.Password.Bytes())})
	if !got.MustChange {
		t.Error("the policy of contractors has users change")
	}

	// In the clear the directory refuses the operation, new password or not.
	plain := client(t, directory.Config{URLs: []string{s.URL}, BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	r, _ := serve(t, plain.Dial, service, nil).wire(t, s.Helpdesk).extended(extop.PasswordModifyOID, modifyValue(s.UserDN(0)), nil)
	want(t, "in the clear", r, result.ConfidentialityRequired)
}

func TestSamba(t *testing.T) {
	t.Parallel()
	s := testenv.StartSamba(t)
	c := client(t, directory.Config{URLs: []string{s.TLSURL}, TLS: s.TLSConfig(), BindDN: s.Reader.DN, BindPassword: []byte(s.Reader.Password)})
	f := serve(t, c.Dial, policy.NewService(activedirectory.New(activedirectory.Config{}), c, policy.ServiceConfig{}), nil)
	w := f.wire(t, s.Admin) // by a name that is no DN
	bob := s.UserDN("bob")
	r, _ := w.extended(extop.GeneratePasswordRequestOID, append([]byte{0x30, byte(2 + len(bob)), 0x82, byte(len(bob))}, bob...), nil)
	want(t, "target entry", r, 0)
	over := ldap.DialWithTLSConfig(s.TLSConfig())
	for _, name := range []string{"bob", "carol", "dave"} {
		r, _ = w.extended(extop.PasswordModifyOID, modifyValue(s.UserDN(name)), nil)
		want(t, name, r, 0)
		password := generated(t, r)
		if len(password) < testenv.SambaUsers[name] {
			t.Errorf("%s: %q is short", name, password)
		}
		binds(t, s.TLSURL, testenv.Account{DN: s.UserDN(name), Password: password}, over)
	}
	// A user changes the own password, which takes the old one.
	alice := f.wire(t, testenv.Account{DN: s.UserDN("alice"), Password: s.Stranger.Password})
	r, _ = alice.extended(extop.PasswordModifyOID, modifyValue(s.UserDN("bob")), nil)
	if r.Code == 0 {
		t.Error("alice resets bob's password")
	}
	for _, old := range []string{"wrong", s.Stranger.Password} {
		r, _ = alice.extended(extop.PasswordModifyOID, extop.PasswordModifyRequest{OldPassword: policy.NewPassword([]byte(old))}.Encode(), nil)
		if old == "wrong" {
			want(t, "wrong old password", r, result.ConstraintViolation)
			continue
		}
		want(t, "own password", r, 0)
		binds(t, s.TLSURL, testenv.Account{DN: s.UserDN("alice"), Password: generated(t, r)}, over)
	}
	r, _ = w.extended(extop.PasswordModifyOID, modifyValue("CN=Nobody,OU=People,"+s.Suffix), nil)
	want(t, "missing", r, result.NoSuchObject)

	dn := "CN=New Person,OU=People," + s.Suffix
	got := added2(w.add(dn, generateControl(true), "objectClass", "user", "sAMAccountName", "newperson", "userAccountControl", "512"))(t)
	binds(t, s.TLSURL, testenv.Account{DN: dn, Password: string(got.Password.Bytes())}, over)
}

func TestEmbedded(t *testing.T) {
	d, err := embedded.Open(t.Context(), embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	c := client(t, directory.Config{Dialer: d.Dial})
	f := serve(t, c.Dial, d.Policies(), d)
	admin := testenv.Account{DN: d.AdminDN, Password: string(d.AdminPassword)}
	w := f.wire(t, admin)
	dn := "uid=new,ou=people,dc=example,dc=com"
	got := added2(w.add(dn, generateControl(true), "objectClass", "inetOrgPerson", "cn", "New", "sn", "Person",
		"ds-pwp-password-policy-dn", "cn=Secure Password Policy,cn=Password Policies,cn=config"))(t)
	person := testenv.Account{DN: dn, Password: string(got.Password.Bytes())}
	r, _ := f.wire(t, person).extended(extop.PasswordModifyOID, nil, nil)
	if r.Code != 0 {
		t.Fatalf("own password: %v %s", r.Code, r.Text)
	}
	person.Password = generated(t, r)
	own := f.wire(t, person)
	r, _ = w.extended(extop.PasswordModifyOID, modifyValue(dn), nil)
	want(t, "reset", r, 0)
	r, _ = own.extended(extop.PasswordModifyOID, modifyValue(admin.DN), nil)
	want(t, "no right", r, result.InsufficientAccessRights)

	// Nobody acts as another unless the directory says so, though gldap
	// would overlook the control.
	as := message.AppendControl(nil, extop.ProxiedAuthorizationOID, true, []byte("dn:"+admin.DN))
	target := append([]byte{0x30}, byte(2+len(dn)), 0x82, byte(len(dn)))
	r, _ = own.extended(extop.GeneratePasswordRequestOID, append(target, dn...), as)
	if r.Code != result.AuthorizationDenied && r.Code != result.UnavailableCriticalExtension {
		t.Errorf("proxied: %v %s", r.Code, r.Text)
	}
	r, _ = own.extended(extop.GeneratePasswordRequestOID, nil, as)
	if r.Code != result.AuthorizationDenied && r.Code != result.UnavailableCriticalExtension {
		t.Errorf("proxied, default policy: %v %s", r.Code, r.Text)
	}
}
