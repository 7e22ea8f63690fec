package ldapserver

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/ldapserver/message"
)

func TestRelayOperations(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), TLSConfig: tlsConfig(t)})
	c := dial(t, addr, slapd.Admin)
	dn := "uid=relay,ou=people," + slapd.Suffix
	add := ldap.NewAddRequest(dn, nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("cn", []string{"Relay"})
	add.Attribute("sn", []string{"Relay"})
	if err := c.Add(add); err != nil {
		t.Fatal(err)
	}
	modify := ldap.NewModifyRequest(dn, nil)
	modify.Replace("sn", []string{"Relayed"})
	if err := c.Modify(modify); err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Compare(dn, "sn", "relayed"); err != nil || !ok {
		t.Errorf("Compare: %v, %v", ok, err)
	}
	if err := c.ModifyDN(ldap.NewModifyDNRequest(dn, "uid=relay2", true, "")); err != nil {
		t.Fatal(err)
	}
	dn = "uid=relay2,ou=people," + slapd.Suffix
	if _, err := c.PasswordModify(ldap.NewPasswordModifyRequest(dn, "", "Relay-Pw1!xyz")); err != nil {
		t.Error(err)
	}
	who, err := c.WhoAmI(nil)
	if err != nil || who.AuthzID != "dn:"+slapd.Admin.DN {
		t.Errorf("WhoAmI: %v, %v", who, err)
	}
	if err := c.Del(ldap.NewDelRequest(dn, nil)); err != nil {
		t.Fatal(err)
	}
	if err := c.Del(ldap.NewDelRequest(dn, nil)); !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		t.Errorf("deleting again: %v", err)
	}
	if err := c.Bind(slapd.Admin.DN, "wrong"); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("wrong password: %v", err)
	}
}

func TestRelaySameAsDirect(t *testing.T) {
	_, addr := start(t, Config{})
	through, direct := dial(t, addr, slapd.Reader), slapd.Dial(t, slapd.Reader)
	search := func(c *ldap.Conn) []string {
		req := ldap.NewSearchRequest(slapd.Suffix, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(uid=user*)", []string{"*", "+"}, nil)
		res, err := c.SearchWithPaging(req, 17)
		if err != nil {
			t.Fatal(err)
		}
		var entries []string
		for _, e := range res.Entries {
			var b strings.Builder
			fmt.Fprintln(&b, e.DN)
			for _, a := range e.Attributes {
				fmt.Fprintln(&b, a.Name, a.Values)
			}
			entries = append(entries, b.String())
		}
		return entries
	}
	a, b := search(through), search(direct)
	if len(b) != 200 || !slices.Equal(a, b) {
		t.Errorf("%d entries through the server, %d directly", len(a), len(b))
	}
}

// TestStream reads an entry that is larger than any buffer, with answers of
// ours before and after it.
func TestStream(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	photo := bytes.Repeat([]byte("0123456789abcdef"), 3<<16) // 3 MiB
	dn := "uid=photo,ou=people," + slapd.Suffix
	c := dial(t, addr, slapd.Admin)
	add := ldap.NewAddRequest(dn, nil)
	add.Attribute("objectClass", []string{"inetOrgPerson"})
	add.Attribute("cn", []string{"Photo"})
	add.Attribute("sn", []string{"Photo"})
	add.Attribute("jpegPhoto", []string{string(photo)})
	if err := c.Add(add); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slapd.Dial(t, slapd.Admin).Del(ldap.NewDelRequest(dn, nil)) })
	w := newWire(t, addr)
	w.in.Limits.MaxSize = 8 << 20
	w.send(simpleBind(1, slapd.Admin.DN, slapd.Admin.Password))
	w.want(1, message.BindResponse, 0)
	w.send(message.AppendBaseSearch(nil, 2, dn, nil, "jpegPhoto"), ext(3, echoOID, []byte("x")))
	got := map[int32]int{}
	for got[2] < 2 || got[3] < 1 {
		m, _ := w.next()
		got[m.ID]++
		if m.Op == message.SearchResultEntry && !bytes.Contains(m.Raw, photo) {
			t.Error("the photo has changed on the way")
		}
	}
}

func TestInterleave(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil)})
	w := newWire(t, addr)
	w.send(simpleBind(1, slapd.Reader.DN, slapd.Reader.Password))
	w.want(1, message.BindResponse, 0)
	search := subtreeSearch(2, slapd.Suffix)
	w.send(search, ext(3, echoOID, []byte("now")), ext(4, seeOID, []byte(slapd.UserDN(1))), ext(5, echoOID, []byte("later")))
	entries, finals := 0, map[int32]message.Result{}
	for len(finals) < 4 {
		m, r := w.next()
		switch m.Op {
		case message.SearchResultEntry:
			if m.ID != 2 {
				t.Fatalf("an entry for message %d", m.ID)
			}
			entries++
		default:
			finals[m.ID] = r
		}
	}
	if entries < 200 {
		t.Errorf("%d entries", entries)
	}
	for id, r := range finals {
		if r.Code != result.Success {
			t.Errorf("message %d: %v %s", id, r.Code, r.Text)
		}
	}
	if string(finals[3].Value) != "now" || string(finals[5].Value) != "later" {
		t.Errorf("values %q and %q", finals[3].Value, finals[5].Value)
	}
}

