package transparency_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/testenv/transparency"
)

// compareGoLDAP performs go-ldap's own operations on both.
func compareGoLDAP(t *testing.T, s server, f front, direct transparency.Runner) {
	s.reset(t, direct)
	want := goLDAP(t, s, s.url, s.tlsURL, "1")
	// The operations leave nothing behind, and Samba's order of entries
	// depends on what they were given as identifiers.
	got := goLDAP(t, s, f.url, f.tlsURL, "2")
	if d := transparency.Diff(want, got); d != "" {
		t.Errorf("- directly, + through the front end\n%s", d)
	}
	if n := strings.Count(want, ": success"); n < 18 {
		t.Errorf("only %d operations succeeded:\n%s", n, want)
	}
}

// A transcript is what operations have brought, in words.
type transcript struct{ strings.Builder }

func (tr *transcript) result(name string, err error) bool {
	var e *ldap.Error
	switch {
	case err == nil:
		fmt.Fprintf(tr, "%s: success\n", name)
	case errors.As(err, &e):
		fmt.Fprintf(tr, "%s: %d %v, matched %q\n", name, e.ResultCode, e.Err, e.MatchedDN)
	default:
		fmt.Fprintf(tr, "%s: %v\n", name, err)
	}
	return err == nil
}

func (tr *transcript) search(name string, found *ldap.SearchResult, err error) {
	if tr.result(name, err); found == nil {
		return
	}
	for _, e := range found.Entries {
		fmt.Fprintf(tr, "  entry %q\n", e.DN)
		for _, a := range e.Attributes {
			fmt.Fprintf(tr, "    %s: %q\n", a.Name, a.ByteValues)
		}
	}
	fmt.Fprintf(tr, "  referrals %q\n", found.Referrals)
	for _, c := range found.Controls {
		// The cookie of paged results is the server's affair.
		if paging, ok := c.(*ldap.ControlPaging); ok {
			fmt.Fprintf(tr, "  paging, cookie of %d octets\n", len(paging.Cookie))
			continue
		}
		fmt.Fprintf(tr, "  %s\n", c)
	}
}