func subtreeSearch(id int32, base string) []byte {
	m, err := message.Scan(message.AppendBaseSearch(nil, id, base, nil), message.Limits{})
	if err != nil {
		panic(err)
	}
	body := bytes.Clone(m.Body)
	body[message.ElementSize(len(base))+2] = 2
	return message.AppendMessage(nil, id, message.SearchRequest, body, nil)
}

func TestStartTLS(t *testing.T) {
	_, addr := start(t, Config{Extended: ops(nil), TLSConfig: tlsConfig(t)})
	c, err := ldap.DialURL("ldap://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.StartTLS(slapd.TLSConfig()); err != nil {
		t.Fatal(err)
	}
	if err := c.Bind(slapd.Reader.DN, slapd.Reader.Password); err != nil {
		t.Fatal(err)
	}
	if who, err := c.WhoAmI(nil); err != nil || who.AuthzID != "dn:"+slapd.Reader.DN {
		t.Errorf("WhoAmI: %v, %v", who, err)
	}
	if _, err := c.Extended(ldap.NewExtendedRequest(message.StartTLSOID, nil)); !ldap.IsErrorWithCode(err, ldap.LDAPResultOperationsError) {
		t.Errorf("StartTLS inside TLS: %v", err)
	}
}

func TestStartTLSRefused(t *testing.T) {
	held := newWaits()
	_, addr := start(t, Config{Extended: ops(held), TLSConfig: tlsConfig(t)})
	t.Run("request under way", func(t *testing.T) {
		w := newWire(t, addr)
		w.send(ext(1, waitOID, nil))
		<-held.entered
		w.send(ext(2, message.StartTLSOID, nil))
		w.want(2, message.ExtendedResponse, result.OperationsError)
		held.release <- struct{}{}
		w.want(1, message.ExtendedResponse, 0)
	})
	t.Run("no TLS", func(t *testing.T) {
		_, addr := start(t, Config{})
		w := newWire(t, addr)
		w.send(ext(1, message.StartTLSOID, nil))
		w.want(1, message.ExtendedResponse, result.ProtocolError)
	})
	t.Run("plaintext behind", func(t *testing.T) {
		w := newWire(t, addr)
		w.send(ext(1, message.StartTLSOID, nil), ext(2, echoOID, []byte("injected")))
		w.want(1, message.ExtendedResponse, 0)
		var rest [1 << 10]byte
		n, _ := w.conn.Read(rest[:])
		if bytes.Contains(rest[:n], []byte("injected")) {
			t.Error("a request sent before the handshake was answered")
		}
	})
	t.Run("handshake behind", func(t *testing.T) {
		w := newWire(t, addr)
		// The client hello goes out together with the request.
		first := &gathered{Conn: w.conn, head: ext(1, message.StartTLSOID, nil), skip: w}
		conn := tls.Client(first, slapd.TLSConfig())
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		w.conn, w.in = conn, message.NewReader(conn, message.Limits{})
		w.send(ext(2, echoOID, []byte("x")))
		w.want(2, message.ExtendedResponse, 0)
	})
}

// gathered sends head together with what is written first, and takes the
// response to it before it lets others read.
type gathered struct {
	net.Conn
	head   []byte
	skip   *wire
	behind []byte // what came with the response
}

func (g *gathered) Write(b []byte) (int, error) {
	if g.head != nil {
		_, err := g.Conn.Write(append(g.head, b...))
		g.head = nil
		return len(b), err
	}
	return g.Conn.Write(b)
}

func (g *gathered) Read(b []byte) (int, error) {
	if g.skip != nil {
		g.skip.want(1, message.ExtendedResponse, 0)
		g.behind = bytes.Clone(g.skip.rest())
		g.skip = nil
	}
	if len(g.behind) > 0 {
		n := copy(b, g.behind)
		g.behind = g.behind[n:]
		return n, nil
	}
	return g.Conn.Read(b)
}

func TestServeTLS(t *testing.T) {
	srv := New(Config{Dial: dialSlapd, TLSConfig: tlsConfig(t), Extended: ops(nil)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, srv, func() error { return srv.ServeTLS(l) })
	c, err := ldap.DialURL("ldaps://"+l.Addr().String(), ldap.DialWithTLSConfig(slapd.TLSConfig()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Bind(slapd.Reader.DN, slapd.Reader.Password); err != nil {
		t.Fatal(err)
	}
	if err := New(Config{}).ServeTLS(&net.TCPListener{}); err == nil {
		t.Error("ServeTLS without a configuration returned no error")
	}
}