func goLDAP(t *testing.T, s server, url, tlsURL, run string) string {
	t.Helper()
	tr := new(transcript)
	client := s.tls.Clone()
	client.InsecureSkipVerify = s.anyName
	connect := func(url string) *ldap.Conn {
		c, err := ldap.DialURL(url, ldap.DialWithTLSConfig(client))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		c.SetTimeout(30 * time.Second)
		return c
	}
	base := s.base()
	kind := "inetOrgPerson"
	if s.name == "samba" {
		kind = "contact"
	}
	request := func(dn string, scope int, filter string, limit int, attributes []string, controls ...ldap.Control) *ldap.SearchRequest {
		return ldap.NewSearchRequest(dn, scope, ldap.NeverDerefAliases, limit, 0, false, filter, attributes, controls)
	}

	c := connect(url)
	tr.result("wrong password", c.Bind(s.admin.DN, "wrong"))
	tr.result("unauthenticated", c.UnauthenticatedBind(s.admin.DN))
	bound, err := c.SimpleBind(&ldap.SimpleBindRequest{Username: s.admin.DN, Password: s.admin.Password, Controls: []ldap.Control{ldap.NewControlBeheraPasswordPolicy()}})
	if tr.result("bind", err) {
		for _, control := range bound.Controls {
			fmt.Fprintf(tr, "  %s\n", control)
		}
	}
	who, err := c.WhoAmI(nil)
	if tr.result("who am I", err) {
		fmt.Fprintf(tr, "  %s\n", who.AuthzID)
	}
	search := func(name string, r *ldap.SearchRequest) {
		found, err := c.Search(r)
		tr.search(name, found, err)
	}
	search("one level", request(base, ldap.ScopeSingleLevel, "(sn=*)", 0, []string{"cn", "sn", "mail"}))
	search("base", request(base, ldap.ScopeBaseObject, "(objectClass=*)", 0, []string{"ou"}))
	search("subtree", request(base, ldap.ScopeWholeSubtree, "(|(cn=leaf)(cn=alice))", 0, []string{"1.1"}))
	search("nobody", request("cn=nobody,"+base, ldap.ScopeBaseObject, "(objectClass=*)", 0, nil))
	search("size limit", request("ou=people,"+s.suffix, ldap.ScopeSingleLevel, "(objectClass=*)", 2, []string{"1.1"}))
	search("unknown control", request(base, ldap.ScopeBaseObject, "(objectClass=*)", 0, []string{"ou"}, ldap.NewControlString("1.2.3.4", false, "x")))
	if s.name != "samba" {
		search("unknown critical control", request(base, ldap.ScopeBaseObject, "(objectClass=*)", 0, []string{"ou"}, ldap.NewControlString("1.2.3.4", true, "x")))
		search("referral", request("cn=elsewhere,"+base, ldap.ScopeBaseObject, "(objectClass=*)", 0, []string{"ref"}))
		search("ManageDsaIT", request("cn=elsewhere,"+base, ldap.ScopeBaseObject, "(objectClass=*)", 0, []string{"ref"}, ldap.NewControlManageDsaIT(true)))
	}
	search("sorted", request(base, ldap.ScopeSingleLevel, "(sn=*)", 0, []string{"sn"},
		ldap.NewControlServerSideSortingWithSortKeys([]*ldap.SortKey{{AttributeType: "sn", MatchingRule: "2.5.13.3"}})))
	found, err := c.SearchWithPaging(request(base, ldap.ScopeWholeSubtree, "(objectClass=*)", 0, []string{"1.1"}), 2)
	tr.search("paged", found, err)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream := c.SearchAsync(ctx, request("ou=people,"+s.suffix, ldap.ScopeSingleLevel, "(objectClass=*)", 0, []string{"cn"}), 4)
	n := 0
	for stream.Next() {
		n++
	}
	tr.result(fmt.Sprintf("stream of %d", n), stream.Err())

	dn := "cn=golang," + base
	add := ldap.NewAddRequest(dn, nil)
	add.Attribute("objectClass", []string{kind})
	add.Attribute("sn", []string{"Gopher"})
	tr.result("add", c.Add(add))
	tr.result("add again", c.Add(add))
	modify := ldap.NewModifyRequest(dn, nil)
	modify.Replace("sn", []string{"Ardilla"})
	modify.Add("title", []string{"Dr"})
	changed, err := c.ModifyWithResult(modify)
	if tr.result("modify", err) {
		fmt.Fprintf(tr, "  %v %q\n", changed.Controls, changed.Referral)
	}
	vain := ldap.NewModifyRequest(dn, nil)
	vain.Delete("title", []string{"Prof"})
	tr.result("modify in vain", c.Modify(vain))
	for _, value := range []string{"ardilla", "x"} {
		same, err := c.Compare(dn, "sn", value)
		tr.result(fmt.Sprintf("compare with %s, %v", value, same), err)
	}
	tr.result("rename", c.ModifyDN(ldap.NewModifyDNRequest(dn, "cn=gopher", true, "ou=tree,"+base)))
	tr.result("rename what has gone", c.ModifyDN(ldap.NewModifyDNRequest(dn, "cn=gopher", true, "")))
	tr.result("delete", c.Del(ldap.NewDelRequest("cn=gopher,ou=tree,"+base, nil)))
	tr.result("delete what has gone", c.Del(ldap.NewDelRequest(dn, nil)))
	tr.result("not a leaf", c.Del(ldap.NewDelRequest("ou=tree,"+base, nil)))
	_, err = c.Extended(ldap.NewExtendedRequest("1.2.3.4.5", nil))
	tr.result("unknown operation", err)

	secure := connect(url)
	tr.result("StartTLS", secure.StartTLS(client))
	tr.result("bind under TLS", secure.Bind(s.admin.DN, s.admin.Password))
	if s.name != "samba" {
		_, err = secure.PasswordModify(ldap.NewPasswordModifyRequest("cn=alice,"+base, "", "Golang-Pw1!xyz"+run))
		tr.result("password", err)
		tr.result("bind with it", connect(url).Bind("cn=alice,"+base, "Golang-Pw1!xyz"+run))
	}
	over := connect(tlsURL)
	tr.result("ldaps", over.Bind(s.admin.DN, s.admin.Password))
	tr.result("unbind", over.Unbind())
	tr.result("after unbind", over.Bind(s.admin.DN, s.admin.Password))
	return tr.String()
}
